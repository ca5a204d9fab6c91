"""Complete the large objects whose parts all arrived, verify them, and join what the copy tasks did."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import groupby

from airflow_bucketsync.engine.errors import (
    BodyCorrupted,
    BucketsyncError,
    FinalError,
    ObjectChanged,
    ObjectNotFound,
    PlanMismatch,
    TransientError,
)
from airflow_bucketsync.engine.model.objects import Fingerprint
from airflow_bucketsync.engine.model.outcome import WRITTEN, Outcome
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.upload import Begun, Receipt, Upload
from airflow_bucketsync.engine.steps.assembling import Sent
from airflow_bucketsync.engine.steps.begun import assembly_of, begun_uploads, kept_receipts, sent_of
from airflow_bucketsync.engine.steps.changing import STOPS_THE_TASK, failure, not_kept, success
from airflow_bucketsync.engine.steps.holding import under_lock
from airflow_bucketsync.engine.steps.joining import abort_left_over, units_to_verify
from airflow_bucketsync.engine.steps.large import uploads_of
from airflow_bucketsync.engine.steps.lists.expected import expecting
from airflow_bucketsync.engine.steps.opening import OpenUploads
from airflow_bucketsync.engine.steps.recording import Recording
from airflow_bucketsync.engine.steps.replacing import Replacing
from airflow_bucketsync.engine.steps.run import Progress, Run
from airflow_bucketsync.engine.steps.segments import SAVED
from airflow_bucketsync.engine.steps.units import Kind, Outcomes, read_units, write_unit
from airflow_bucketsync.engine.steps.upload_parts import UPLOAD_GONE
from airflow_bucketsync.engine.steps.verify import looker
from airflow_bucketsync.engine.stores.bulk import in_threads

PARTS_MISSING = "parts_missing"
"""The reason of an object of which not all parts arrived; its upload stays open for the next run."""
NOT_BEGUN = "not_begun"


def complete_uploads(run: Run, plan: Plan, *, attempt: int, progress: Progress) -> tuple[int, ...]:
    """Complete and verify the plan's large objects, abort uploads of earlier runs that nobody goes on with, and return
    the numbers of what `verify` is to look at.

    :param attempt: the try, from 1
    :param progress: where it is kept which objects are done
    :raises Stopped: the task was asked to stop; what was done is recorded
    :raises TransientError: an object can't be completed now; all others were
    """
    if plan.uploads is not None or plan.open_uploads:
        with under_lock(run, plan):
            if plan.uploads is not None:
                _Completing(run, plan, attempt=attempt, progress=progress).complete()
            if plan.open_uploads:
                abort_left_over(run)
    return units_to_verify(run, plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """A large object with everything that was done for it."""

    upload: Upload
    begun: Begun | None
    receipts: list[Receipt]
    kept: str | None = None
    not_kept: BucketsyncError | None = None

    @property
    def whole(self) -> bool:
        """Whether all its parts arrived, and nothing ended it."""
        begun = self.begun is not None and self.begun.outcome is None
        ended = any(receipt.outcome is not None and not receipt.passing for receipt in self.receipts)
        return begun and not ended and len(self.sent()) == self.upload.parts

    def sent(self) -> dict[int, Sent]:
        """The parts that arrived, by number."""
        return {part.part.number: part for part in map(sent_of, self.receipts) if part is not None}


class _Completing:
    """All large objects of a plan being completed."""

    def __init__(self, run: Run, plan: Plan, *, attempt: int, progress: Progress) -> None:
        self.run = run
        self.plan = plan
        self.attempt = attempt
        self.opening = OpenUploads(run, look=True)
        self.replacing = Replacing(run, plan, name="uploads")
        self.later: TransientError | None = None
        self.unsettled: set[str] = set()  # what a cleared group may still bring: not taken over by the next try
        self.recording = Recording(
            run,
            name="uploads",
            attempt=attempt,
            plan=plan.digest,
            progress=progress,
            objects=0 if plan.uploads is None else plan.uploads.count,
            total_bytes=sum(group.bytes for group in plan.groups),
        )

    def complete(self) -> None:
        started, before = self.run.clock.monotonic(), self.run.requests()
        gate, unsettled = self.run.gate, list[Outcome]()
        try:
            with (
                gate.every(SAVED, self.recording.save_when_due),
                closing(in_threads(self._bring_together, self._kept(self._work()), gate=gate)) as outcomes,
            ):
                for outcome in outcomes:
                    if outcome.key in self.unsettled:
                        unsettled.append(outcome)
                    else:
                        self.recording.add(outcome)
            gate.check()
        except BucketsyncError:
            with suppress(BucketsyncError):
                self.recording.save()
            raise
        self.recording.save()
        for outcome in unsettled:
            self.recording.outcomes.add(outcome)
        self._leave("result", self.recording.outcomes, self.run.requests_since(before), started)
        if self.run.spec.policy.verify in ("metadata", "content"):
            self._verify()
        if self.later is not None:
            raise self.later
        self.recording.forget()

    def _verify(self) -> None:
        started, before = self.run.clock.monotonic(), self.run.requests()
        findings = Outcomes()
        look = expecting(self.run, looker(self.run), self._written)
        with closing(in_threads(look, self._written(), gate=self.run.gate)) as looks:
            for finding in looks:
                if finding is not None:
                    findings.add(finding)
        self.run.gate.check()
        self._leave("findings", findings, self.run.requests_since(before), started)

    def _written(self) -> Iterator[Outcome]:
        outcomes = map(Outcome.from_json, self.recording.outcomes.lines())
        return (outcome for outcome in outcomes if outcome.status in WRITTEN)

    def _leave(self, kind: Kind, outcomes: Outcomes, requests: Mapping[str, Mapping[str, int]], started: float) -> None:
        write_unit(
            self.run.workspace,
            kind,
            self.plan.uploads_unit,
            self.attempt,
            plan=self.plan.digest,
            lines=outcomes,
            requests=requests,
            seconds=self.run.clock.monotonic() - started,
        )

    # object by object -----------------------------------------------------------------------------------------

    def _work(self) -> Iterator[_Work]:
        """Every upload of the plan with its receipts, as all of these come in one order."""
        begun = begun_uploads(self.run, self.plan)
        line = next(begun, None)
        groups = groupby(self._receipts(), key=lambda receipt: receipt.upload)
        owner, receipts = next(groups, (None, iter(())))
        for upload in uploads_of(self.run, self.plan):
            while line is not None and line.number < upload.number:
                line = next(begun, None)
            while owner is not None and owner < upload.number:
                owner, receipts = next(groups, (None, iter(())))
            if upload.key in self.recording.outcomes:
                continue
            yield _Work(
                upload=upload,
                begun=line if line is not None and line.number == upload.number else None,
                receipts=list(receipts) if owner == upload.number else [],
            )

    def _kept(self, works: Iterator[_Work]) -> Iterator[_Work]:
        """The same; what the objects replace is kept before the first of a portion is completed."""
        while portion := list(itertools.islice(works, self.run.gate.concurrency if self.replacing.on else 1)):
            whole = [work.upload.change for work in portion if work.whole]
            ready = {item.change.key: item for item in self.replacing.ready(whole)}
            for work in portion:
                item = ready.get(work.upload.key)
                yield work if item is None else replace(work, kept=item.kept, not_kept=item.error)

    def _receipts(self) -> Iterator[Receipt]:
        """What the part groups left, in the order of uploads and parts; a page that is damaged counts as missing."""
        for _, index in sorted(read_units(self.run.workspace, "receipts", plan=self.plan.digest).items()):
            with suppress(PlanMismatch):
                yield from list(self.run.workspace.read_page(index.page, "receipts", Receipt.from_json))

    def _bring_together(self, work: _Work) -> Outcome:
        """The outcome of one large object; one that can't be completed now fails the task, after all others."""
        try:
            outcome = self._outcome(work)
        except STOPS_THE_TASK:
            raise
        except TransientError as error:
            self.run.gate.check()
            self.later = error
            self.unsettled.add(work.upload.key)
            outcome = failure(self.run, work.upload.change, error)
        change = work.upload.change
        source, source_key = Fingerprint.of(change.source), change.source_key
        return replace(outcome, source=source, source_key=source_key, attempts=self.attempt)

    def _outcome(self, work: _Work) -> Outcome:
        upload, begun = work.upload, work.begun
        if begun is None:
            self.unsettled.add(upload.key)
            words = "its upload was not begun: `begin_uploads` did not finish"
            return Outcome(key=upload.key, status="failed", reason=NOT_BEGUN, message=words)
        if begun.outcome is not None:
            return begun.outcome
        said = [receipt for receipt in work.receipts if receipt.outcome is not None]
        ended = [receipt.outcome for receipt in said if receipt.outcome is not None and not receipt.passing]
        if ended:
            return self._ended(work, begun, min(ended, key=lambda outcome: outcome.status == "failed"))
        sent = work.sent()
        if len(sent) < upload.parts:
            self._leave_open(work, begun)
            words = f"{len(sent)} of {upload.parts} parts arrived; its upload stays open, the next run sends the others"
            last = next((receipt.outcome for receipt in said), None)
            if last is not None:
                return replace(last, message=f"{last.message}; {words}")
            return Outcome(key=upload.key, status="failed", reason=PARTS_MISSING, message=words)
        return self._completed(work, begun, list(sent.values()))

    def _completed(self, work: _Work, begun: Begun, sent: list[Sent]) -> Outcome:
        upload, started = work.upload, self.run.clock.monotonic()
        assembly = assembly_of(self.run, self.plan, upload, begun)
        try:
            if isinstance(work.not_kept, ObjectChanged | TransientError):
                raise work.not_kept
            if work.not_kept is not None:
                self._leave_open(work, begun)
                return not_kept(upload.change, work.not_kept)
            result = assembly.complete(sent)
        except ObjectNotFound as error:
            self._abort(begun)
            return Outcome(key=upload.key, status="failed", reason=UPLOAD_GONE, message=str(error))
        except (BodyCorrupted, ObjectChanged) as error:
            self._abort(begun)
            return failure(self.run, upload.change, error)
        except FinalError as error:  # a right that is missing, say: all parts are there, and stay
            self._leave_open(work, begun)
            return failure(self.run, upload.change, error)
        self._forget(begun)
        outcome = success(upload.change, upload.mode, result, begun.lost)
        return replace(outcome, seconds=self.run.clock.monotonic() - started, kept=work.kept)

    def _ended(self, work: _Work, begun: Begun, outcome: Outcome) -> Outcome:
        """An object that no more was sent of: what may go on later stays open, anything else is aborted."""
        if outcome.status == "failed" and outcome.reason != UPLOAD_GONE:
            self._leave_open(work, begun)
        else:
            self._abort(begun)
        return outcome

    # the journal ----------------------------------------------------------------------------------------------

    def _leave_open(self, work: _Work, begun: Begun) -> None:
        """Keep the receipts with the upload: some stores don't say what arrived well enough to trust it."""
        self.unsettled.add(work.upload.key)
        entry = None if begun.entry is None else self.opening.journal.read(begun.entry)
        if entry is None:
            return
        page: PageRef | None = None
        parts = kept_receipts(self.run, begun)  # of earlier runs, where a group of this one left nothing
        parts |= {receipt.part.number: receipt for receipt in work.receipts if receipt.part is not None}
        if parts:
            name = f"{entry.name.removesuffix('.json')}-{self.run.clock.now():%Y%m%dT%H%M%S%f}"
            writer = self.run.workspace.page_writer(name, "receipts", of_pair=True)
            for _, receipt in sorted(parts.items()):
                writer.write(replace(receipt, sent=0).to_json())
            page = writer.finish()
        self.opening.journal.leave_open(entry, page)

    def _abort(self, begun: Begun) -> None:
        entry = None if begun.entry is None else self.opening.journal.read(begun.entry)
        if entry is not None:
            self.opening.abort(entry)

    def _forget(self, begun: Begun) -> None:
        entry = None if begun.entry is None else self.opening.journal.read(begun.entry)
        if entry is not None:
            self.opening.journal.forget(entry)
