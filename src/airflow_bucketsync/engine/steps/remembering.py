"""What does a pair remember of a run? What was proven equal, and what failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from airflow_bucketsync.engine.errors import BucketsyncError, CheckpointMismatch
from airflow_bucketsync.engine.model.failed import TRIED_AGAIN, FailedObject
from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.outcome import WRITTEN, Outcome
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.failed import KEPT, read_failed, write_failed
from airflow_bucketsync.engine.steps.known import Known, open_known, update_known
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.run_document import RunDocument
from airflow_bucketsync.engine.steps.workspace import folder_name

UNTOUCHED = frozenset({"gone", "refused", "skipped"})
"""Outcomes of objects of which nothing was written: what stands at the destination is what is remembered."""


@dataclass
class Failing:
    """The objects that this run could not bring in step, the first `KEPT` of them; `count` is how many there were."""

    kept: dict[str, Outcome] = field(default_factory=dict)
    count: int = 0

    def see(self, outcome: Outcome) -> None:
        """Take the outcome of an object."""
        if outcome.status in TRIED_AGAIN:
            self.count += 1
            if len(self.kept) < KEPT:
                self.kept[outcome.key] = outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What was kept for the next run.

    :param failed: page of the objects that the next run tries first
    :param failing: how many these are, or would be if all had been kept
    :param warnings: what could not be kept
    """

    failed: PageRef | None
    failing: int
    warnings: tuple[str, ...]


def remember(
    run: Run,
    plan: Plan,
    document: RunDocument | None,
    *,
    failing: Failing,
    deltas: Callable[[], list[Iterator[Outcome]]],
) -> Remembered:
    """Write `known` and the list of failed objects; trouble there costs the next run time, never this one its result.

    :param deltas: the outcomes of each batch, ascending; called again where the old memory proves damaged
    """
    version = f"{folder_name(run.run)}-{run.clock.now():%Y%m%dT%H%M%S%f}"
    warnings: list[str] = []
    try:
        _remember_proven(run, plan, version, deltas)
    except BucketsyncError as error:
        warnings.append(f"what this run proved could not be remembered, the next run compares anew: {error}")
    if run.spec.selection.source_list or run.spec.aside:  # the pair's list of failed objects is that of its own runs
        return Remembered(failed=None, failing=failing.count, warnings=tuple(warnings))
    previous = None if document is None else document.previous
    last, _ = read_failed(run.workspace, previous)
    items = _merged(plan, document, failing, last, run)
    page = None if previous is None else previous.failed
    try:
        page = write_failed(run.workspace, items, version=version, previous=page)
    except BucketsyncError as error:
        warnings.append(f"what failed could not be written down, a full run finds it again: {error}")
    return Remembered(failed=page, failing=max(failing.count, len(items)), warnings=tuple(warnings))


def _merged(
    plan: Plan,
    document: RunDocument | None,
    failing: Failing,
    last: Mapping[str, FailedObject],
    run: Run,
) -> list[FailedObject]:
    """What failed now, and what failed before and was not reached by this run; ascending, the first `KEPT`."""
    started = run.clock.now() if document is None else document.started
    # What drifted was reached and not tried: the next run looks at all of them, and forgets those in step by then.
    drifts = plan.drift is not None and plan.drift.leaves
    items = {key: item for key, item in last.items() if drifts or not _reached(key, plan, document)}
    for key, outcome in failing.kept.items():
        before = last.get(key)
        items[key] = FailedObject(
            key=key,
            status=outcome.status,
            reason=outcome.reason,
            since=started if before is None else before.since,
            runs=1 if before is None else before.runs + 1,
            source_key=outcome.source_key,
        )
    return [items[key] for key in sorted(items)][:KEPT]


def _reached(key: str, plan: Plan, document: RunDocument | None) -> bool:
    """Whether this run came as far as this key; keys before its beginning were looked at again."""
    return plan.resume is None or key <= plan.resume or (document is not None and key <= document.after)


def _remember_proven(run: Run, plan: Plan, version: str, deltas: Callable[[], list[Iterator[Outcome]]]) -> None:
    if plan.delta is None and not deltas():
        return
    known = open_known(run.workspace, run.spec)
    try:
        _update(run, plan, known, version, deltas())
    except CheckpointMismatch:
        _update(run, plan, Known(run.workspace), version + "-anew", deltas())


def _update(run: Run, plan: Plan, known: Known, version: str, outcomes: list[Iterator[Outcome]]) -> None:
    learned: list[Iterator[KnownObject]] = []
    if plan.delta is not None:
        learned.append(run.workspace.read_page(plan.delta, "known", KnownObject.from_json))
    learned += [_proven(batch) for batch in outcomes]
    update_known(run.workspace, run.spec, known=known, deltas=learned, version=version)


def _proven(outcomes: Iterator[Outcome]) -> Iterator[KnownObject]:
    """What a task proved is remembered; what it worked on and did not prove is forgotten.

    Another object may stand there now, and the source may come back to what was remembered of the one before. What was
    moved is no longer at the source.
    """
    for outcome in outcomes:
        if outcome.status in UNTOUCHED:
            continue
        if outcome.status == "moved" or outcome.status not in WRITTEN or not outcome.verified:
            yield KnownObject(key=outcome.key, source=None, destination=None)
        else:
            yield KnownObject(
                key=outcome.key,
                source_key=outcome.source_key,
                source=outcome.source,
                destination=outcome.destination,
            )
