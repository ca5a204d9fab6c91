"""How is an object written whole, copied, given other attributes, or deleted?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import Any

from airflow_bucketsync.engine.errors import BodyCorrupted, BucketsyncError, ObjectChanged, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import Checksum, ObjectAttributes, PutResult
from airflow_bucketsync.engine.stores.base import Body
from airflow_bucketsync.engine.stores.remote.conditions import changed, require_state, require_version, state_of
from airflow_bucketsync.engine.stores.remote.header_text import quoted, unquoted
from airflow_bucketsync.engine.stores.remote.versions import read_version
from airflow_bucketsync.engine.stores.s3.attributes import sent_always, sent_attributes
from airflow_bucketsync.engine.stores.s3.checksums import body_checksum, put_algorithm, read_checksum, stored_checksum
from airflow_bucketsync.engine.stores.s3.conditions import copy_source, sent_condition, write_condition
from airflow_bucketsync.engine.stores.s3.reading import head, looked_at
from airflow_bucketsync.engine.stores.s3.session import Session


def put(
    session: Session,
    key: str,
    body: Body,
    *,
    attributes: ObjectAttributes | None,
    checksum: Checksum | None,
    destination: Condition,
) -> PutResult:
    """Write a whole object; the store refuses other bytes than ours."""
    session.require_key(key)
    params, headers = sent_attributes(session, key, attributes)
    proof, sent = body_checksum(session, key, body, checksum, put_algorithm(session.capabilities, checksum))
    condition = write_condition(session, key, destination)
    try:
        answer = session.call("PutObject", key, headers=headers, body=body, **params, **proof, **condition)
    except ObjectNotFound as error:
        raise destination_gone(session, key, destination, error) from None
    etag = unquoted(answer.get("ETag"))
    if etag is None:
        raise session.unanswered("PutObject", "ETag", key)
    try:
        stored = stored_checksum(session, key, answer, sent)
    except BodyCorrupted as error:
        error.written = etag
        raise
    return PutResult(size=memoryview(body).nbytes, etag=etag, version_id=answer.get("VersionId"), checksum=stored)


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
    """Copy an object inside the store.

    Without `attributes` the store keeps the source's, but S3 never copies storage class and website redirect.
    """
    session.require_key(key)
    size = source.size
    if source.etag is None or size is None:
        found = head(source_session, source_key, version_id=source.version_id, checksum=False).info
        require_version(source_session, source_key, source, found)
        source, size = Condition.matching(found), found.size
    params: dict[str, Any] = {"MetadataDirective": "COPY", "StorageClass": storage_class, **sent_always(session)}
    headers: dict[str, str] = {}
    if attributes is not None:
        params, headers = sent_attributes(session, key, attributes if keep_tags else replace(attributes, tags=None))
        params["MetadataDirective"] = "REPLACE"
    if session.capabilities.tags and (not keep_tags or (attributes is not None and attributes.tags is not None)):
        params["TaggingDirective"] = "REPLACE"  # without it the source's tags come along
    condition = write_condition(session, key, destination, copies=True)

    def copied(pin: Condition) -> PutResult:
        return _copied(session, key, source_session, source_key, pin, size, headers, params | condition)

    try:
        return read_version(session, source, copied)
    except (ObjectChanged, ObjectNotFound) as error:
        raise side_of(error, session, key, source_session, source_key, source, destination) from None


def set_attributes(session: Session, key: str, attributes: ObjectAttributes, *, destination: Condition) -> PutResult:
    """Replace the attributes of an object by a copy onto itself, which would move it to the standard class."""
    etag, size = destination.etag, destination.size
    if etag is None or size is None or attributes.storage_class is None:
        look = looked_at(session, key)
        found = look() if destination.is_any else require_state(session, key, destination, look)
        if found is None:
            raise changed(session, key, "nothing stands there whose attributes could be set")
        etag, size = found.etag, found.size
        attributes = replace(attributes, storage_class=attributes.storage_class or found.storage_class)
    pinned = Condition(etag=etag)
    params, headers = sent_attributes(session, key, attributes)
    params["MetadataDirective"] = "REPLACE"
    if attributes.tags is not None and session.capabilities.tags:
        params["TaggingDirective"] = "REPLACE"
    # The condition on the source is one on the destination: they are the same object.
    condition = sent_condition(session, pinned, copies=True)
    try:
        return _copied(session, key, session, key, pinned, size, headers, params | condition)
    except ObjectNotFound as error:
        raise destination_gone(session, key, destination, error) from None


def _copied(
    session: Session,
    key: str,
    source_session: Session,
    source_key: str,
    source: Condition,
    size: int,
    headers: dict[str, str],
    params: dict[str, Any],
) -> PutResult:
    answer = session.call(
        "CopyObject",
        key,
        headers=headers,
        CopySource=copy_source(source_session, source_key, source),
        CopySourceIfMatch=None if source.etag is None else quoted(source.etag),
        ExpectedSourceBucketOwner=source_session.owner,
        RequestPayer=session.payer or source_session.payer,
        **params,
    )
    made = answer.get("CopyObjectResult", {})
    etag = unquoted(made.get("ETag"))
    if etag is None:
        raise session.unanswered("CopyObject", "ETag", key)
    modified = made.get("LastModified")
    return PutResult(
        size=size,
        etag=etag,
        version_id=answer.get("VersionId"),
        last_modified=None if modified is None else modified.astimezone(UTC),
        checksum=read_checksum(made),
    )


def side_of(
    error: BucketsyncError,
    session: Session,
    key: str,
    source_session: Session,
    source_key: str,
    source: Condition,
    destination: Condition,
) -> BucketsyncError:
    """The error of a copy with the side that it is about: S3 answers the same for both, so the source is asked."""
    if error.code in ("NoSuchUpload", "NoSuchBucket"):
        return error

    def look(pin: Condition) -> None:
        match = None if pin.etag is None else quoted(pin.etag)
        source_session.call("HeadObject", source_key, VersionId=pin.version_id, IfMatch=match)

    try:
        read_version(source_session, source, look)
    except BucketsyncError as about_source:
        return about_source
    if isinstance(error, ObjectChanged) and destination.is_any:
        return changed(source_session, source_key, "it was another version for a moment")
    return destination_gone(session, key, destination, error)


def destination_gone(session: Session, key: str, destination: Condition, error: BucketsyncError) -> BucketsyncError:
    """The error of a conditional write: S3 says "no such key" when nothing stands where a version was asked for."""
    if isinstance(error, ObjectNotFound) and destination.etag is not None and error.code in ("NoSuchKey", "404"):
        return changed(session, key, "nothing stands there any more")
    return error


def delete(session: Session, key: str, *, destination: Condition) -> None:
    """Delete one object; one that is not there is no error.

    :raises ObjectChanged: `destination` does not hold
    """
    condition = None
    trusted = session.capabilities.conditional_delete
    if destination.etag is not None and (trusted or session.profile.conditional_delete == "doubted"):
        condition = quoted(destination.etag)
    looks = not destination.is_any and not (condition and trusted)
    if looks and not is_in_state(session, key, destination):
        return
    try:
        session.call("DeleteObject", key, IfMatch=condition)
    except ObjectNotFound as error:
        if error.code == "NoSuchBucket":
            raise
    except ObjectChanged:
        if is_in_state(session, key, destination):
            raise  # it changed and changed back: not for us to decide


def is_in_state(session: Session, key: str, destination: Condition) -> bool:
    """Whether the object stands there in this state; False = nothing stands there.

    :raises ObjectChanged: it stands there in another
    """
    return state_of(session, key, destination, looked_at(session, key)) is not None
