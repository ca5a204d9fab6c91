"""How is one object put together from parts: begun, sent part by part, proven, completed?

Used inside a batch (`multipart`), and by the tasks that bring a large object over together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from airflow_bucketsync.engine.errors import AccessDenied, BodyCorrupted, BucketsyncError, ObjectChanged, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import (
    Checksum,
    ChecksumAlgorithm,
    ObjectAttributes,
    ObjectDetails,
    ObjectInfo,
    PartReceipt,
    PutResult,
)
from airflow_bucketsync.engine.model.outcome import CopyMode
from airflow_bucketsync.engine.steps.parting import first_difference
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.stores.base import Body, ObjectStore, Transfer
from airflow_bucketsync.engine.stores.checksums import COMBINABLE, checksum_of, combined
from airflow_bucketsync.engine.stores.transfer import attributes_for, read_exactly, require_version

Range = tuple[int, int, int]
"""A part: number from 1, start, length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A part that is at the destination.

    :param proof: checksum of its bytes in the algorithm of the source's own; None = not known, or not needed
    :param bytes: moved for it by this process
    """

    part: PartReceipt
    proof: Checksum | None = None
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """The version that is brought over, and what goes with it.

    :param expected: the source's checksum of the whole, where those of parts can be put together to it
    """

    details: ObjectDetails
    attributes: ObjectAttributes
    lost: tuple[str, ...]
    expected: Checksum | None


def pin(run: Run, transfer: Transfer) -> Pinned:
    """Look at the planned version once more; every part is pinned to what is found now.

    :raises ObjectChanged: another version stands there
    """
    planned = transfer.source
    details = transfer.source_store.head(planned.key, version_id=planned.version_id)
    require_version(planned, details.info, transfer.source_store)
    attributes, lost = attributes_for(run.destination, transfer, details)
    expected = details.info.checksum
    if expected is not None and (expected.parts is not None or expected.algorithm not in COMBINABLE):
        expected = None
    return Pinned(details=details, attributes=attributes, lost=lost, expected=expected)


def open_upload(destination: ObjectStore, key: str, pinned: Pinned) -> tuple[str, tuple[str, ...]]:
    """Begin an upload; returns its id and what is lost: the tags too, where they may not be written."""
    try:
        return destination.begin_upload(key, attributes=pinned.attributes), pinned.lost
    except AccessDenied:
        if not pinned.attributes.tags:
            raise
    return destination.begin_upload(key, attributes=replace(pinned.attributes, tags=None)), (*pinned.lost, "tags")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """One open upload.

    :param source: the version that every part is pinned to
    :param expected: the source's checksum of the whole, as in `Pinned`
    :param replaces: what must stand at the destination when it is completed
    """

    run: Run
    key: str
    upload_id: str
    source: ObjectInfo
    expected: Checksum | None
    mode: CopyMode
    replaces: Condition

    # sending --------------------------------------------------------------------------------------------------

    def send(self, part: Range, arrived: PartReceipt | None = None) -> Sent:
        """Bring one part over.

        :param arrived: what the store says of one that came before and can't be trusted unseen: where the source's
            bytes prove to be those that lie there, they are not sent again
        """
        return self._copied(part) if self.mode == "part_copy" else self._streamed(part, arrived)

    def _copied(self, part: Range) -> Sent:
        number, start, length = part
        receipt = self.run.destination.copy_part(
            self.key,
            self.upload_id,
            number,
            source_store=self.run.source,
            source_key=self.source.key,
            start=start,
            length=length,
            source=Condition.matching(self.source),
        )
        return Sent(part=replace(receipt, size=length), proof=receipt.checksum)

    def _streamed(self, part: Range, arrived: PartReceipt | None) -> Sent:
        number, start, length = part
        source, pinned = self.run.source, Condition.matching(self.source)
        with self.run.gate.buffer(length):
            with source.open(self.source.key, start=start, length=length, source=pinned) as body:
                data = read_exactly(body, length, store=source, key=self.source.key)
            self.run.gate.check()
            accepted = self.run.destination.capabilities.checksums
            checksum = checksum_of(accepted[0], data) if accepted else None
            proof = checksum
            if self.expected is not None and (checksum is None or checksum.algorithm != self.expected.algorithm):
                proof = checksum_of(self.expected.algorithm, data)
            if arrived is not None and arrived.size == length and _is_stored(arrived, data, checksum):
                return Sent(part=replace(arrived, checksum=checksum), proof=proof)
            receipt = self.run.destination.upload_part(self.key, self.upload_id, number, data, checksum=checksum)
        return Sent(part=replace(receipt, size=length, checksum=checksum), proof=proof, bytes=length)

    # what is there already ------------------------------------------------------------------------------------

    def arrived(self) -> dict[int, PartReceipt]:
        """The parts that an earlier try or run sent.

        :raises ObjectNotFound: there is no such upload any more
        """
        return {part.number: part for part in self.run.destination.list_parts(self.key, self.upload_id)}

    def kept(self, part: Range, arrived: PartReceipt | None, known: Sent | None) -> Sent | None:
        """A part that need not be sent again; None = it must be.

        :param arrived: what the store says of it
        :param known: what was recorded of it when it was sent
        """
        if arrived is None or arrived.size != part[2]:
            return None
        if known is not None and known.part.etag == arrived.etag:
            return replace(known, bytes=0)
        if self.mode == "part_copy":  # the store made it from the pinned version, and of the range that was asked for
            return Sent(part=arrived, proof=arrived.checksum)
        accepted = self.run.destination.capabilities.checksums
        if not accepted or arrived.checksum is None or arrived.checksum.algorithm != accepted[0]:
            return None  # nothing says what these bytes are
        if self.expected is not None and self.expected.algorithm != arrived.checksum.algorithm:
            return None
        return Sent(part=arrived, proof=arrived.checksum)

    # the end --------------------------------------------------------------------------------------------------

    def complete(self, sent: Sequence[Sent]) -> PutResult:
        """Make the object from all its parts; a reply that was lost is recognised by what stands there.

        :raises BodyCorrupted: the parts together are not what the source holds; nothing became visible
        :raises ObjectChanged: another object stands at the destination than the plan saw
        :raises ObjectNotFound: the upload is gone, and what stands there is not this object
        """
        sent = sorted(sent, key=lambda item: item.part.number)
        self._prove(sent)
        accepted = self.run.destination.capabilities.checksums
        checksum = _together(accepted[0], ((item.part.checksum, item.part.size) for item in sent)) if accepted else None
        receipts = [item.part for item in sent]
        try:
            return self.run.destination.complete_upload(
                self.key, self.upload_id, receipts, size=self.source.size, checksum=checksum, destination=self.replaces
            )
        except (ObjectNotFound, ObjectChanged) as error:
            found = self._standing()
            if found is None:
                raise
            if self._is_this(found.info, receipts, checksum) or (
                not self.replaces.holds(found.info) and self._reads_equal(found)
            ):
                if isinstance(error, ObjectChanged):  # it was another upload, of an earlier try; this one is open
                    self.run.destination.abort_upload(self.key, self.upload_id)
                info = found.info
                return PutResult(
                    size=info.size, etag=info.etag, version_id=info.version_id, last_modified=info.last_modified
                )
            if isinstance(error, ObjectNotFound) and not self.replaces.holds(found.info):
                raise ObjectChanged(
                    "the upload is gone, and another object stands there than before it began",
                    location=self.run.destination.location.url,
                    key=self.key,
                ) from None
            raise

    def _prove(self, sent: Sequence[Sent]) -> None:
        if self.expected is None:
            return
        found = _together(self.expected.algorithm, ((item.proof, item.part.size) for item in sent))
        if found is not None and found != self.expected:
            raise BodyCorrupted(
                f"the parts together have {found.to_json()}, the source holds {self.expected.to_json()}",
                location=self.run.source.location.url,
                key=self.source.key,
            )

    def _standing(self) -> ObjectDetails | None:
        """What stands at the destination, as far as that can be told."""
        with suppress(BucketsyncError):
            return self.run.destination.head(self.key)
        return None

    def _is_this(self, found: ObjectInfo, receipts: Sequence[PartReceipt], checksum: Checksum | None) -> bool:
        """Whether what stands there was made of these very parts."""
        if found.size != self.source.size:
            return False
        known = {proof for proof in (checksum, self.expected) if proof is not None}
        return found.checksum in known or (found.etag is not None and found.etag == multipart_etag(receipts))

    def _reads_equal(self, found: ObjectDetails) -> bool:
        """Whether what stands there has the source's bytes; both are read where no checksum says so."""
        if found.info.size != self.source.size:
            return False
        with suppress(BucketsyncError):
            here = self.run.source.head(self.source.key, version_id=self.source.version_id)
            require_version(self.source, here.info, self.run.source)
            return first_difference(self.run.source, self.run.destination, here, found, gate=self.run.gate) is None
        return False


def _is_stored(arrived: PartReceipt, data: Body, checksum: Checksum | None) -> bool:
    """Whether the part that lies there has these bytes."""
    if checksum is not None and arrived.checksum is not None and arrived.checksum.algorithm == checksum.algorithm:
        return arrived.checksum == checksum
    return arrived.etag.lower() == checksum_of("md5", data).value


def multipart_etag(receipts: Sequence[PartReceipt]) -> str | None:
    """The ETag that S3 gives an object of these parts; None = theirs are no MD5s."""
    try:
        digests = b"".join(bytes.fromhex(part.etag) for part in receipts)
    except ValueError:
        return None
    if not receipts or len(digests) != 16 * len(receipts):
        return None
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(receipts)}"


def _together(algorithm: ChecksumAlgorithm, parts: Iterable[tuple[Checksum | None, int]]) -> Checksum | None:
    """The checksum of all parts as one; None = not every part has one of this algorithm."""
    pieces = list(parts)
    known = [(part, size) for part, size in pieces if part is not None and part.algorithm == algorithm]
    return combined(algorithm, known) if algorithm in COMBINABLE and len(known) == len(pieces) else None
