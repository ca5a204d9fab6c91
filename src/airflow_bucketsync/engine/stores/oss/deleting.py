"""How are many objects deleted in few requests, with an answer for every key?"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote
from xml.etree.ElementTree import Element, SubElement, tostring

from airflow_bucketsync.engine.errors import ServerError
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.items import Deleted, Deletion
from airflow_bucketsync.engine.stores.oss.errors import refused
from airflow_bucketsync.engine.stores.oss.session import Session
from airflow_bucketsync.engine.stores.oss.writing import delete
from airflow_bucketsync.engine.stores.remote.batches import carried_by_xml, deleted_in_batches, singly

_OPERATION = "DeleteMultipleObjects"


def delete_many(session: Session, deletions: Iterable[Deletion], *, gate: Gate) -> Iterator[Deleted]:
    """Delete many keys, `capabilities.delete_batch` in a request; every key that was drawn is answered."""
    return deleted_in_batches(
        deletions,
        gate=gate,
        limit=session.capabilities.delete_batch,
        fits=lambda deletion: (
            # A batch knows no conditions, and an empty name is refused by itself.
            deletion.destination.is_any
            and bool(deletion.key)
            and carried_by_xml(session.location.full_key(deletion.key))
        ),
        delete=lambda deletion: _delete(session, deletion),
        delete_batch=lambda batch: _delete_batch(session, batch),
    )


def _delete(session: Session, deletion: Deletion) -> None:
    delete(session, deletion.key, destination=deletion.destination)


def _delete_batch(session: Session, batch: Sequence[Deletion]) -> list[Deleted]:
    location = session.location
    document = Element("Delete")
    SubElement(document, "Quiet").text = "false"
    for deletion in batch:
        SubElement(SubElement(document, "Object"), "Key").text = location.full_key(deletion.key)
    body = bytes(tostring(document, encoding="utf-8"))
    digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    answer = session.call(_OPERATION, headers={"Content-MD5": digest}, body=body)
    root = session.document(_OPERATION, None, answer, "DeleteResult")
    encoded = root.findtext("EncodingType") == "url"

    def key_of(node: Element) -> str:
        key = node.findtext("Key", "")
        return unquote(key) if encoded else key

    gone = {key_of(node) for node in root.findall("Deleted")}
    errors = {key_of(node): {child.tag: child.text or "" for child in node} for node in root.findall("Error")}
    strange = (gone | set(errors)) - {location.full_key(deletion.key) for deletion in batch}
    return [_answered(session, deletion, gone, errors, strange) for deletion in batch]


def _answered(
    session: Session, deletion: Deletion, gone: set[str], errors: dict[str, dict[str, str]], strange: set[str]
) -> Deleted:
    """What the answer says of one key; a key that it passes over is deleted once more by itself, to learn why."""
    full_key = session.location.full_key(deletion.key)
    if strange:
        message = f"{_OPERATION}: the answer speaks of keys that were not asked for"
        return Deleted(key=deletion.key, error=ServerError(message, location=session.location.url, key=deletion.key))
    if full_key in errors:
        if errors[full_key].get("Code") == "NoSuchKey":
            return Deleted(key=deletion.key)
        return Deleted(key=deletion.key, error=refused(errors[full_key], _OPERATION, session.location, deletion.key))
    if full_key in gone:
        return Deleted(key=deletion.key)
    return singly(lambda item: _delete(session, item), deletion)
