"""How are many objects deleted in few requests, with an answer for every key?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from airflow_bucketsync.engine.errors import BucketsyncError, ObjectChanged, ObjectNotFound, ServerError
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.items import Deleted, Deletion
from airflow_bucketsync.engine.stores.remote.batches import carried_by_xml, deleted_in_batches
from airflow_bucketsync.engine.stores.remote.header_text import quoted
from airflow_bucketsync.engine.stores.s3.errors import refused
from airflow_bucketsync.engine.stores.s3.session import Answer, Session
from airflow_bucketsync.engine.stores.s3.writing import delete, is_in_state

_OPERATION = "DeleteObjects"


def delete_many(session: Session, deletions: Iterable[Deletion], *, gate: Gate) -> Iterator[Deleted]:
    """Delete many keys, `capabilities.delete_batch` in a request; every key that was drawn is answered."""
    return deleted_in_batches(
        deletions,
        gate=gate,
        limit=session.capabilities.delete_batch,
        fits=lambda deletion: _fits(session, deletion),
        delete=lambda deletion: delete(session, deletion.key, destination=deletion.destination),
        delete_batch=lambda batch: _delete_batch(session, batch),
    )


def _fits(session: Session, deletion: Deletion) -> bool:
    condition = deletion.destination
    conditional = condition.etag is not None and session.capabilities.conditional_delete
    return (condition.is_any or conditional) and carried_by_xml(session.location.full_key(deletion.key))


def _delete_batch(session: Session, batch: Sequence[Deletion]) -> list[Deleted]:
    objects = []
    for deletion in batch:
        entry = {"Key": session.location.full_key(deletion.key)}
        if deletion.destination.etag is not None:
            entry["ETag"] = quoted(deletion.destination.etag)
        objects.append(entry)
    answer = session.call(_OPERATION, Delete={"Objects": objects, "Quiet": False})
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
