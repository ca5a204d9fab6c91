"""Does a sync of some folders list, copy and delete below them only, in one plan (row A11)?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_bucketsync.engine.errors import ServerError
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps import absence
from airflow_bucketsync.engine.steps import prepare as preparing
from airflow_bucketsync.engine.steps.compare import compare_pair
from airflow_bucketsync.engine.steps.list_units import list_unit
from airflow_bucketsync.engine.steps.listed import Listed
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.prepare import prepare
from airflow_bucketsync.engine.steps.run_document import as_full, read_run
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES
from tests.engine.lists.making import Listed as Lists
from tests.engine.steps.pairs import Pair
from tests.engine.steps.test_bounded import copied, deny, failed, stored

DELETES = {"delete": True, "trash": "none", "max_delete_share": 1.0}
BELOW = {"a/": b"", "a/1": b"1", "a/b/2": b"2", "z/y/": b"", "z/y/3": b"3"}
BESIDE = dict.fromkeys(
    (
        "!",
        "a",
        "a!/x",
        "a-b/x",
        "a.",
        "a.b/",
        "a.b/x",
        "a0",
        "a0/x",
        "aa/x",
        "m/n",
        "z/",
        "z/x",
        "z/y",
        "z/y0",
        "z/yy/x",
    ),
    b"beside",
)
TWO = Selection(prefixes=("z/y/", "a/", "a/b/", "a/"))
SMALL_PAGES = replace(MEMORY_CAPABILITIES, page_limit=2)


def put(pair: Pair, more: dict[str, bytes] | None = None) -> None:
    """Two folders with markers, and everything that stands near them."""
    pair.put(BELOW | BESIDE | (more or {}))


# which -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("capabilities", [MEMORY_CAPABILITIES, SMALL_PAGES, replace(MEMORY_CAPABILITIES, page_limit=1)])
@pytest.mark.parametrize("verify", ["listing", "metadata"])
def test_row_A11_two_folders_one_plan_one_report(verify, capabilities):
    pair = Pair(source=capabilities, destination=capabilities)
    put(pair)
    ran = pair.sync(TWO, verify=verify, check=True)
    assert pair.contents() == BELOW
    assert ran.report.counts == {"copied": 5}
    assert ran.report.verified
    assert ran.report.selected_out == {}, "what lies beside is not even listed"
    assert stored(pair).objects == {"source": 5, "destination": 0}
    again = pair.sync(TWO, verify=verify, check=True)
    assert again.report.counts == {"same": 5}
    assert stored(pair).objects == {"source": 5, "destination": 5}


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_tasks_of_their_own_list_the_same(limit, monkeypatch):
    monkeypatch.setattr(preparing, "SMALL", 0)
    pair = Pair(source=replace(MEMORY_CAPABILITIES, page_limit=limit))
    put(pair)
    ran = pair.sync(TWO, **DELETES)
    assert pair.contents() == BELOW
    assert ran.report.counts == {"copied": 5}


def test_a_first_listing_of_many_objects_has_a_task_for_each_folder(monkeypatch):
    monkeypatch.setattr(preparing, "SMALL", 4)
    pair = Pair()
    put(pair)
    run = pair.run(selection=TWO)
    document = read_run(run.workspace)
    assert document.mapped
    assert [unit.side for unit in document.units] == ["source", "source", "destination", "destination"]
    plan = make_plan(run)
    assert plan.counts == {"planned": 5}
    assert plan.listed["source"]["objects"] == 5


def test_split_points_of_the_last_run_cut_folders_too(monkeypatch):
    monkeypatch.setattr(preparing, "SMALL", 0)
    pair = Pair()
    tree = {f"{folder}/{number:02}": b"" for folder in ("a", "b", "c") for number in range(9)}
    pair.put(tree | {"a0": b"", "a.b": b"", "bb/x": b""})
    rules = Selection(prefixes=("a/", "b/", "c/"))
    pair.sync(rules)
    checkpoint = stored(pair)
    for splits in (("a/",), ("a/03", "a/07", "c/05"), ("a.z", "a0", "b"), ("0", "zz")):
        run = pair.run(f"split-{splits}", selection=rules, prepared=False)
        prepared = prepare(run, checkpoint=replace(checkpoint, splits=splits))
        assert len(prepared.units) == 2 * (len(splits) + 1)
        for number in prepared.units:
            list_unit(run, number)
        for side in ("source", "destination"):
            listed = [info.key for info in Listed(run, read_run(run.workspace), side)]
            assert listed == sorted(tree)


@pytest.mark.parametrize("folders", [1, 2, 40])
def test_many_folders_of_a_few_objects_are_small_and_very_many_objects_are_not(folders, monkeypatch):
    monkeypatch.setattr(preparing, "SMALL", 10)
    pair = Pair()
    pair.put({f"{number:02}/x": b"" for number in range(folders)})
    run = pair.run(selection=Selection(prefixes=tuple(f"{number:02}/" for number in range(folders))))
    assert read_run(run.workspace).mapped == (folders > 10)


@pytest.mark.parametrize("verify", ["listing", "metadata"])
def test_only_the_folders_are_asked_for(verify):
    pair = Pair(source=replace(MEMORY_CAPABILITIES, page_limit=10), destination=replace(SMALL_PAGES, page_limit=10))
    others = {f"{letter}{number:03}": b"" for letter in "amz" for number in range(100)}
    put(pair, others)
    pair.put_there(others)
    before = pair.source.requests["list"] + pair.destination.requests["list"]
    pair.sync(TWO, verify=verify, **DELETES)
    assert pair.source.requests["list"] + pair.destination.requests["list"] - before <= 10
    assert pair.contents() == BELOW | others


# deletes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize("everything", [False, True])
def test_row_A11_deletes_stay_inside(everything, bulk, monkeypatch):
    if bulk:
        monkeypatch.setattr("airflow_bucketsync.engine.steps.delete.BULK", 0)
        monkeypatch.setattr(absence, "SAMPLE", 3)
    pair = Pair(source=SMALL_PAGES)
    pair.put({"a/1": b"1", "z/y/3": b"3"})
    pair.put({f"m/{number:03}": b"" for number in range(200)})
    extra = {"a/": b"", "a/old": b"", "a/b/old": b"", "z/y/": b"", "z/y/old": b"", "z/y/~": b"", "a/x.log": b""}
    pair.put_there(BESIDE | extra)
    before = pair.source.requests["list"]
    rules = replace(TWO, exclude=("*.log",))
    ran = pair.sync(rules, delete_excluded=everything, check=True, **DELETES)
    kept = {} if everything else {"a/x.log": b""}
    assert pair.contents() == {"a/1": b"1", "z/y/3": b"3"} | BESIDE | kept
    assert ran.report.counts["deleted"] == len(extra) - len(kept)
    assert pair.source.requests["list"] - before <= 12, "the proof that they are gone lists no others either"


def test_extras_beside_the_folders_are_not_counted():
    pair = Pair()
    put(pair)
    pair.put_there(BESIDE | {"a/old": b""})
    ran = pair.sync(TWO)
    assert ran.report.counts == {"copied": 5, "extra": 1}
    assert ran.status("a/old")[0] == "extra"


def test_a_pair_is_compared_below_the_folders():
    pair = Pair()
    put(pair)
    pair.put_there(BELOW | {"a/1": b"other", "a/old": b"", "b/old": b"", "a0": b"other"})
    found = compare_pair(pair.run("compare", selection=TWO))
    assert found.counts == {"same": 4, "differ": 1, "extra": 1}


# run after run ---------------------------------------------------------------------------------------------------


def test_an_incremental_run_goes_by_what_it_remembers_of_the_folders():
    pair = Pair()
    put(pair)
    assert pair.sync(TWO, mode="incremental").report.mode == "full"
    pair.put({"a/new": b"new", "b/new": b"new", "a.new": b"new"})
    before = pair.destination.requests["list"]
    ran = pair.sync(TWO, mode="incremental", check=True)
    assert ran.report.mode == "incremental"
    assert ran.report.counts == {"same": 5, "copied": 1}
    assert pair.destination.requests["list"] == before
    assert pair.contents() == BELOW | {"a/new": b"new"}


def test_what_is_remembered_of_other_folders_stays():
    pair = Pair()
    put(pair)
    everything = BELOW | BESIDE
    assert pair.sync(compare="auto").report.counts == {"copied": len(everything)}
    assert pair.sync(Selection(prefixes=("z/",))).report.counts == {"same": 7}
    assert pair.sync(TWO).report.counts == {"same": 5}
    assert pair.sync(TWO, mode="incremental").report.mode == "incremental"
    assert stored(pair).objects == {"source": 5, "destination": 5}
    known = [
        line["key"]
        for name in pair.contents(pair.pages)
        if name.startswith("pair/known/")
        for line in pair.lines(name)[1:]
    ]
    assert sorted(known) == sorted(everything)
    before = pair.destination.requests["head"]
    assert pair.sync(mode="full").report.counts == {"same": len(everything)}
    assert pair.destination.requests["head"] == before


@pytest.mark.parametrize("mode", ["full", "incremental"])
@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_bounded_run_goes_on_in_the_next_folder(mode, step):
    pair = Pair(source=SMALL_PAGES)
    put(pair)
    rounds = []
    while not rounds or ran.report.resume is not None:  # noqa: F821 - of the round before
        ran = pair.sync(TWO, max_objects=step, mode=mode, check=True)
        rounds.append(copied(ran))
    assert [key for keys in rounds for key in keys] == sorted(BELOW), "each once, in order"
    assert all(len(keys) <= step for keys in rounds)
    assert pair.contents() == BELOW
    assert pair.sync(TWO, max_objects=step, mode=mode).report.counts["same"] == 5


def test_what_failed_before_the_bound_is_looked_at_again():
    pair = Pair()
    put(pair)
    deny(pair, "a/1")
    pair.sync(TWO, max_objects=3)
    assert set(failed(pair)) == {"a/1"}
    deny(pair)
    ran = pair.sync(TWO, max_objects=3, check=True)
    assert set(copied(ran)) == {"a/1", "z/y/", "z/y/3"}
    assert failed(pair) == {}


def test_a_run_that_forgot_lists_the_folders_at_the_destination():
    pair = Pair()
    put(pair)
    pair.put_there({"m/old": b""})
    pair.sync(TWO)
    run = pair.run("again", selection=TWO, prepared=False)
    run = replace(run, spec=replace(run.spec, policy=replace(run.spec.policy, mode="incremental")))
    prepare(run, checkpoint=stored(pair))
    document = read_run(run.workspace)
    assert document.mode == "incremental"
    assert [info.key for info in Listed(run, as_full(document), "destination")] == sorted(BELOW)


def test_a_destination_that_may_not_be_listed_is_asked_once():
    pair = Pair()
    put(pair)
    asked = []

    def hook(when: str, verb: str, key: str) -> None:
        if verb == "list" and when == "before":
            asked.append(key)

    pair.at_destination(hook)
    pair.sync(replace(TWO, start_after="zz"), verify="none")
    assert asked == [], "no folder comes after that key"
    pair.sync(TWO, verify="none")
    assert len(asked) == 1 + 2 + 2, "whether it may, whether there are many, and the listing"


# with other rules --------------------------------------------------------------------------------------------------


def test_start_after_holds_too():
    pair = Pair()
    put(pair)
    pair.put_there({"a/0": b"stays", "a/old": b"goes", "z/y/": b"", "z/x": b"stays"})
    pair.sync(replace(TWO, start_after="a/1"), delete_excluded=True, **DELETES)
    assert pair.contents() == {
        "a/0": b"stays", "a/b/2": b"2", "z/y/": b"", "z/y/3": b"3", "z/x": b"stays",
    }  # fmt: skip


@pytest.mark.parametrize("everything", [False, True])
def test_a_mapping_works_on_top(everything):
    pair = Pair(source=SMALL_PAGES)
    put(pair, {f"m/{number:03}": b"" for number in range(200)})
    pair.put_there({"new/1": b"old", "new/old": b"goes", "y/old": b"stays", "z/y/old": b"goes", "z/x": b"stays"})
    rules = replace(TWO, key_mapping=Selection.from_json({"key_mapping": {"prefix_map": {"a/": "new/"}}}).key_mapping)
    before = pair.source.requests["list"]
    pair.sync(rules, delete_excluded=everything, check=True, **DELETES)
    assert pair.source.requests["list"] - before <= 8
    assert pair.contents() == {
        "new/": b"", "new/1": b"1", "new/b/2": b"2", "z/y/": b"", "z/y/3": b"3", "y/old": b"stays", "z/x": b"stays",
    }  # fmt: skip
    assert pair.sync(rules).report.counts == {"same": 5}
    ran = pair.sync(rules, mode="incremental")
    assert (ran.report.mode, ran.report.counts) == ("incremental", {"same": 5})


def test_a_name_that_an_object_outside_the_folders_has_is_not_deleted():
    pair = Pair()
    pair.put({"in/1": b"1", "out/2": b"2"})
    pair.clock.advance(60)
    pair.put_there({"out/2": b"2", "out/3": b"3", "in/4": b"4"})
    mapping = Selection.from_json({"key_mapping": {"prefix_map": {"in/": "out/"}}}).key_mapping
    ran = pair.sync(Selection(prefixes=("in/",), key_mapping=mapping), **DELETES)
    assert pair.contents() == {"out/1": b"1", "out/2": b"2", "in/4": b"4"}
    assert ran.status("out/2") == ("withheld", "outside_prefixes")
    assert ran.status("out/3") == ("deleted", "not_at_source"), "it is no sign of a listing that can't be trusted"


def test_flat_names_of_some_folders():
    pair = Pair()
    pair.put({"a/x": b"1", "b/y": b"2", "c/z": b"3"})
    flat = Selection.from_json({"key_mapping": "flatten", "prefixes": ["a/", "c/"]})
    assert pair.sync(flat).report.counts == {"copied": 2}
    assert pair.contents() == {"x": b"1", "z": b"3"}
    assert pair.sync(flat).report.counts == {"same": 2}


def test_of_a_list_only_what_lies_below_takes_part():
    pair = Lists()
    put(pair)
    pair.lists.put("a.csv", "".join(f"source,in/{key}\n" for key in sorted(BELOW | BESIDE)).encode())
    ran = pair.take("a.csv", prefixes=("a/", "z/y/"))
    assert pair.contents() == BELOW
    assert ran.report.selected_out == {"prefixes": len(BESIDE)}


def test_a_folder_of_our_own_state_is_nobodys():
    pair = Pair()
    pair.put({"_bucketsync/trash/x": b"", "a/1": b"1"})
    pair.sync(Selection(prefixes=("_bucketsync/", "a/")), **DELETES)
    assert pair.contents() == {"a/1": b"1"}


def test_a_folder_in_which_there_is_nothing_is_no_reason_to_delete_all_of_the_others():
    pair = Pair()
    put(pair)
    pair.sync(TWO)
    for key in BELOW:
        pair.source.delete(key)
    ran = pair.sync(TWO, delete=True, trash="none")
    assert pair.contents() == BELOW, "an empty source deletes nothing, whatever lies beside"
    assert set(ran.report.counts) == {"withheld"}


def test_an_error_in_the_second_folder_fails_the_listing():
    pair = Pair()
    put(pair)
    calls = []

    def hook(when: str, verb: str, key: str) -> None:
        if verb == "list" and when == "before":
            calls.append(key)
            if len(calls) >= 2:
                raise ServerError("no")

    pair.source.hooks.append(hook)
    with pytest.raises(ServerError):
        pair.sync(TWO, **DELETES)
    assert pair.contents() == {}


def test_locations_are_what_prefixes_are_relative_to():
    assert Location.parse("memory://source/in/").full_key("a/") == "in/a/"
    pair = Pair()
    pair.put({"in/a/x": b"x", "a/x": b"y"})
    pair.sync(Selection(prefixes=("in/",)))
    assert pair.contents() == {"in/a/x": b"x"}


@pytest.mark.parametrize("after", ["", "data/a"])
@pytest.mark.parametrize("prefixes", [(), ("data/b/", "z/")])
def test_a_second_listing_proves_nothing_of_what_a_link_hides(prefixes, after, tmp_path):
    pair = Pair()
    source = LocalStore(Location.parse(f"file://{tmp_path}/"))
    source.put("away/b/1", b"")
    (tmp_path / "data").symlink_to("away")
    run = pair.run(prepared=False, selection=Selection(prefixes=prefixes))
    run = replace(run, spec=replace(run.spec, source=source.location), source=source)
    keys = [f"data/b/{number}" for number in range(9)]
    asked = keys if after else ["away/z", *keys, "z/1"]
    found = absence.present(run, asked, started=pair.clock.now(), after=after)
    assert sorted(found) == keys
    assert {presence.reason for presence in found.values()} == {"not_supported"}
