"""Do folders, tags and routes hold on both sides, and is everything that is left out counted and named?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.routed_pairs import routed_pairs
from airflow_bucketsync.engine.model.routing import RouteRule, RoutingTable
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps.listing import LAST_CHARACTER, Listing
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES
from tests.engine.steps.pairs import Pair

DELETES = {"delete": True, "trash": "none", "max_delete_share": 1.0}


# without folders ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("everything", [False, True])
def test_without_folders_neither_side_is_touched_below(everything):
    pair = Pair()
    pair.put({"a": b"1", "b/c": b"2", "z": b"3"})
    pair.put_there({"a": b"old", "extra": b"goes", "b/d": b"stays", "b/": b"stays", "y/z/": b"stays"})
    pair.sync(Selection(recursive=False), delete_excluded=everything, **DELETES)
    assert pair.contents() == {"a": b"1", "z": b"3", "b/d": b"stays", "b/": b"stays", "y/z/": b"stays"}


def test_without_folders_and_with_other_names_the_same_holds():
    pair = Pair()
    pair.put({"a": b"1", "b/c": b"2"})
    pair.put_there({"in/a": b"old", "in/extra": b"goes", "in/b/d": b"stays", "extra": b"stays"})
    mapping = {"prefix_map": {"": "in/"}}
    rules = Selection.from_json({"recursive": False, "key_mapping": mapping})
    pair.sync(rules, delete_excluded=True, **DELETES)
    assert pair.contents() == {"in/a": b"1", "in/b/d": b"stays", "extra": b"stays"}


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_folders_are_jumped_over(limit):
    pair = Pair(source=replace(MEMORY_CAPABILITIES, page_limit=limit))
    tree = {f"{folder}/{number:03}": b"" for folder in ("a", "m", "z") for number in range(40)}
    tree |= dict.fromkeys(("a", "a!", "a0", f"a/{LAST_CHARACTER}", f"a/{LAST_CHARACTER}x", "m0", "~"), b"")
    pair.put(tree)
    before = sum(pair.source.requests.values())
    listing = Listing(pair.source, "source", flat=True)
    assert [info.key for info in listing] == sorted(key for key in tree if "/" not in key)
    assert listing.objects == 5
    pages = sum(pair.source.requests.values()) - before
    assert pages <= 12
    assert pages <= -(-len(tree) // limit)
    for until in ("a", "a/5", "b", "m0"):
        found = [info.key for info in Listing(pair.source, "source", until=until, flat=True)]
        assert found == sorted(key for key in tree if "/" not in key and key <= until)


def test_folders_of_a_disk_are_not_looked_into(tmp_path):
    for name in ("a", "b/c", "b/d/e", "z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / "b" / "link").symlink_to("c")
    (tmp_path / "top").symlink_to("a")
    listing = Listing(LocalStore(Location.parse(f"file://{tmp_path}/")), "source", flat=True)
    assert [info.key for info in listing] == ["a", "z"]
    assert [name for name, _ in listing.refused] == ["top"]


# tags ---------------------------------------------------------------------------------------------------------------


def tagged(pair):
    for key, tags in (("a", {"team": "x"}), ("b", {"team": "y"}), ("c", {}), ("d.log", {"team": "x"})):
        pair.source.put(key, key.encode(), attributes=ObjectAttributes(tags=tags))


def test_only_objects_with_these_tags():
    pair = Pair()
    tagged(pair)
    pair.put_there({"b": b"stays"})
    ran = pair.sync(Selection(tags={"team": "x"}, exclude=("*.log",)))
    assert pair.contents() == {"a": b"a", "b": b"stays"}
    assert ran.report.selected_out == {"exclude": 1, "tags": 2}
    assert ran.report.selected_out_first == {"exclude": ("d.log",), "tags": ("b", "c")}


def test_each_object_that_other_rules_take_costs_one_request_for_its_tags():
    pair = Pair()
    tagged(pair)
    before = pair.source.requests["tags"]
    pair.sync(Selection(tags={"team": "*"}, exclude=("*.log",)), dry_run=True)
    assert pair.source.requests["tags"] - before == 3


def test_tags_that_may_not_be_read_stop_the_plan():
    pair = Pair()
    tagged(pair)

    def deny(moment, verb, key):
        if verb == "tags":
            raise AccessDenied("no", location=pair.source.location.url, key=key)

    pair.source.hooks.append(deny)
    with pytest.raises(AccessDenied):
        pair.sync(Selection(tags={"team": "x"}))
    assert pair.contents() == {}


def test_a_store_without_tags_is_refused():
    pair = Pair(source=replace(MEMORY_CAPABILITIES, tags=False))
    pair.put({"a": b""})
    with pytest.raises(InvalidConfiguration, match="tags: memory://source/in/ knows no tags"):
        pair.sync(Selection(tags={"team": "x"}))


# start_after, extensions, counts -------------------------------------------------------------------------------------


def test_start_after_limits_deletes_at_the_very_key():
    pair = Pair()
    pair.put({"m": b"1", "m\0": b"2", "z": b"3"})
    pair.put_there({"a": b"stays", "m": b"stays", "n": b"goes"})
    pair.sync(Selection(start_after="m"), delete_excluded=True, **DELETES)
    assert pair.contents() == {"a": b"stays", "m": b"stays", "m\0": b"2", "z": b"3"}


def test_extensions_limit_deletes():
    pair = Pair()
    pair.put({"a.CSV": b"1", "b.txt": b"2"})
    pair.put_there({"c.csv": b"goes", "d.txt": b"stays", "e": b"stays"})
    ran = pair.sync(Selection(extensions=("csv",)), **DELETES)
    assert pair.contents() == {"a.CSV": b"1", "d.txt": b"stays", "e": b"stays"}
    assert ran.report.selected_out == {"extensions": 1}


def test_the_first_three_of_each_rule_are_named():
    pair = Pair()
    pair.put({f"{number}.log": b"" for number in range(5)} | {"x" * 300 + ".log": b"", "big": b"123"})
    ran = pair.sync(Selection(exclude=("*.log",), max_size=2))
    assert ran.report.selected_out == {"exclude": 6, "max_size": 1}
    assert ran.report.selected_out_first == {"exclude": ("0.log", "1.log", "2.log"), "max_size": ("big",)}


# routes -------------------------------------------------------------------------------------------------------------

TABLE = RoutingTable(
    rules=(
        RouteRule(to="tables", extensions=("csv",)),
        RouteRule(to="big", min_size=3),
        RouteRule(to="logs", match=("*.log",)),
    )
)
PLACES = {name: Location.parse(f"memory://{name}/") for name in ("tables", "big", "logs")}
TREE = {"a.csv": b"1234", "b.CSV": b"1", "c.log": b"1234", "d.log": b"1", "e": b"1"}


@pytest.mark.parametrize(
    ("name", "gets", "there", "stays"),
    [
        ("tables", {"a.csv", "b.CSV"}, {"old.csv", "c.log", "e"}, {"c.log", "e"}),
        ("big", {"c.log"}, {"a.csv", "d.log"}, {"a.csv", "d.log"}),
        ("logs", {"d.log"}, {"old.log", "c.log", "a.csv"}, {"c.log", "a.csv"}),
    ],
)
def test_each_destination_is_a_sync_of_its_own(name, gets, there, stays):
    (pair_of,) = [found for found in routed_pairs(TABLE, PLACES) if found.name == name]
    pair = Pair()
    pair.put(TREE)
    pair.put_there(dict.fromkeys(there, b"t"))
    ran = pair.sync(pair_of.selection, **DELETES)
    assert pair.contents() == {key: TREE[key] for key in gets} | dict.fromkeys(stays, b"t")
    assert ran.report.selected_out == {"other_destination": 4 - len(gets), "unmatched": 1}
    assert ran.report.selected_out_first["unmatched"] == ("e",)


def test_what_no_route_takes_fails_every_destination_before_it_writes():
    for found in routed_pairs(replace(TABLE, unmatched="fail"), PLACES):
        pair = Pair()
        pair.put(TREE)
        with pytest.raises(InvalidConfiguration, match=r"no route takes 'e'"):
            pair.sync(found.selection)
        assert pair.contents() == {}


def test_what_no_route_takes_may_go_to_the_default():
    found = routed_pairs(replace(TABLE, unmatched="default", default="logs"), PLACES)[-1]
    pair = Pair()
    pair.put(TREE)
    ran = pair.sync(found.selection)
    assert pair.contents() == {"d.log": b"1", "e": b"1"}
    assert ran.report.selected_out == {"other_destination": 3}
