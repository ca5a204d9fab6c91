"""What can be asked of a key mapping, what is refused, and what is told of it?"""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.key_mapping import KEEP, KeyMapping
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.spec import SyncSpec


@pytest.mark.parametrize(
    "written",
    ["keep", "flatten", {"prefix_map": {"a/": "b/", "": "c/"}}, {"relative_root": "a/b/"}, {"relative_folder": "c/"}],
)
def test_what_people_write_comes_back(written):
    assert KeyMapping.from_json(written).to_json() == written
    selection = Selection(key_mapping=KeyMapping.from_json(written))
    assert Selection.from_json(selection.to_json()) == selection


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("flat", "'flat' is none of keep, prefix_map"),
        ("relative_root", "relative_root and folder ''"),
        ({"prefix_map": {}}, "prefix_map and prefixes {}"),
        ({"prefix_map": "a/"}, "can't be read; write keep, flatten"),
        ({"relative_root": {"a/": "b/"}}, "can't be read"),
        ({"flatten": "a/"}, "can't be read"),
        ({"relative_root": "a/", "relative_folder": "b/"}, "can't be read"),
        ({"prefix_map": {"a/": 1}}, "can't be read"),
        (7, "can't be read"),
        ({"relative_root": "a/b"}, "'a/b' is no folder of a location; write 'a/b/'"),
        ({"relative_folder": "/a/"}, "write 'a/'"),
        ({"prefix_map": {"logs": "x/"}}, "'logs' is no folder of a location; write 'logs/'"),
        ({"prefix_map": {"logs/": "x"}}, "'x' is no folder"),
        ({"prefix_map": {"/": "x/"}}, "'/' is no folder of a location; write ''"),
        ({"relative_folder": "x" * 1024 + "/"}, "leaves no room"),
        ({"prefix_map": {f"{n}/": "x/" for n in range(101)}}, "101 prefixes are more than 100"),
    ],
)
def test_what_is_refused_says_what_to_write(written, words):
    with pytest.raises(InvalidConfiguration) as raised:
        KeyMapping.from_json(written)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("written", "one_to_one"),
    [
        ("keep", True),
        ("flatten", False),
        ({"relative_folder": "a/"}, False),
        ({"relative_root": "a/"}, True),
        ({"prefix_map": {"": "x/"}}, True),
        ({"prefix_map": {"a/": "b/"}}, False),
        ({"prefix_map": {"a/": "b/", "b/": "a/"}}, True),
        ({"prefix_map": {"a/": "b/", "b/": "c/"}}, False),
        ({"prefix_map": {"a/": "x/", "b/": "x/"}}, False),
        ({"prefix_map": {"a/": "x/", "b/": "y/", "": "z/"}}, True),
        ({"prefix_map": {"a/": "x/", "b/": "x/y/", "": "z/"}}, False),
        ({"prefix_map": {"a/": "x/", "a/y/": "z/", "b/": "x/y/", "": "w/"}}, True),
        ({"prefix_map": {"a/": "x/"}}, False),
        ({"prefix_map": {"a/": "", "": "z/"}}, False),
    ],
)
def test_whether_two_keys_can_have_one_name(written, one_to_one):
    assert KeyMapping.from_json(written).one_to_one is one_to_one


def spec(selection, **policy):
    source, destination = Location.parse("s3://a@one/in/"), Location.parse("s3://b@two/out/")
    return SyncSpec.of(source, destination, selection=selection, policy=SyncPolicy(**policy))


FLAT = KeyMapping(kind="flatten")


@pytest.mark.parametrize(
    ("selection", "policy", "words"),
    [
        (Selection(key_mapping=FLAT), {"move": True}, "move with key_mapping flatten"),
        (
            Selection(key_mapping=KeyMapping.from_json({"prefix_map": {"a/": "x/", "b/": "x/"}})),
            {"move": True},
            "move with key_mapping prefix_map",
        ),
        (Selection(), {"move": True, "on_collision": "first"}, "move with on_collision first"),
        (Selection(key_mapping=FLAT, start_after="m"), {"delete": True}, "flatten and start_after"),
        (Selection(key_mapping=FLAT, recursive=False), {"delete": True}, "flatten and recursive: false"),
        (Selection(key_mapping=FLAT, include=("a/**",)), {"delete": True}, "flatten and the pattern 'a/**'"),
        (Selection(key_mapping=FLAT, exclude=("regex:^a",)), {"delete": True}, "flatten and the pattern 'regex:^a'"),
        (Selection(tags={"a": "b"}), {"delete": True}, "delete with tags"),
    ],
)
def test_what_would_do_harm_together_is_refused(selection, policy, words):
    with pytest.raises(InvalidConfiguration) as raised:
        spec(selection, **policy)
    assert words in str(raised.value)
    spec(selection)  # each by itself


@pytest.mark.parametrize(
    ("selection", "policy"),
    [
        (Selection(key_mapping=KeyMapping.from_json({"relative_root": "a/"})), {"move": True}),
        (Selection(key_mapping=FLAT, include=("*.csv",)), {"delete": True}),
        (Selection(key_mapping=FLAT, include=("a/**",)), {"delete": True, "delete_excluded": True}),
        (Selection(key_mapping=KeyMapping.from_json({"relative_root": "a/"}), start_after="b"), {"delete": True}),
        (Selection(tags={"a": "b"}), {"delete": True, "delete_excluded": True}),
    ],
)
def test_what_goes_together(selection, policy):
    assert spec(selection, **policy).selection == selection


def test_other_names_are_another_memory():
    plain, mapped = spec(Selection()), spec(Selection(key_mapping=FLAT))
    assert plain.pair_fingerprint() != mapped.pair_fingerprint()
    assert plain.fingerprint() != mapped.fingerprint()
    assert plain.selection.key_mapping is KEEP
    assert "key_mapping" not in plain.to_json()["selection"]  # checkpoints of earlier releases still fit
