"""Large objects: the uploads a plan asks for, the groups of parts they are moved in, and what is kept of open ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.objects import Checksum, Fingerprint, ObjectInfo, PartReceipt
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.pages import PageRef

PartMode = Literal["part_copy", "stream_parts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One large object of a plan.

    :param number: counts the large objects of the plan, from 0
    :param part_size: bytes of every part but the last
    """

    number: int
    change: Change
    mode: PartMode
    part_size: int

    @property
    def key(self) -> str:
        """Of the object at the destination."""
        return self.change.key

    @property
    def size(self) -> int:
        """Bytes of the object."""
        return self.change.source.size

    @property
    def parts(self) -> int:
        """How many there are; the last one has number `parts`."""
        return -(-self.size // self.part_size)

    def to_json(self) -> dict[str, Any]:
        """As one line of a page."""
        return {
            "number": self.number,
            "change": self.change.to_json(),
            "mode": self.mode,
            "part_size": self.part_size,
        }

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Self:
        """Back from a line of a page."""
        return cls(
            number=line["number"],
            change=Change.from_json(line["change"]),
            mode=line["mode"],
            part_size=line["part_size"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What `begin_uploads` made of one upload: its id, or the outcome that ends it.

    :param upload_id: None where `outcome` is set
    :param entry: name of its document in the upload journal
    :param source: the version that every part is pinned to
    :param expected: checksum of the whole object at the source, where parts can be put together to it
    :param lost: attributes the destination can't hold
    :param receipts: page (of the pair) with the receipts of an earlier run that are still good
    :param resumed: parts of it may have arrived before
    :param outcome: why there is nothing to send
    """

    number: int
    upload_id: str | None = None
    entry: str | None = None
    source: ObjectInfo | None = None
    expected: Checksum | None = None
    lost: tuple[str, ...] = ()
    receipts: PageRef | None = None
    resumed: bool = False
    outcome: Outcome | None = None

    def to_json(self) -> dict[str, Any]:
        """As one line of a page."""
        line: dict[str, Any] = {"number": self.number} | ({"resumed": True} if self.resumed else {})
        if self.upload_id is not None:
            line |= {"upload_id": self.upload_id, "entry": self.entry}
        for name, noun in (("source", self.source), ("receipts", self.receipts), ("outcome", self.outcome)):
            if noun is not None:
                line[name] = noun.to_json()
        if self.expected is not None:
            line["expected"] = self.expected.to_json()
        if self.lost:
            line["lost"] = list(self.lost)
        return line

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Self:
        """Back from a line of a page."""
        source, receipts, outcome = line.get("source"), line.get("receipts"), line.get("outcome")
        expected = line.get("expected")
        return cls(
            number=line["number"],
            upload_id=line.get("upload_id"),
            entry=line.get("entry"),
            source=None if source is None else ObjectInfo.from_json(source),
            expected=None if expected is None else Checksum.from_json(expected),
            lost=tuple(line.get("lost", ())),
            receipts=None if receipts is None else PageRef.from_json(receipts),
            resumed=line.get("resumed", False),
            outcome=None if outcome is None else Outcome.from_json(outcome),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One part that arrived, or the outcome that ended its upload.

    :param upload: number of the upload
    :param part: what the store answered, with the checksum that was sent
    :param proof: checksum of the part in the algorithm of the source's own, where it has one
    :param sent: bytes that this run moved for it; 0 = an earlier try or run did
    :param outcome: why no further part of this upload was sent
    :param passing: the outcome is of an error that a retry may mend: it counts only if parts are missing in the end
    """

    upload: int
    part: PartReceipt | None = None
    proof: Checksum | None = None
    sent: int = 0
    outcome: Outcome | None = None
    passing: bool = False

    def to_json(self) -> dict[str, Any]:
        """As one line of a page."""
        line: dict[str, Any] = {"upload": self.upload}
        if self.part is not None:
            line |= {"number": self.part.number, "size": self.part.size, "etag": self.part.etag}
            if self.part.checksum is not None:
                line["checksum"] = self.part.checksum.to_json()
        if self.proof is not None:
            line["proof"] = self.proof.to_json()
        if self.sent:
            line["sent"] = self.sent
        if self.outcome is not None:
            line["outcome"] = self.outcome.to_json()
        if self.passing:
            line["passing"] = True
        return line

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Self:
        """Back from a line of a page."""
        part, outcome = None, line.get("outcome")
        if "number" in line:
            part = PartReceipt(
                number=line["number"], size=line["size"], etag=line["etag"], checksum=_checksum(line.get("checksum"))
            )
        return cls(
            upload=line["upload"],
            part=part,
            proof=_checksum(line.get("proof")),
            sent=line.get("sent", 0),
            outcome=None if outcome is None else Outcome.from_json(outcome),
            passing=line.get("passing", False),
        )


def _checksum(text: Any) -> Checksum | None:
    return None if text is None else Checksum.from_json(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEntry:
    """One line of the upload journal: an upload that was begun, or was about to be.

    :param name: of its document in the pair's folder
    :param destination: URL of the location below which `key` stands
    :param source: the version that its parts are of
    :param attributes: digest of what was said when it was begun (metadata, tags, class, encryption)
    :param lost: attributes the destination can't hold, or may not be given
    :param run: the run that sent to it last
    :param begun: when it was about to be begun, aware UTC
    :param upload_id: None = it is unknown whether it was begun
    :param receipts: page (of the pair) with the receipts of the parts that arrived, left by a run that ended
    """

    name: str
    destination: str
    key: str
    source: Fingerprint
    mode: PartMode
    part_size: int
    attributes: str
    run: str
    begun: datetime
    upload_id: str | None = None
    lost: tuple[str, ...] = ()
    receipts: PageRef | None = None

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        value: dict[str, Any] = {
            "destination": self.destination,
            "key": self.key,
            "source": self.source.to_json(),
            "mode": self.mode,
            "part_size": self.part_size,
            "attributes": self.attributes,
            "run": self.run,
            "begun": self.begun.isoformat(),
            "upload_id": self.upload_id,
            "lost": list(self.lost),
        }
        if self.receipts is not None:
            value["receipts"] = self.receipts.to_json()
        return value

    @classmethod
    def from_json(cls, name: str, value: Mapping[str, Any]) -> Self:
        """Back from a document of this name."""
        receipts = value.get("receipts")
        return cls(
            name=name,
            destination=value["destination"],
            key=value["key"],
            source=Fingerprint.from_json(value["source"]),
            mode=value["mode"],
            part_size=value["part_size"],
            attributes=value["attributes"],
            run=value["run"],
            begun=datetime.fromisoformat(value["begun"]),
            upload_id=value["upload_id"],
            lost=tuple(value["lost"]),
            receipts=None if receipts is None else PageRef.from_json(receipts),
        )
