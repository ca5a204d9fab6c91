"""Do replies that were lost, and tries that were thought dead, leave a large object right and written once?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, ConnectionLost, ServerError
from airflow_bucketsync.engine.model.objects import ObjectAttributes, PutResult
from airflow_bucketsync.engine.steps.units import read_units
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES
from tests.engine.steps.pairs import NO_CHECKSUMS, OPAQUE, PART, Pair
from tests.engine.steps.test_kills import Killed
from tests.engine.steps.uploading import (
    MODES,
    SENDS,
    At,
    CountingStore,
    Job,
    KeptProgress,
    Trouble,
    body,
    each_part,
    pair_for,
    stored,
)

KEY = "k"
BODY, OTHER = body(8 * PART, 1), body(25, 2)
OBJECTS = {KEY: BODY, "other": OTHER}
STORES = {"checksums": MEMORY_CAPABILITIES, "ETags": NO_CHECKSUMS, "nothing": replace(OPAQUE, checksums=())}
"""What a destination says of an object of parts; where it says nothing, both sides are read."""


class Opaque(CountingStore):
    """Gives objects ETags that say nothing of their bytes."""

    def _place(self, key: str, data: bytes, attributes: ObjectAttributes, **known: Any) -> PutResult:
        return super()._place(key, data, attributes, **{**known, "etag": self.server.new_id("etag")})


def filled(mode: str, standing: bytes | None = None, **settings: Any) -> Pair:
    if settings.get("destination") is STORES["nothing"]:
        settings["store"] = Opaque
    pair = pair_for(mode, versions=True, **settings)
    pair.put(OBJECTS)
    if standing is not None:
        pair.put_there({KEY: standing})
    return pair


def versions(pair: Pair) -> int:
    """How often the object was written to the destination."""
    bucket = pair.destination.server.bucket(pair.destination.location.bucket)
    return sum(key == pair.destination.location.full_key(KEY) for key, _ in bucket.versions)


def copied(pair: Pair, **policy: Any) -> Job:
    job = Job(pair, **policy)
    job.planned()
    job.copied()
    return job


@pytest.mark.parametrize("standing", [None, b"what stood there"])
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("capabilities", STORES.values(), ids=STORES)
@pytest.mark.parametrize("mode", MODES)
def test_fault_F33_F39_reply_to_complete_is_lost(mode, capabilities, times, standing):
    """Once, or in all tries of a first attempt."""
    pair = filled(mode, standing, destination=capabilities)
    job = copied(pair)
    pair.at_destination(Trouble(lambda: ConnectionLost("gone"), "complete_upload", last=times, when="after", key=KEY))
    report = job.ended()
    assert job.failed == []
    assert report.green
    assert job.ends(report)[KEY][0] == "copied"
    assert pair.contents() == OBJECTS
    assert versions(pair) == 1 + (standing is not None), "written once"
    assert pair.uploads() == 0


@pytest.mark.parametrize("capabilities", STORES.values(), ids=STORES)
@pytest.mark.parametrize("mode", MODES)
def test_fault_F39_killed_after_complete(mode, capabilities):
    pair = filled(mode, destination=capabilities)
    job = copied(pair)
    trouble = Trouble(Killed, "complete_upload", when="after", last=1, key=KEY)
    pair.at_destination(trouble)
    report = job.ended()
    assert job.tries["complete", 0] == 2
    assert report.green
    assert job.ends(report)[KEY] == ("copied", "new")
    assert (versions(pair), pair.uploads()) == (1, 0)
    assert stored(pair) == each_part(OBJECTS)


@pytest.mark.parametrize("standing", [None, b"what stood there"])
@pytest.mark.parametrize("capabilities", STORES.values(), ids=STORES)
@pytest.mark.parametrize("mode", MODES)
def test_fault_F60_zombie_completes_after_its_retry_has(mode, capabilities, standing):
    """It stops right before its request; the next try does all; then it wakes."""
    pair = filled(mode, standing, destination=capabilities)
    job = copied(pair)
    job.tries["complete", 0] = 1
    pair.at_destination(At(lambda: job.do("complete"), "complete_upload"))
    zombie = job.process()
    job.once("complete", run=zombie, attempt=1)
    assert job.tries["complete", 0] == 2
    index = read_units(job.process().workspace, "result", plan=job.plan.digest)[job.plan.uploads_unit]
    assert (index.attempt, index.counts) == (2, {"copied": 2}), "the report counts the later try"
    report = job.ended()
    assert report.green
    assert {status for status, _ in job.ends(report).values()} == {"copied"}
    assert pair.contents() == OBJECTS
    assert (versions(pair), pair.uploads()) == (1 + (standing is not None), 0)


@pytest.mark.parametrize("capabilities", STORES.values(), ids=STORES)
@pytest.mark.parametrize("mode", MODES)
def test_fault_F39_somebody_else_writes_after_a_complete_whose_reply_was_lost(mode, capabilities):
    """What they wrote is not taken for ours, and not overwritten."""
    pair = filled(mode, destination=capabilities)
    job = copied(pair)
    trouble = Trouble(lambda: ConnectionLost("gone"), "complete_upload", last=1, when="after", key=KEY)
    pair.at_destination(trouble)
    pair.at_destination(At(lambda: pair.put_there({KEY: body(8 * PART, 9)}), "complete_upload", number=2))
    report = job.ended()
    assert job.ends(report)[KEY] == ("changed", "destination_changed")
    assert pair.contents()[KEY] == body(8 * PART, 9)
    assert pair.uploads() == 0


@pytest.mark.parametrize("mode", MODES)
def test_fault_F60_complete_refused_since_another_upload_of_ours_made_the_object(mode):
    """A store that looks at the destination first says `changed`, not that the upload is gone."""
    pair = filled(mode)
    job = copied(pair)
    upload = next(upload for upload in pair.destination.list_uploads() if upload.key == KEY)
    twin = pair.destination.begin_upload(KEY)
    parts = pair.destination.server.bucket(pair.destination.location.bucket).uploads[upload.upload_id].parts
    receipts = [pair.destination.upload_part(KEY, twin, number, data) for number, (_, data) in sorted(parts.items())]
    pair.destination.complete_upload(KEY, twin, receipts, size=len(BODY))
    report = job.ended()
    assert job.ends(report)[KEY] == ("copied", "new")
    assert (versions(pair), pair.uploads()) == (1, 0), "the upload that was not needed is aborted"
    assert report.green


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("mode", MODES)
def test_fault_F60_zombie_group_goes_on_after_its_retry(mode, number):
    """The next try sends what is missing; what the first one then sends are the same bytes once more."""
    pair = filled(mode)
    job = Job(pair)
    job.planned()
    job.do("begin")
    job.tries["parts", 0] = 1
    pair.at_destination(At(lambda: job.do("parts", 0), *SENDS, number=number))
    job.progress["parts", 0] = KeptProgress()
    job.once("parts", 0, attempt=1)
    for group in job.plan.groups[1:]:
        job.do("parts", group.number)
    index = read_units(job.process().workspace, "receipts", plan=job.plan.digest)[0]
    assert index.attempt == 2
    report = job.ended()
    assert report.green
    assert pair.contents() == OBJECTS
    assert (versions(pair), pair.uploads()) == (1, 0)


@pytest.mark.parametrize("capabilities", STORES.values(), ids=STORES)
@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("mode", MODES)
def test_fault_F60_F61_zombie_group_goes_on_after_the_run_is_over(mode, number, capabilities):
    pair = filled(mode, destination=capabilities)
    job = Job(pair)
    job.planned()
    job.do("begin")
    job.tries["parts", 0] = 1
    reports = []

    def rest() -> None:
        for group in job.plan.groups:
            job.do("parts", group.number)
        reports.append(job.ended())

    pair.at_destination(At(rest, *SENDS, number=number))
    job.once("parts", 0, attempt=1)
    assert reports[0].green
    before = pair.destination.head(KEY).info
    again = job.do("report")
    assert again.green
    assert again.counts == reports[0].counts
    assert pair.destination.head(KEY).info == before
    assert pair.contents() == OBJECTS
    assert (versions(pair), pair.uploads()) == (1, 0)
    assert Job(pair, run="again").drive().counts == {"same": 2}


@pytest.mark.parametrize("mode", MODES)
def test_fault_F60_zombie_begin_leaves_nothing_behind_the_next_run(mode):
    """It wakes after the next try has begun an upload of its own, and begins one more."""
    pair = filled(mode)
    job = Job(pair)
    job.planned()
    job.tries["begin", 0] = 1
    pair.at_destination(At(lambda: job.do("begin"), "begin_upload"))
    job.once("begin", attempt=1)
    for group in job.plan.groups:
        job.do("parts", group.number)
    report = job.ended()
    assert report.green
    assert pair.contents() == OBJECTS
    assert versions(pair) == 1
    assert stored(pair) == each_part(OBJECTS), "all parts went to the uploads that count"
    assert Job(pair, run="again").drive().green
    assert pair.uploads() == 0
    assert [key for key in pair.contents(pair.pages) if "/uploads/" in key] == []


@pytest.mark.parametrize("error", [ServerError, ConnectionLost])
@pytest.mark.parametrize("mode", MODES)
def test_row_D6_complete_that_fails_for_now_is_done_by_its_retry(mode, error):
    """The others are completed first, and not looked at twice."""
    pair = filled(mode)
    job = copied(pair)
    pair.at_destination(Trouble(lambda: error("out of order"), "complete_upload", last=3, key=KEY))
    with pytest.raises(error):
        job.once("complete")
    assert pair.contents() == {"other": OTHER}
    done = pair.destination.requests["complete_upload"]
    assert job.ended().green
    assert pair.destination.requests["complete_upload"] - done == 1
    assert (pair.contents(), versions(pair), pair.uploads()) == (OBJECTS, 1, 0)


@pytest.mark.parametrize("mode", MODES)
def test_row_D7_an_object_that_may_not_be_completed_keeps_its_parts(mode):
    """All parts are there; as soon as the right is, the next run completes it without sending one."""
    pair = pair_for(mode)
    pair.put(OBJECTS)
    denied = Trouble(lambda: AccessDenied("not yours", code="AccessDenied"), "complete_upload")
    pair.at_destination(denied)
    job = Job(pair)
    ends = job.ends(job.drive())
    assert {end for key, end in ends.items() if key in OBJECTS} == {("failed", "access_denied")}
    pair.destination.hooks.remove(denied)
    again = Job(pair)
    assert set(again.ends(again.drive()).values()) == {("copied", "new")}
    assert stored(pair) == each_part(OBJECTS), "over both runs"
    assert pair.uploads() == 0
