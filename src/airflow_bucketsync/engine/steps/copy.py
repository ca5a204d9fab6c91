"""Copy the objects of one batch, and record what became of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from airflow_bucketsync.engine.errors import (
    BucketsyncError,
    InvalidConfiguration,
    NotSupported,
    ObjectChanged,
    ObjectNotFound,
    PlanMismatch,
    StoreFull,
    TransientError,
)
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.equality import equal_content, etags_comparable
from airflow_bucketsync.engine.model.fidelity import adapted, differences
from airflow_bucketsync.engine.model.objects import Fingerprint, PutResult
from airflow_bucketsync.engine.model.outcome import CopyMode, Outcome, Status
from airflow_bucketsync.engine.model.plan import Change, Plan
from airflow_bucketsync.engine.model.upload import PartMode
from airflow_bucketsync.engine.rules.parts import TooLarge, approach
from airflow_bucketsync.engine.steps.batches import batch_of
from airflow_bucketsync.engine.steps.errors import LOOKED, MAX_ERRORS, Errors
from airflow_bucketsync.engine.steps.examine import first_difference
from airflow_bucketsync.engine.steps.multipart import copy_in_parts
from airflow_bucketsync.engine.steps.opening import OpenUploads
from airflow_bucketsync.engine.steps.recording import Recording
from airflow_bucketsync.engine.steps.run import Progress, Run
from airflow_bucketsync.engine.steps.segments import SAVED
from airflow_bucketsync.engine.steps.units import UnitIndex, write_unit
from airflow_bucketsync.engine.stores.base import Transfer, TransferMode, Transferred
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


def copy_batch(run: Run, plan: Plan, number: int, *, attempt: int, progress: Progress) -> UnitIndex:
    """Copy what the batch lists and leave a result page with one outcome per object.

    A later try takes over what the earlier ones recorded, and goes on behind it. An object that fails is an outcome.

    :param number: of the batch
    :param attempt: the try, from 1
    :param progress: where the batch keeps how far it came, at most 5 s old
    :raises Stopped: the task was asked to stop; what was done is recorded
    :raises PlanMismatch: the batch's page is not the one the plan names
    """
    started = run.clock.monotonic()
    before = run.requests()
    batch = batch_of(plan, number)
    recording = Recording(
        run,
        name=f"{number:04d}",
        attempt=attempt,
        plan=plan.digest,
        progress=progress,
        objects=batch.objects,
        total_bytes=batch.bytes,
    )
    errors = Errors(run, plan, number=number)
    copying = _BatchCopy(run, plan, recording, errors, attempt=attempt)
    copying.copy(run.workspace.read_page(batch.page, "changes", Change.from_json))
    index = write_unit(
        run.workspace,
        "result",
        number,
        attempt,
        plan=plan.digest,
        lines=recording.outcomes,
        requests=run.requests_since(before),
        seconds=run.clock.monotonic() - started,
    )
    recording.forget()
    return index


class _BatchCopy:
    """One batch being copied: single writes many at once, then objects in parts one after the other."""

    def __init__(self, run: Run, plan: Plan, recording: Recording, errors: Errors, *, attempt: int) -> None:
        self.run = run
        self.plan = plan
        self.policy = plan.spec.policy
        self.recording = recording
        self.errors = errors
        self.errors.here = recording.outcomes.counts["failed"]
        self.again = attempt > 1
        self.uploads = OpenUploads(run, look=self.again or plan.open_uploads)
        self.in_parts: list[tuple[Change, PartMode]] = []
        self.single: dict[str, tuple[Change, CopyMode]] = {}

    def copy(self, changes: Iterator[Change]) -> None:
        try:
            with (
                self.run.gate.every(SAVED, self.recording.save_when_due),
                self.run.gate.every(LOOKED, self.errors.look),
            ):
                self._copy(changes)
        except BucketsyncError:
            with suppress(BucketsyncError):  # what can't be kept is recognised at the destination by the next try
                self.recording.save()
            raise

    def _copy(self, changes: Iterator[Change]) -> None:
        for answer in self.run.destination.transfer_many(self._transfers(changes), gate=self.run.gate):
            change, mode = self.single.pop(answer.transfer.key)
            self._record(change, mode, answer)
        for change, mode in self.in_parts:
            if self._too_many(change):
                continue
            self.run.gate.check()
            if not (self.again and self._done_before(change, mode)):
                transfer = self._transfer(change, mode)
                self._record(change, mode, copy_in_parts(self.run, transfer, mode=mode, uploads=self.uploads))
        self.run.gate.check()
        self.recording.save()

    def _transfers(self, changes: Iterator[Change]) -> Iterator[Transfer]:
        """What goes in one write each; what needs parts, or can't go at all, is put aside."""
        for change in changes:
            if change.source.key in self.recording.outcomes or self._too_many(change):
                continue
            way = self._approach(change)
            if isinstance(way, TooLarge):
                self._add(
                    change, Outcome(key=change.source.key, status="refused", reason="too_large", message=way.message)
                )
            elif way in ("part_copy", "stream_parts"):
                self.in_parts.append((change, way))
            else:
                self.single[change.source.key] = (change, way)
                yield self._transfer(change, way)

    def _approach(self, change: Change) -> CopyMode | TooLarge:
        if change.kind == "update":
            return "set_attributes"
        return approach(
            change.source.size,
            transport=self.plan.route.transport,
            policy=self.policy,
            destination=self.run.destination.capabilities,
        )

    def _transfer(self, change: Change, mode: CopyMode) -> Transfer:
        return transfer_of(self.run, self.plan, change, mode)

    def _too_many(self, change: Change) -> bool:
        """Whether so many objects failed that this one is not begun any more."""
        message = self.errors.too_many
        if message is None:
            return False
        self._add(change, Outcome(key=change.source.key, status="failed", reason=MAX_ERRORS, message=message))
        return True

    def _done_before(self, change: Change, mode: PartMode) -> bool:
        """Whether an earlier try completed the object and died before it could say so: nothing of it is sent again."""
        with suppress(BucketsyncError):
            found = self.run.destination.head(change.source.key, checksum=False).info
            if not self._transfer(change, mode).destination.holds(found):
                result = already_there(self.run, change, mode)
                if result is not None:
                    dropped = self.uploads.drop(change.source.key)
                    self._add(change, success(change, mode, result, dropped[0].lost if dropped else ()))
                    return True
        return False

    def _record(self, change: Change, mode: CopyMode, answer: Transferred) -> None:
        result, error = answer.result, answer.error
        if isinstance(error, TransientError) and self.run.gate.stopped:
            return  # not tried to the end: the next try does
        if isinstance(error, STOPS_THE_TASK):
            raise error
        if isinstance(error, ObjectChanged) and error.location == self.run.destination.location.url:
            result = already_there(self.run, change, mode)
        if result is not None:
            outcome = success(change, mode, result, answer.lost)
        elif error is not None:
            outcome = failure(self.run, change, error)
        else:
            raise TypeError(f"a transfer came back without result and error: {change.source.key!r}")
        self._add(change, replace(outcome, seconds=answer.seconds, attempts=answer.attempts))

    def _add(self, change: Change, outcome: Outcome) -> None:
        self.errors.count(outcome)
        self.recording.add(replace(outcome, source=Fingerprint.of(change.source)))


def transfer_of(run: Run, plan: Plan, change: Change, mode: CopyMode) -> Transfer:
    """A change as its destination is told of it."""
    return Transfer(
        source_store=run.source,
        source=change.source,
        key=change.source.key,
        # Where the store can't be told what it must find, it looks right before it writes.
        destination=Condition.ANY if plan.blind else Condition.replacing(change.destination),
        mode=_TRANSFER_MODES[mode],
        preserve=plan.spec.policy.preserved,
    )


def success(change: Change, mode: CopyMode, result: PutResult, lost: tuple[str, ...]) -> Outcome:
    """The outcome of an object that was written."""
    return Outcome(
        key=change.source.key,
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
        found = run.destination.head(change.source.key)
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
    return Outcome(key=change.source.key, status=status, reason=reason, message=str(error), source=version)
