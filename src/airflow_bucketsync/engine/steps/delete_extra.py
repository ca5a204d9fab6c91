"""Take away what a plan names: the last thing that a run does, and only when everything before it went well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

from airflow_bucketsync.engine.errors import PlanMismatch
from airflow_bucketsync.engine.model.approval import Approval
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.outcome import WRITTEN, Outcome
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.removal import Removal
from airflow_bucketsync.engine.rules.guards import Guard
from airflow_bucketsync.engine.steps.approval import not_allowed, not_approved
from airflow_bucketsync.engine.steps.delete import Deleting
from airflow_bucketsync.engine.steps.holding import under_lock
from airflow_bucketsync.engine.steps.move import move
from airflow_bucketsync.engine.steps.proven import Proven
from airflow_bucketsync.engine.steps.recording import Recording
from airflow_bucketsync.engine.steps.removed import T, work_through
from airflow_bucketsync.engine.steps.run import Progress, Run
from airflow_bucketsync.engine.steps.units import UnitIndex, outcomes_of

BLOCKING = frozenset({"failed", "unverified"})
"""Outcomes that withhold every deletion, tolerated or not."""


@dataclass(kw_only=True)
class Removed:
    """What was taken away.

    :param counts: objects per outcome word
    :param withheld: why nothing was, in words
    """

    counts: Counter[str] = field(default_factory=Counter)
    withheld: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"counts": dict(self.counts), "withheld": self.withheld}


def delete_extra(
    run: Run, plan: Plan, *, attempt: int, progress: Progress, approval: Approval | None = None
) -> Removed:
    """Delete, or move, what the plan names; withhold it where anything before it did not go well.

    What an earlier try deleted is left as it is, what it withheld is tried again. Everything is read from the workspace
    anew: a task that was cleared never deletes on what was verified before that.

    :param approval: what a person said, where the policy asks for one
    :raises PlanMismatch: a page of the plan is not the one it names, or nobody approved a plan that asks for it
    :raises Stopped: the task was asked to stop; what was done is recorded
    """
    if plan.removal is None:
        return Removed()
    forbids = not_approved(plan, approval)
    if forbids is not None:
        raise PlanMismatch(f"nothing of this plan may be carried out: {forbids.words}")
    with under_lock(run, plan):
        return _take_away(run, plan, plan.removal, attempt, progress, approval)


def _take_away(
    run: Run, plan: Plan, removal: Removal, attempt: int, progress: Progress, approval: Approval | None
) -> Removed:
    total = Removed()
    proven, problems = _proven(run, plan)
    page = _Pages(run, plan, proven, attempt, progress, total)
    if removal.moves:
        for number, index in proven.results.items():
            objects = sum(1 for outcome in proven.verified(index) if _is_moved(outcome))
            if objects:
                page.work(number, objects, filter(_is_moved, proven.verified(index)), partial(move, run))
        for number, ref in proven.pages_of_removal():
            page.work(
                number, ref.count, run.workspace.read_page(ref, "outcomes", Outcome.from_json), partial(move, run)
            )
        return total
    forbids = _not_well(plan, proven, problems) or not_allowed(plan, approval)
    total.withheld = None if forbids is None else forbids.words
    deleting = Deleting(run, plan, forbids)
    for number, ref in proven.pages_of_removal():
        page.work(number, ref.count, run.workspace.read_page(ref, "extra", ObjectInfo.from_json), deleting.delete)
    return total


class _Pages:
    """Works through the pages of a run; what earlier tries did stays, what they withheld is tried again."""

    def __init__(self, run: Run, plan: Plan, proven: Proven, attempt: int, progress: Progress, total: Removed) -> None:
        self.run = run
        self.plan = plan
        self.earlier = proven.removed
        self.attempt = attempt
        self.progress = progress
        self.total = total

    def work(self, number: int, objects: int, items: Iterator[T], act: Callable[[list[T]], Iterator[Outcome]]) -> None:
        index = self.earlier.get(number)
        if index is None or index.page.count != objects or index.counts.get("withheld"):
            recording = self._recording(number, objects, index)
            index = work_through(self.run, self.plan, number, items, act, attempt=self.attempt, recording=recording)
        self.total.counts.update(index.counts)

    def _recording(self, number: int, objects: int, earlier: UnitIndex | None) -> Recording:
        recording = Recording(
            self.run,
            name=f"removed-{number:04d}",
            attempt=self.attempt,
            plan=self.plan.digest,
            progress=self.progress,
            objects=objects,
        )
        for outcome in () if earlier is None else outcomes_of(self.run.workspace, earlier):
            if outcome.status != "withheld" and outcome.key not in recording.outcomes:
                recording.add(outcome)
        return recording


def obstacle(run: Run, plan: Plan) -> Guard | None:
    """Why nothing may be deleted now, whatever a person says; None = everything before went well."""
    return _not_well(plan, *_proven(run, plan))


def _proven(run: Run, plan: Plan) -> tuple[Proven, list[str]]:
    """What the tasks before left, and what takes the names of those that left nothing, or something damaged."""
    problems: list[str] = []

    def missing(task: str, error: Exception | None) -> None:
        problems.append(task if error is None else f"{task} ({error})")

    return Proven(run, plan, missing=missing, warnings=problems), problems


def _not_well(plan: Plan, proven: Proven, problems: list[str]) -> Guard | None:
    counts: Counter[str] = Counter(outcome.status for outcome in chain(proven.decided(), proven.written()))
    blocking = BLOCKING if "refused" in plan.spec.policy.tolerate else BLOCKING | {"refused"}
    bad = [f"{counts[word]} {word}" for word in sorted(blocking) if counts[word]]
    if problems:
        return Guard("incomplete", f"not every task left its result: {'; '.join(problems[:3])}")
    if bad:
        return Guard("not_all_well", f"{', '.join(bad)}: nothing is deleted by a run in which something is missing")
    return None


def _is_moved(outcome: Outcome) -> bool:
    return outcome.status in WRITTEN and outcome.verified is True


def unguarded(run: Run, counts: Mapping[str, int]) -> list[str]:
    """What a person should know of deletions that the store could not hold to a condition."""
    sides = (
        (run.destination, counts.get("deleted", 0) + counts.get("trashed", 0)),
        (run.source, counts.get("moved", 0)),
    )
    return [
        f"{objects} objects were deleted unguarded: {store.location.url} knows no conditional deletes, each was looked "
        "at right before"
        for store, objects in sides
        if objects and not store.capabilities.conditional_delete
    ]
