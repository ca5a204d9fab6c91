"""Does each mapping give the names of its table, and does its inverse name every key that may be behind one?"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.key_mapping import KeyMapping
from airflow_bucketsync.engine.rules.renaming import NO_NAME, OUTSIDE_ROOT, Renaming, Unnamed

quick = settings(deadline=None, max_examples=100)


def renaming(written):
    return Renaming(KeyMapping.from_json(written))


MAP = {"prefix_map": {"in/": "out/", "in/deep/": "d/", "gone/": ""}}


@pytest.mark.parametrize(
    ("written", "key", "name"),
    [
        ("keep", "a//b/../c", "a//b/../c"),
        (MAP, "in/x", "out/x"),
        (MAP, "in/deep/x", "d/x"),
        (MAP, "in/deeper/x", "out/deeper/x"),
        (MAP, "in/deep", "out/deep"),
        (MAP, "other/in/x", "other/in/x"),
        (MAP, "in", "in"),
        (MAP, "In/x", "In/x"),
        (MAP, "gone/x/", "x/"),
        (MAP, "gone//x", "/x"),
        ({"prefix_map": {"": "all/"}}, "/x", "all//x"),
        ({"relative_root": "a/b/"}, "a/b/c/d", "c/d"),
        ({"relative_root": "a/b/"}, "a/b//d", "/d"),
        ("flatten", "x", "x"),
        ("flatten", "a/b/x", "x"),
        ("flatten", "a/b/", "b/"),
        ("flatten", "a/b//", "b//"),
        ("flatten", "/x", "x"),
        ({"relative_folder": "f/"}, "a/b/x", "f/x"),
        ({"relative_folder": "f/"}, "f/x", "f/x"),
    ],
)
def test_names(written, key, name):
    rule = renaming(written)
    assert rule.name(key) == name
    behind = rule.sources(name)
    assert behind is None or key in behind


@pytest.mark.parametrize(
    ("written", "key", "reason"),
    [
        (MAP, "gone/", NO_NAME),
        (MAP, "gone//", NO_NAME),
        ({"relative_root": "a/"}, "a/", NO_NAME),
        ({"relative_root": "a/"}, "ab/c", OUTSIDE_ROOT),
        ({"relative_root": "a/"}, "a", OUTSIDE_ROOT),
        ("flatten", "//", NO_NAME),
    ],
)
def test_keys_without_a_name(written, key, reason):
    unnamed = renaming(written).name(key)
    assert isinstance(unnamed, Unnamed)
    assert unnamed.reason == reason
    assert "exclude" in unnamed.words


@pytest.mark.parametrize(
    ("written", "name", "keys"),
    [
        (MAP, "out/x", ("in/x", "out/x")),
        (MAP, "out/deep/x", ("gone/out/deep/x", "out/deep/x")),
        (MAP, "in/x", ("gone/in/x",)),
        ({"relative_root": "a/"}, "b", ("a/b",)),
        ("flatten", "a/b", ()),
        ("flatten", "b/", None),
        ("flatten", "b", None),
        ({"relative_folder": "f/"}, "b", ()),
        ({"relative_folder": "f/"}, "f/b", None),
        ({"relative_folder": "f/"}, "f/a/b", ()),
    ],
)
def test_what_may_be_behind_a_name(written, name, keys):
    found = renaming(written).sources(name)
    if keys is None or not keys:
        assert found == keys
    else:
        assert set(keys) <= set(found)
        assert all(renaming(written).name(key) == name for key in found)


folders = st.lists(st.sampled_from("ab"), max_size=3).map(lambda parts: "".join(f"{part}/" for part in parts))
mappings = st.one_of(
    st.sampled_from(["keep", "flatten"]),
    folders.filter(bool).map(lambda folder: {"relative_root": folder}),
    folders.filter(bool).map(lambda folder: {"relative_folder": folder}),
    st.dictionaries(folders, folders, min_size=1, max_size=4).map(lambda prefixes: {"prefix_map": prefixes}),
)
keys = st.builds(lambda folder, name: folder + name, folders, st.sampled_from(["a", "b", "b/", "a/b", "/"]))


@quick
@given(mappings, keys)
def test_the_inverse_misses_no_key(written, key):
    rule = renaming(written)
    name = rule.name(key)
    if isinstance(name, str):
        behind = rule.sources(name)
        assert behind is None or key in behind
        assert behind is not None or rule.name(rule.stand_in(name)) == name


@quick
@given(mappings, st.sets(keys))
def test_order_and_one_to_one_hold_what_they_say(written, given_keys):
    rule = renaming(written)
    names = [name for name in (rule.name(key) for key in sorted(given_keys)) if isinstance(name, str)]
    if rule.keeps_order:
        assert names == sorted(set(names))
    if KeyMapping.from_json(written).one_to_one:
        assert len(names) == len(set(names))
