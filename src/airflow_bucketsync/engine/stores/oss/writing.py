"""How is an object written whole, copied, given other attributes, or deleted?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from airflow_bucketsync.engine.errors import BodyCorrupted, BucketsyncError, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import Checksum, ObjectAttributes, PutResult
from airflow_bucketsync.engine.stores.base import Body
from airflow_bucketsync.engine.stores.oss.attributes import STANDARD, sent_always, sent_attributes, sent_class
from airflow_bucketsync.engine.stores.oss.checksums import answered_checksum, body_checksum, require_stored
from airflow_bucketsync.engine.stores.oss.conditions import copy_source, write_condition
from airflow_bucketsync.engine.stores.oss.reading import head, looked_at, tags
from airflow_bucketsync.engine.stores.oss.session import Answer, Session
from airflow_bucketsync.engine.stores.oss.symlinks import behind, is_marked
from airflow_bucketsync.engine.stores.remote.conditions import changed, require_state, require_version, state_of
from airflow_bucketsync.engine.stores.remote.header_text import unquoted
from airflow_bucketsync.engine.stores.remote.versions import read_version

_ABOUT_SOURCE = ("PreconditionFailed", "NoSuchKey", "NoSuchVersion", "InvalidObjectState")
"""Codes of a refused copy that speak of its source; that of a destination is FileAlreadyExists."""

_REPLACE = {"x-oss-metadata-directive": "REPLACE"}
_REPLACE_TAGS = {"x-oss-tagging-directive": "REPLACE"}
"""Without it the source's tags come along."""


def put(
    session: Session,
    key: str,
    body: Body,
    *,
    attributes: ObjectAttributes | None,
    checksum: Checksum | None,
    destination: Condition,
) -> PutResult:
    """Write a whole object, and compare what the store says it holds.

    :raises BodyCorrupted: the store refused other bytes than ours, or says that it holds others
    """
    session.require_key(key)
    headers = sent_attributes(session, key, attributes)
    proof, sent = body_checksum(session, key, body, checksum)
    condition = write_condition(session, key, destination)
    answer = session.call("PutObject", key, headers={**headers, **proof, **condition}, body=body)
    etag = answered_etag(session, "PutObject", key, answer.headers)
    try:
        stored = require_stored(session, key, answered_checksum(answer.headers), sent)
    except BodyCorrupted as error:
        error.written = etag
        raise
    return PutResult(
        size=memoryview(body).nbytes,
        etag=etag,
        version_id=answer.headers.get("x-oss-version-id"),
        checksum=stored,
    )


def answered_etag(session: Session, operation: str, key: str, headers: Mapping[str, str]) -> str:
    """The ETag in the headers of an answer.

    :raises ServerError: there is none
    """
    etag = unquoted(headers.get("ETag"))
    if etag is None:
        raise session.unanswered(operation, "ETag", key)
    return etag


def copy(
    session: Session,
    key: str,
    *,
    source_session: Session,
    source_key: str,
    source: Condition,
    destination: Condition,
    attributes: ObjectAttributes | None,
    keep_tags: bool,
    storage_class: str | None,
) -> PutResult:
    """Copy an object inside the store; a symlink is copied as the object that it stands for, with its own attributes.

    Without `attributes` the store keeps the source's; it gives the copy the bucket's storage class.
    """
    session.require_key(key)
    if source.etag is None or source.size is None:
        found = head(source_session, source_key, version_id=source.version_id).info
        require_version(source_session, source_key, source, found)
        source = Condition.matching(found)
    if attributes is None and is_marked(source.etag):
        attributes = _of_link(source_session, source_key, source, storage_class, keep_tags=keep_tags)
    headers = {**sent_always(session), **sent_class(storage_class)}
    if attributes is not None:
        headers = sent_attributes(session, key, attributes if keep_tags else replace(attributes, tags=None)) | _REPLACE
    if not keep_tags or (attributes is not None and attributes.tags is not None):
        headers |= _REPLACE_TAGS
    return _copied(session, key, source_session, source_key, source, destination, headers)


def _of_link(
    session: Session, key: str, source: Condition, storage_class: str | None, *, keep_tags: bool
) -> ObjectAttributes:
    """The attributes of a symlink: those that a HEAD shows, while a copy would take those of the object behind it."""
    found = head(session, key, version_id=source.version_id)
    require_version(session, key, source, found.info)
    kept = tags(session, key, version_id=found.info.version_id) if keep_tags else None
    return replace(found.attributes, tags=kept, storage_class=storage_class)


def set_attributes(session: Session, key: str, attributes: ObjectAttributes, *, destination: Condition) -> PutResult:
    """Replace the attributes of an object by a copy onto itself, which would move it to the bucket's storage class.

    A symlink becomes the object that it stands for.
    """
    if destination.etag is None or destination.size is None or attributes.storage_class is None:
        found = (
            head(session, key).info
            if destination.is_any
            else require_state(session, key, destination, looked_at(session, key))
        )
        if found is None:
            raise changed(session, key, "nothing stands there whose attributes could be set")
        destination = Condition.replacing(found)
        attributes = replace(attributes, storage_class=attributes.storage_class or found.storage_class or STANDARD)
    headers = sent_attributes(session, key, attributes) | _REPLACE
    if attributes.tags is not None:
        headers |= _REPLACE_TAGS
    try:
        # The source is what must stand there: its condition is that of the destination.
        return _copied(session, key, session, key, destination, Condition.ANY, headers)
    except ObjectNotFound as error:
        if error.code == "NoSuchKey":
            raise changed(session, key, "nothing stands there any more") from None
        raise


def _copied(
    session: Session,
    key: str,
    source_session: Session,
    source_key: str,
    source: Condition,
    destination: Condition,
    headers: Mapping[str, str],
) -> PutResult:
    condition = write_condition(session, key, destination)

    def copied(pin: Condition) -> Answer:
        named = source_headers(source_session, source_key, pin)
        return session.call("CopyObject", key, headers={**headers, **named, **condition})

    try:
        answer = read_version(session, source, copied)
    except BucketsyncError as error:
        raise side_of(error, source_session, source_key) from None
    root = session.document("CopyObject", key, answer, "CopyObjectResult")
    etag, modified = unquoted(root.findtext("ETag")), root.findtext("LastModified")
    if etag is None:
        raise session.unanswered("CopyObject", "ETag", key)
    return PutResult(
        size=source.size or 0,
        etag=etag,
        version_id=answer.headers.get("x-oss-version-id"),
        last_modified=datetime.fromisoformat(modified).astimezone(UTC) if modified else None,
        checksum=answered_checksum(answer.headers),
    )


def source_headers(session: Session, key: str, source: Condition) -> dict[str, str | None]:
    """The headers that name what is to be copied: the version, or the object that a symlink stands for."""
    full_key = session.location.full_key(key)
    if is_marked(source.etag):
        full_key, source = behind(session, key, source)
    return copy_source(session.location.bucket, full_key, source)


def side_of(error: BucketsyncError, source_session: Session, source_key: str) -> BucketsyncError:
    """The error of a copy, at the side that it is about."""
    if error.code not in _ABOUT_SOURCE:
        return error
    return type(error)(error.message, location=source_session.location.url, key=source_key, code=error.code)


def delete(session: Session, key: str, *, destination: Condition) -> None:
    """Delete one object; one that is not there is no error. OSS knows no condition: a HEAD looks right before.

    :raises ObjectChanged: `destination` does not hold
    """
    if not destination.is_any and state_of(session, key, destination, looked_at(session, key)) is None:
        return
    try:
        session.call("DeleteObject", key)
    except ObjectNotFound as error:
        if error.code == "NoSuchBucket":
            raise
