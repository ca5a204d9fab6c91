"""Faults of what runs and tries remember: F55 (torn), F56 (of something else), F57 (outdated), F58 (expired)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps.copy import copy_batch
from airflow_bucketsync.engine.steps.known import open_known
from airflow_bucketsync.engine.steps.run import MemoryProgress
from airflow_bucketsync.engine.steps.units import outcomes_of
from tests.engine import stand as clouds
from tests.engine.steps.pairs import Pair, Ran
from tests.engine.steps.test_kills import WAYS, Killed, Killer, planned, requests_of_a_whole_try

OBJECTS = {f"k{number}": b"body %d" % number for number in range(4)}
CHANGES = {"k0": b"other", "k9": b"new"}


def remembering(**settings: Any) -> Pair:
    """A pair in step after one full run, whose source has changed since."""
    pair = Pair(**settings)
    pair.put(OBJECTS)
    assert pair.sync(check=True).report.verified
    pair.clock.advance(60)
    pair.put(CHANGES)
    pair.source.delete("k1")
    return pair


def wanted(pair: Pair) -> dict[str, bytes]:
    """What the destination must hold: nothing is deleted there."""
    return {**OBJECTS, **pair.contents(pair.source)}


def incremental(pair: Pair, selection: Selection | None = None) -> tuple[Ran, bool]:
    """An incremental run was asked for; the run, which is right, and whether it compared everything instead."""
    before = pair.destination.requests["list"]
    ran = pair.sync(selection, mode="incremental")
    assert ran.report.verified
    return ran, pair.destination.requests["list"] > before


def full_with_a_warning(pair: Pair, selection: Selection | None = None) -> Ran:
    """Memory that does not fit is none: everything is compared, and the report says so."""
    ran, full = incremental(pair, selection)
    assert full
    assert any("remembered" in warning or "memory" in warning for warning in ran.report.warnings)
    return ran


def names(pair: Pair, part: str) -> list[str]:
    """Documents and pages of the pair's memory with this in their names."""
    return [name for name in pair.contents(pair.pages) if name.startswith("pair/") and part in name]


# F55: torn ------------------------------------------------------------------------------------------------------------


def nothing_is_remembered_that_did_not_arrive(pair: Pair, place: str) -> None:
    """Invariant I9: whatever memory says of a version that still stands at the source is at the destination."""
    here, there = pair.contents(pair.source), pair.contents()
    run = pair.run(prepared=False)
    for record in open_known(run.workspace, run.spec):
        if record.source is not None and record.key in here:
            etag = pair.source.head(record.key).info.etag
            assert record.source.etag != etag or there[record.key] == here[record.key], f"{place}: {record.key}"


@pytest.mark.parametrize("when", ["before", "after"])
def test_fault_F55_killed_at_every_request_of_a_whole_run(when: str) -> None:
    """Results, verification, memory and checkpoint included; the next run believes what is left, and misses nothing."""
    at, finished = 0, False
    while not finished:
        at += 1
        pair = remembering()
        killer = Killer(pair, at, when)
        try:
            pair.sync(mode="incremental", run="killed")
            finished = True
        except Killed:
            killer.gone()
            place = f"killed {when} request {at}"
            nothing_is_remembered_that_did_not_arrive(pair, place)
            incremental(pair)
            assert pair.contents() == wanted(pair), place
    assert at > 30, "a run has that many requests"


DAMAGE: dict[str, Callable[[bytes, int], bytes]] = {
    "cut": lambda data, at: data[:at],
    "flipped": lambda data, at: data[:at] + bytes([data[at] ^ 0x11]) + data[at + 1 :],
    "zeroed": lambda data, at: data[:at] + bytes(len(data) - at),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("part", ["checkpoint.json", "known.json", "known/"])
def test_fault_F55_memory_that_is_torn_or_turned(part: str, damage: str) -> None:
    """A byte may fall where nothing is told from it; wherever it matters the run is a full one and says why."""
    told = 0
    for at in range(0, 400, 9):
        pair = remembering()
        [name] = names(pair, part)
        data = pair.contents(pair.pages)[name]
        if at >= len(data):
            break
        pair.pages.put(name, DAMAGE[damage](data, at))
        ran, full = incremental(pair)
        assert pair.contents() == wanted(pair), at
        assert full or damage == "flipped", at
        assert bool(ran.report.warnings) == full, at
        told += full
        assert not incremental(pair)[1], "memory was built anew"
    assert told >= 10


# F56: of something else -----------------------------------------------------------------------------------------------


OTHERS: dict[str, dict[str, Any]] = {
    "pair": {"pair": "another"},
    "options": {"fingerprint": "0" * 64},
    "schema": {"schema": "bucketsync/plan"},
    "version": {"version": 99},
}


@pytest.mark.parametrize("part", ["checkpoint.json", "known.json"])
@pytest.mark.parametrize("kind", OTHERS)
def test_fault_F56_memory_of_something_else(part: str, kind: str) -> None:
    if (part, kind) == ("known.json", "pair"):
        kind = "options"  # it lies in the pair's folder, and is told by its locations alone
    pair = remembering()
    name = f"pair/{part}"
    pair.pages.put(name, orjson.dumps({**orjson.loads(pair.contents(pair.pages)[name]), **OTHERS[kind]}))
    full_with_a_warning(pair)
    assert pair.contents() == wanted(pair)
    assert not incremental(pair)[1], "memory was built anew"


def test_fault_F56_other_options_and_other_locations_under_one_name() -> None:
    """What was left out before is not taken for known, and another bucket not for the one that was filled."""
    pair = Pair()
    pair.put(OBJECTS)
    narrow = Selection(include=("k0", "k1"))
    assert pair.sync(narrow, check=True).report.counts == {"copied": 2}
    full_with_a_warning(pair)
    assert pair.contents() == OBJECTS
    elsewhere = Pair()
    elsewhere.pages = pair.pages
    elsewhere.put(OBJECTS)
    bucket = elsewhere.destination
    bucket.location = bucket.location.parse("memory://destination/elsewhere/")
    full_with_a_warning(elsewhere)
    assert elsewhere.contents() == OBJECTS


# F57: outdated --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("done", ["deleted", "replaced"])
def test_fault_F57_known_but_deleted_or_replaced_by_hand(any_pair: clouds.Pair, done: str) -> None:
    """A full run looks at the destination whatever is remembered; one that lists the source leaves it to that."""
    pair = any_pair
    pair.put(OBJECTS)
    assert pair.sync().report.verified
    if done == "deleted":
        pair.destination_at.core.delete(pair.destination, "k0")
    else:
        pair.put_destination({"k0": b"BODY 0"})
    struck = pair.contents()
    ran = pair.sync(mode="incremental")
    assert (ran.report.mode, ran.report.counts) == ("incremental", {"same": 4})
    assert pair.contents() == struck
    ran = pair.sync(mode="full")
    assert ran.report.counts == {"copied": 1, "same": 3}
    assert pair.contents() == OBJECTS


# F58: expired ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["checkpoint.json", "known"])
def test_fault_F58_memory_that_is_gone(part: str) -> None:
    pair = remembering()
    for name in names(pair, part):
        pair.pages.delete(name)
    ran = full_with_a_warning(pair)
    assert pair.contents() == wanted(pair)
    assert ran.report.counts == {"copied": 2, "extra": 1, "same": 2}, "compared, and not copied again"


@pytest.mark.parametrize("way", WAYS)
def test_fault_F58_progress_of_a_killed_try_is_gone(way: str) -> None:
    """The next try finds at the destination what was done, claims it and writes none of it again."""
    pair, objects, policy, plan = planned(way, 6.0)
    killer = Killer(pair, requests_of_a_whole_try(way, 6.0) // 2, "after")
    lost = MemoryProgress()
    with pytest.raises(Killed):
        copy_batch(pair.run(prepared=False, **policy), plan, 0, attempt=1, progress=lost)
    killer.gone()
    assert lost.value is not None
    versions = {key: pair.destination.head(key).info for key in pair.contents()}
    assert 0 < len(versions) < len(objects)
    run = pair.run(prepared=False, **policy)
    index = copy_batch(run, plan, 0, attempt=2, progress=MemoryProgress())
    assert {outcome.status for outcome in outcomes_of(run.workspace, index)} == {"copied"}
    assert pair.contents() == objects
    assert {key: pair.destination.head(key).info for key in versions} == versions
    assert pair.uploads() <= 1, "the one whose id was in the progress is left to a sweep"
