"""Does a destination hold what a key mapping makes of its source: copied, remembered, deleted, moved, undone?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_bucketsync.engine.errors import AccessDenied, InvalidConfiguration
from airflow_bucketsync.engine.model.key_mapping import KeyMapping
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps import sources
from airflow_bucketsync.engine.steps.absence import present
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.undo import undo_run
from airflow_bucketsync.engine.steps.undone import read_done
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES
from tests.engine.steps.pairs import IN_PARTS, SMALL_COPIES, Pair

FOLDERS = ["", "a/", "b/", "a/b/", "a/c/", "d/"]
ROOT = {"relative_root": "a/"}
INTO = {"relative_folder": "in/"}
SWAP = {"prefix_map": {"a/": "b/", "b/": "a/"}}
MAPS = ["flatten", ROOT, INTO, SWAP, {"prefix_map": {"a/": "x/", "a/b/": "", "d/": "x/"}}, {"prefix_map": {"": "a/"}}]


def names(written, **rules):
    return Selection(key_mapping=KeyMapping.from_json(written), **rules)


def renamed(written, key):
    """What a mapping makes of a key, told another way; None = nothing."""
    if written == "flatten" or "relative_folder" in written:
        parts = key.split("/")
        last = parts[-1] or parts[-2] + "/"
        return ("" if written == "flatten" else written["relative_folder"]) + last
    if "relative_root" in written:
        return key[2:] if key.startswith("a/") and key != "a/" else None
    best = max((prefix for prefix in written["prefix_map"] if key[: len(prefix)] == prefix), key=len, default=None)
    name = key if best is None else written["prefix_map"][best] + key[len(best) :]
    return name or None


def wanted(written, tree, *, first):
    """What the destination must hold of a source, and the names that nobody gets."""
    groups: dict[str, list[str]] = {}
    for key in sorted(tree):
        name = renamed(written, key)
        if name is not None:
            groups.setdefault(name, []).append(key)
    shared = {name for name, keys in groups.items() if len(keys) > 1}
    return {name: tree[keys[0]] for name, keys in groups.items() if first or name not in shared}, shared


def image(written, name):
    """Whether some key could have this name."""
    if written == "flatten":
        return "/" not in name[:-1]
    if "relative_folder" in written:
        return name.startswith("in/") and name != "in/" and "/" not in name[3:-1]
    if "relative_root" in written:
        return True
    candidates = [name] + [prefix + name[len(to) :] for prefix, to in written["prefix_map"].items()]
    return any(key and renamed(written, key) == name for key in candidates)


keys = st.builds(str.__add__, st.sampled_from(FOLDERS), st.sampled_from(["x", "y", "z.csv", "b/", "e/f"]))
trees = st.dictionaries(keys, st.sampled_from([b"", b"1", b"22", b"333"]), max_size=8)


def set_to(pair, tree, store):
    """Make a store hold exactly this."""
    for key in pair.contents(store).keys() - tree.keys():
        store.delete(key)
    for key, body in tree.items():
        if pair.contents(store).get(key) != body:
            store.put(key, body)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(MAPS),
    trees,
    trees,
    trees,
    st.booleans(),
    st.sampled_from(["refuse", "first"]),
    st.sampled_from(["full", "auto"]),
)
def test_the_destination_equals_the_mapped_source_and_the_second_run_writes_nothing(
    written, tree, later, there, deletes, collides, mode
):
    pair = Pair()
    pair.put_there(there)
    policy = {"delete": deletes, "trash": "none", "max_delete_share": 1.0, "allow_empty_source": True, "mode": mode}
    policy |= {"on_collision": collides, "tolerate": ("refused",)}
    before = dict(there)
    for source in (tree, later):
        set_to(pair, source, pair.source)
        ran = pair.sync(names(written), **policy)
        copies, shared = wanted(written, source, first=collides == "first")
        stays = {
            name: body
            for name, body in before.items()
            if name not in copies and (not deletes or name in shared or not image(written, name))
        }
        if mode == "full" or source is tree:
            assert pair.contents() == stays | copies
        else:  # a run that lists the source only deletes nothing
            assert {name: body for name, body in pair.contents().items() if name in copies} == copies
            assert stays.items() <= pair.contents().items()
        assert ran.report.green
        before = pair.contents()
        writes = pair.writes()
        again = pair.sync(names(written), **policy)
        assert pair.writes() == writes
        assert again.report.green
        assert not again.report.changed_anything
        assert pair.contents(pair.source) == source


def test_both_keys_are_told():
    limited = replace(MEMORY_CAPABILITIES, max_object=1000)
    pair = Pair(destination=limited)
    pair.put({"a/x": b"1", "a/big": b"2" * 1001, "b/x": b"3"})
    ran = pair.sync(names(ROOT))
    assert ran.status("x") == ("copied", "new")
    assert ran.outcomes["x"].source_key == "a/x"
    assert ran.outcomes["big"].status == "refused"
    assert ran.status("b/x") == ("refused", "outside_root")
    failures = {item["key"]: item.get("source_key") for item in ran.report.failures}
    assert failures == {"big": "a/big", "b/x": "b/x"}


def test_parts_arrive_under_the_new_name():
    for copies in (False, True):
        pair = Pair(shared=copies, destination=SMALL_COPIES)
        pair.put({"a/large": bytes(range(95)), "a/small": b"1"})
        ran = pair.sync(names(ROOT), **IN_PARTS)
        assert pair.contents() == {"large": bytes(range(95)), "small": b"1"}
        assert ran.outcomes["large"].source_key == "a/large"
        assert ran.report.verified
        writes = pair.writes()
        pair.sync(names(ROOT), mode="incremental", **IN_PARTS)
        assert pair.writes() == writes


def test_collisions_are_refused_with_all_parties():
    pair = Pair()
    folders = [f"f{number}" for number in range(7)]
    pair.put({f"{folder}/x": folder.encode() for folder in folders})
    pair.put({"one/y": b"1", "two/y": b"2", "three/z": b"3"})
    pair.put_there({"x": b"old"})
    run = pair.run("run", selection=names("flatten"))
    plan = make_plan(run)
    decided = pair.lines("pair/run/plan/decided.jsonl.zst")[1:]
    assert {(line["key"], line["source_key"]) for line in decided} == {
        *(("x", f"{folder}/x") for folder in folders),
        ("y", "one/y"),
        ("y", "two/y"),
    }
    assert {(line["status"], line["reason"]) for line in decided} == {("refused", "same_name")}
    assert "'one/y', 'two/y' would all be 'y'" in decided[-1]["message"]
    assert plan.counts["planned"] == 1
    pair.sync(names("flatten"))
    assert pair.contents() == {"x": b"old", "z": b"3"}


def test_collisions_fail_the_plan_before_anything_is_written():
    pair = Pair()
    pair.put({"one/y": b"1", "two/y": b"2"})
    with pytest.raises(InvalidConfiguration) as raised:
        pair.sync(names("flatten"), on_collision="fail")
    assert "'one/y', 'two/y' would all be 'y'" in str(raised.value)
    assert pair.contents() == {}


def test_collisions_give_the_name_to_the_first_and_then_to_the_next():
    pair = Pair()
    pair.put({"one/y": b"1", "two/y": b"2"})
    ran = pair.sync(names("flatten"), on_collision="first")
    assert pair.contents() == {"y": b"1"}
    assert ran.report.counts == {"copied": 1, "skipped": 1}
    pair.source.delete("one/y")
    for body in (b"2", b"2"):
        pair.sync(names("flatten"), on_collision="first", mode="incremental")
        assert pair.contents() == {"y": body}


@pytest.mark.parametrize(("collides", "holds"), [("refuse", b"1"), ("first", b"1")])
def test_what_an_earlier_run_took_keeps_its_name(collides, holds):
    pair = Pair()
    pair.put({"one/y": b"1"})
    pair.sync(names("flatten"), since_watermark=True, on_collision=collides)
    pair.clock.advance(7200)
    pair.sync(names("flatten"), since_watermark=True, on_collision=collides)
    pair.clock.advance(7200)
    pair.put({"two/y": b"2", "two/z": b"3"})
    ran = pair.sync(names("flatten"), since_watermark=True, on_collision=collides)
    assert pair.contents() == {"y": holds, "z": b"3"}
    assert ran.report.counts == {"copied": 1} | ({"refused": 2} if collides == "refuse" else {"skipped": 1})


def test_another_object_of_equal_size_and_time_is_not_taken_for_the_one_before():
    files = replace(MEMORY_CAPABILITIES, keeps_mtime=True, etag_meaning="opaque", checksums=())
    pair = Pair(source=files, destination=files, tick=0.0)
    pair.put({"one/y": b"1", "two/y": b"2"})
    pair.sync(names("flatten"), on_collision="first", compare="size_mtime")
    pair.source.delete("one/y")
    pair.sync(names("flatten"), on_collision="first", compare="size_mtime")
    assert pair.contents() == {"y": b"2"}


def test_what_is_left_out_keeps_its_name():
    pair = Pair()
    pair.put({"a/x": b"1", "b/x": b"2"})
    rules = names("flatten", exclude=("y*",))
    pair.put({"c/y1": b"3"})
    pair.put_there({"y1": b"stays", "y2": b"stays", "gone": b"goes"})
    pair.source.delete("b/x")
    ran = pair.sync(rules, delete=True, trash="none", max_delete_share=1.0)
    assert pair.contents() == {"x": b"1", "y1": b"stays", "y2": b"stays"}
    assert ran.report.selected_out == {"exclude": 1}
    assert ran.report.selected_out_first == {"exclude": ("c/y1",)}


@pytest.mark.parametrize("after", ["", "a/m"])
def test_start_after_speaks_of_source_keys_and_limits_deletes(after):
    pair = Pair()
    pair.put({"a/k": b"1", "a/z": b"2"})
    pair.put_there({"b": b"", "y": b"", "k": b"old"})
    pair.sync(names(ROOT, start_after=after), delete=True, trash="none", max_delete_share=1.0)
    first = {"b": b"", "k": b"old"} if after else {"k": b"1"}
    assert pair.contents() == first | {"z": b"2"}


def test_an_object_that_appears_anywhere_keeps_its_name_from_being_deleted():
    three = {"prefix_map": {"a/": "x/", "d/": "x/"}}
    ways = [("flatten", "deep/er/x"), (SWAP, "b/x"), (ROOT, "a/a/x"), (three, "a/x"), (three, "d/x"), (three, "x/x")]
    for written, key in ways:
        pair = Pair()
        pair.put({"a/other": b"1"})
        name = renamed(written, key)
        pair.put_there({name: b"there"})
        run = pair.run("run", selection=names(written), delete=True)
        started = run.clock.now()
        assert present(run, [name], started=started) == {}
        pair.clock.advance(1)
        pair.source.put(key, b"new")
        assert present(run, [name], started=started)[name].reason == "appeared_at_source"
        assert present(run, [name], started=run.clock.now())[name].reason == "listing_disagrees"


def test_a_move_takes_the_right_source_away():
    pair = Pair()
    pair.put({"a/x": b"1", "b/x": b"2", "c/x": b"3"})
    pair.put_there({"a/x": b"2"})  # in step already: it was b/x
    ran = pair.sync(names(SWAP, exclude=("c/**",)), move=True)
    assert pair.contents() == {"b/x": b"1", "a/x": b"2"}
    assert pair.contents(pair.source) == {"c/x": b"3"}
    assert {outcome.key: outcome.source_key for outcome in ran.outcomes.values()} == {"b/x": "a/x", "a/x": "b/x"}


def test_bounded_runs_go_through_all_names():
    pair = Pair()
    pair.put({f"{folder}/{number}": f"{folder}{number}".encode() for folder in "ab" for number in range(5)})
    resumes = [pair.sync(names(SWAP), max_objects=2).report.resume for _ in range(5)]
    assert resumes == ["a/1", "a/3", "b/0", "b/2", None]
    assert pair.contents() == {
        f"{folder}/{n}": f"{'ba'[folder == 'b']}{n}".encode() for folder in "ab" for n in range(5)
    }


def test_what_failed_before_a_bound_is_tried_first():
    pair = Pair()
    pair.put({f"a/{number}": b"%d" % number for number in range(6)})
    pair.put_there({"1": b"old"})

    def deny(moment, verb, key):
        if verb == "copy" and key == "1":
            raise AccessDenied("no", location=pair.destination.location.url, key=key)

    pair.at_destination(deny)
    assert pair.sync(names(ROOT), max_objects=3).report.counts == {"copied": 2, "failed": 1}
    pair.destination.hooks.clear()
    pair.sync(names(ROOT), max_objects=3)
    assert pair.contents() == {f"{number}": b"%d" % number for number in range(6)}


def test_many_objects_are_sorted_outside_memory(monkeypatch):
    monkeypatch.setattr(sources, "IN_MEMORY", 7)
    pair = Pair()
    tree = {f"{number % 13:02}/{number:04}": b"%d" % number for number in range(400)}
    pair.put(tree)
    pair.sync(names("flatten"))
    assert pair.contents() == {key[3:]: body for key, body in tree.items()}


def test_another_mapping_begins_anew_and_clears_what_the_first_one_made():
    pair = Pair()
    pair.put({"a/x": b"1"})
    pair.sync(mode="auto")
    ran = pair.sync(names(ROOT), mode="auto", delete=True, trash="none", max_delete_share=1.0)
    assert ran.report.mode == "full"
    assert pair.contents() == {"x": b"1"}


def test_an_undo_puts_the_names_back_and_the_next_run_does_it_again():
    pair = Pair()
    pair.put({"a/x": b"new", "a/y": b"1"})
    before = {"x": b"old", "gone": b"2"}
    pair.put_there(before)
    done = pair.sync(names(ROOT), run="done", delete=True, trash="all", max_delete_share=1.0)
    assert done.report.counts == {"copied": 2, "trashed": 1}
    wanted_now = {"x": b"new", "y": b"1"}
    assert plain(pair) == wanted_now
    undo = pair.run("undo", selection=names(ROOT), prepared=False, trash="all", delete=True)
    report = undo_run(undo, read_done(pair.run("done", selection=names(ROOT), prepared=False).workspace), dry_run=False)
    assert report.counts == {"removed": 1, "restored": 2}
    assert plain(pair) == before
    pair.sync(names(ROOT), delete=True, trash="all", max_delete_share=1.0)
    assert plain(pair) == wanted_now


def plain(pair):
    """What the destination holds, our own state apart."""
    return {key: body for key, body in pair.contents().items() if not key.startswith("_bucketsync/")}


def test_keeping_names_sorts_nothing(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("names were sorted")

    monkeypatch.setattr(sources, "sorted_lines", refuse)
    pair = Pair()
    pair.put({"a/x": b"1", "b/y": b"2"})
    pair.sync(Selection(exclude=("b/**",)))
    pair.sync(names(ROOT, include=("a/**",)))
    assert pair.contents() == {"a/x": b"1", "x": b"1"}
    assert SyncPolicy().on_collision == "refuse"
