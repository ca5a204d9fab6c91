"""Is every part of a large object sent once, over all tries, clears and runs?"""

from __future__ import annotations

from collections import Counter

import pytest

from airflow_bucketsync.engine.errors import ConnectionLost, ServerError
from airflow_bucketsync.engine.model.upload import Receipt
from airflow_bucketsync.engine.steps.units import read_units
from airflow_bucketsync.engine.stores.gate import Stopped
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES
from tests.engine.steps.pairs import NO_CHECKSUMS, PART, Pair
from tests.engine.steps.test_kills import Killed
from tests.engine.steps.uploading import (
    MODES,
    SENDS,
    TIERS,
    At,
    Job,
    Trouble,
    body,
    each_part,
    pair_for,
    stored,
)

OBJECTS = {"a": body(8 * PART, 1), "b": body(4 * PART + 3, 2)}
CHECKSUMS = {"checksums": MEMORY_CAPABILITIES, "none": NO_CHECKSUMS}


def failing() -> ServerError:
    return ServerError("out of order", code="InternalError")


def filled(mode: str, **settings) -> Pair:
    pair = pair_for(mode, **settings)
    pair.put(OBJECTS)
    return pair


def left_open(mode: str, *, after: int = 5, **settings) -> tuple[Pair, Job]:
    """A run whose part groups get so many parts over, and fail for good."""
    pair = filled(mode, **settings)
    trouble = Trouble(failing, *SENDS, first=after + 1)
    pair.at_destination(trouble)
    job = Job(pair, run="first")
    report = job.drive()
    pair.destination.hooks.remove(trouble)
    assert not report.green
    assert stored(pair).total() == after
    return pair, job


@pytest.mark.parametrize("mode", MODES)
def test_row_C2_D6_three_tiers_in_one_run(mode):
    pair = pair_for(mode)
    objects = {"small": body(PART), "medium": body(3 * PART, 1), "large": body(3 * PART + 1, 2), "huge": body(99, 3)}
    pair.put(objects)
    job = Job(pair, **TIERS)
    plan = job.planned()
    assert [(group.first, group.last) for group in plan.groups] == [
        ((0, 1), (0, 4)),
        ((0, 5), (0, 7)),
        ((0, 8), (0, 10)),
        ((1, 1), (1, 4)),
    ]
    assert [batch.objects for batch in plan.batches] == [2]
    job.copied()
    assert pair.contents() == {key: objects[key] for key in ("small", "medium")}, "large ones are not there yet"
    report = job.ended()
    assert report.verified
    assert pair.contents() == objects
    in_parts = {"large": mode, "huge": mode, "medium": mode, "small": "stream"}
    if mode == "part_copy":
        in_parts |= {"small": "server_copy", "medium": "server_copy"}
    assert {key: outcome.mode for key, outcome in job.outcomes(report).items()} == in_parts
    large = {key: data for key, data in objects.items() if in_parts[key] == mode}
    assert stored(pair) == each_part(large)
    assert (pair.uploads(), [key for key in pair.contents(pair.pages) if "/uploads/" in key]) == (0, [])
    again = Job(pair, run="again", **TIERS)
    assert again.drive().counts == {"same": 4}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("mode", MODES)
def test_row_D7_a_part_that_fails_is_tried_again_and_the_others_are_not(mode, when):
    """Longer than the retries of one try; where only the answer was lost, the part is found by ListParts."""
    pair = filled(mode)
    pair.at_destination(Trouble(failing, *SENDS, first=3, last=5, when=when))
    job = Job(pair)
    report = job.drive()
    assert report.verified
    assert job.tries["parts", 0] == 2
    expected = Counter(each_part(OBJECTS))
    expected["a", 3] += 2 * (when == "after")  # a store's retry inside the try can't know
    assert stored(pair) == expected
    assert job.tries["parts", 1] == 1


@pytest.mark.parametrize("tick", [0.001, 6.0])
@pytest.mark.parametrize("capabilities", CHECKSUMS.values(), ids=CHECKSUMS)
@pytest.mark.parametrize("mode", MODES)
def test_row_D15_G2_what_a_stopped_group_sent_is_not_sent_again(mode, capabilities, tick):
    pair = filled(mode, destination=capabilities, tick=tick)
    job = Job(pair, group_bytes=1000)
    job.planned()
    job.do("begin")
    first = job.process()
    pair.at_destination(At(first.gate.stop, *SENDS, number=6))
    with pytest.raises(Stopped):
        job.once("parts", 0, run=first)
    sent = stored(pair).total()
    assert sent in (5, 6), "that in the air may arrive"
    job.do("parts", 0)
    assert stored(pair) == each_part(OBJECTS)
    assert job.ended().verified
    assert pair.contents() == OBJECTS


@pytest.mark.parametrize("capabilities", CHECKSUMS.values(), ids=CHECKSUMS)
@pytest.mark.parametrize("mode", MODES)
def test_row_D7_the_next_run_sends_the_missing_parts_only(mode, capabilities):
    pair, job = left_open(mode, destination=capabilities)
    assert pair.uploads() == 2
    assert pair.contents() == {}
    report = job.do("report")
    assert set(job.ends(report).values()) == {("failed", "server_error")}
    assert "5 of 8 parts arrived" in (job.outcomes(report)["a"].message or "")
    read = pair.source.requests["get"]
    second = Job(pair, run="second")
    assert second.drive().verified
    assert stored(pair) == each_part(OBJECTS), "over both runs"
    assert pair.source.requests["get"] - read == (8 if mode == "stream_parts" else 0), "nor read again"
    assert pair.contents() == OBJECTS
    assert pair.uploads() == 0
    assert [key for key in pair.contents(pair.pages) if "/uploads/" in key] == [], "entries and receipts are gone"


@pytest.mark.parametrize("capabilities", CHECKSUMS.values(), ids=CHECKSUMS)
@pytest.mark.parametrize("mode", MODES)
def test_row_D7_a_run_that_gets_nothing_over_keeps_what_the_one_before_had(mode, capabilities):
    """Its groups leave no page at all, as when they are killed for good."""
    pair, _ = left_open(mode, destination=capabilities)
    second = Job(pair, run="second")
    second.planned()
    second.copied(groups=())
    report = second.ended()
    assert not report.green
    assert pair.uploads() == 2
    read = pair.source.requests["get"]
    third = Job(pair, run="third")
    assert third.drive().verified
    assert stored(pair) == each_part(OBJECTS), "over three runs"
    assert pair.source.requests["get"] - read == (8 if mode == "stream_parts" else 0), "nor read again"


@pytest.mark.parametrize("mode", MODES)
def test_row_D7_parts_cut_in_another_way_are_no_parts_of_this_upload(mode):
    pair, _ = left_open(mode)
    report = Job(pair, run="second", part_size=PART + 1).drive()
    assert report.verified
    assert pair.contents() == OBJECTS
    assert pair.uploads() == 0
    assert stored(pair).total() == 5 + 8 + 4


@pytest.mark.parametrize("capabilities", CHECKSUMS.values(), ids=CHECKSUMS)
@pytest.mark.parametrize("mode", MODES)
def test_row_G10_a_cleared_group_sends_nothing_again(mode, capabilities):
    pair = filled(mode, destination=capabilities)
    job = Job(pair)
    plan = job.planned()
    job.copied()
    for group in plan.groups:
        job.clear("parts", group.number)
    assert stored(pair) == each_part(OBJECTS)
    indexes = read_units(job.process().workspace, "receipts", plan=plan.digest)
    assert {number: index.attempt for number, index in indexes.items()} == {0: 2, 1: 2, 2: 2, 3: 2}
    assert sum(index.counts["arrived"] for index in indexes.values()) == len(each_part(OBJECTS))
    assert job.ended().verified
    assert pair.contents() == OBJECTS


@pytest.mark.parametrize("capabilities", CHECKSUMS.values(), ids=CHECKSUMS)
@pytest.mark.parametrize("mode", MODES)
def test_row_G10_everything_cleared_after_the_run_writes_nothing(mode, capabilities):
    pair = filled(mode, destination=capabilities, versions=True)
    job = Job(pair)
    plan = job.planned()
    job.copied()
    first = job.outcomes(job.ended())
    before, infos = pair.writes(), {key: pair.destination.head(key).info for key in OBJECTS}
    job.clear("parts", 1)
    again = job.outcomes(job.ended())
    assert {key: (o.status, o.destination) for key, o in again.items()} == {
        key: (o.status, o.destination) for key, o in first.items()
    }
    for group in plan.groups:
        job.clear("parts", group.number)
    assert job.ended().verified
    assert {key: pair.destination.head(key).info for key in OBJECTS} == infos, "no version was added"
    assert stored(pair) == each_part(OBJECTS)
    assert set((pair.writes() - before).keys()) <= {"complete_upload"}, "which is told that there is no such upload"
    assert pair.uploads() == 0


@pytest.mark.parametrize("mode", MODES)
def test_row_G10_begin_cleared_goes_on_with_its_uploads(mode):
    pair = filled(mode)
    job = Job(pair)
    job.planned()
    job.copied(groups=[0, 2])
    job.clear("begin")
    for number in range(4):
        job.do("parts", number)
    assert job.ended().verified
    assert stored(pair) == each_part(OBJECTS)


@pytest.mark.parametrize("mode", MODES)
def test_row_G10_the_join_takes_up_what_a_cleared_group_brought(mode):
    """Its earlier try had found that not all parts arrived, kept what it did, and failed."""
    pair = filled(mode, tick=6.0)
    job = Job(pair)
    job.planned()
    job.copied(groups=[1, 2, 3])
    trouble = Trouble(failing, "complete_upload")
    pair.at_destination(trouble)
    with pytest.raises(ServerError):
        job.once("complete")
    pair.destination.hooks.remove(trouble)
    job.do("parts", 0)
    assert set(job.ends(job.ended()).values()) == {("copied", "new")}
    assert stored(pair) == each_part(OBJECTS)


@pytest.mark.parametrize("mode", MODES)
def test_row_G2_progress_names_at_most_5_seconds_less_than_arrived(mode):
    pair = filled(mode, tick=1.0)
    job = Job(pair, group_bytes=1000)
    job.planned()
    job.do("begin")
    pair.at_destination(Trouble(lambda: ConnectionLost("gone"), *SENDS, first=10))
    run, shown = job.process(), []

    def look(when: str, verb: str, key: str) -> None:
        saved = job.progress["parts", 0].load()
        segments = [] if saved is None else saved["segments"]
        shown.append((stored(pair).total(), sum(page["count"] for page in segments)))

    pair.at_destination(look)
    with pytest.raises(ConnectionLost):
        job.once("parts", 0, run=run)
    value = job.progress["parts", 0].load()
    assert value is not None
    assert value["plan"] == job.plan.digest
    assert value["progress"]["parts"][:1] == [9]
    assert max(sent - kept for sent, kept in shown) <= 3, "the clock goes on by a second at each look at it"
    assert sum(page["count"] for page in value["segments"]) == 9
    receipts = [
        Receipt.from_json(line) for page in value["segments"] for line in pair.lines(f"pair/run/{page['name']}")[1:]
    ]
    assert [receipt.part.number for receipt in receipts if receipt.part is not None] == [*range(1, 9), 1]


@pytest.mark.parametrize("capabilities", CHECKSUMS.values(), ids=CHECKSUMS)
@pytest.mark.parametrize("mode", MODES)
def test_fault_F58_progress_that_is_lost(mode, capabilities):
    """The store is asked what arrived; where it can't tell, a part is read and held against what lies there."""
    pair = filled(mode, destination=capabilities, tick=6.0)
    trouble = Trouble(Killed, *SENDS, first=6)
    pair.at_destination(trouble)
    job = Job(pair, group_bytes=1000)
    job.planned()
    job.do("begin")
    with pytest.raises(Killed):
        job.once("parts", 0)
    pair.destination.hooks.remove(trouble)
    job.progress.clear()
    job.do("parts", 0)
    assert job.ended().verified
    assert stored(pair) == each_part(OBJECTS)


@pytest.mark.parametrize("mode", MODES)
def test_fault_F62_progress_that_can_not_be_saved(mode):
    """Airflow is away: the try fails, and what it sent counts for the next one."""
    pair = filled(mode, tick=6.0)
    job = Job(pair, seen=Trouble(lambda: ConnectionLost("Airflow is away"), "save", first=3, last=5))
    report = job.drive()
    assert sum(job.tries.values()) > len(job.tries), "a try failed"
    assert report.verified
    assert stored(pair) == each_part(OBJECTS)
