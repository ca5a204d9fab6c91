"""Is a YAML text read as people mean it, with its places, without executing or growing anything?"""

from __future__ import annotations

import time

import pytest
import yaml

from airflow_bucketsync.configuration import yaml_tree
from airflow_bucketsync.configuration.yaml_tree import BadYaml, Block, Items, Place, merged, plain, read_tree
from tests.configuration.broken_pairs import ENTRIES, FILES, FINE

OF_THE_FILE = {
    "list_at_the_top", "text_at_the_top", "no_syncs", "syncs_misspelled", "syncs_as_block", "syncs_empty",
    "defaults_unknown", "defaults_with_source", "defaults_wrong_option", "defaults_with_routed",
}  # fmt: skip
"""Right as YAML, wrong as a pairs file."""
SYNTAX = [name for name in FILES if name not in OF_THE_FILE]


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def parser(request, monkeypatch):
    """Both parsers: that of libyaml, and that of PyYAML where libyaml is not there."""
    monkeypatch.setattr(yaml_tree, "_PARSER", getattr(yaml, request.param))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("off", "off"), ("true", True), ("False", False), ("null", None), ("~", None), ("''", ""),
        ("12", 12), ("-3", -3), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("1_000", "1_000"), ("'12'", "12"),
        ("12:30:45", "12:30:45"), ("2026-01-31", "2026-01-31"), ("7 * * * *", "7 * * * *"), ("0x10", "0x10"),
        ("64 MiB", "64 MiB"), (".inf", ".inf"), ("'{{ ds }}'", "{{ ds }}"), ("[a, 1]", ["a", 1]),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
        ("|\n one\n two\n", "one\ntwo\n"),
    ],
)  # fmt: skip
def test_values(text, value):
    found = plain(read_tree(f"name: {text}"))["name"]
    assert found == value
    assert type(found) is type(value)


def test_places():
    root = read_tree("one: 1\ntwo:\n  - a\n  - {b: c}\n")
    assert isinstance(root, Block)
    assert root.names == {"one": Place(1, 1), "two": Place(2, 1)}
    two = root.values["two"]
    assert isinstance(two, Items)
    assert [value.place for value in two.values] == [Place(3, 5), Place(4, 5)]
    assert isinstance(two.values[1], Block)
    assert two.values[1].values["b"].place == Place(4, 9)


def test_what_stands_beside_a_merge_wins_wherever_it_stands():
    text = "a: &a {x: 1, y: 1}\nb: {y: 2, <<: *a}\nc: {<<: *a, y: 3}\nd: {<<: [{x: 4}, *a]}\n"
    found = plain(read_tree(text))
    assert (found["b"], found["c"], found["d"]) == ({"x": 1, "y": 2}, {"x": 1, "y": 3}, {"x": 4, "y": 1})


def laughs(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize("text", [laughs(60), laughs(8)])
def test_billion_laughs_end_at_once(text):
    began = time.process_time()
    with pytest.raises(BadYaml, match=r"line 5, column \d+: the file has more than 100,000 values"):
        read_tree(text)
    assert time.process_time() - began < 0.5


def test_laughs_by_merging_end_too():
    text = "a: &a {x1: 1, x2: 1, x3: 1}\n" + "b: &b [" + ", ".join(["*a"] * 20_000) + "]\n"
    with pytest.raises(BadYaml, match="more than 100,000 values"):
        read_tree(text)


def test_an_alias_within_its_own_anchor_is_none():
    with pytest.raises(BadYaml, match="no anchor &a above"):
        read_tree("one: &a [*a]")


@pytest.mark.parametrize("text", ["a: ! 12", "a: !!str 12", "a: !<tag:x> 1", "!!map {a: 1}", "a: !x [1]"])
def test_no_tag_is_read(text):
    with pytest.raises(BadYaml, match="tags are not read; write the plain value"):
        read_tree(text)


def test_depth_costs_no_stack():
    with pytest.raises(BadYaml, match="deeper than 20 levels"):
        read_tree("a: " + "[" * 200_000)


def test_nothing_is_executed(tmp_path):
    with pytest.raises(BadYaml, match="tags are not read"):
        read_tree(f"a: !!python/object/apply:os.mkdir ['{tmp_path}/made']")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", SYNTAX)
def test_both_parsers_say_the_same(name):
    text, words = FILES[name]
    with pytest.raises(BadYaml) as caught:
        read_tree(text)
    assert words == f"pairs.yaml, {caught.value.message}"


def test_entries_are_yaml():
    for name, (text, _) in ENTRIES.items():
        read_tree(FINE + "  - " + text.rstrip("\n").replace("\n", "\n    ")), name


def test_blocks_are_put_together():
    below, above = read_tree("a: {x: 1, y: [1]}\nb: 1\nd: {x: 1}"), read_tree("a: {y: [2], z: 3}\nc: 2\nd:\n")
    found = merged(below, above)
    assert found is not None
    assert plain(found) == {"a": {"x": 1, "y": [2], "z": 3}, "b": 1, "c": 2, "d": {"x": 1}}
    assert plain(merged(read_tree("a: 1"), read_tree("a:")) or below) == {"a": None}
