"""What does the report say of work that a plan names and nobody is to carry out? That it is withheld, key by key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.discarding import withheld
from airflow_bucketsync.engine.steps.large import uploads_of
from airflow_bucketsync.engine.steps.run import Run

DRY_RUN = "dry_run"
"""The reason of all of a dry run; also of what a guard would withhold from a run that is none."""


def as_dry(decided: Outcome) -> Outcome:
    """What the plan decided by itself, as a dry run says it: what a guard withholds is nobody's fault yet."""
    if decided.status != "withheld":
        return decided
    return replace(decided, reason=DRY_RUN, message=f"would be withheld: {decided.message}")


def would_write(run: Run, plan: Plan) -> Iterator[Outcome]:
    """An outcome of each object that a run would bring in step.

    :raises PlanMismatch: a page of the plan is not the one it names
    """
    for batch in plan.batches:
        for change in run.workspace.read_page(batch.page, "changes", Change.from_json):
            yield _of_change(change, _reason(plan))
    for upload in uploads_of(run, plan):
        yield _of_change(upload.change, _reason(plan))


def would_take_away(run: Run, plan: Plan) -> Iterator[Outcome]:
    """An outcome of each object that a run would delete, and of those in step that it would delete at the source.

    :raises PlanMismatch: a page of the plan is not the one it names
    """
    if plan.removal is None:
        return
    for page in plan.removal.deletes:
        for there in run.workspace.read_page(page, "extra", ObjectInfo.from_json):
            yield withheld(there, _reason(plan), "would be deleted")
    for page in plan.removal.same:
        for same in run.workspace.read_page(page, "outcomes", Outcome.from_json):
            words = "is in step, and would be deleted at the source"
            yield replace(same, status="withheld", reason=_reason(plan), message=words)


def _reason(plan: Plan) -> str:
    return plan.withheld or DRY_RUN


def _of_change(change: Change, reason: str) -> Outcome:
    return Outcome(
        key=change.key,
        source_key=change.source_key,
        status="withheld",
        reason=reason,
        message=f"would {change.kind}: {change.reason}",
        bytes=change.load,
        source=Fingerprint.of(change.source),
    )
