"""Does `prepare` refuse what can't be right, and choose what to list?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_bucketsync.engine.errors import InvalidConfiguration, PlanMismatch
from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.listing import ListUnit
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.checks import check_overlap
from airflow_bucketsync.engine.steps.list_units import list_unit
from airflow_bucketsync.engine.steps.listed import read_index
from airflow_bucketsync.engine.steps.prepare import SMALL, prepare
from airflow_bucketsync.engine.steps.run_document import open_spec, read_run
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES
from tests.engine.clocks import START
from tests.engine.steps.pairs import Pair


def checkpoint(source: int, destination: int) -> Checkpoint:
    return Checkpoint(
        pair="pair",
        fingerprint="f",
        run="last",
        green=True,
        verified=True,
        watermark=None,
        objects={"source": source, "destination": destination},
        counts={},
        bytes=0,
        updated=START,
    )


def test_what_is_written_down_comes_back():
    pair = Pair()
    run = pair.run(prepared=False, selection=Selection(start_after="k", modified_after=START))
    prepared = prepare(run, warnings=("the checkpoint did not fit",))
    document = read_run(run.workspace, prepared.digest)
    assert document.spec == open_spec(run.workspace, prepared.digest) == run.spec
    assert document.run == "run"
    assert document.warnings == prepared.warnings == ("the checkpoint did not fit",)
    assert [(unit.side, unit.after) for unit in document.units] == [("source", "k"), ("destination", "k")]
    assert START <= document.started <= START + timedelta(seconds=1)
    assert prepared.to_json() == {"units": [], "digest": prepared.digest, "warnings": list(prepared.warnings)}
    with pytest.raises(PlanMismatch):
        open_spec(run.workspace, "0" * 64)


def test_without_run_json_every_later_step_says_why():
    with pytest.raises(PlanMismatch, match=r"no run\.json: did `prepare` finish"):
        open_spec(Pair().run(prepared=False).workspace, None)


@pytest.mark.parametrize(("objects", "small"), [((0, 0), True), ((SMALL, 0), True), ((SMALL, 1), False)])
def test_the_last_run_tells_whether_a_pair_is_small(objects, small):
    pair = Pair()
    prepared = prepare(pair.run(prepared=False), checkpoint=checkpoint(*objects))
    assert prepared.units == (() if small else (0, 1))
    assert pair.source.requests["list"] + pair.destination.requests["list"] == 0


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize(("count", "small"), [(0, True), (5, True), (6, False)])
def test_else_the_first_pages_tell(side, count, small):
    five = replace(MEMORY_CAPABILITIES, page_limit=5)
    pair = Pair(source=five, destination=five)
    for number in range(count):
        getattr(pair, side).put(f"{number}", b"")
    run = pair.run(prepared=False)
    assert prepare(run).units == (() if small else (0, 1))
    assert read_run(run.workspace).requests["source"] == {"list": 1}


@pytest.mark.parametrize(
    ("source", "destination", "overlap"),
    [
        ("memory://one/", "memory://one/", True),
        ("memory://one/a/", "memory://one/", True),
        ("memory://one/", "memory://one/a/b/", True),
        ("memory://one/a/", "memory://one/ab/", False),
        ("memory://one/a/", "memory://two/a/", False),
        ("memory://x@one/a/", "memory://y@one/a/", False),
        ("file:///data/in/", "file:///data/in/sub/", True),
        ("file:///data/in/", "file:///data/input/", False),
    ],
)
def test_fault_F16_sides_that_overlap_are_refused(source, destination, overlap):
    spec = SyncSpec.of(Location.parse(source), Location.parse(destination))
    if overlap:
        with pytest.raises(InvalidConfiguration, match=r"overlap.*choose prefixes"):
            check_overlap(spec)
    else:
        check_overlap(spec)


def test_a_listing_in_pages(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("airflow_bucketsync.engine.steps.listing_parts.PAGE_OBJECTS", 4)
    pair = Pair(source=replace(MEMORY_CAPABILITIES, page_limit=3))
    pair.put({f"{number:02d}": b"x" * number for number in range(10)})
    run = pair.run(mapped=True)
    index = list_unit(run, 0)
    assert [page.count for page in index.pages] == [4, 4, 2]
    assert (index.objects, index.bytes) == (10, 45)
    assert index.requests == {"list": 4}
    assert index.unit == ListUnit(number=0, side="source")
    assert read_index(run.workspace, index.unit) == index
