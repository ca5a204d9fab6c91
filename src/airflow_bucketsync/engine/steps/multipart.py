"""Bring one object over in parts inside one task, and join what the copy tasks did."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from typing import Protocol

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    BodyCorrupted,
    BucketsyncError,
    FinalError,
    ObjectChanged,
    ObjectNotFound,
    TransientError,
)
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import (
    Checksum,
    ChecksumAlgorithm,
    ObjectDetails,
    ObjectInfo,
    PartReceipt,
    PutResult,
)
from airflow_bucketsync.engine.model.outcome import WRITTEN, CopyMode
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.rules.parts import part_ranges, part_size_for
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.units import read_units
from airflow_bucketsync.engine.stores.base import Transfer, Transferred
from airflow_bucketsync.engine.stores.bulk import in_threads
from airflow_bucketsync.engine.stores.checksums import COMBINABLE, checksum_of, combined
from airflow_bucketsync.engine.stores.gate import Stopped
from airflow_bucketsync.engine.stores.transfer import attributes_for, over_wrong_bytes, read_exactly, require_version

WHOLE_TRIES = 3
"""Times an object is brought over anew when its parts, put together, are not the source's bytes."""

_Range = tuple[int, int, int]
_Sent = tuple[PartReceipt, Checksum | None] | BucketsyncError


class Uploads(Protocol):
    """Where the ids of begun uploads are kept, so that a later try can abort them."""

    def begun(self, key: str, upload_id: str) -> None:
        """Keep the id."""
        ...

    def ended(self, key: str, upload_id: str) -> None:
        """Forget it."""
        ...


def copy_in_parts(run: Run, transfer: Transfer, *, mode: CopyMode, uploads: Uploads) -> Transferred:
    """Bring one object over in parts, many at once; its error is part of the answer.

    Every part is pinned to the planned version. The parts' checksums, put together, are held against the source's own
    before the object is completed: what differs is brought over anew and never becomes visible.
    """
    started = run.clock.monotonic()
    attempt = 1
    while True:
        try:
            result, lost = _Assembly(run, transfer, mode, uploads).make()
        except BodyCorrupted as error:
            if attempt < WHOLE_TRIES:
                attempt += 1
                transfer = over_wrong_bytes(transfer, error)
                continue
            return _failed(run, transfer, error, started, attempt)
        except BucketsyncError as error:
            return _failed(run, transfer, error, started, attempt)
        sent = transfer.source.size if mode == "stream_parts" else 0
        seconds = run.clock.monotonic() - started
        return Transferred(transfer=transfer, result=result, lost=lost, seconds=seconds, attempts=attempt, sent=sent)


def _failed(run: Run, transfer: Transfer, error: BucketsyncError, started: float, attempt: int) -> Transferred:
    return Transferred(transfer=transfer, error=error, seconds=run.clock.monotonic() - started, attempts=attempt)


class _Assembly:
    """One object being put together from parts."""

    def __init__(self, run: Run, transfer: Transfer, mode: CopyMode, uploads: Uploads) -> None:
        self.run = run
        self.transfer = transfer
        self.mode = mode
        self.uploads = uploads
        self.source = transfer.source_store
        self.destination = run.destination
        self.pin = Condition.matching(transfer.source)

    def make(self) -> tuple[PutResult, tuple[str, ...]]:
        planned = self.transfer.source
        details = self.source.head(planned.key, version_id=planned.version_id)
        require_version(planned, details.info, self.source)
        self.pin = Condition.matching(details.info)  # with its id, where the bucket keeps versions
        attributes, lost = attributes_for(self.destination, self.transfer, details)
        key = self.transfer.key
        try:
            upload_id = self.destination.begin_upload(key, attributes=attributes)
        except AccessDenied:
            if not attributes.tags:
                raise
            attributes, lost = replace(attributes, tags=None), (*lost, "tags")
            upload_id = self.destination.begin_upload(key, attributes=attributes)
        try:
            self.uploads.begun(key, upload_id)
            result = self._complete(upload_id, details)
        except Exception:  # Airflow's too: an upload whose id could not be kept is one that nobody else aborts
            with suppress(BucketsyncError):
                self.destination.abort_upload(key, upload_id)
                self.uploads.ended(key, upload_id)
            raise
        self.uploads.ended(key, upload_id)
        return result, lost

    def _complete(self, upload_id: str, details: ObjectDetails) -> PutResult:
        size = details.info.size
        part_size = part_size_for(
            size, wanted=self.run.spec.policy.part_size, destination=self.destination.capabilities
        )
        expected = details.info.checksum
        if expected is not None and (expected.parts is not None or expected.algorithm not in COMBINABLE):
            expected = None
        send = self._copier(upload_id) if self.mode == "part_copy" else self._streamer(upload_id, expected)
        sent: list[tuple[PartReceipt, Checksum | None]] = []
        with closing(in_threads(_caught(send), part_ranges(size, part_size), gate=self.run.gate)) as answers:
            for answer in answers:
                if isinstance(answer, BucketsyncError):
                    raise answer
                sent.append(answer)
        self.run.gate.check()
        sent.sort(key=lambda item: item[0].number)
        if expected is not None:
            self._prove(expected, _together(expected.algorithm, [(proof, part.size) for part, proof in sent]))
        accepted = self.destination.capabilities.checksums
        checksum = _together(accepted[0], [(part.checksum, part.size) for part, _ in sent]) if accepted else None
        return self._finish(upload_id, [receipt for receipt, _ in sent], size, checksum)

    def _prove(self, expected: Checksum, found: Checksum | None) -> None:
        if found is not None and found != expected:
            raise BodyCorrupted(
                f"the parts together have {found.to_json()}, the source holds {expected.to_json()}",
                location=self.source.location.url,
                key=self.transfer.source.key,
            )

    def _finish(self, upload_id: str, receipts: list[PartReceipt], size: int, checksum: Checksum | None) -> PutResult:
        """Complete the object; a reply that was lost is recognised by what stands there."""
        try:
            return self.destination.complete_upload(
                self.transfer.key,
                upload_id,
                receipts,
                size=size,
                checksum=checksum,
                destination=self.transfer.destination,
            )
        except (ObjectNotFound, ObjectChanged) as error:
            found = self._standing()
            if found is None:
                raise
            if found.size == size and checksum is not None and found.checksum == checksum:
                if isinstance(error, ObjectChanged):  # it was another upload, of an earlier try; this one is open
                    self.destination.abort_upload(self.transfer.key, upload_id)
                return PutResult(
                    size=size, etag=found.etag, version_id=found.version_id, last_modified=found.last_modified
                )
            if isinstance(error, ObjectNotFound) and not self.transfer.destination.holds(found):
                raise ObjectChanged(
                    "the upload is gone, and another object stands there than before it began",
                    location=self.destination.location.url,
                    key=self.transfer.key,
                ) from None
            raise

    def _standing(self) -> ObjectInfo | None:
        """What stands at the destination, as far as that can be told."""
        with suppress(BucketsyncError):
            return self.destination.head(self.transfer.key).info
        return None

    def _streamer(
        self, upload_id: str, expected: Checksum | None
    ) -> Callable[[_Range], tuple[PartReceipt, Checksum | None]]:
        planned = self.transfer.source
        accepted = self.destination.capabilities.checksums

        def send(part: _Range) -> tuple[PartReceipt, Checksum | None]:
            number, start, length = part
            with self.run.gate.buffer(length):
                with self.source.open(planned.key, start=start, length=length, source=self.pin) as body:
                    data = read_exactly(body, length, store=self.source, key=planned.key)
                self.run.gate.check()
                checksum = checksum_of(accepted[0], data) if accepted else None
                proof = checksum
                if expected is not None and (checksum is None or checksum.algorithm != expected.algorithm):
                    proof = checksum_of(expected.algorithm, data)
                receipt = self.destination.upload_part(self.transfer.key, upload_id, number, data, checksum=checksum)
            return replace(receipt, size=length, checksum=checksum), proof

        return send

    def _copier(self, upload_id: str) -> Callable[[_Range], tuple[PartReceipt, Checksum | None]]:
        planned = self.transfer.source

        def send(part: _Range) -> tuple[PartReceipt, Checksum | None]:
            number, start, length = part
            receipt = self.destination.copy_part(
                self.transfer.key,
                upload_id,
                number,
                source_store=self.source,
                source_key=planned.key,
                start=start,
                length=length,
                source=self.pin,
            )
            return replace(receipt, size=length), receipt.checksum

        return send


def _together(algorithm: ChecksumAlgorithm, parts: list[tuple[Checksum | None, int]]) -> Checksum | None:
    """The checksum of all parts as one; None = not every part has one of this algorithm."""
    known = [(part, size) for part, size in parts if part is not None and part.algorithm == algorithm]
    return combined(algorithm, known) if algorithm in COMBINABLE and len(known) == len(parts) else None


def _caught(
    send: Callable[[_Range], tuple[PartReceipt, Checksum | None]],
) -> Callable[[_Range], _Sent]:
    """A part's error as its answer, so that the first one ends the object and not the task."""

    def caught(part: _Range) -> _Sent:
        try:
            return send(part)
        except (TransientError, FinalError) as error:
            return error

    return caught


def finish_copies(run: Run, plan: Plan) -> tuple[int, ...]:
    """The units to verify, after all copies are done: batches with something written; one unit for all by listing.

    :raises Stopped: the task was asked to stop
    """
    if run.gate.stopped:
        raise Stopped("the task was asked to stop")
    level = run.spec.policy.verify
    if level == "none":
        return ()
    finished = read_units(run.workspace, "result", plan=plan.digest)
    written = tuple(number for number, index in finished.items() if any(index.counts.get(word, 0) for word in WRITTEN))
    return written[:1] if level == "listing" else written
