"""Many at once, tried again: what failed in one round is asked for in the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from airflow_bucketsync.engine.errors import BucketsyncError, TransientError
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.base import ObjectStore, Transfer, Transferred
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.items import Deleted, Deletion, Head
from airflow_bucketsync.engine.stores.retries import Retries
from airflow_bucketsync.engine.stores.transfer import over_wrong_bytes

T = TypeVar("T")
R = TypeVar("R")


def unwrapped(store: ObjectStore) -> ObjectStore:
    """The store inside its wrappers."""
    while isinstance(store, RetryingBulk):
        store = store.inner
    return store


class RetryingBulk:
    """The bulk verbs of a store around another."""

    inner: ObjectStore
    retries: Retries
    location: Location

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
