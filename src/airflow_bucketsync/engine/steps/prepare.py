"""Begin a run: check what can be checked, write down what it is to do, decide what to list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_bucketsync.engine.errors import AccessDenied, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.plan import ListUnit, Side
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.checks import check_sync
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.workspace import Workspace

RUN_DOCUMENT = "run.json"

BLIND = (
    "the destination may not be listed: everything that is selected is written anew, whatever stands there, and "
    "nothing there is compared, verified, or reported as extra"
)
"""The warning of a run to a destination that can only be written to."""

SMALL = 20_000
"""Objects on both sides together that `plan` lists by itself: some 20 pages, which cost less than another task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What `prepare` decided.

    :param units: numbers of the units to list in tasks of their own; () = `plan` lists by itself
    :param digest: SHA-256 of `run.json`; every later task checks it
    """

    units: tuple[int, ...]
    digest: str
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"units": list(self.units), "digest": self.digest, "warnings": list(self.warnings)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDocument:
    """What a run is to do, as written down at its start.

    :param units: what to list, both sides; tasks of their own list them only if `mapped`
    :param blind: the destination may not be listed, and `verify: none` says that it need not be looked at
    """

    spec: SyncSpec
    run: str
    started: datetime
    units: tuple[ListUnit, ...]
    mapped: bool
    warnings: tuple[str, ...]
    requests: dict[str, dict[str, int]]
    blind: bool = False

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return {
            "spec": self.spec.to_json(),
            "run": self.run,
            "started": self.started.isoformat(),
            "units": [unit.to_json() for unit in self.units],
            "mapped": self.mapped,
            "warnings": list(self.warnings),
            "requests": self.requests,
            "blind": self.blind,
        }


def prepare(run: Run, *, checkpoint: Checkpoint | None = None, warnings: Sequence[str] = ()) -> Prepared:
    """Check the locations, choose the units to list and write `run.json`.

    :param checkpoint: the pair's last run, where it fits; it only orders work
    :raises InvalidConfiguration: the locations overlap, one is in a region that is not allowed, or what is to be sent
        with every write can't be
    :raises ObjectNotFound: the source (or the destination's bucket) is not there
    """
    started = run.clock.now()
    before = run.requests()
    check_sync(run)
    start = run.spec.selection.start_after
    blind = run.spec.policy.verify == "none" and not _may_list(run)
    sides: tuple[Side, ...] = ("source",) if blind else ("source", "destination")
    units = tuple(ListUnit(number=number, side=side, after=start) for number, side in enumerate(sides))
    document = RunDocument(
        spec=run.spec,
        run=run.run,
        started=started,
        units=units,
        mapped=not _is_small(run, checkpoint, sides),
        warnings=(*warnings, *((BLIND,) if blind else ())),
        requests=run.requests_since(before),
        blind=blind,
    )
    digest = run.workspace.write_document(RUN_DOCUMENT, "run", document.to_json())
    numbers = tuple(unit.number for unit in units) if document.mapped else ()
    return Prepared(units=numbers, digest=digest, warnings=document.warnings)


def _may_list(run: Run) -> bool:
    """Whether the destination lets itself be listed; its credentials may only be allowed to write."""
    try:
        run.destination.list_page(after=run.spec.selection.start_after, limit=1)
    except AccessDenied:
        return False
    except ObjectNotFound:
        return True  # `_is_small` says what that means
    return True


def _is_small(run: Run, checkpoint: Checkpoint | None, sides: Sequence[Side]) -> bool:
    """Whether one task lists both sides sooner than three would; told by the last run, else by the first pages."""
    if checkpoint is not None:
        return sum(checkpoint.objects.values()) <= SMALL
    for side in sides:
        store = run.source if side == "source" else run.destination
        try:
            page = store.list_page(after=run.spec.selection.start_after)
        except ObjectNotFound:
            if side == "source" or not store.capabilities.keeps_mtime:
                raise
            continue  # a folder that the first copy makes
        if page.next_after is not None:
            return False
    return True


def read_run(workspace: Workspace, digest: str | None = None) -> RunDocument:
    """What `prepare` wrote down.

    :param digest: what `prepare` said of it; None = trust the workspace (reports on a broken run)
    :raises PlanMismatch: it is missing or another one
    """
    try:
        value = workspace.read_document(RUN_DOCUMENT, "run", digest=digest)
    except ObjectNotFound:
        raise PlanMismatch(
            "the run's folder has no run.json: did `prepare` finish, and does this worker reach the same workspace? "
            "set [bucketsync] workspace to a location that all workers reach",
            location=workspace.store.location.url,
        ) from None
    return RunDocument(
        spec=SyncSpec.from_json(value["spec"]),
        run=value["run"],
        started=datetime.fromisoformat(value["started"]),
        units=tuple(ListUnit.from_json(unit) for unit in value["units"]),
        mapped=value["mapped"],
        warnings=tuple(value["warnings"]),
        requests=value["requests"],
        blind=value["blind"],
    )


def open_spec(workspace: Workspace, digest: str | None) -> SyncSpec:
    """The spec that `prepare` wrote down."""
    return read_run(workspace, digest).spec
