"""What is a run to do, as written down at its start?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from airflow_bucketsync.engine.errors import CheckpointMismatch, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.checkpoint import Checkpoint, Round
from airflow_bucketsync.engine.model.listing import ListUnit
from airflow_bucketsync.engine.model.plan import Listed
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.workspace import Workspace

RUN_DOCUMENT = "run.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDocument:
    """What a run is to do, as written down at its start.

    :param units: what to list, both sides; tasks of their own list them only if `mapped`
    :param mode: what is listed: `full` = both sides, `incremental` = the source
    :param previous: the checkpoint of the pair's last run, where it fits
    :param round: the pass that this run goes on with; None = it begins at the beginning
    :param unlisted: numbers of units that no task listed, although others did
    :param precheck: how many of its lines ended how; None = there was none
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
    mode: Listed = "full"
    previous: Checkpoint | None = None
    round: Round | None = None
    unlisted: tuple[int, ...] = ()
    precheck: Mapping[str, Any] | None = None

    @property
    def after(self) -> str:
        """Only keys after this one (as they are at the destination) are planned."""
        start = self.spec.selection.listed_after
        return start if self.round is None else max(start, self.round.after)

    @property
    def begun(self) -> Checkpoint | None:
        """The checkpoint of which this run tries again what failed; None = there is none, or it runs aside."""
        return None if self.spec.aside else self.previous

    @property
    def since(self) -> datetime | None:
        """Only objects modified at or after this time, and those that failed; None = whenever."""
        if not self.spec.policy.since_watermark or self.previous is None:
            return None
        return self.previous.watermark

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
            "mode": self.mode,
            "previous": None if self.previous is None else self.previous.to_json(),
            "round": None if self.round is None else self.round.to_json(),
            "unlisted": list(self.unlisted),
            "precheck": None if self.precheck is None else dict(self.precheck),
        }


def as_full(document: RunDocument) -> RunDocument:
    """The same run with both sides to list; a destination that no task listed is listed by the plan."""
    if document.mode == "full":
        return document
    number = len(document.units)
    unit = ListUnit(number=number, side="destination", after=document.after)
    return replace(document, mode="full", units=(*document.units, unit), unlisted=(*document.unlisted, number))


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
    try:
        previous = None if value["previous"] is None else Checkpoint.from_json(value["previous"])
    except CheckpointMismatch as error:
        raise PlanMismatch(f"run.json is damaged: {error}") from None
    return RunDocument(
        spec=SyncSpec.from_json(value["spec"]),
        run=value["run"],
        started=datetime.fromisoformat(value["started"]),
        units=tuple(ListUnit.from_json(unit) for unit in value["units"]),
        mapped=value["mapped"],
        warnings=tuple(value["warnings"]),
        requests=value["requests"],
        blind=value["blind"],
        mode=value["mode"],
        previous=previous,
        round=None if value["round"] is None else Round.from_json(value["round"]),
        unlisted=tuple(value["unlisted"]),
        precheck=value.get("precheck"),
    )


def open_spec(workspace: Workspace, digest: str | None) -> SyncSpec:
    """The spec that `prepare` wrote down."""
    return read_run(workspace, digest).spec
