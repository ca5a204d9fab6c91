"""What is deleted at the destination, what is not, and what is said of it? (F9, P4, I4, I5)"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, InvalidConfiguration, ServerError
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps import absence
from airflow_bucketsync.engine.steps.delete_extra import delete_extra
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.run import MemoryProgress
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES, MemoryStore
from tests.engine.steps.pairs import Pair, Ran

DELETE: dict[str, Any] = {"delete": True, "trash": "none", "max_delete_share": 1.0}
KEPT = {"a": b"1", "b": b"2"}


def pair_with(*extra: str, **settings: Any) -> Pair:
    """A pair in step but for what stands at the destination only."""
    pair = Pair(**settings)
    pair.put(KEPT)
    pair.put_there(KEPT | dict.fromkeys(extra, b"extra"))
    return pair


def fail(store: Any, verb: str, error: Exception, *keys: str) -> None:
    def hook(when: str, called: str, key: str) -> None:
        if (when, called) == ("before", verb) and (not keys or key in keys):
            raise error

    store.hooks.append(hook)


def withheld(ran: Ran) -> dict[str, str | None]:
    return {key: outcome.reason for key, outcome in ran.outcomes.items() if outcome.status == "withheld"}


# what is deleted ----------------------------------------------------------------------------------------------------


def test_row_F9_off_by_default():
    pair = pair_with("x", "y")
    ran = pair.sync()
    assert ran.report.green
    assert ran.report.counts == {"same": 2, "extra": 2}
    assert set(pair.contents()) == {"a", "b", "x", "y"}


def test_row_F9_what_is_not_at_the_source_is_deleted_after_everything_else():
    pair = pair_with("x", "y")
    pair.put({"c": b"3"})
    order: list[tuple[str, str]] = []
    pair.at_destination(lambda when, verb, key: order.append((verb, key)) if when == "before" else None)
    ran = pair.sync(**DELETE)
    assert ran.report.green
    assert ran.report.changed_anything
    assert {key: ran.status(key) for key in ("x", "y")} == dict.fromkeys(("x", "y"), ("deleted", "not_at_source"))
    assert pair.contents() == {**KEPT, "c": b"3"}
    deleted = [at for at, (verb, key) in enumerate(order) if verb == "delete" and key in ("x", "y")]
    copied = [at for at, (verb, key) in enumerate(order) if key == "c"]
    assert min(deleted) > max(copied), "copied and verified before"
    again = pair.sync(**DELETE)
    assert (again.report.counts, again.report.changed_anything) == ({"same": 2 + 1}, False)


@pytest.mark.parametrize("trash", ["none", "deleted", "all"])
def test_row_F10_what_is_deleted_is_kept_unless_nobody_wants_it(trash):
    pair = pair_with("x", "deep/y")
    ran = pair.sync(**DELETE | {"trash": trash})
    there = {key: body for key, body in pair.contents().items() if key not in KEPT}
    if trash == "none":
        assert there == {}
        assert ran.status("x") == ("deleted", "not_at_source")
        return
    folder = f"_bucketsync/{ran.report.trash}"
    assert there == {f"{folder}x": b"extra", f"{folder}deep/y": b"extra"}
    assert ran.status("x") == ("trashed", "not_at_source")
    assert ran.outcomes["x"].kept == ran.report.trash
    assert pair.sync(**DELETE).report.counts == {"same": 2}, "the trash is no data"


def test_row_F10_where_versions_are_kept_the_version_stays():
    pair = pair_with("x", versions=True)
    version = pair.destination.head("x").info.version_id
    ran = pair.sync(**DELETE | {"trash": "deleted"})
    assert ran.status("x") == ("trashed", "not_at_source")
    assert ran.outcomes["x"].kept == f"version/{version}"
    assert set(pair.contents()) == set(KEPT)


def test_fault_F17_neighbours_of_the_prefix_survive():
    pair = pair_with("x")
    beside = MemoryStore(replace(pair.destination.location, prefix="out2/"), server=pair.destination.server)
    beside.put("x", b"theirs")
    pair.sync(**DELETE)
    assert beside.head("x").info.size == 6


def test_fault_F18_what_the_selection_leaves_out_stays():
    pair = pair_with("x.log", "y.txt")
    ran = pair.sync(Selection(exclude=("*.log",)), **DELETE)
    assert ran.report.counts == {"same": 2, "deleted": 1}
    assert "x.log" in pair.contents()


def test_fault_F18_delete_excluded_deletes_it_where_it_is_not_at_the_source():
    pair = pair_with("x.log", "here.log")
    pair.put({"here.log": b"extra"})
    pair.sync(Selection(exclude=("*.log",)), **DELETE | {"delete_excluded": True})
    assert set(pair.contents()) == {*KEPT, "here.log"}


def test_row_B3_deletes_are_limited_to_the_keys_that_were_listed():
    pair = pair_with("a0", "b0", "c")
    pair.put({"d": b"4"})
    pair.sync(Selection(start_after="b"), **DELETE)
    assert set(pair.contents()) == {"a", "b", "d", "a0"}


def test_bounded_runs_delete_in_the_range_that_they_went_through():
    pair = Pair()
    pair.put({f"k{n}": b"1" for n in range(6)})
    pair.put_there({"a": b"extra", "k2x": b"extra", "z": b"extra"})
    for left in ({"k2x", "z"}, {"z"}, set()):
        pair.sync(max_objects=2, **DELETE)
        assert set(pair.contents()) & {"a", "k2x", "z"} == left


def test_runs_that_list_the_source_only_delete_nothing():
    pair = pair_with("x")
    pair.sync(**DELETE)
    pair.put_there({"y": b"extra"})
    ran = pair.sync(mode="auto", **DELETE)
    assert (ran.report.mode, ran.report.counts) == ("incremental", {"same": 2})
    assert "y" in pair.contents()
    pair.source.delete("a")
    ran = pair.sync(mode="auto", **DELETE)
    assert "a" in pair.contents(), "known, and not listed at the source"


@pytest.mark.parametrize(
    "wrong",
    [
        {"delete": True, "mode": "incremental"},
        {"delete": True, "move": True},
        {"move": True, "verify": "none"},
        {"max_delete_share": 1.5},
        {"max_deletes": -1},
        {"approval_hours": 0},
        {"trash": "some"},
        {"on_lock": "steal"},
        {"approvers": "me"},
        {"lock_lease": 1},
    ],
)
def test_what_does_not_fit_together_is_refused(wrong):
    with pytest.raises(InvalidConfiguration):
        SyncPolicy(**wrong)


# what withholds everything ------------------------------------------------------------------------------------------


def test_fault_F14_an_empty_source_deletes_nothing():
    pair = Pair()
    pair.put_there({"x": b"1", "y": b"2"})
    ran = pair.sync(**DELETE)
    assert ran.report.red == ("withheld",)
    assert withheld(ran) == {"x": "empty_source", "y": "empty_source"}
    assert any("allow_empty_source" in warning for warning in ran.report.warnings)
    assert set(pair.contents()) == {"x", "y"}
    assert pair.sync(**DELETE | {"allow_empty_source": True}).report.counts == {"deleted": 2}


@pytest.mark.parametrize("cap", [{"max_deletes": 1}, {"max_delete_share": 0.4}, {"max_delete_bytes": 9}])
def test_fault_F15_too_many_are_listed_and_none_is_deleted(cap):
    pair = pair_with("x", "y")
    ran = pair.sync(**DELETE | cap)
    assert ran.report.red == ("withheld",)
    assert withheld(ran) == {"x": "too_many_deletes", "y": "too_many_deletes"}
    assert set(pair.contents()) == {*KEPT, "x", "y"}


def test_a_dry_run_says_what_it_would_delete():
    pair = pair_with("x")
    ran = pair.sync(dry_run=True, **DELETE)
    assert ran.report.green
    assert ran.status("x") == ("withheld", "dry_run")
    assert "x" in pair.contents()


@pytest.mark.parametrize(
    ("word", "reason"), [("failed", "access_denied"), ("unverified", "not_looked_at: access_denied")]
)
def test_promise_P4_one_object_that_is_not_in_step_withholds_all(word, reason):
    pair = pair_with("x")
    pair.put({"bad": b"new"})
    side, verb = (pair.source, "get") if word == "failed" else (pair.destination, "head")
    if word == "failed":
        fail(pair.source, verb, AccessDenied("no"), "bad")
        fail(pair.destination, "copy", AccessDenied("no"), "bad")
    else:
        fail(side, verb, AccessDenied("no"), "bad")
    ran = pair.sync(tolerate=(word,), **DELETE)
    assert ran.outcomes["bad"].status == word
    assert withheld(ran) == {"x": "not_all_well"}
    assert "x" in pair.contents()


@pytest.mark.parametrize("tolerated", [False, True])
def test_promise_P4_a_refused_object_withholds_all_unless_it_is_tolerated(tolerated):
    pair = pair_with("x")
    pair.source.server.bucket("source").place(
        replace(
            pair.source.server.bucket("source").objects["in/a"],
            info=replace(pair.source.server.bucket("source").objects["in/a"].info, key="in/.bucketsync-1.tmp"),
        )
    )
    ran = pair.sync(tolerate=("refused",) if tolerated else (), **DELETE)
    assert ran.report.counts["refused"] == 1
    assert ("x" in pair.contents()) is not tolerated


def test_fault_F50_what_could_not_be_verified_withholds_all():
    pair = pair_with("x")
    pair.put({"new": b"new"})
    fail(pair.destination, "head", ServerError("down"), "new")
    ran = pair.sync(**DELETE)
    assert (ran.outcomes["new"].status, withheld(ran)) == ("unverified", {"x": "not_all_well"})


# what withholds one -------------------------------------------------------------------------------------------------


def test_invariant_I5_not_allowed_is_not_absent():
    pair = pair_with("x", "y")
    fail(pair.source, "head", AccessDenied("no"), "x")
    ran = pair.sync(**DELETE)
    assert withheld(ran) == {"x": "access_denied"}
    assert ran.report.red == ("withheld",)
    assert set(pair.contents()) == {*KEPT, "x"}


def test_fault_F07_an_object_that_the_listing_did_not_name_stops_all():
    pair = pair_with("x", "y", "z")
    pair.put({"y": b"extra"})
    pair.clock.advance(60)
    listing = pair.source.list_page
    pair.source.list_page = lambda **more: replace(  # type: ignore[method-assign]
        page := listing(**more), items=tuple(item for item in page.items if item.key != "y")
    )
    ran = pair.sync(**DELETE)
    assert withheld(ran) == dict.fromkeys("xyz", "listing_disagrees")
    assert set(pair.contents()) == {*KEPT, "x", "y", "z"}


def test_fault_F12_what_appears_meanwhile_stays_and_the_others_go():
    pair = pair_with("x", "y")

    def appear(when: str, verb: str, key: str) -> None:
        if (when, verb, key) == ("before", "head", "x"):
            pair.source.hooks.clear()
            pair.put({"y": b"new"})

    pair.source.hooks.append(appear)
    ran = pair.sync(**DELETE)
    assert ran.report.green
    assert ran.status("y") == ("changed", "appeared_at_source")
    assert set(pair.contents()) == {*KEPT, "y"}
    assert pair.sync(**DELETE).report.counts == {"same": 2, "copied": 1}


@pytest.mark.parametrize("trash", ["none", "deleted"])
@pytest.mark.parametrize("verb", ["head", "delete"])
def test_fault_F49_what_others_wrote_meanwhile_stays(verb, trash):
    pair = pair_with("x", "y")

    def overwrite(when: str, called: str, key: str) -> None:
        if (when, called, key) == ("before", verb, "x"):
            pair.destination.hooks.clear()
            pair.put_there({"x": b"theirs"})

    pair.at_destination(overwrite)
    ran = pair.sync(**DELETE | {"trash": trash})
    assert ran.status("x") == ("changed", "destination_changed")
    assert pair.contents()["x"] == b"theirs"
    assert "y" not in pair.contents()


def test_fault_F44_what_is_protected_stays():
    pair = pair_with("x", "y")
    bucket = pair.destination.server.bucket("destination")
    bucket.protected["out/x"] = "a legal hold"
    ran = pair.sync(**DELETE)
    assert withheld(ran) == {"x": "locked"}
    assert set(pair.contents()) == {*KEPT, "x"}


def test_what_can_not_be_kept_is_not_deleted():
    pair = pair_with("x", "y")

    def refuse(when: str, verb: str, key: str) -> None:
        if (when, verb, key) == ("before", "copy", "x"):
            raise AccessDenied("no")

    pair.at_destination(refuse)
    ran = pair.sync(**DELETE | {"trash": "deleted"})
    assert withheld(ran) == {"x": "not_kept"}
    assert "x" in pair.contents()
    assert "y" not in pair.contents()


def test_fault_F52_each_key_has_an_answer_of_its_own():
    pair = pair_with("x", "y")
    fail(pair.destination, "delete", AccessDenied("no"), "x")
    ran = pair.sync(**DELETE)
    assert (withheld(ran), ran.status("y")) == ({"x": "access_denied"}, ("deleted", "not_at_source"))


def test_fault_F53_a_lost_answer_is_asked_for_again():
    pair = pair_with("x")
    lost = []

    def lose(when: str, verb: str, key: str) -> None:
        if (when, verb, key) == ("after", "delete", "x") and not lost:
            lost.append(key)
            raise ServerError("lost")

    pair.at_destination(lose)
    ran = pair.sync(**DELETE)
    assert ran.report.green
    assert (lost, ran.status("x")) == (["x"], ("deleted", "not_at_source"))


def test_what_others_deleted_already_is_said_so():
    pair = pair_with("x")

    def gone(when: str, verb: str, key: str) -> None:
        if (when, verb, key) == ("before", "head", "x"):
            pair.destination.hooks.clear()
            pair.destination.delete("x")

    pair.at_destination(gone)
    assert pair.sync(**DELETE).status("x") == ("deleted", "not_there")


# stores that can do less --------------------------------------------------------------------------------------------


def test_row_G13_without_conditional_writes_nothing_is_deleted_unless_somebody_said_so():
    pair = pair_with("x", destination=replace(MEMORY_CAPABILITIES, conditional_put="none", conditional_delete=False))
    assert withheld(pair.sync(**DELETE)) == {"x": "no_lock"}
    ran = pair.sync(unsafe_deletes=True, **DELETE)
    assert ran.report.counts == {"same": 2, "deleted": 1}


@pytest.mark.parametrize("put", ["create_only", "none"])
def test_promise_P4_where_a_delete_has_no_condition_the_report_says_so(put):
    pair = pair_with("x", destination=replace(MEMORY_CAPABILITIES, conditional_put=put, conditional_delete=False))
    ran = pair.sync(unsafe_deletes=True, **DELETE)
    assert any("unguarded" in warning for warning in ran.report.warnings)


# very many ----------------------------------------------------------------------------------------------------------


def test_very_many_are_proven_by_a_second_listing(monkeypatch):
    monkeypatch.setattr(absence, "SAMPLE", 50)
    monkeypatch.setattr("airflow_bucketsync.engine.steps.delete.BULK", 500)
    pair = Pair()
    pair.put({f"k{n:04d}": b"1" for n in range(0, 1400, 7)})
    pair.put_there({f"k{n:04d}": b"1" for n in range(1400)})
    pair.sync(**DELETE | {"max_deletes": 0})
    before = pair.source.requests.copy()
    ran = pair.sync(**DELETE | {"max_deletes": 2000})
    asked = pair.source.requests - before
    assert ran.report.counts == {"same": 200, "deleted": 1200}
    assert len(pair.contents()) == 200
    assert asked["head"] < 40
    assert asked["list"] >= 3


def test_fault_F07_a_second_listing_finds_what_the_first_did_not_name(monkeypatch):
    monkeypatch.setattr("airflow_bucketsync.engine.steps.delete.BULK", 5)
    pair = pair_with(*(f"x{n}" for n in range(10)))
    pair.put({"x3": b"extra"})
    pair.clock.advance(60)
    listing, calls = pair.source.list_page, []

    def short(**more: Any) -> Any:
        page = listing(**more)
        calls.append(more)
        return page if len(calls) > 1 else replace(page, items=tuple(i for i in page.items if i.key != "x3"))

    prepared = pair.run("bulk", **DELETE)
    calls.clear()
    pair.source.list_page = short  # type: ignore[method-assign]
    plan = make_plan(prepared)
    assert plan.removal is not None
    assert plan.removal.objects == 10
    removed = delete_extra(prepared, plan, attempt=1, progress=MemoryProgress())
    assert removed.counts == {"withheld": 10}
    assert len(pair.contents()) >= 12


def test_the_state_of_another_pair_further_down_is_not_deleted():
    pair = pair_with("x", "out/_bucketsync/trash/old/a", "out/_bucketsync/lock-1.json")
    ran = pair.sync(**DELETE)
    assert ran.report.counts == {"same": 2, "deleted": 1, "extra": 2}
    assert set(pair.contents()) == {*KEPT, "out/_bucketsync/trash/old/a", "out/_bucketsync/lock-1.json"}


@pytest.mark.parametrize("side", ["source", "destination"])
def test_promise_P10_what_no_answer_speaks_of_is_not_deleted(side):
    pair = pair_with("x", "y")
    store = getattr(pair, side)
    heads = store.head_many

    def silent(keys: Any, **more: Any) -> Any:
        return (answer for answer in heads(keys, **more) if answer.key != "x")

    store.head_many = silent
    ran = pair.sync(**DELETE)
    assert withheld(ran) == {"x": "not_answered_for"}
    assert ran.status("y") == ("deleted", "not_at_source")
    assert set(pair.contents()) == {*KEPT, "x"}
