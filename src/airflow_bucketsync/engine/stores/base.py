"""The one interface of every store, and its contract.

Contract; each line is a test that every store passes (`tests/engine/stores/contract.py`):

1. Keys come in UTF-8 byte order, strictly after `after`; no continuation token leaves the store, so any key is a
   resume point days later. (Locally, while scanning, a directory sorts as `name/`.)
2. `next_after is None` means the end; a short page doesn't. A response without its proof (name, echoed prefix,
   count, truncation flag, token) is `ListingUntrusted`, never the end.
3. `put` and `complete_upload` are atomic for readers. Nothing is ever written outside the location.
4. `delete_many` answers per key and accounts for every key asked.
5. Parts come in any order; repeated parts overwrite; completing twice is recognised.
6. Only the types of `errors.py` leave a store; messages name location and key, never credentials.
7. Stores hold no retry loop; `retrying.py` wraps them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol, Self, runtime_checkable

from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import (
    Checksum,
    ObjectAttributes,
    ObjectDetails,
    ObjectInfo,
    OpenUpload,
    Page,
    PartReceipt,
    PutResult,
)
from airflow_bucketsync.engine.model.preserve import Preserve, WriteSettings
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.items import Deleted, Deletion, Head

Body = bytes | bytearray | memoryview
"""What is written in one request; larger objects go in parts."""


class ObjectBody(Protocol):
    """An open object: its bytes, and what the answer said of the whole object."""

    @property
    def details(self) -> ObjectDetails:
        """The version that is being read and its attributes, tags apart; size and checksum are the whole object's."""
        ...

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill as much of `buffer` as is there; 0 = the end.

        :raises ConnectionLost: fewer bytes came than the range holds
        :raises ObjectChanged: the object changed while it was read (local files)
        """
        ...


TransferMode = Literal["server_copy", "stream", "set_attributes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One object to bring over in one write.

    :param source: the planned version; the read is pinned to it
    :param destination: what must hold at `key` there
    :param mode: `server_copy` (the store copies), `stream` (bytes pass through), `set_attributes` (no body)
    :param preserve: what is brought along besides the bytes
    """

    source_store: ObjectStore
    source: ObjectInfo
    key: str
    destination: Condition
    mode: TransferMode
    preserve: Preserve = field(default_factory=Preserve)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred:
    """What became of one transfer.

    :param result: what the store answered; None when `error` is set
    :param lost: attributes the destination can't hold (`tags`, `content_type`, …)
    :param sent: bytes of body that passed through this process
    """

    transfer: Transfer
    result: PutResult | None = None
    error: BucketsyncError | None = None
    lost: tuple[str, ...] = ()
    seconds: float = 0.0
    attempts: int = 1
    sent: int = 0


@runtime_checkable
class ObjectStore(Protocol):
    """A bucket (or folder) seen as ordered keys. Every call is idempotent, or says why not.

    `requests` counts what was sent so far, by the store's own operation names. `service` names where it is: equal
    buckets of one service are one bucket, whatever their connections are called. `anonymous`: nothing is signed.
    """

    location: Location
    service: str
    anonymous: bool
    requests: Counter[str]

    @property
    def capabilities(self) -> Capabilities:
        """What this store can do and hold."""
        ...

    @property
    def settings(self) -> WriteSettings:
        """What is sent with every write."""
        ...

    def region(self) -> str | None:
        """The region of the bucket, asked once; None = it has none, or the store doesn't tell."""
        ...

    def refusal(self, key: str) -> str | None:
        """Why this key can't stand here, in words for a report; None = it can. Sends no request."""
        ...

    def list_page(self, *, after: str = "", until: str | None = None, limit: int = 1000) -> Page:
        """One page of keys with `after < key <= until`, at most `limit`.

        :raises ListingUntrusted: a page without its proof or out of order
        """
        ...

    def head(self, key: str, *, version_id: str | None = None, checksum: bool = True) -> ObjectDetails:
        """The object's version with its stored checksum (if `checksum`) and its attributes, tags apart.

        :raises ObjectNotFound: a fresh "not there"; a denied request is AccessDenied instead
        """
        ...

    def tags(self, key: str, *, version_id: str | None = None) -> Mapping[str, str]:
        """The object's tags; {} where it has none or the store has no tags.

        :raises AccessDenied: the credentials may not read tags
        """
        ...

    def open(
        self, key: str, *, start: int = 0, length: int | None = None, source: Condition = Condition.ANY
    ) -> AbstractContextManager[ObjectBody]:
        """Read a range of the version that `source` names.

        :raises ObjectChanged: another version stands there
        """
        ...

    def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: ObjectAttributes | None = None,
        checksum: Checksum | None = None,
        destination: Condition = Condition.ANY,
    ) -> PutResult:
        """Write a whole object; with `checksum` the store refuses other bytes.

        :raises ObjectChanged: `destination` does not hold
        :raises BodyCorrupted: the bytes that arrived have another checksum
        """
        ...

    def can_copy_from(self, source: ObjectStore, key: str | None = None) -> str | None:
        """None when this store can copy objects of `source` by itself, else why not.

        :param key: an object of `source` to try the credentials on, where they differ
        """
        ...

    def copy(
        self,
        key: str,
        *,
        source_store: ObjectStore,
        source_key: str,
        source: Condition,
        destination: Condition = Condition.ANY,
        attributes: ObjectAttributes | None = None,
        keep_tags: bool = True,
        storage_class: str | None = None,
    ) -> PutResult:
        """Copy an object inside the store, at most `capabilities.max_copy` bytes.

        :param attributes: None = those of the source, else exactly these (tags too, unless None: then the source's)
        :param keep_tags: False = the copy has no tags, whatever the source has
        :param storage_class: of the copy, None = the standard one; where `attributes` are given, theirs counts
        :raises ObjectChanged: `source` or `destination` does not hold; `key` of the error tells which
        """
        ...

    def set_attributes(self, key: str, attributes: ObjectAttributes, *, destination: Condition) -> PutResult:
        """Replace the attributes of an object, without sending its body.

        A storage class of None leaves the object in the one it has.
        """
        ...

    def begin_upload(self, key: str, *, attributes: ObjectAttributes | None = None) -> str:
        """Begin an object in parts; returns the upload id. Twice = two uploads."""
        ...

    def upload_part(
        self, key: str, upload_id: str, number: int, body: Body, *, checksum: Checksum | None = None
    ) -> PartReceipt:
        """Send part `number` (from 1); the same number again replaces it."""
        ...

    def copy_part(
        self,
        key: str,
        upload_id: str,
        number: int,
        *,
        source_store: ObjectStore,
        source_key: str,
        start: int,
        length: int,
        source: Condition,
    ) -> PartReceipt:
        """Make part `number` from a range of another object of the store."""
        ...

    def list_parts(self, key: str, upload_id: str) -> Sequence[PartReceipt]:
        """The parts that arrived, ascending.

        :raises ObjectNotFound: no such open upload
        """
        ...

    def complete_upload(
        self,
        key: str,
        upload_id: str,
        parts: Sequence[PartReceipt],
        *,
        size: int,
        checksum: Checksum | None = None,
        destination: Condition = Condition.ANY,
    ) -> PutResult:
        """Make the object from its parts.

        :param checksum: of the whole object, where the store can verify it
        :raises ObjectChanged: `destination` does not hold; the upload stays open
        :raises ObjectNotFound: no such open upload (it may have been completed: look at the object)
        """
        ...

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop an open upload; one that is not there is no error."""
        ...

    def list_uploads(self) -> Iterator[OpenUpload]:
        """Open uploads below the location."""
        ...

    def delete(self, key: str, *, destination: Condition = Condition.ANY) -> None:
        """Delete one object; one that is not there is no error, one that `destination` does not hold for is one."""
        ...

    # Many at once, answers as they finish: each item is tried once and its error is part of its answer.

    def head_many(self, keys: Iterable[str], *, gate: Gate, checksum: bool = True) -> Iterator[Head]:
        """HEAD many keys."""
        ...

    def transfer_many(self, transfers: Iterable[Transfer], *, gate: Gate) -> Iterator[Transferred]:
        """Bring many objects here, answers in any order; stops drawing new items when the gate is stopped."""
        ...

    def delete_many(self, deletions: Iterable[Deletion], *, gate: Gate) -> Iterator[Deleted]:
        """Delete many keys; every key asked is answered."""
        ...

    def require_deletable(self) -> None:
        """Nothing where objects may be deleted here, else AccessDenied; nothing is deleted."""
        ...

    def below(self, folder: str) -> Self:
        """The same store at a folder (also of our own state) below; connections and counts are shared, not closed."""
        ...

    def close(self) -> None:
        """Let go of connections; the store is not used afterwards."""
        ...
