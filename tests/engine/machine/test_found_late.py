"""What did the machine find of tries that come late, and of stores and pages that are not as they were left?"""

from __future__ import annotations

from typing import Any

import pytest

from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps.move import FRESH
from airflow_bucketsync.engine.steps.tally import Tally
from tests.engine.machine.dag import DagRun
from tests.engine.machine.drawn import MANY
from tests.engine.machine.faults import FAULTS
from tests.engine.machine.fibers import taking_turns
from tests.engine.machine.machine import Sync
from tests.engine.steps.pairs import Pair

FIRST, SECOND = b"ABCD", b"abcd"
DELETE: dict[str, Any] = {"delete": True, "max_delete_share": 1.0, "trash": "none"}
RECORDS = "pair/run-1/report/objects.jsonl.zst"


def pair_with_extra() -> Pair:
    """An object on both sides, and another at the destination only."""
    pair = Pair()
    pair.put({"a": FIRST})
    pair.put_there({"a": FIRST, "x": SECOND})
    return pair


@pytest.mark.parametrize("trash", ["none", "deleted"])
def test_I12_a_late_delete_takes_nothing_away_that_a_newer_run_found_in_step(trash):
    """A delete that was given up goes on when its object is at the source again, with the bytes that were listed.

    It is left alone after its look at what is to be deleted, or where that is kept first, as it writes that down.
    """
    pair = pair_with_extra()
    store, request, name = (pair.destination, "head", "x") if trash == "none" else (pair.pages, "put", "/kept/")

    def meanwhile(when: str, verb: str, key: str) -> None:
        if (when, verb) == ("after", request) and name in key:
            store.hooks.clear()
            pair.put({"x": SECOND})
            assert pair.sync(check=True).report.counts == {"same": 2}

    store.hooks.append(meanwhile)
    ran = pair.sync(**DELETE | {"trash": trash})
    assert ran.status("x") == ("changed", "appeared_at_source")
    assert {key: pair.contents()[key] for key in ("a", "x")} == {"a": FIRST, "x": SECOND}


@pytest.mark.parametrize("what", ["overwritten", "deleted"])
def test_D11_a_move_that_read_for_long_looks_once_more_before_it_deletes(what):
    """While later objects are read, somebody takes away what was looked at first: the source is its only copy."""
    pair = Pair()
    pair.put({"a": FIRST, "b": SECOND})
    pair.sync(check=True)

    def meanwhile(when: str, verb: str, key: str) -> None:
        if (when, verb, key) == ("before", "get", "b"):
            pair.destination.hooks.clear()
            pair.clock.advance(FRESH)
            if what == "deleted":
                pair.destination.delete("a")
            else:
                pair.put_there({"a": b"theirs"})

    pair.at_destination(meanwhile)
    ran = pair.sync(move=True, mode="full", verify="content")
    assert ran.status("a") == ("withheld", "not_proven")
    assert ran.status("b")[0] == "moved"
    assert pair.contents(pair.source) == {"a": FIRST}


def test_I12_a_delete_on_its_way_is_not_held_back_and_the_next_run_brings_the_object_again():
    """What no engine can promise: it was proven absent, and only the delete itself was left to send."""
    with taking_turns():
        sync = driven(a=FIRST)
        sync.meddle("write", "x", SECOND, ObjectAttributes())
        run = sync.new_run({**DELETE, "concurrency": 1}, Selection())
        assert sync.go_until(run, "delete destination delete x", 0)
        sync.put_source({"x": SECOND}, ObjectAttributes())
        sync.settle({"mode": "full"}, late=True)
        assert (sync.judge.broken, set(sync.world.contents("destination"))) == ([], {"a"})
        sync.settle({"mode": "full"})
    assert set(sync.world.contents("destination")) == {"a", "x"}


@pytest.mark.parametrize("at", ["destination head x", "pages put pair/run-1/kept/"])
def test_I12_a_delete_that_was_left_alone_before_its_proof_finds_the_object(at):
    with taking_turns():
        sync = driven(a=FIRST)
        sync.meddle("write", "x", SECOND, ObjectAttributes())
        run = sync.new_run({**DELETE, "trash": "deleted", "concurrency": 1}, Selection())
        assert sync.go_until(run, f"delete {at}", 0)
        sync.put_source({"x": SECOND}, ObjectAttributes())
        sync.settle({"mode": "full"}, late=True)
    assert (sync.judge.broken, set(sync.world.contents("destination"))) == ([], {"a", "x"})


# what only looked like a broken promise: the machine itself was wrong ----------------------------------------------


def driven(**objects: bytes) -> Sync:
    """A machine under nobody's hand, with these objects at its source."""
    sync = Sync()
    sync.begin({"shared": False}, objects, ObjectAttributes(), retries=0)
    return sync


def ended(sync: Sync, **policy: Any) -> DagRun:
    """A run that went to its end."""
    run = sync.new_run(policy, Selection())
    while not run.over:
        task = run.ready()[0]
        sync.step(run, task, run.start(task), MANY)
    return run


def report_that_was_torn(sync: Sync) -> DagRun:
    """A run whose records are damaged after they were written, and before its report is."""
    run = sync.new_run({}, Selection())
    assert sync.go_until(run, "report pages put pair/run-1/report.json", 0)
    sync.lose_state("torn", sorted(sync.world.objects("pages")).index(RECORDS))
    sync.end_all()
    return run


def test_I11_records_that_somebody_damages_are_not_what_the_report_counted():
    """Whoever reads the page finds out: its report says how many objects it names."""
    with taking_turns():
        sync = driven(a=FIRST)
        run = report_that_was_torn(sync)
    assert run.report is not None
    assert run.report.counts == {"copied": 1}
    assert sync.judge.broken == []


def test_I11_a_report_that_counts_too_few_is_found_whatever_became_of_its_records(monkeypatch):
    monkeypatch.setattr(Tally, "add", lambda self, outcome: None)
    with taking_turns():
        sync = driven(a=FIRST)
        report_that_was_torn(sync)
    assert "invariant I11: the report says {}, its records {'copied': 1}" in sync.judge.broken


def test_I9_what_a_store_tells_of_an_older_version_was_looked_at():
    """Nothing shows that a HEAD is stale: what it tells is believed, and the next look finds out."""
    with taking_turns():
        sync = driven(a=FIRST)
        ended(sync)
        about = ObjectAttributes()
        sync.meddle("write", "a", SECOND, about)
        sync.meddle("write", "a", FIRST, about)
        sync.put_source({"a": SECOND}, about)
        sync.arm(next(fault for fault in FAULTS if fault.stale))
        lied = ended(sync, mode="incremental", compare="checksum")
        assert lied.report is not None
        assert lied.report.counts == {"same": 1}
        assert sync.judge.broken == []
        ended(sync)
    assert sync.world.contents("destination")["a"].body == SECOND
