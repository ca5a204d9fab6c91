"""The one place that retries: a store with the same interface around another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import TypeVar

from airflow_bucketsync.engine.errors import BucketsyncError, TransientError
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
from airflow_bucketsync.engine.stores.base import Body, ObjectBody, ObjectStore, Transfer, Transferred
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.items import Deleted, Deletion, Head
from airflow_bucketsync.engine.stores.pace import RequestCount
from airflow_bucketsync.engine.stores.resuming import ResumingBody
from airflow_bucketsync.engine.stores.retries import Retries
from airflow_bucketsync.engine.stores.transfer import over_wrong_bytes

__all__ = ["Retries", "RetryingStore", "unwrapped"]

T = TypeVar("T")
R = TypeVar("R")


def unwrapped(store: ObjectStore) -> ObjectStore:
    """The store inside its wrappers."""
    while isinstance(store, RetryingStore):
        store = store.inner
    return store


class RetryingStore:
    """Retries what is transient; everything else is the inner store's."""

    def __init__(self, inner: ObjectStore, retries: Retries) -> None:
        self.inner = inner
        self.retries = retries
        self.location: Location = inner.location
        self.service: str = inner.service
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

    def open(
        self, key: str, *, start: int = 0, length: int | None = None, source: Condition = Condition.ANY
    ) -> AbstractContextManager[ObjectBody]:
        """Read a range; a connection lost on the way is opened again where it broke, at the same version."""
        return self._resuming(key, start, length, source)

    @contextmanager
    def _resuming(self, key: str, start: int, length: int | None, source: Condition) -> Iterator[ObjectBody]:
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

    def head_many(self, keys: Iterable[str], *, gate: Gate, checksum: bool = True) -> Iterator[Head]:
        """HEAD many keys; transient failures are asked again."""
        return self._rounds(
            keys,
            lambda items: self.inner.head_many(items, gate=gate, checksum=checksum),
            lambda answer: (answer.key, answer.error),
            lambda answer: (self.location.url,),
        )

    def transfer_many(self, transfers: Iterable[Transfer], *, gate: Gate) -> Iterator[Transferred]:
        """Bring many objects here; transient failures are tried again."""
        tries: Counter[str] = Counter()
        pending: dict[str, Transfer] = {}

        def bare(items: Iterable[Transfer]) -> Iterator[Transferred]:
            def strip() -> Iterator[Transfer]:
                for item in items:
                    pending[item.key] = item
                    tries[item.key] += 1
                    yield replace(item, source_store=unwrapped(item.source_store))

            for answer in self.inner.transfer_many(strip(), gate=gate):
                yield replace(answer, transfer=pending.pop(answer.transfer.key), attempts=tries[answer.transfer.key])

        return self._rounds(
            transfers,
            bare,
            lambda answer: (
                answer.transfer if answer.error is None else over_wrong_bytes(answer.transfer, answer.error),
                answer.error,
            ),
            lambda answer: (self.location.url, answer.transfer.source_store.location.url),
        )

    def delete_many(self, deletions: Iterable[Deletion], *, gate: Gate) -> Iterator[Deleted]:
        """Delete many keys; transient failures are tried again under the same condition."""
        asked: dict[str, Deletion] = {}

        def remember(items: Iterable[Deletion]) -> Iterator[Deletion]:
            for item in items:
                asked[item.key] = item
                yield item

        return self._rounds(
            deletions,
            lambda items: self.inner.delete_many(remember(items), gate=gate),
            lambda answer: (asked.pop(answer.key), answer.error),
            lambda answer: (self.location.url,),
        )

    def _rounds(
        self,
        items: Iterable[T],
        submit: Callable[[Iterable[T]], Iterator[R]],
        item_and_error: Callable[[R], tuple[T, BucketsyncError | None]],
        places: Callable[[R], tuple[str, ...]],
    ) -> Iterator[R]:
        attempt = 1
        while True:
            again: list[T] = []
            last: BucketsyncError | None = None
            for answer in submit(items):
                item, error = item_and_error(answer)
                for place in places(answer) if error is None else (self.location.url,):
                    self.retries.gate.heard(place, error, last=attempt >= self.retries.attempts)
                retry = isinstance(error, TransientError) and not isinstance(error, Stopped)
                if error is not None and retry and attempt < self.retries.attempts and not self.retries.gate.stopped:
                    again.append(item)
                    last = error
                else:
                    yield answer
            if last is None:
                return
            self.retries.pause(attempt, last)
            items = again
            attempt += 1

    def _call(self, function: Callable[[], T]) -> T:
        return self.retries.call(function, place=self.location.url)

    def close(self) -> None:
        """Let go of connections."""
        self.inner.close()
