"""How are many objects deleted in few requests, with an answer for every key?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from airflow_bucketsync.engine.errors import BucketsyncError, ObjectChanged, ObjectNotFound, ServerError
from airflow_bucketsync.engine.stores.bulk import in_threads
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.items import Deleted, Deletion
from airflow_bucketsync.engine.stores.s3.conditions import quoted
from airflow_bucketsync.engine.stores.s3.errors import refused
from airflow_bucketsync.engine.stores.s3.session import Answer, Session
from airflow_bucketsync.engine.stores.s3.writing import delete, is_in_state

_OPERATION = "DeleteObjects"
_NOT_IN_XML = re.compile(r"[^\x20-\x7e\xa0-\u2027\u202a-\ufdcf\ufdf0-\ufefe\uff00-\ufffd\U00010000-\U0010fffd]")
"""Characters that XML can't carry, or that a parser on the way may change (line ends, byte order mark)."""


def delete_many(session: Session, deletions: Iterable[Deletion], *, gate: Gate) -> Iterator[Deleted]:
    """Delete many keys, `capabilities.delete_batch` in a request; every key that was drawn is answered."""
    batches = _Batches(session, deletions)

    def run(batch: Sequence[Deletion]) -> list[Deleted]:
        if gate.stopped:
            return _stopped(batch)
        if len(batch) == 1:
            return [_delete_singly(session, batch[0])]
        return _delete_batch(session, batch)

    for answers in in_threads(run, batches, gate=gate):
        yield from answers
    # After a stop nothing more is drawn from the batches, while one of them may be half made.
    yield from _stopped(batches.pending)


class _Batches:
    """Deletions put together for one request each: a key once, and only keys and conditions it can carry."""

    def __init__(self, session: Session, deletions: Iterable[Deletion]) -> None:
        self.pending: list[Deletion] = []
        self._session = session
        self._deletions = deletions

    def __iter__(self) -> Iterator[Sequence[Deletion]]:
        keys: set[str] = set()
        for deletion in self._deletions:
            if not self._fits(deletion):
                yield [deletion]
                continue
            if deletion.key in keys or len(keys) >= self._session.capabilities.delete_batch:
                yield self._taken()
                keys.clear()
            self.pending.append(deletion)
            keys.add(deletion.key)
        if self.pending:
            yield self._taken()

    def _taken(self) -> list[Deletion]:
        batch, self.pending = self.pending, []
        return batch

    def _fits(self, deletion: Deletion) -> bool:
        full_key = self._session.location.full_key(deletion.key)
        condition = deletion.destination
        conditional = condition.etag is not None and self._session.capabilities.conditional_delete
        return (
            (condition.is_any or conditional)
            and not _NOT_IN_XML.search(full_key)
            and full_key == full_key.strip()
            and not {".", ".."} & set(full_key.split("/"))
        )


def _delete_singly(session: Session, deletion: Deletion) -> Deleted:
    try:
        delete(session, deletion.key, destination=deletion.destination)
    except BucketsyncError as error:
        return Deleted(key=deletion.key, error=error)
    return Deleted(key=deletion.key)


def _delete_batch(session: Session, batch: Sequence[Deletion]) -> list[Deleted]:
    objects = []
    for deletion in batch:
        entry = {"Key": session.location.full_key(deletion.key)}
        if deletion.destination.etag is not None:
            entry["ETag"] = quoted(deletion.destination.etag)
        objects.append(entry)
    try:
        answer = session.call(_OPERATION, Delete={"Objects": objects, "Quiet": False})
    except BucketsyncError as error:
        return [Deleted(key=deletion.key, error=_of_key(error, deletion.key)) for deletion in batch]
    return [_answered(session, deletion, said) for deletion, said in _accounted(session, batch, answer)]


def _accounted(
    session: Session, batch: Sequence[Deletion], answer: Answer
) -> Iterator[tuple[Deletion, BucketsyncError | None]]:
    """What the answer says of each key that was asked; a key that it passes over was not deleted, as far as we know."""
    gone = {entry.get("Key") for entry in answer.get("Deleted", [])}
    errors = {entry.get("Key"): entry for entry in answer.get("Errors", [])}
    asked = {session.location.full_key(deletion.key) for deletion in batch}
    strange = (gone | set(errors)) - asked
    for deletion in batch:
        full_key = session.location.full_key(deletion.key)
        error: BucketsyncError | None = None
        if full_key in errors:
            said = errors[full_key]
            error = refused(said.get("Code", ""), said.get("Message", ""), _OPERATION, session.location, deletion.key)
        elif full_key not in gone or strange:
            error = ServerError(
                "DeleteObjects: the answer speaks of keys that were not asked for"
                if strange
                else "DeleteObjects: the answer does not mention the key; it is unknown whether it was deleted",
                location=session.location.url,
                key=deletion.key,
            )
        yield deletion, error


def _answered(session: Session, deletion: Deletion, error: BucketsyncError | None) -> Deleted:
    if isinstance(error, ObjectNotFound):
        error = None
    elif isinstance(error, ObjectChanged):
        # Some stores refuse the condition where nothing stands any more, which is what was wanted.
        try:
            if not is_in_state(session, deletion.key, deletion.destination):
                error = None
        except BucketsyncError as found:
            error = found
    return Deleted(key=deletion.key, error=error)


def _of_key(error: BucketsyncError, key: str) -> BucketsyncError:
    return type(error)(error.message, location=error.location, key=key, code=error.code, retry_after=error.retry_after)


def _stopped(batch: Iterable[Deletion]) -> list[Deleted]:
    return [
        Deleted(key=deletion.key, error=Stopped("the task was asked to stop", key=deletion.key)) for deletion in batch
    ]
