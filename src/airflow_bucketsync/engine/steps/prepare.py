"""Begin a run: check what can be checked, write down what it is to do, decide what to list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_bucketsync.engine.errors import InvalidConfiguration, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.plan import ListUnit, Side
from airflow_bucketsync.engine.model.preserve import DEFAULT_CLASS, KEEP_CLASS
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.model.storage_classes import STANDARD_NAMES
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.workspace import Workspace

RUN_DOCUMENT = "run.json"

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
    """

    spec: SyncSpec
    run: str
    started: datetime
    units: tuple[ListUnit, ...]
    mapped: bool
    warnings: tuple[str, ...]
    requests: dict[str, dict[str, int]]

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
    check_overlap(run.spec)
    check_settings(run)
    check_regions(run)
    start = run.spec.selection.start_after
    units = (
        ListUnit(number=0, side="source", after=start),
        ListUnit(number=1, side="destination", after=start),
    )
    document = RunDocument(
        spec=run.spec,
        run=run.run,
        started=started,
        units=units,
        mapped=not _is_small(run, checkpoint),
        warnings=tuple(warnings),
        requests=run.requests_since(before),
    )
    digest = run.workspace.write_document(RUN_DOCUMENT, "run", document.to_json())
    numbers = tuple(unit.number for unit in units) if document.mapped else ()
    return Prepared(units=numbers, digest=digest, warnings=document.warnings)


def check_overlap(spec: SyncSpec) -> None:
    """Refuse a pair whose sides lie inside each other: copies would grow for ever.

    :raises InvalidConfiguration: names both
    """
    source, destination = spec.source, spec.destination
    if source.below(destination) or destination.below(source):
        raise InvalidConfiguration(
            f"source {source.url} and destination {destination.url} overlap: one lies inside the other; "
            "choose prefixes of which neither begins with the other"
        )


def check_settings(run: Run) -> None:
    """Refuse to begin when the destination would not get what the policy asks for.

    :raises InvalidConfiguration: names what can't be sent
    """
    policy, destination = run.spec.policy, run.destination
    wanted = policy.write_settings
    url = destination.location.url
    if wanted != destination.settings:
        names = ("acl", "encryption", "encryption_key")
        other = [name for name in names if getattr(wanted, name) != getattr(destination.settings, name)]
        raise InvalidConfiguration(
            f"{url} does not take {', '.join(other)}: leave it out for this destination, or make its store with "
            "`settings=policy.write_settings`"
        )
    words = destination.capabilities.encryptions
    if wanted.encryption != "default" and wanted.encryption not in words:
        raise InvalidConfiguration(
            f"encryption: {url} does not know {wanted.encryption!r}; it knows {', '.join(words) or 'none'}"
        )
    given = policy.storage_class
    classes = destination.capabilities.storage_classes
    if given not in (DEFAULT_CLASS, KEEP_CLASS, *STANDARD_NAMES, *classes):
        raise InvalidConfiguration(
            f"storage_class: {url} does not know {given!r}; it knows {', '.join(classes) or 'the standard one only'}, "
            "and the words default and keep"
        )


def check_regions(run: Run) -> None:
    """Refuse to begin when a bucket is not in one of the regions that were named.

    :raises InvalidConfiguration: names the bucket, its region and those that are allowed
    """
    allowed = run.spec.policy.require_region
    for store in (run.source, run.destination) if allowed else ():
        region = store.region()
        if region in allowed or store.location.scheme == "file":
            continue
        where = "of which the region can't be told" if region is None else f"in region {region}"
        raise InvalidConfiguration(
            f"require_region: {store.location.url} is a bucket {where}; allowed: {', '.join(allowed)}"
        )


def _is_small(run: Run, checkpoint: Checkpoint | None) -> bool:
    """Whether one task lists both sides sooner than three would; told by the last run, else by the first pages."""
    if checkpoint is not None:
        return sum(checkpoint.objects.values()) <= SMALL
    sides: tuple[Side, ...] = ("source", "destination")
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
            "the run's folder has no run.json: did `prepare` finish, and do all workers reach the same workspace?",
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
    )


def open_spec(workspace: Workspace, digest: str | None) -> SyncSpec:
    """The spec that `prepare` wrote down."""
    return read_run(workspace, digest).spec
