"""How does a change become a write, and what is said of it when the write is over?"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from airflow_bucketsync.engine.errors import (
    BucketsyncError,
    InvalidConfiguration,
    NotSupported,
    ObjectChanged,
    ObjectNotFound,
    PlanMismatch,
    StoreFull,
)
from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.equality import equal_content, etags_comparable
from airflow_bucketsync.engine.model.fidelity import adapted, differences
from airflow_bucketsync.engine.model.objects import Fingerprint, PutResult
from airflow_bucketsync.engine.model.outcome import CopyMode, Outcome, Status
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.parting import first_difference
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.stores.base import Transfer, TransferMode
from airflow_bucketsync.engine.stores.gate import Stopped

STOPS_THE_TASK = (InvalidConfiguration, PlanMismatch, StoreFull, Stopped)
"""What is not about one object: the task can't go on."""

_TRANSFER_MODES: Mapping[CopyMode, TransferMode] = {
    "server_copy": "server_copy",
    "part_copy": "server_copy",
    "stream": "stream",
    "stream_parts": "stream",
    "set_attributes": "set_attributes",
}
NOT_KEPT = "not_kept"
"""The reason of an object that was not overwritten, because what stands there can't be kept."""


def transfer_of(run: Run, plan: Plan, change: Change, mode: CopyMode) -> Transfer:
    """A change as its destination is told of it."""
    return Transfer(
        source_store=run.source,
        source=change.source,
        key=change.key,
        # Where the store can't be told what it must find, it looks right before it writes.
        destination=Condition.ANY if plan.blind else Condition.replacing(change.destination),
        mode=_TRANSFER_MODES[mode],
        preserve=plan.spec.policy.preserved,
    )


def success(change: Change, mode: CopyMode, result: PutResult, lost: tuple[str, ...]) -> Outcome:
    """The outcome of an object that was written."""
    return Outcome(
        key=change.key,
        source_key=change.source_key,
        status="updated" if change.kind == "update" else "copied",
        reason=change.reason,
        bytes=change.load,
        mode=mode,
        lost=lost,
        destination=Fingerprint(
            size=change.source.size,
            etag=result.etag,
            version_id=result.version_id,
            last_modified=result.last_modified,
        ),
    )


def already_there(run: Run, change: Change, mode: CopyMode) -> PutResult | None:
    """What stands at the destination, if it is what was to be written: an earlier try did it, its answer was lost.

    What a store copied by itself, and keeps no checksum of, is read again.
    """
    try:
        found = run.destination.head(change.key)
        planned = run.source.head(change.source.key, version_id=change.source.version_id)
    except BucketsyncError:
        return None
    if planned.info.etag != change.source.etag or planned.info.size != change.source.size:
        return None
    source, destination = run.source.capabilities, run.destination.capabilities
    equal = equal_content(planned.info, found.info, etags=etags_comparable(source, destination))
    if equal is None and mode in ("server_copy", "part_copy"):
        with suppress(BucketsyncError):
            equal = first_difference(run.source, run.destination, planned, found, gate=run.gate) is None
    if not equal:
        return None
    if change.kind == "update":
        wanted, _ = adapted(planned, source=source, destination=destination, preserve=run.spec.policy.preserved)
        if differences(wanted, found.attributes):
            return None
    info = found.info
    return PutResult(
        size=info.size,
        etag=info.etag,
        version_id=info.version_id,
        last_modified=info.last_modified,
        checksum=info.checksum,
    )


def not_kept(change: Change, error: BucketsyncError) -> Outcome:
    """The outcome of an object that was not written, because what stands in its place can't be kept."""
    message = f"what stands at the destination can't be kept in the trash, so it is not overwritten: {error}"
    return Outcome(key=change.key, source_key=change.source_key, status="failed", reason=NOT_KEPT, message=message)


def failure(run: Run, change: Change, error: BucketsyncError) -> Outcome:
    """The outcome of an object that could not be copied."""
    status: Status = "failed"
    reason = error.reason
    source = run.source.location.url
    if isinstance(error, ObjectNotFound) and error.location == source and error.key == change.source.key:
        skipped = run.spec.policy.on_missing == "skip"
        status, reason = ("gone", "not_at_source") if skipped else ("failed", "gone")
    elif isinstance(error, ObjectChanged):
        status, reason = "changed", "source_changed" if error.location == source else "destination_changed"
    elif isinstance(error, NotSupported):
        status = "refused"
    version = Fingerprint.of(change.source)
    return Outcome(
        key=change.key,
        source_key=change.source_key,
        status=status,
        reason=reason,
        message=str(error),
        source=version,
    )
