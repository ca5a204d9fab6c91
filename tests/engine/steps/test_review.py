"""Rows C12, C13, C15: does a plan's review say what the run does, and does a dry run name everything and do nothing?"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from airflow_bucketsync.engine.errors import PlanMismatch
from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.review import PlanReview
from airflow_bucketsync.engine.rules.reviewing import IN_ARCHIVE_TIER
from airflow_bucketsync.engine.steps import locked
from airflow_bucketsync.engine.steps.begin_uploads import begin_uploads
from airflow_bucketsync.engine.steps.complete_uploads import complete_uploads
from airflow_bucketsync.engine.steps.copy import copy_batch
from airflow_bucketsync.engine.steps.delete_extra import delete_extra
from airflow_bucketsync.engine.steps.large import uploads_of
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.report import make_report
from airflow_bucketsync.engine.steps.reviewed import REVIEW, REVIEW_PAGE, read_review
from airflow_bucketsync.engine.steps.run import MemoryProgress, Run
from airflow_bucketsync.engine.steps.upload_parts import upload_group
from tests.engine.stand import Pair as Between
from tests.engine.stand import Stand, one_server, other, server, stand, two_oss, two_servers
from tests.engine.steps.pairs import Pair, rewrite
from tests.servers.s3 import Quirks, S3Server

__all__ = ["one_server", "other", "server", "stand", "two_oss", "two_servers"]
TIERS = {"small_threshold": 10, "large_threshold": 30, "part_size": 10, "group_bytes": 50}


def filled(**settings: object) -> Pair:
    """Objects of each tier, one that is replaced, one in step, one that is not at the source."""
    pair = Pair(shared=False, **settings)
    pair.put({"small": b"1", "same": b"s", "old": b"newer", "medium": b"m" * 25, "large": b"l" * 75})
    pair.put_there({"same": b"s", "old": b"o", "extra": b"xx"})
    return pair


def reviewed(run: Run) -> tuple[Plan, PlanReview]:
    plan = make_plan(run)
    return plan, read_review(run.workspace, plan.digest)


def rows(found: object) -> dict[str, tuple[int, int]]:
    return {row.name: (row.objects, row.bytes) for row in found}  # type: ignore[attr-defined]


def test_row_C15_the_review_of_a_plan():
    pair = filled()
    plan, review = reviewed(pair.run(delete=True, verify="content", **TIERS))
    assert rows(review.tiers) == {"small": (2, 6), "medium": (1, 25), "large": (1, 75)}
    assert rows(review.reasons) == {"new": (3, 101), "size": (1, 5)}
    assert (review.objects, review.bytes, review.through, review.read_back) == (4, 106, 106, 106)
    assert review.decided == {"same": 1}
    assert (review.batches, review.groups) == (len(plan.batches), len(plan.groups)) == (1, 2)
    assert [one.key for one in review.largest] == ["large", "medium", "old", "small"]
    assert review.route == plan.route
    assert review.deletes is not None
    assert (review.deletes.objects, review.deletes.bytes, review.deletes.guard, review.deletes.kept) == (
        1,
        2,
        None,
        True,
    )
    assert [one.key for one in review.deletes.first] == ["extra"]
    assert not review.dry
    assert "verify" in {one.option for one in review.advice}


def test_row_C13_a_dry_run_names_all_work_as_any_other_plan_does():
    dry_run, wet_run = filled().run(dry_run=True, delete=True, **TIERS), filled().run(delete=True, **TIERS)
    dry, wet = make_plan(dry_run), make_plan(wet_run)

    def work(run: Run, plan: Plan) -> Iterator[str]:
        for batch in plan.batches:
            yield from (change.key for change in run.workspace.read_page(batch.page, "changes", Change.from_json))
        yield from (upload.key for upload in uploads_of(run, plan))

    assert sorted(work(dry_run, dry)) == sorted(work(wet_run, wet)) == ["large", "medium", "old", "small"]
    assert dry.groups == wet.groups
    assert dry.removal is not None
    assert dry.removal.objects == 1
    assert dry.dry
    assert not dry.writes
    assert not dry.lock
    assert wet.writes


def test_row_C13_the_report_of_a_dry_run_says_withheld_of_each_and_holds_the_review():
    pair = filled()
    ran = pair.sync(dry_run=True, delete=True, **TIERS)
    assert ran.report.green
    assert ran.report.counts == {"same": 1, "withheld": 5}
    assert {key: ran.status(key) for key in ("small", "old", "medium", "large", "extra")} == dict.fromkeys(
        ("small", "old", "medium", "large", "extra"), ("withheld", "dry_run")
    )
    assert ran.outcomes["large"].message == "would copy: new"
    assert ran.outcomes["extra"].message == "would be deleted"
    assert ran.report.review is not None
    assert PlanReview.from_json(ran.report.review).dry
    assert pair.sync(delete=True, max_delete_share=1.0).report.review is None


def test_row_C13_a_dry_run_leaves_the_memory_of_the_pair_as_it_is():
    pair = filled()
    pair.sync(**TIERS)
    kept = {name: body for name, body in pair.contents(pair.pages).items() if name.count("/") == 1}
    pair.put({"new": b"n"})
    pair.source.delete("small")
    pair.sync(dry_run=True, delete=True, move=False, **TIERS)
    assert {name: body for name, body in pair.contents(pair.pages).items() if name.count("/") == 1} == kept
    assert kept


@pytest.mark.parametrize(
    ("option", "word"), [({"max_deletes": 0}, "too_many_deletes"), ({"max_delete_share": 0.1}, "too_many_deletes")]
)
def test_row_C15_a_guard_that_would_withhold_is_named_and_the_dry_run_is_green(option, word):
    pair = filled()
    ran = pair.sync(dry_run=True, delete=True, **option, **TIERS)
    assert ran.report.green
    assert ran.status("extra") == ("withheld", "dry_run")
    assert "would be withheld" in (ran.outcomes["extra"].message or "")
    assert ran.report.review is not None
    review = PlanReview.from_json(ran.report.review)
    assert review.deletes is not None
    assert (review.deletes.guard, review.deletes.objects) == (word, 1)
    assert set(option) <= {one.option for one in review.advice}
    assert not [row for row in review.requests if row.kind == "delete"]


def test_row_C15_an_empty_source_is_advised_with_care():
    pair = Pair()
    pair.put_there({"a": b"1"})
    _, review = reviewed(pair.run(dry_run=True, delete=True))
    assert review.deletes is not None
    assert review.deletes.guard == "empty_source"
    assert [one.option for one in review.advice] == ["allow_empty_source"]


def test_row_C15_what_a_move_would_delete():
    pair = filled()
    ran = pair.sync(dry_run=True, move=True, **TIERS)
    assert ran.report.review is not None
    moves = PlanReview.from_json(ran.report.review).moves
    assert moves is not None
    assert (moves.objects, moves.bytes) == (5, 107)
    assert ran.status("same") == ("withheld", "dry_run")
    assert pair.source.requests["delete"] == 0


def test_row_C15_a_bounded_run():
    pair = filled()
    plan, review = reviewed(pair.run(max_objects=2, **TIERS))
    assert (review.objects, review.resume) == (2, plan.resume)
    assert review.resume is not None
    assert any("bounds" in note for note in review.notes)


def test_an_idle_plan_has_a_review_of_nothing():
    pair = filled()
    first = pair.run("first", **TIERS)
    assert make_plan(first).lock
    plan, review = reviewed(pair.run("second", unlock=False, on_lock="skip", **TIERS))
    assert plan.locked is not None
    assert (review.objects, review.tiers, review.deletes, review.requests) == (0, (), None, ())
    assert any("skipped" in warning for warning in review.warnings)


def test_a_plan_that_another_run_overtook_has_a_review_of_nothing(monkeypatch):
    """The lock was free when it began, and is not when it is done."""
    pair = filled()
    run = pair.run("second", on_lock="skip", **TIERS)
    assert make_plan(pair.run("first", **TIERS)).lock
    monkeypatch.setattr(locked, "peek", lambda run, **_: None)
    plan, review = reviewed(run)
    assert plan.locked is not None
    assert (review.objects, review.tiers, review.requests) == (0, (), ())


def test_the_digest_of_a_plan_knows_nothing_of_its_review():
    pair = filled()
    run = pair.run(**TIERS)
    plan, review = reviewed(run)
    document = run.workspace.read_document(REVIEW, "review")
    run.workspace.write_document(REVIEW, "review", {**document, "warnings": ["another"]})
    assert plan.digest == review.digest
    assert read_review(run.workspace, plan.digest).warnings == ("another",)
    assert Plan.from_json(plan.to_json()).digest == plan.digest
    assert make_plan(run).digest == plan.digest


def test_a_review_of_another_plan_or_a_damaged_one_is_refused():
    pair = filled()
    run = pair.run(**TIERS)
    plan = make_plan(run)
    with pytest.raises(PlanMismatch, match="of another plan"):
        read_review(run.workspace, "0" * 64)
    document = run.workspace.read_document(REVIEW, "review")
    run.workspace.write_document(REVIEW, "review", {name: document[name] for name in document if name != "route"})
    with pytest.raises(PlanMismatch, match="the review is damaged"):
        read_review(run.workspace, plan.digest)


def test_the_page_is_beside_the_document():
    pair = filled()
    make_plan(pair.run(**TIERS))
    page = pair.contents(pair.pages)[f"pair/run/{REVIEW_PAGE}"].decode()
    assert page.startswith("# What this run does\n")
    assert json.loads(pair.contents(pair.pages)[f"pair/run/{REVIEW}"])["objects"] == 4


@pytest.mark.parametrize("step", ["copy", "begin", "parts", "complete", "delete"])
@pytest.mark.parametrize("dry", ["plan", "run"])
def test_row_C13_no_step_carries_the_plan_of_a_dry_run_out(step, dry):
    pair = filled()
    planned = pair.run("run", dry_run=dry == "plan", delete=True, max_delete_share=1.0, **TIERS)
    plan = make_plan(planned)
    pair.unlock()
    acting = pair.run("run", prepared=False, dry_run=dry == "run", delete=True, max_delete_share=1.0, **TIERS)
    before, progress = pair.contents(), MemoryProgress()
    steps = {
        "copy": lambda: copy_batch(acting, plan, 0, attempt=1, progress=progress),
        "begin": lambda: begin_uploads(acting, plan, attempt=1),
        "parts": lambda: upload_group(acting, plan, 0, attempt=1, progress=progress),
        "complete": lambda: complete_uploads(acting, plan, attempt=1, progress=progress),
        "delete": lambda: delete_extra(acting, plan, attempt=1, progress=progress),
    }
    with pytest.raises(PlanMismatch, match="a dry run is only looked at"):
        steps[step]()
    assert pair.contents() == before
    assert pair.uploads() == 0


def test_a_damaged_page_of_a_dry_plan_makes_its_report_red():
    pair = filled()
    run = pair.run("run", dry_run=True, **TIERS)
    plan = make_plan(run)
    rewrite(pair, f"pair/run/{plan.batches[0].page.name}", lambda lines: lines[:-1])
    report = make_report(run).report
    assert not report.green
    assert report.incomplete == ("plan",)


# every store --------------------------------------------------------------------------------------------------

ARCHIVED = {
    "server_copy": ("GLACIER", "DEEP_ARCHIVE"),
    "oss_copy": ("Archive", "ColdArchive", "DeepColdArchive"),
    "s3_to_oss": ("GLACIER", "DEEP_ARCHIVE"),
}


@pytest.mark.parametrize("way", ARCHIVED)
def test_row_C12_archived_objects_are_reviewed_per_class(stand: Stand, other: S3Server, way: str) -> None:
    pair = Between.make(way, stand, other)
    for number, storage_class in enumerate(ARCHIVED[way], start=1):
        for one in range(number):
            pair.put({f"{storage_class}/{one}": b"cold"}, storage_class=storage_class)
    pair.put({"warm": b"w"})
    ran = pair.sync(dry_run=True)
    assert ran.report.review is not None
    review = PlanReview.from_json(ran.report.review)
    assert rows(review.archived) == {name: (at, 4 * at) for at, name in enumerate(ARCHIVED[way], start=1)}
    assert any("restore them" in note for note in review.notes)


@pytest.mark.parametrize("tier", ["ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"])
def test_row_C12_the_archive_tiers_of_intelligent_tiering_are_told_by_a_look(stand: Stand, tier: str) -> None:
    bucket = stand.bucket()
    stand.server.core.put(bucket, "cold", b"cold", storage_class="INTELLIGENT_TIERING")
    source, destination = stand.s3(bucket), stand.s3(stand.bucket())
    warm = stand.sync(source, destination, dry_run=True).report.review
    stand.server.quirks = Quirks(adds={"HeadObject": {"x-amz-archive-status": tier}})
    cold = stand.sync(source, destination, dry_run=True).report.review
    assert warm is not None
    assert cold is not None
    assert (rows(PlanReview.from_json(warm).archived), warm["objects"]) == ({}, 1)
    assert (rows(PlanReview.from_json(cold).archived), cold["objects"]) == ({IN_ARCHIVE_TIER: (1, 4)}, 0)


@pytest.mark.parametrize("way", ["server_copy", "stream_parts", "oss_copy", "s3_to_oss", "oss_to_s3"])
def test_row_C13_the_log_of_a_dry_run_holds_no_write(stand: Stand, other: S3Server, way: str) -> None:
    pair = Between.make(way, stand, other)
    pair.put({"a": b"1", "b": b"b" * 4_500, "c": b"3"})
    pair.put_destination({"c": b"other", "extra": b"e"})
    before = pair.contents()
    ran = pair.sync(dry_run=True, delete=True, trash="all", max_delete_share=1.0, unsafe_deletes=True)
    assert ran.writes() == []
    assert ran.lock == ()
    assert ran.report.counts == {"withheld": 4}
    assert pair.contents() == before
    assert pair.uploads() == 0


def test_row_C13_a_dry_run_touches_no_folder(stand: Stand) -> None:
    source, destination = stand.local("source"), stand.local("destination")
    source.put("a/b", b"1")
    destination.put("extra", b"e")
    seen = {path: path.stat() for path in (stand.folder / "destination").rglob("*")}
    ran = stand.sync(source, destination, dry_run=True, delete=True, max_delete_share=1.0)
    assert ran.report.counts == {"withheld": 2}
    assert {path: path.stat() for path in (stand.folder / "destination").rglob("*")} == seen
