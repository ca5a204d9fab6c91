"""Many objects at once for stores without an engine of their own: single verbs in threads."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar, cast

from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.errors import ObjectNotFound as Missing
from airflow_bucketsync.engine.stores.base import ObjectStore, Transfer, Transferred
from airflow_bucketsync.engine.stores.gate import LONGEST_WAIT, Gate
from airflow_bucketsync.engine.stores.items import Deleted, Deletion, Head
from airflow_bucketsync.engine.stores.transfer import transfer_object

T = TypeVar("T")
R = TypeVar("R")


def in_threads(
    function: Callable[[T], R], items: Iterable[T], *, gate: Gate, look_every: float = LONGEST_WAIT
) -> Generator[R, None, None]:
    """Call `function` on each item, as many at a time as the gate allows now; results as they finish.

    Draws an item only when a thread is free for it, and none once the gate is stopped. While no result comes, the
    gate's ticks are called at least every second. An exception of `function` or of a tick ends everything: what
    belongs to one item must be part of its result.

    :param look_every: seconds after which an iterator that had ended is asked again for more, at most one
    """
    source = iter(items)
    with ThreadPoolExecutor(max_workers=gate.concurrency, thread_name_prefix="bucketsync") as pool:
        running: set[Future[R]] = set()
        try:
            while True:
                while len(running) < gate.width and not gate.stopped:
                    try:
                        item = next(source)
                    except StopIteration:
                        break
                    running.add(pool.submit(function, item))
                if not running:
                    return
                done, running = wait(running, timeout=look_every, return_when=FIRST_COMPLETED)
                gate.tick()
                for future in done:
                    yield future.result()
        finally:
            for future in running:
                future.cancel()


class ThreadedBulk:
    """The bulk verbs of a store, made from its single verbs."""

    def head_many(self, keys: Iterable[str], *, gate: Gate, checksum: bool = True) -> Iterator[Head]:
        """HEAD many keys, answers in any order."""
        store = cast(ObjectStore, self)

        def head(key: str) -> Head:
            try:
                return Head(key=key, details=store.head(key, checksum=checksum))
            except Missing:
                return Head(key=key)
            except BucketsyncError as error:
                return Head(key=key, error=error)

        yield from in_threads(head, keys, gate=gate)

    def transfer_many(self, transfers: Iterable[Transfer], *, gate: Gate) -> Iterator[Transferred]:
        """Bring many objects here, answers in any order."""
        store = cast(ObjectStore, self)
        yield from in_threads(lambda transfer: transfer_object(store, transfer, gate=gate), transfers, gate=gate)

    def delete_many(self, deletions: Iterable[Deletion], *, gate: Gate) -> Iterator[Deleted]:
        """Delete many keys one by one; every key asked is answered."""
        store = cast(ObjectStore, self)

        def delete(deletion: Deletion) -> Deleted:
            try:
                store.delete(deletion.key, destination=deletion.destination)
            except BucketsyncError as error:
                return Deleted(key=deletion.key, error=error)
            return Deleted(key=deletion.key)

        yield from in_threads(delete, deletions, gate=gate)
