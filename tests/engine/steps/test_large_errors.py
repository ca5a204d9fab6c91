"""What does a run say, and leave, when tasks of its large objects fail, or too many objects do?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError, ServerError, StoreFull
from airflow_bucketsync.engine.steps.journal import UploadJournal
from airflow_bucketsync.engine.steps.units import read_units
from tests.engine.steps.pairs import PART, Pair
from tests.engine.steps.uploading import MODES, SENDS, TIERS, At, Job, Trouble, body, each_part, pair_for, stored

OBJECTS = {
    "small": body(5),
    "k0": body(8 * PART, 1),
    "k1": body(4 * PART, 2),
    "k2": body(41, 3),
    "k3": body(5 * PART, 4),
}
LARGE = {key: data for key, data in OBJECTS.items() if key != "small"}


def denied() -> AccessDenied:
    return AccessDenied("this key may not be written", code="AccessDenied")


def failing() -> ServerError:
    return ServerError("out of order")


def filled(mode: str, **settings: Any) -> Pair:
    pair = pair_for(mode, **settings)
    pair.put(OBJECTS)
    return pair


def requests_of(job: Job) -> dict[str, Counter[str]]:
    pair = job.pair
    return {"source": Counter(pair.source.requests), "destination": Counter(pair.destination.requests)}


# max_errors ---------------------------------------------------------------------------------------------------------


def refusing(pair: Pair, *keys: str) -> None:
    for key in keys:
        pair.at_destination(Trouble(denied, *SENDS, key=key))


@pytest.mark.parametrize("policy", [{"max_errors": 1}, {"max_errors": 100, "max_error_share": 0.2}])
@pytest.mark.parametrize("mode", MODES)
def test_row_G5_a_group_begins_no_object_after_too_many_failed(mode, policy):
    """One of five is a fifth; with the second one it is too many."""
    pair = filled(mode)
    refusing(pair, "k0", "k1")
    job = Job(pair, group_bytes=1000, **policy)
    report = job.drive()
    assert job.ends(report) == {
        "k0": ("failed", "access_denied"),
        "k1": ("failed", "access_denied"),
        "k2": ("failed", "max_errors"),
        "k3": ("failed", "max_errors"),
        "small": ("copied", "new"),
    }
    word = next(iter(policy)) if len(policy) == 1 else "max_error_share"
    assert f"not tried: more than {word} ({list(policy.values())[-1]:g})" in (job.outcomes(report)["k2"].message or "")
    assert not stored(pair), "no part was sent"
    assert sum(pair.destination.requests[verb] for verb in SENDS) == 2, "a key that is refused is not asked for again"
    assert pair.uploads() == 4, "they stay open for the next run"
    pair.destination.hooks.clear()
    assert Job(pair, run="again").drive().verified
    assert stored(pair) == each_part(LARGE)


@pytest.mark.parametrize("policy", [{"max_errors": 2}, {"max_errors": 100, "max_error_share": 0.4}, {}])
@pytest.mark.parametrize("mode", MODES)
def test_row_G5_as_many_as_allowed_stop_nothing(mode, policy):
    pair = filled(mode)
    refusing(pair, "k0", "k1")
    job = Job(pair, group_bytes=1000, **policy)
    ends = job.ends(job.drive())
    assert Counter(ends.values()) == {("failed", "access_denied"): 2, ("copied", "new"): 3}


def large_and_batches(mode: str, **policy: Any) -> tuple[Pair, Job]:
    """Two small objects that can't be written, and large ones."""
    pair = filled(mode)
    pair.put({"bad/0": b"0", "bad/1": b"1"})
    for key in ("bad/0", "bad/1"):
        pair.at_destination(Trouble(denied, "put", "copy", key=key))
    job = Job(pair, group_bytes=1000, **policy)
    job.planned()
    return pair, job


@pytest.mark.parametrize("mode", MODES)
def test_row_G5_failures_of_finished_batches_count_in_groups(mode):
    pair, job = large_and_batches(mode, max_errors=1)
    job.copied()
    report = job.ended()
    assert Counter(job.ends(report).values()) == {
        ("failed", "access_denied"): 2,
        ("failed", "max_errors"): 4,
        ("copied", "new"): 1,
    }
    assert not stored(pair)


@pytest.mark.parametrize("mode", MODES)
def test_row_G5_a_group_looks_at_the_others_while_it_runs(mode):
    """The batch finishes while the group sends; the object in hand is finished, no other is begun."""
    pair, job = large_and_batches(mode, max_errors=1)
    pair.clock.tick = 1.0
    job.do("begin")
    pair.at_destination(At(lambda: job.do("copy", 0), *SENDS, number=3))
    job.do("parts", 0)
    ends = job.ends(job.ended())
    assert ends["k0"] == ("copied", "new")
    assert ends["k3"] == ("failed", "max_errors")
    assert 8 <= stored(pair).total() < len(each_part(LARGE))


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("mode", MODES)
def test_row_G5_failed_large_objects_do_not_count_twice(mode, concurrency):
    """Several parts in the air, a retry of the group, and the join speak of the same object."""
    pair = filled(mode)
    refusing(pair, "k0")
    pair.at_destination(Trouble(failing, *SENDS, last=3, key="k1"))
    job = Job(pair, group_bytes=1000, max_errors=1, concurrency=concurrency)
    report = job.drive()
    assert job.tries["parts", 0] == 2
    assert Counter(job.ends(report).values()) == {("failed", "access_denied"): 1, ("copied", "new"): 4}


# tasks that fail ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("error", "verb"), [(StoreFull, "begin_upload"), (denied, "begin_upload")])
@pytest.mark.parametrize("mode", MODES)
def test_row_D6_begin_fails_and_the_batches_are_verified_all_the_same(mode, error, verb):
    pair = filled(mode)
    task = error is StoreFull
    make: Callable[[], BucketsyncError] = (lambda: StoreFull("the disk is full")) if task else error
    trouble = Trouble(make, verb)
    pair.at_destination(trouble)
    job = Job(pair, **TIERS)
    report = job.drive()
    reason = "not_begun" if task else "access_denied"
    assert job.ends(report) == {**dict.fromkeys(LARGE, ("failed", reason)), "small": ("copied", "new")}
    assert job.outcomes(report)["small"].verified
    assert (report.red, report.incomplete) == (("failed",), ("begin 0",) if task else ())
    assert pair.contents() == {"small": OBJECTS["small"]}
    if task:
        assert job.tries["parts", 0] == 0
        assert "`begin_uploads` did not finish" in (job.outcomes(report)["k0"].message or "")
    pair.destination.hooks.remove(trouble)
    assert Job(pair, run="again").drive().verified
    assert pair.contents() == OBJECTS


@pytest.mark.parametrize("mode", MODES)
def test_row_I9_a_group_that_fails_for_good_makes_the_run_red_and_is_named(mode):
    pair = filled(mode)
    pair.at_destination(Trouble(failing, *SENDS, first=6))
    job = Job(pair)
    report = job.drive()
    groups = [group.number for group in job.plan.groups]
    assert report.incomplete == tuple(f"parts {number}" for number in groups if number != 0)
    assert report.red == ("failed",)
    assert not report.green
    assert {shown["key"] for shown in report.failures} == set(LARGE)
    assert report.counts == {"copied": 1, "failed": 4}


@pytest.mark.parametrize("mode", MODES)
def test_row_I9_without_the_join_the_large_objects_are_missing(mode):
    pair = filled(mode)
    job = Job(pair)
    job.planned()
    job.copied()
    report = job.do("report")
    assert "complete_uploads" in report.incomplete
    assert not report.green
    assert "k0" not in job.outcomes(report)


@pytest.mark.parametrize("mode", MODES)
def test_all_requests_of_all_tasks_are_counted(mode):
    pair = filled(mode)
    before = requests_of(Job(pair))
    job = Job(pair)
    report = job.drive()
    asked = {side: counts - before[side] for side, counts in requests_of(job).items()}
    assert report.requests["source"] == asked["source"]
    assert report.requests["destination"] == asked["destination"]
    assert asked["destination"]["begin_upload"] == 4
    assert sum(asked["destination"][verb] for verb in SENDS) == len(each_part(LARGE))
    assert report.bytes == sum(map(len, OBJECTS.values()))


# another plan -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_fault_F63_pages_and_progress_of_another_plan_are_ignored(mode):
    """`plan` is cleared after a group was stopped: uploads go on, what was kept of tasks does not."""
    pair = filled(mode, tick=6.0)
    job = Job(pair)
    first = job.planned()
    job.do("begin")
    run = job.process()
    pair.at_destination(At(run.gate.stop, *SENDS, number=3))
    with pytest.raises(BucketsyncError):
        job.once("parts", 0, run=run)
    sent = stored(pair).total()
    assert sent
    kept = job.progress["parts", 0].load()
    assert kept is not None
    assert kept["segments"]
    pair.put({"a": body(33, 7)})
    job.plan = second = job.planned()
    assert second.digest != first.digest
    assert not read_units(job.process().workspace, "begun", plan=second.digest)
    job.do("parts", 0)
    assert stored(pair).total() == sent, "without `begin` of this plan nothing is sent"
    job.copied()
    report = job.ended()
    assert report.verified
    assert pair.contents() == {**OBJECTS, "a": body(33, 7)}
    assert stored(pair) == each_part({**LARGE, "a": body(33, 7)})
    assert pair.uploads() == 0


@pytest.mark.parametrize("mode", MODES)
def test_fault_F63_the_join_of_another_plan_takes_nothing_over(mode):
    pair = filled(mode, tick=6.0)
    job = Job(pair)
    job.planned()
    job.copied()
    pair.at_destination(Trouble(failing, "complete_upload", key="k3"))
    with pytest.raises(ServerError):
        job.once("complete")
    kept = job.progress["complete", 0].load()
    assert kept is not None
    assert sum(page["count"] for page in kept["segments"]) == 3
    pair.destination.hooks.clear()
    pair.put({"k0": body(8 * PART, 9)})
    report = job.drive()
    assert report.verified
    assert pair.contents() == {**OBJECTS, "k0": body(8 * PART, 9)}


@pytest.mark.parametrize("mode", MODES)
def test_row_D8_an_object_that_is_planned_no_more_leaves_no_upload_behind_the_next_run(mode):
    pair = filled(mode)
    trouble = Trouble(failing, *SENDS, first=3)
    pair.at_destination(trouble)
    Job(pair, run="first").drive()
    pair.destination.hooks.remove(trouble)
    for key in LARGE:
        pair.source.delete(key)
    theirs = pair.destination.begin_upload("k0")
    report = Job(pair, run="second").drive()
    assert report.green
    assert [upload.upload_id for upload in pair.destination.list_uploads()] == [theirs]
    assert list(UploadJournal(Job(pair).process().workspace).names()) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_dry_run_touches_no_open_upload(mode):
    pair = filled(mode)
    trouble = Trouble(failing, *SENDS, first=3)
    pair.at_destination(trouble)
    Job(pair, run="first").drive()
    pair.destination.hooks.remove(trouble)
    before = pair.writes()
    report = Job(pair, run="dry", dry_run=True).drive()
    assert report.counts["withheld"] == len(LARGE)
    assert (pair.writes(), pair.uploads()) == (before, 4)
