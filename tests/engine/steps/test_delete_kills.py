"""Is a good object ever lost when a run that deletes is killed, doubled, cleared, or comes late? (I4, I5, I12, F64)"""

from __future__ import annotations

from typing import Any

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError
from airflow_bucketsync.engine.model.approval import Approval
from airflow_bucketsync.engine.steps.copy import copy_batch
from airflow_bucketsync.engine.steps.delete_extra import delete_extra
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.report import make_report
from airflow_bucketsync.engine.steps.run import MemoryProgress
from airflow_bucketsync.engine.steps.verify import verify_unit
from tests.engine.steps.pairs import Pair, kill_at

HERE = {"a": b"1", "b": b"2"}
EXTRA = {"x": b"8", "y": b"9"}
POLICY: dict[str, Any] = {"delete": True, "max_delete_share": 1.0}


def filled() -> Pair:
    pair = Pair(quiet_lock=False)
    pair.put(HERE | {"new": b"3"})
    pair.put_there(HERE | EXTRA | {"b": b"old"})
    return pair


def everywhere(pair: Pair) -> dict[str, bytes]:
    """What stands at the destination, the trash with it, by the last segment of the key."""
    return {key.rpartition("/")[2]: body for key, body in pair.contents().items()}


@pytest.mark.parametrize("trash", ["deleted", "all"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_invariant_I12_killed_at_every_request_and_run_again(when, trash):
    at, ended = 0, False
    while not ended:
        at += 1
        pair = filled()
        kill_at(pair, at, when)
        try:
            pair.sync(trash=trash, run="run", **POLICY)
            ended = True
        except KeyboardInterrupt:
            pass
        for store in (pair.source, pair.destination):
            store.hooks.clear()
        found = everywhere(pair)
        assert found["x"] == b"8", f"killed {when} request {at}"
        assert found["y"] == b"9", f"killed {when} request {at}"
        ran = pair.sync(trash=trash, run="run", **POLICY)
        assert ran.report.green, f"killed {when} request {at}: {ran.report}"
        plain = {key: body for key, body in pair.contents().items() if not key.startswith("_bucketsync/")}
        assert plain == HERE | {"new": b"3"}, f"killed {when} request {at}"
        kept = {key.rpartition("/")[2]: body for key, body in pair.contents().items() if key not in plain}
        assert EXTRA.items() <= kept.items(), f"killed {when} request {at}"
        if trash == "all":
            assert b"old" in kept.values()
    assert at > 25


def up_to_delete(pair: Pair, **policy: Any) -> tuple[Any, Any]:
    """A run with everything done but its deletions."""
    run = pair.run(**POLICY | policy)
    plan = make_plan(run)
    for batch in plan.batches:
        copy_batch(run, plan, batch.number, attempt=1, progress=MemoryProgress())
        verify_unit(run, plan, batch.number, attempt=1)
    return run, plan


def test_invariant_I12_a_task_that_runs_twice_deletes_once():
    pair = filled()
    run, plan = up_to_delete(pair)
    first = delete_extra(run, plan, attempt=1, progress=MemoryProgress())
    requests = pair.writes()
    second = delete_extra(run, plan, attempt=2, progress=MemoryProgress())
    assert first.counts == second.counts == {"trashed": 2}
    renewals = pair.writes() - requests
    assert set(renewals) <= {"put"}, "but for the lock"


def test_fault_F64_a_result_that_is_missing_withholds():
    pair = filled()
    run, plan = up_to_delete(pair)
    for name in run.workspace.list_names("result/"):
        run.workspace.delete(name)
    removed = delete_extra(run, plan, attempt=1, progress=MemoryProgress())
    assert removed.counts == {"withheld": 2}
    assert "copy 0" in (removed.withheld or "")
    assert set(EXTRA) <= set(pair.contents())


def test_fault_F64_findings_that_are_missing_withhold():
    pair = filled()
    run, plan = up_to_delete(pair)
    for name in run.workspace.list_names("findings/"):
        run.workspace.delete(name)
    assert delete_extra(run, plan, attempt=1, progress=MemoryProgress()).counts == {"withheld": 2}


def test_a_cleared_task_never_deletes_on_a_stale_verification():
    """`copy` was cleared and failed, `verify` was not run again: its findings speak of what is no longer said."""
    pair = filled()
    run, plan = up_to_delete(pair)
    pair.destination.delete("new")

    def deny(when: str, verb: str, key: str) -> None:
        if (when, verb, key) == ("before", "copy", "new"):
            raise AccessDenied("no")

    pair.at_destination(deny)
    copy_batch(run, plan, 0, attempt=2, progress=MemoryProgress())
    removed = delete_extra(run, plan, attempt=1, progress=MemoryProgress())
    assert removed.counts == {"withheld": 2}
    assert "1 failed" in (removed.withheld or "")
    assert set(EXTRA) <= set(pair.contents())


def test_what_was_withheld_is_tried_again_when_the_task_is_cleared():
    pair = filled()
    run, plan = up_to_delete(pair)
    names = list(run.workspace.list_names("findings/"))
    kept = {name: pair.contents(pair.pages)[f"pair/run/{name}"] for name in names}
    for name in names:
        run.workspace.delete(name)
    assert delete_extra(run, plan, attempt=1, progress=MemoryProgress()).counts == {"withheld": 2}
    for name, body in kept.items():
        pair.pages.put(f"pair/run/{name}", body)
    assert delete_extra(run, plan, attempt=2, progress=MemoryProgress()).counts == {"trashed": 2}
    report = make_report(run).report
    assert report.green
    assert report.counts["trashed"] == 2


def test_what_was_not_come_to_is_said_so():
    pair = filled()
    run, _plan = up_to_delete(pair)
    report = make_report(run).report
    assert report.counts["withheld"] == 2
    assert report.reasons["withheld: not_reached"] == 2
    assert "delete_extra" in report.incomplete


@pytest.mark.parametrize(
    ("answer", "word", "reason"),
    [
        (None, "withheld", "not_asked"),
        ("keep", "withheld", "rejected"),
        ("none", "withheld", "not_answered"),
        ("delete", "trashed", "not_at_source"),
    ],
)
def test_row_F13_only_a_yes_to_this_very_plan_deletes(answer, word, reason):
    pair = filled()
    run, plan = up_to_delete(pair, approve_above=1)
    for digest in ("another", plan.digest):
        approval = None if answer is None else Approval(plan=digest, answer=answer, by="ada", at=run.clock.now())
        removed = delete_extra(run, plan, attempt=1, progress=MemoryProgress(), approval=approval)
        if digest == "another":
            assert removed.counts == {"withheld": 2}
    assert removed.counts == {word: 2}
    report = make_report(run).report
    assert report.reasons[f"{word}: {reason}"] == 2
    assert report.green is (reason != "not_asked")


@pytest.mark.parametrize(
    ("above", "asks"), [({"approve_above": 2}, False), ({"approve_above": 1}, True), ({"approve_bytes_above": 1}, True)]
)
def test_row_F13_who_is_not_to_be_asked_is_not(above, asks):
    pair = filled()
    run, plan = up_to_delete(pair, **above)
    removed = delete_extra(run, plan, attempt=1, progress=MemoryProgress())
    assert removed.counts == ({"withheld": 2} if asks else {"trashed": 2})


def test_invariant_I4_without_the_lock_nothing_is_deleted():
    pair = filled()
    run, plan = up_to_delete(pair)
    assert plan.lock
    state = run.destination.below("_bucketsync/")
    for item in state.list_page().items:
        if item.key.startswith("lock-"):
            state.delete(item.key)
    with pytest.raises(BucketsyncError, match="lock"):
        delete_extra(run, plan, attempt=1, progress=MemoryProgress())
    assert set(EXTRA) <= set(pair.contents())
