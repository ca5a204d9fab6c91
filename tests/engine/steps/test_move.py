"""What does a move delete at the source, and what not? (D11)"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, InvalidConfiguration
from airflow_bucketsync.engine.steps.copy import copy_batch
from airflow_bucketsync.engine.steps.delete_extra import delete_extra
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.report import make_report
from airflow_bucketsync.engine.steps.run import MemoryProgress
from airflow_bucketsync.engine.steps.verify import verify_unit
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES
from tests.engine.steps.pairs import IN_PARTS, OPAQUE, PART, Pair, kill_at

OBJECTS = {"a": b"1", "deep/b": b"22", "large": b"3" * (2 * PART + 1)}


def filled(**settings: Any) -> Pair:
    pair = Pair(**settings)
    pair.put(OBJECTS, content_type="text/plain", tags={"team": "data"})
    return pair


def at_source(pair: Pair) -> set[str]:
    return set(pair.contents(pair.source))


@pytest.mark.parametrize("verify", ["listing", "metadata", "content"])
@pytest.mark.parametrize("tiers", [{}, IN_PARTS])
@pytest.mark.parametrize("shared", [True, False])
def test_row_D11_what_is_verified_is_deleted_at_the_source(shared, tiers, verify):
    pair = filled(shared=shared)
    ran = pair.sync(move=True, verify=verify, **tiers)
    assert ran.report.green
    assert ran.report.counts == {"moved": 3}
    assert ran.report.bytes == sum(map(len, OBJECTS.values()))
    assert at_source(pair) == set()
    assert pair.contents() == OBJECTS
    again = pair.sync(move=True, verify=verify, **tiers)
    assert again.report.green
    assert (again.report.counts, pair.contents()) == ({"extra": 3}, OBJECTS)


def test_row_D11_what_was_in_step_before_is_moved_too():
    """A move that was stopped between copying and deleting is finished by the next run."""
    pair = filled()
    pair.sync()
    ran = pair.sync(move=True)
    assert ran.report.counts == {"moved": 3}
    assert ran.report.bytes == 0
    assert (at_source(pair), pair.contents()) == (set(), OBJECTS)


@pytest.mark.parametrize("before", [False, True])
def test_row_D11_a_corrupt_destination_keeps_the_source(before):
    pair = filled(destination=OPAQUE)
    if before:
        pair.sync()
        pair.destination.damage("a", b"9")
        ran = pair.sync(move=True, verify="content")
        assert ran.status("a") == ("withheld", "not_proven")
    else:
        run = pair.run(move=True, verify="content")
        plan = make_plan(run)
        copy_batch(run, plan, 0, attempt=1, progress=MemoryProgress())
        verify_unit(run, plan, 0, attempt=1)
        pair.destination.damage("a", b"9")
        delete_extra(run, plan, attempt=1, progress=MemoryProgress())
        report = make_report(run).report
        assert report.counts == {"moved": 2, "withheld": 1}
    assert at_source(pair) == {"a"}


@pytest.mark.parametrize("verify", ["listing", "metadata", "content"])
@pytest.mark.parametrize("compare", ["exists", "size", "missing_or_older"])
@pytest.mark.parametrize("checksums", [True, False])
def test_row_D11_what_only_looks_in_step_keeps_the_source(checksums, compare, verify):
    """Names, sizes and times say `same`, and other bytes stand there: found by the property machine."""
    kind = OPAQUE if checksums else replace(OPAQUE, checksums=())
    pair = Pair(shared=False, source=kind, destination=kind)
    pair.put({"a": b"1", "b": b"2"})
    pair.put_there({"a": b"1", "b": b"9"})
    ran = pair.sync(move=True, compare=compare, verify=verify)
    assert ran.status("a")[0] == "moved"
    assert ran.status("b") == ("withheld", "not_proven")
    assert (at_source(pair), pair.contents()) == ({"b"}, {"a": b"1", "b": b"9"})


def test_row_D11_nothing_is_deleted_on_an_old_verification():
    """`delete_extra` is cleared, long after somebody wrote to the destination."""
    pair = filled()
    run = pair.run(move=True)
    plan = make_plan(run)
    copy_batch(run, plan, 0, attempt=1, progress=MemoryProgress())
    verify_unit(run, plan, 0, attempt=1)
    pair.put_there({"a": b"theirs"})
    pair.destination.delete("deep/b")
    delete_extra(run, plan, attempt=1, progress=MemoryProgress())
    assert at_source(pair) == {"a", "deep/b"}


def test_row_D11_what_is_overwritten_meanwhile_stays():
    pair = filled()

    def overwrite(when: str, verb: str, key: str) -> None:
        if (when, verb, key) == ("before", "delete", "a"):
            pair.source.hooks.clear()
            pair.put({"a": b"new"})

    pair.source.hooks.append(overwrite)
    ran = pair.sync(move=True)
    assert ran.status("a") == ("changed", "source_changed_after_copy")
    assert pair.contents(pair.source) == {"a": b"new"}
    assert pair.sync(move=True).report.counts == {"moved": 1, "extra": 2}
    assert pair.contents()["a"] == b"new"


def test_row_D11_a_source_that_may_not_be_deleted_from_is_said_before_the_first_copy():
    pair = filled()

    def deny(when: str, verb: str, key: str) -> None:
        if verb == "delete":
            raise AccessDenied("no DeleteObject")

    pair.source.hooks.append(deny)
    with pytest.raises(AccessDenied, match=r"move: the source may not be deleted from.*no DeleteObject"):
        pair.sync(move=True)
    assert pair.contents() == {}
    assert pair.sync(move=True, dry_run=True).report.green


def test_row_D11_a_delete_that_fails_is_red_and_finished_by_the_next_run():
    pair = filled()

    def deny(when: str, verb: str, key: str) -> None:
        if (when, verb, key) == ("before", "delete", "a"):
            raise AccessDenied("this one not")

    pair.source.hooks.append(deny)
    ran = pair.sync(move=True)
    assert ran.status("a") == ("withheld", "access_denied")
    assert ran.report.red == ("withheld",)
    pair.source.hooks.clear()
    assert pair.sync(move=True).report.counts == {"moved": 1, "extra": 2}


def test_promise_P3_a_dry_run_and_a_copy_delete_nothing_at_the_source():
    pair = filled()
    pair.sync(move=True, dry_run=True)
    pair.sync()
    assert at_source(pair) == set(OBJECTS)
    assert pair.source.requests["delete"] == 0


def test_a_source_without_conditional_deletes_is_looked_at_and_the_report_says_so():
    pair = filled(source=replace(MEMORY_CAPABILITIES, conditional_delete=False))
    ran = pair.sync(move=True)
    assert ran.report.counts == {"moved": 3}
    assert any("3 objects were deleted unguarded" in warning for warning in ran.report.warnings)


def test_moved_objects_are_forgotten():
    pair = filled()
    pair.sync(move=True)
    pair.put({"a": b"1"}, content_type="text/plain", tags={"team": "data"})
    ran = pair.sync(move=True, mode="auto")
    assert ran.report.green
    assert (ran.status("a")[0], at_source(pair)) == ("moved", set())


@pytest.mark.parametrize("when", ["before", "after"])
def test_row_D11_killed_at_every_request_nothing_is_lost(when):
    at = 0
    while True:
        at += 1
        pair = filled(quiet_lock=False)
        kill_at(pair, at, when)
        try:
            pair.sync(move=True, run="killed")
            ended = True
        except KeyboardInterrupt:
            ended = False
        pair.source.hooks.clear()
        pair.destination.hooks.clear()
        here, there = pair.contents(pair.source), {k: v for k, v in pair.contents().items() if k in OBJECTS}
        assert {**there, **here} == OBJECTS, f"killed {when} request {at}"
        ran = pair.sync(move=True, lock_lease=30, run="killed")
        assert ran.report.green, f"killed {when} request {at}: {ran.report}"
        assert (at_source(pair), {k: v for k, v in pair.contents().items() if k in OBJECTS}) == (set(), OBJECTS)
        if ended:
            break
    assert at > 30


def test_row_G13_where_no_lock_can_be_held_nothing_is_moved_unless_somebody_said_so():
    pair = filled(destination=replace(MEMORY_CAPABILITIES, conditional_put="none"))
    with pytest.raises(InvalidConfiguration, match="unsafe_deletes"):
        pair.sync(move=True)
    assert (pair.contents(), at_source(pair)) == ({}, set(OBJECTS))
    assert pair.sync(move=True, unsafe_deletes=True).report.counts == {"moved": 3}
