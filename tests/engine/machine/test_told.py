"""Is a late try judged by what it was told when it began, and by nothing that was made of its run's pages since?"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import zstandard

from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps import checks, copy
from airflow_bucketsync.engine.steps.run import Run
from tests.engine.machine.dag import DagRun
from tests.engine.machine.drawn import HOUR, MANY
from tests.engine.machine.faults import FAULTS
from tests.engine.machine.fibers import taking_turns
from tests.engine.machine.invariants import CANARY
from tests.engine.machine.machine import Sync
from tests.engine.machine.test_found_late import driven, ended
from tests.engine.machine.told import Told

FIRST, SECOND, THEIRS = b"ABCD", b"abcd", b"theirs"
UNREADABLE = next(fault for fault in FAULTS if (fault.code, fault.verbs) == ("F50", ("head", "tags")))


def about_to_copy(sync: Sync) -> DagRun:
    """A run that could not ask what stands at the destination, and is about to replace what it remembers there."""
    ended(sync)
    sync.put_source({"a": SECOND}, ObjectAttributes())
    sync.arm(UNREADABLE)
    run = sync.new_run({"mode": "auto"}, Selection())
    assert sync.go_until(run, "copy destination put a", 0)
    return run


def lose(sync: Sync, run: DagRun) -> None:
    sync.lose_state("run pages")


def tear(sync: Sync, run: DagRun) -> None:
    for name in ("run.json", "plan/manifest.json"):
        sync.lose_state("torn", sorted(sync.world.objects("pages")).index(f"pair/{run.name}/{name}"))


def prepare_anew(sync: Sync, run: DagRun) -> None:
    """The copy is given up and the run cleared, a day later: it is a full one now."""
    sync.set_clock("all", 30 * HOUR)
    run.clear("prepare", 0)
    task = run.ready()[0]
    sync.step(run, task, run.start(task), MANY)
    assert b'"full"' in (sync.world.page(f"{run.name}/run.json") or b"")


@pytest.mark.parametrize("happens", [lose, tear, prepare_anew])
def test_I12_a_late_try_replaces_what_its_run_remembered_whatever_became_of_its_pages(happens):
    with taking_turns():
        sync = driven(a=FIRST)
        happens(sync, about_to_copy(sync))
        sync.end_all()
    assert sync.world.contents("destination")["a"].body == SECOND
    assert sync.judge.broken == []


@pytest.mark.parametrize("happens", [lose, tear, prepare_anew])
def test_I12_a_late_try_leaves_what_its_run_did_not_remember(happens):
    """It is the condition of the write that keeps it."""
    with taking_turns():
        sync = driven(a=FIRST)
        run = about_to_copy(sync)
        sync.meddle("write", "a", THEIRS, ObjectAttributes())
        happens(sync, run)
        sync.end_all()
    assert sync.world.contents("destination")["a"].body == THEIRS
    assert sync.judge.broken == []


@pytest.mark.parametrize("happens", [lose, tear, prepare_anew])
def test_I12_a_late_try_that_replaces_what_its_run_never_saw_is_found(happens, monkeypatch):
    transfer_of = copy.transfer_of

    def carelessly(*about: Any) -> Any:
        return replace(transfer_of(*about), destination=Condition.ANY)

    monkeypatch.setattr(copy, "transfer_of", carelessly)
    with taking_turns():
        sync = driven(a=FIRST)
        run = about_to_copy(sync)
        sync.meddle("write", "a", THEIRS, ObjectAttributes())
        happens(sync, run)
        sync.end_all()
    assert sync.world.contents("destination")["a"].body == SECOND
    assert [words.partition(":")[0] for words in sync.judge.broken] == ["invariant I12"]


@pytest.mark.parametrize("side", ["source", "destination"])
def test_I3_a_delete_of_a_run_that_may_not_delete_is_found_when_its_pages_are_lost(side):
    with taking_turns():
        sync = driven(a=FIRST)
        ended(sync)
        sync.lose_state("run pages")
        sync.world.hands[side].delete("a")
        event = sync.world.happened(side, "delete", "a", by="run-1 copy 0 try 1", run=1)
        sync.judge.request(event)
    assert f"invariant I3: run-1 copy 0 try 1 deletes 'a' at the {side}" in sync.judge.broken


def test_I3_that_a_copying_run_asks_to_delete_at_the_source_is_found(monkeypatch):
    """A run that moves asks so before its document is written, and may: that it moves is known all the same."""
    check_move = checks.check_move

    def always(run: Run) -> None:
        check_move(replace(run, spec=replace(run.spec, policy=replace(run.spec.policy, move=True))))

    monkeypatch.setattr(checks, "check_move", always)
    with taking_turns():
        sync = driven(a=FIRST)
        ended(sync, move=True)
        assert sync.judge.broken == []
        ended(sync)
    assert sync.judge.broken == ["invariant I3: run-2 prepare 0 try 1 deletes '_bucketsync/probe' at the source"]


def torn_page(sync: Sync, name: str, word: str) -> None:
    """A page that lost its end, and unpacks to the beginning of a line."""
    packing = zstandard.ZstdCompressor().compressobj()
    page = packing.compress(f'{{"key":"{word}",'.encode()) + packing.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    page += packing.compress(b'"more":"nothing"}') + packing.flush()
    sync.world.hands["pages"].put(name, page)
    sync.lose_state("torn", sorted(sync.world.objects("pages")).index(name))


@pytest.mark.parametrize(("word", "found"), [("harmless", False), (CANARY, True)])
def test_I15_a_torn_page_is_searched_for_secrets_as_far_as_it_goes(word, found):
    with taking_turns():
        sync = driven(a=FIRST)
        torn_page(sync, "pair/run-1/report/objects.jsonl.zst", word)
        with pytest.raises(AssertionError, match="invariant I15") if found else nullcontext():
            sync.no_secrets()


def test_I9_a_page_of_the_memory_that_was_torn_is_believed_by_nobody():
    with taking_turns():
        sync = driven(a=FIRST)
        ended(sync)
        assert [known.key for known in sync.judge.known()] == ["a"]
        torn_page(sync, next(name for name in sync.world.objects("pages") if "/known/" in name), "a")
    assert list(sync.judge.known()) == []


def test_what_a_try_was_told_is_what_it_read_of_its_own_run():
    with taking_turns():
        sync = driven(a=FIRST)
        ended(sync)
    told, mine, other = Told(sync.world), "run-1 copy 0 try 1", "run-2 prepare 0 try 1"
    for name in ("run.json", "plan/manifest.json"):
        told.reads(sync.world.happened("pages", "get", f"pair/run-1/{name}", by=mine, run=1))
        told.reads(sync.world.happened("pages", "get", f"pair/run-1/{name}", by=other, run=2))
    assert told.run(mine)["mode"] == "full"
    assert told.plan(mine)["counts"]["planned"] == 1
    assert told.run(other) == told.plan(other) == {}
