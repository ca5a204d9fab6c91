"""Send the parts of one group, those that have not arrived yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    BucketsyncError,
    FinalError,
    ObjectNotFound,
    PlanMismatch,
    TransientError,
)
from airflow_bucketsync.engine.model.objects import Fingerprint, PartReceipt
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.plan import PartGroup, Plan
from airflow_bucketsync.engine.model.upload import Begun, Receipt, Upload
from airflow_bucketsync.engine.rules.figures import Figures
from airflow_bucketsync.engine.steps.assembling import Assembly, Range, Sent
from airflow_bucketsync.engine.steps.begun import assembly_of, begun_uploads, kept_receipts, sent_of
from airflow_bucketsync.engine.steps.changing import STOPS_THE_TASK, failure
from airflow_bucketsync.engine.steps.errors import LOOKED, MAX_ERRORS, Errors
from airflow_bucketsync.engine.steps.holding import under_lock
from airflow_bucketsync.engine.steps.large import uploads_of
from airflow_bucketsync.engine.steps.run import Progress, Run
from airflow_bucketsync.engine.steps.segments import SAVED, Segments
from airflow_bucketsync.engine.steps.units import LineList, UnitIndex, read_units, write_unit
from airflow_bucketsync.engine.stores.bulk import in_threads

UPLOAD_GONE = "upload_gone"
"""The reason of an object whose upload somebody else ended: a lifecycle rule, a person, another run."""


def upload_group(run: Run, plan: Plan, number: int, *, attempt: int, progress: Progress) -> UnitIndex:
    """Send what is missing of a group and leave a page with a receipt of every part of it that arrived.

    A later try asks the store which parts arrived, and sends the others. A part that can't be sent for good ends its
    object, not the group; one that may work later fails the task, after all others were sent.

    :param number: of the group
    :param attempt: the try, from 1
    :param progress: where the group keeps how far it came, at most 5 s old
    :raises Stopped: the task was asked to stop; what arrived is recorded
    :raises PlanMismatch: the plan has no such group
    :raises TransientError: parts are missing that a retry may bring
    """
    started, before = run.clock.monotonic(), run.requests()
    group = group_of(plan, number)
    sending = _Sending(run, plan, group, attempt=attempt, progress=progress)
    with under_lock(run, plan):
        sending.send()
    index = write_unit(
        run.workspace,
        "receipts",
        number,
        attempt,
        plan=plan.digest,
        lines=sending.lines(),
        requests=run.requests_since(before),
        seconds=run.clock.monotonic() - started,
    )
    if sending.later is not None:
        raise sending.later
    sending.segments.forget()
    return index


def group_of(plan: Plan, number: int) -> PartGroup:
    """A group by its number.

    :raises PlanMismatch: the plan has none
    """
    for group in plan.groups:
        if group.number == number:
            return group
    raise PlanMismatch(f"the plan has no part group {number}; it was made anew since this task was mapped")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Missing:
    """A part to send."""

    upload: Upload
    assembly: Assembly
    part: Range
    arrived: PartReceipt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    missing: _Missing
    sent: Sent | None = None
    error: BucketsyncError | None = None


class _Sending:
    """One group on its way."""

    def __init__(self, run: Run, plan: Plan, group: PartGroup, *, attempt: int, progress: Progress) -> None:
        self.run = run
        self.plan = plan
        self.group = group
        self.again = attempt > 1
        self.receipts: dict[tuple[int, int], Receipt] = {}
        self.ended: dict[int, Receipt] = {}
        self.troubled: dict[int, Receipt] = {}
        self.later: TransientError | None = None
        self.errors = Errors(run, plan, number=None)
        self.segments = Segments(
            run,
            name=f"parts-{group.number:04d}",
            attempt=attempt,
            schema="receipts",
            plan=plan.digest,
            progress=progress,
            everything=lambda: [*self.receipts.values(), *self.ended.values()],
            figures=lambda: self.figures.at(run.clock.monotonic()),
        )
        self.figures = Figures(objects=group.parts, bytes=group.bytes, noun="parts", at=run.clock.monotonic())
        self.known = {
            (receipt.upload, receipt.part.number): receipt
            for receipt in (*self._of_last_try(), *self.segments.load(Receipt.from_json))
            if receipt.part is not None
        }

    def send(self) -> None:
        gate = self.run.gate
        try:
            with (
                gate.every(SAVED, self.segments.save_when_due),
                gate.every(LOOKED, self.errors.look),
                closing(in_threads(self._send, self._missing(), gate=gate)) as answers,
            ):
                for answer in answers:
                    self._record(answer)
            gate.check()
        except BucketsyncError:
            with suppress(BucketsyncError):  # what can't be kept is asked of the store by the next try
                self.segments.save()
            raise
        self.segments.save()

    def lines(self) -> LineList[Receipt]:
        """A line per part that arrived, and one per upload that ended, by upload and part."""
        found = LineList[Receipt]()
        troubled = [receipt for upload, receipt in self.troubled.items() if upload not in self.ended]
        for receipt in sorted((*self.ended.values(), *troubled, *self.receipts.values()), key=_order):
            if receipt.part is None:
                found.add(receipt, "troubled" if receipt.passing else "ended")
            else:
                found.add(receipt, "sent" if receipt.sent else "arrived", receipt.part.size)
        return found

    # which parts ----------------------------------------------------------------------------------------------

    def _missing(self) -> Iterator[_Missing]:
        """The parts to send, upload by upload; those that arrived are recorded as they are found."""
        begun = {line.number: line for line in begun_uploads(self.run, self.plan) if self._has(line.number)}
        for upload in uploads_of(self.run, self.plan):
            line, span = begun.get(upload.number), self.group.within(upload.number, upload.parts)
            if span is None or line is None or line.outcome is not None:
                continue
            words = self.errors.too_many
            if words is not None:
                self._end(upload, Outcome(key=upload.key, status="failed", reason=MAX_ERRORS, message=words))
                continue
            yield from self._missing_of(upload, line, span)

    def _has(self, upload: int) -> bool:
        return self.group.first[0] <= upload <= self.group.last[0]

    def _missing_of(self, upload: Upload, line: Begun, span: tuple[int, int]) -> Iterator[_Missing]:
        assembly = assembly_of(self.run, self.plan, upload, line)
        known = self._known_of(upload, line)
        try:
            arrived = assembly.arrived() if self.again or line.resumed else {}
        except AccessDenied:  # what was recorded did arrive; of anything else nobody can tell
            arrived = _parts(known)
        except ObjectNotFound as error:
            if self._completed(assembly):  # by an earlier try of the next task: what is recorded is what it was made of
                arrived = _parts(known)
            else:
                self._end(upload, Outcome(key=upload.key, status="failed", reason=UPLOAD_GONE, message=str(error)))
                return
        for number in range(span[0], span[1] + 1):
            start = (number - 1) * upload.part_size
            part = (number, start, min(upload.part_size, upload.size - start))
            kept = assembly.kept(part, arrived.get(number), sent_of(known.get(number)))
            if kept is not None:
                self._keep(upload, kept, earlier=True)
            elif upload.number in self.ended:
                return
            else:
                yield _Missing(upload=upload, assembly=assembly, part=part, arrived=arrived.get(number))

    def _known_of(self, upload: Upload, line: Begun) -> dict[int, Receipt]:
        """The receipts that earlier tries recorded, and those that an earlier run left with the upload."""
        known = {number: receipt for (of, number), receipt in self.known.items() if of == upload.number}
        return kept_receipts(self.run, line) | known

    def _of_last_try(self) -> list[Receipt]:
        """The receipts of a try that finished: this one was cleared."""
        if not self.again:
            return []
        with suppress(PlanMismatch):
            index = read_units(self.run.workspace, "receipts", plan=self.plan.digest).get(self.group.number)
            if index is not None:
                return list(self.run.workspace.read_page(index.page, "receipts", Receipt.from_json))
        return []

    def _completed(self, assembly: Assembly) -> bool:
        with suppress(BucketsyncError):
            found = self.run.destination.head(assembly.key, checksum=False).info
            return found.size == assembly.source.size and not assembly.replaces.holds(found)
        return False

    # what became of them --------------------------------------------------------------------------------------

    def _send(self, missing: _Missing) -> _Answer:
        """One part; its error is part of the answer, so that it ends an object and not the task."""
        try:
            if missing.upload.number in self.ended:
                return _Answer(missing=missing)
            return _Answer(missing=missing, sent=missing.assembly.send(missing.part, missing.arrived))
        except STOPS_THE_TASK:
            raise
        except (TransientError, FinalError) as error:
            return _Answer(missing=missing, error=error)

    def _record(self, answer: _Answer) -> None:
        upload, error = answer.missing.upload, answer.error
        if answer.sent is not None:
            self._keep(upload, answer.sent)
        elif isinstance(error, TransientError):
            if not self.run.gate.stopped:
                self.later = error
                outcome = failure(self.run, upload.change, error)
                self.troubled[upload.number] = Receipt(upload=upload.number, outcome=outcome, passing=True)
        elif isinstance(error, ObjectNotFound) and error.location == self.run.destination.location.url:
            self._end(upload, Outcome(key=upload.key, status="failed", reason=UPLOAD_GONE, message=str(error)))
        elif error is not None:
            self._end(upload, failure(self.run, upload.change, error))

    def _keep(self, upload: Upload, sent: Sent, *, earlier: bool = False) -> None:
        receipt = Receipt(upload=upload.number, part=sent.part, proof=sent.proof, sent=sent.bytes)
        self.receipts[upload.number, sent.part.number] = receipt
        self.figures.add(objects=1, bytes=sent.part.size, earlier=earlier)
        self.segments.add(receipt)

    def _end(self, upload: Upload, outcome: Outcome) -> None:
        if upload.number in self.ended:
            return
        outcome = replace(outcome, source=Fingerprint.of(upload.change.source))
        self.errors.count(outcome)
        receipt = Receipt(upload=upload.number, outcome=outcome)
        self.ended[upload.number] = receipt
        self.segments.add(receipt)


def _order(receipt: Receipt) -> tuple[int, int]:
    return receipt.upload, 0 if receipt.part is None else receipt.part.number


def _parts(receipts: Mapping[int, Receipt]) -> dict[int, PartReceipt]:
    return {number: receipt.part for number, receipt in receipts.items() if receipt.part is not None}
