"""How are many keys deleted in few requests, with an answer for every key?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.stores.bulk import in_threads
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.items import Deleted, Deletion

_NOT_IN_XML = re.compile(r"[^\x20-\x7e\xa0-\u2027\u202a-\ufdcf\ufdf0-\ufefe\uff00-\ufffd\U00010000-\U0010fffd]")
"""Characters that XML can't carry, or that a parser on the way may change (line ends, byte order mark)."""


def deleted_in_batches(
    deletions: Iterable[Deletion],
    *,
    gate: Gate,
    limit: int,
    fits: Callable[[Deletion], bool],
    delete: Callable[[Deletion], None],
    delete_batch: Callable[[Sequence[Deletion]], list[Deleted]],
) -> Iterator[Deleted]:
    """Delete many keys, `limit` in a request; every key that was drawn is answered.

    :param fits: whether a batch can carry it; the others are deleted singly
    """
    batches = _Batches(deletions, limit, fits)

    def run(batch: Sequence[Deletion]) -> list[Deleted]:
        if gate.stopped:
            return _stopped(batch)
        if len(batch) == 1:
            return [singly(delete, batch[0])]
        try:
            return delete_batch(batch)
        except BucketsyncError as error:
            return [Deleted(key=deletion.key, error=_of_key(error, deletion.key)) for deletion in batch]

    for answers in in_threads(run, batches, gate=gate):
        yield from answers
    # After a stop nothing more is drawn from the batches, while one of them may be half made.
    yield from _stopped(batches.pending)


def singly(delete: Callable[[Deletion], None], deletion: Deletion) -> Deleted:
    """Delete one key; its error is part of the answer."""
    try:
        delete(deletion)
    except BucketsyncError as error:
        return Deleted(key=deletion.key, error=error)
    return Deleted(key=deletion.key)


def carried_by_xml(full_key: str) -> bool:
    """Whether a key goes into a batch and comes out as it is, whatever parses it on the way."""
    return (
        not _NOT_IN_XML.search(full_key) and full_key == full_key.strip() and not {".", ".."} & set(full_key.split("/"))
    )


class _Batches:
    """Deletions put together for one request each: a key once, and only what it can carry."""

    def __init__(self, deletions: Iterable[Deletion], limit: int, fits: Callable[[Deletion], bool]) -> None:
        self.pending: list[Deletion] = []
        self._deletions = deletions
        self._limit = limit
        self._fits = fits

    def __iter__(self) -> Iterator[Sequence[Deletion]]:
        keys: set[str] = set()
        for deletion in self._deletions:
            if not self._fits(deletion):
                yield [deletion]
                continue
            batch: list[Deletion] = []
            if deletion.key in keys or len(keys) >= self._limit:
                batch = self._taken()
                keys.clear()
            # Before the batch goes out: after it nothing may be drawn any more, and this one was.
            self.pending.append(deletion)
            keys.add(deletion.key)
            if batch:
                yield batch
        if self.pending:
            yield self._taken()

    def _taken(self) -> list[Deletion]:
        batch, self.pending = self.pending, []
        return batch


def _of_key(error: BucketsyncError, key: str) -> BucketsyncError:
    return type(error)(error.message, location=error.location, key=key, code=error.code, retry_after=error.retry_after)


def _stopped(batch: Iterable[Deletion]) -> list[Deleted]:
    return [
        Deleted(key=deletion.key, error=Stopped("the task was asked to stop", key=deletion.key)) for deletion in batch
    ]
