"""The objects that earlier runs could not bring in step: kept by the pair, tried first, forgotten when done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from airflow_bucketsync.engine.errors import BucketsyncError, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.failed import FailedObject
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore

FOLDER = "failed/"
KEPT = 10_000
"""Failed objects that are remembered one by one. A run with more does not move the place where the next one goes on."""


def read_failed(workspace: Workspace, checkpoint: Checkpoint | None) -> tuple[dict[str, FailedObject], str | None]:
    """What the last run left to be tried first, by key, ascending; and a warning where it can't be read."""
    if checkpoint is None or checkpoint.failed is None:
        return {}, None
    try:
        lines = workspace.read_page(checkpoint.failed, "failed", FailedObject.from_json, of_pair=True)
        return {item.key: item for item in lines}, None
    except PlanMismatch as error:
        return {}, f"the list of objects that failed is not there any more, a full run finds them: {error}"


def write_failed(
    workspace: Workspace, items: Iterable[FailedObject], *, version: str, previous: PageRef | None
) -> PageRef | None:
    """Write the list anew; the previous one stays until the checkpoint that names it is gone.

    :param items: ascending
    :param version: part of the page's name, never used before
    """
    lines = list(items)
    page = None
    if lines:
        writer = workspace.page_writer(f"{FOLDER}{version}", "failed", of_pair=True)
        for item in lines:
            writer.write(item.to_json())
        page = writer.finish()
    if previous is not None:
        with suppress(BucketsyncError):
            kept = {ref.name for ref in (page, previous) if ref is not None}
            for name in [name for name in workspace.list_names(FOLDER, of_pair=True) if name not in kept]:
                workspace.delete(name, of_pair=True)
    return page


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What stands at both sides under keys that failed before and that this run's listing does not reach."""

    source: tuple[ObjectInfo, ...] = ()
    destination: tuple[ObjectInfo, ...] = ()
    failed: tuple[Outcome, ...] = ()


def look_again(run: Run, keys: Sequence[str], *, blind: bool) -> Again:
    """Ask both sides for these keys; one that can't be asked for at the source has failed again."""
    if not keys:
        return Again()
    if not run.spec.selection.key_mapping.keeps:  # their sources are listed with all others
        return Again(destination=() if blind else tuple(_found(run.destination, keys, run)[0]))
    here, trouble = _found(run.source, keys, run)
    there: list[ObjectInfo] = [] if blind else _found(run.destination, [info.key for info in here], run)[0]
    return Again(source=tuple(here), destination=tuple(there), failed=tuple(trouble))


def _found(store: ObjectStore, keys: Sequence[str], run: Run) -> tuple[list[ObjectInfo], list[Outcome]]:
    found: dict[str, ObjectInfo] = {}
    trouble: dict[str, Outcome] = {}
    for head in store.head_many(keys, gate=run.gate) if keys else ():
        if head.details is not None:
            found[head.key] = head.details.info
        elif isinstance(head.error, BucketsyncError) and not isinstance(head.error, ObjectNotFound):
            error = head.error
            trouble[head.key] = Outcome(key=head.key, status="failed", reason=error.reason, message=str(error))
    run.gate.check()
    return [found[key] for key in keys if key in found], [trouble[key] for key in keys if key in trouble]
