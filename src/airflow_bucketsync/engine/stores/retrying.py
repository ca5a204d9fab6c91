"""The one place that retries: a store with the same interface around another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from typing import Self, TypeVar

from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import (
    Checksum,
    ObjectAttributes,
    ObjectDetails,
    OpenUpload,
    Page,
    PartReceipt,
    PutResult,
)
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.stores.base import Body, ObjectBody, ObjectStore
from airflow_bucketsync.engine.stores.pace import RequestCount
from airflow_bucketsync.engine.stores.resuming import ResumingBody
from airflow_bucketsync.engine.stores.retries import Retries
from airflow_bucketsync.engine.stores.rounds import RetryingBulk, unwrapped

__all__ = ["Retries", "RetryingStore", "unwrapped"]

T = TypeVar("T")


class RetryingStore(RetryingBulk):
    """Retries what is transient; everything else is the inner store's."""

    def __init__(self, inner: ObjectStore, retries: Retries) -> None:
        self.inner = inner
        self.retries = retries
        self.location: Location = inner.location
        self.service: str = inner.service
        self.anonymous: bool = inner.anonymous
        self.requests: Counter[str] = inner.requests
        if isinstance(inner.requests, RequestCount):
            inner.requests.turn = lambda: retries.gate.turn(self.location.url)

    @property
    def capabilities(self) -> Capabilities:
        """What the inner store can do and hold."""
        return self.inner.capabilities

    @property
    def settings(self) -> WriteSettings:
        """What the inner store sends with every write."""
        return self.inner.settings

    def region(self) -> str | None:
        """The region that the bucket is in."""
        return self.retries.call(self.inner.region)

    def refusal(self, key: str) -> str | None:
        """Why this key can't stand here."""
        return self.inner.refusal(key)

    def list_page(self, *, after: str = "", until: str | None = None, limit: int = 1000) -> Page:
        """One page of keys."""
        return self._call(lambda: self.inner.list_page(after=after, until=until, limit=limit))

    def head(self, key: str, *, version_id: str | None = None, checksum: bool = True) -> ObjectDetails:
        """The object's version and attributes."""
        return self._call(lambda: self.inner.head(key, version_id=version_id, checksum=checksum))

    def tags(self, key: str, *, version_id: str | None = None) -> Mapping[str, str]:
        """The object's tags."""
        return self._call(lambda: self.inner.tags(key, version_id=version_id))

    @contextmanager
    def open(
        self, key: str, *, start: int = 0, length: int | None = None, source: Condition = Condition.ANY
    ) -> Iterator[ObjectBody]:
        """Read a range; a connection lost on the way is opened again where it broke, at the same version."""
        with ExitStack() as stack:
            yield ResumingBody(self.inner, self.retries, stack, key, start, length, source)

    def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: ObjectAttributes | None = None,
        checksum: Checksum | None = None,
        destination: Condition = Condition.ANY,
    ) -> PutResult:
        """Write a whole object."""
        return self._call(
            lambda: self.inner.put(key, body, attributes=attributes, checksum=checksum, destination=destination)
        )

    def can_copy_from(self, source: ObjectStore, key: str | None = None) -> str | None:
        """None when the inner store can copy objects of `source` by itself."""
        return self.retries.call(lambda: self.inner.can_copy_from(unwrapped(source), key))

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
        """Copy an object inside the store."""
        return self._call(
            lambda: self.inner.copy(
                key,
                source_store=unwrapped(source_store),
                source_key=source_key,
                source=source,
                destination=destination,
                attributes=attributes,
                keep_tags=keep_tags,
                storage_class=storage_class,
            )
        )

    def set_attributes(self, key: str, attributes: ObjectAttributes, *, destination: Condition) -> PutResult:
        """Replace the attributes of an object."""
        return self._call(lambda: self.inner.set_attributes(key, attributes, destination=destination))

    def begin_upload(self, key: str, *, attributes: ObjectAttributes | None = None) -> str:
        """Begin an object in parts; a reply lost leaves an upload that `list_uploads` shows."""
        return self._call(lambda: self.inner.begin_upload(key, attributes=attributes))

    def upload_part(
        self, key: str, upload_id: str, number: int, body: Body, *, checksum: Checksum | None = None
    ) -> PartReceipt:
        """Send a part."""
        return self._call(lambda: self.inner.upload_part(key, upload_id, number, body, checksum=checksum))

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
        """Make a part from a range of another object."""
        return self._call(
            lambda: self.inner.copy_part(
                key,
                upload_id,
                number,
                source_store=unwrapped(source_store),
                source_key=source_key,
                start=start,
                length=length,
                source=source,
            )
        )

    def list_parts(self, key: str, upload_id: str) -> Sequence[PartReceipt]:
        """The parts that arrived."""
        return self._call(lambda: self.inner.list_parts(key, upload_id))

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
        """Make the object from its parts."""
        return self._call(
            lambda: self.inner.complete_upload(
                key, upload_id, parts, size=size, checksum=checksum, destination=destination
            )
        )

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop an open upload."""
        self._call(lambda: self.inner.abort_upload(key, upload_id))

    def list_uploads(self) -> Iterator[OpenUpload]:
        """Open uploads below the location."""
        return iter(self._call(lambda: list(self.inner.list_uploads())))

    def delete(self, key: str, *, destination: Condition = Condition.ANY) -> None:
        """Delete one object."""
        self._call(lambda: self.inner.delete(key, destination=destination))

    def _call(self, function: Callable[[], T]) -> T:
        return self.retries.call(function, place=self.location.url)

    def require_deletable(self) -> None:
        """Ask whether objects may be deleted here."""
        self._call(self.inner.require_deletable)

    def below(self, folder: str) -> Self:
        """The same store at a folder below its location."""
        other = copy(self)
        other.inner, other.location = self.inner.below(folder), self.location.child(folder)
        return other

    def close(self) -> None:
        """Let go of connections."""
        self.inner.close()
