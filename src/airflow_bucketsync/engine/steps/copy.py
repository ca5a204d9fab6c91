"""Copy the objects of one batch, and record what became of each."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from airflow_bucketsync.engine.errors import BucketsyncError, ObjectChanged, TransientError
from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.objects import Fingerprint
from airflow_bucketsync.engine.model.outcome import WRITTEN, CopyMode, Outcome
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.upload import PartMode
from airflow_bucketsync.engine.rules.parts import TooLarge, approach
from airflow_bucketsync.engine.steps.batches import batch_of
from airflow_bucketsync.engine.steps.changing import STOPS_THE_TASK as STOPS_THE_TASK
from airflow_bucketsync.engine.steps.changing import already_there, failure, not_kept, success, transfer_of
from airflow_bucketsync.engine.steps.errors import LOOKED, MAX_ERRORS, Errors
from airflow_bucketsync.engine.steps.holding import under_lock
from airflow_bucketsync.engine.steps.multipart import copy_in_parts
from airflow_bucketsync.engine.steps.opening import OpenUploads
from airflow_bucketsync.engine.steps.recording import Recording
from airflow_bucketsync.engine.steps.replacing import Replacing
from airflow_bucketsync.engine.steps.run import Progress, Run
from airflow_bucketsync.engine.steps.segments import SAVED
from airflow_bucketsync.engine.steps.trash import PORTION
from airflow_bucketsync.engine.steps.units import UnitIndex, write_unit
from airflow_bucketsync.engine.stores.base import Transfer, Transferred


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
    copying = _BatchCopy(run, plan, recording, errors, number=number, attempt=attempt)
    with under_lock(run, plan):
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

    def __init__(
        self, run: Run, plan: Plan, recording: Recording, errors: Errors, *, number: int, attempt: int
    ) -> None:
        self.run = run
        self.plan = plan
        self.policy = plan.spec.policy
        self.recording = recording
        self.errors = errors
        self.errors.here = recording.outcomes.counts["failed"]
        self.again = attempt > 1
        self.uploads = OpenUploads(run, look=self.again or plan.open_uploads)
        self.replacing = Replacing(run, plan, name=f"{number:04d}")
        self.kept: dict[str, str] = {}
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
        for portion in self._portions(self._wanted(changes)):
            for answer in self.run.destination.transfer_many(self._transfers(portion), gate=self.run.gate):
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

    def _wanted(self, changes: Iterator[Change]) -> Iterator[tuple[Change, CopyMode]]:
        """What is to be written, and how; what can't go at all is recorded."""
        for change in changes:
            if change.key in self.recording.outcomes or self._too_many(change):
                continue
            way = self._approach(change)
            if isinstance(way, TooLarge):
                self._add(change, Outcome(key=change.key, status="refused", reason="too_large", message=way.message))
            else:
                yield change, way

    def _portions(self, wanted: Iterator[tuple[Change, CopyMode]]) -> Iterator[Iterable[tuple[Change, CopyMode]]]:
        """All at once; or so many at a time that what they replace is kept, before the first of them is written."""
        if not self.replacing.on:
            yield wanted
            return
        while portion := list(itertools.islice(wanted, PORTION)):
            ready = self.replacing.ready([change for change, _ in portion])
            writable = []
            for item, (_, mode) in zip(ready, portion, strict=True):
                if item.kept is not None:
                    self.kept[item.change.key] = item.kept
                if item.error is None:
                    writable.append((item.change, mode))
                else:
                    self._not_kept(item.change, mode, item.error)
            yield writable

    def _transfers(self, wanted: Iterable[tuple[Change, CopyMode]]) -> Iterator[Transfer]:
        """What goes in one write each; what needs parts is put aside."""
        for change, way in wanted:
            if way in ("part_copy", "stream_parts"):
                self.in_parts.append((change, way))
            else:
                self.single[change.key] = (change, way)
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
        self._add(change, Outcome(key=change.key, status="failed", reason=MAX_ERRORS, message=message))
        return True

    def _done_before(self, change: Change, mode: PartMode) -> bool:
        """Whether an earlier try completed the object and died before it could say so: nothing of it is sent again."""
        with suppress(BucketsyncError):
            found = self.run.destination.head(change.key, checksum=False).info
            if not self._transfer(change, mode).destination.holds(found):
                result = already_there(self.run, change, mode)
                if result is not None:
                    dropped = self.uploads.drop(change.key)
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
            raise TypeError(f"a transfer came back without result and error: {change.key!r}")
        self._add(change, replace(outcome, seconds=answer.seconds, attempts=answer.attempts))

    def _not_kept(self, change: Change, mode: CopyMode, error: BucketsyncError) -> None:
        """What stands there can't be kept, so nothing is written; it may be what was to be written."""
        if isinstance(error, STOPS_THE_TASK):
            raise error
        if isinstance(error, ObjectChanged):
            self._record(change, mode, Transferred(transfer=self._transfer(change, mode), error=error))
        elif not (isinstance(error, TransientError) and self.run.gate.stopped):
            self._add(change, not_kept(change, error))

    def _add(self, change: Change, outcome: Outcome) -> None:
        kept = self.kept.pop(change.key, None)
        if outcome.status in WRITTEN:
            outcome = replace(outcome, kept=kept)
        self.errors.count(outcome)
        self.recording.add(replace(outcome, source=Fingerprint.of(change.source), source_key=change.source_key))
