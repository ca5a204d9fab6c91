"""How is an object made in parts?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any
from urllib.parse import unquote_plus

from airflow_bucketsync.engine.errors import NotSupported, ObjectChanged, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import (
    Checksum,
    ObjectAttributes,
    OpenUpload,
    PartReceipt,
    PutResult,
)
from airflow_bucketsync.engine.stores.base import Body
from airflow_bucketsync.engine.stores.checksums import to_base64
from airflow_bucketsync.engine.stores.remote.header_text import quoted, unquoted
from airflow_bucketsync.engine.stores.remote.paging import untrusted_parts
from airflow_bucketsync.engine.stores.remote.versions import read_version
from airflow_bucketsync.engine.stores.s3.attributes import sent_attributes
from airflow_bucketsync.engine.stores.s3.checksums import (
    FIELDS,
    body_checksum,
    read_checksum,
    stored_checksum,
    upload_algorithm,
)
from airflow_bucketsync.engine.stores.s3.conditions import copy_source, write_condition
from airflow_bucketsync.engine.stores.s3.session import Answer, Session
from airflow_bucketsync.engine.stores.s3.writing import destination_gone, side_of


def begin_upload(session: Session, key: str, *, attributes: ObjectAttributes | None) -> str:
    """Begin an object in parts, with a checksum over its bytes where the store can; returns the upload id."""
    session.require_key(key)
    params, headers = sent_attributes(session, key, attributes)
    algorithm = upload_algorithm(session.capabilities)
    if algorithm is not None:
        params |= {"ChecksumAlgorithm": algorithm.upper(), "ChecksumType": "FULL_OBJECT"}
    answer = session.call("CreateMultipartUpload", key, headers=headers, **params)
    upload_id = answer.get("UploadId")
    if not upload_id:
        raise session.unanswered("CreateMultipartUpload", "UploadId", key)
    return str(upload_id)


def upload_part(
    session: Session, key: str, upload_id: str, number: int, body: Body, *, checksum: Checksum | None
) -> PartReceipt:
    """Send one part; the store refuses other bytes than ours."""
    proof, sent = body_checksum(session, key, body, checksum, upload_algorithm(session.capabilities))
    answer = session.call("UploadPart", key, body=body, UploadId=upload_id, PartNumber=number, **proof)
    etag = unquoted(answer.get("ETag"))
    if etag is None:
        raise session.unanswered("UploadPart", "ETag", key)
    return PartReceipt(
        number=number,
        size=memoryview(body).nbytes,
        etag=etag,
        checksum=stored_checksum(session, key, answer, sent),
    )


def copy_part(
    session: Session,
    key: str,
    upload_id: str,
    number: int,
    *,
    source_session: Session,
    source_key: str,
    start: int,
    length: int,
    source: Condition,
) -> PartReceipt:
    """Make one part from a range of another object."""
    if not session.capabilities.part_copy:
        # Some stores would do it, and do it wrong.
        raise NotSupported("the store makes no part from another object", location=session.location.url, key=key)

    def copied(pin: Condition) -> Answer:
        return session.call(
            "UploadPartCopy",
            key,
            UploadId=upload_id,
            PartNumber=number,
            CopySource=copy_source(source_session, source_key, pin),
            CopySourceIfMatch=None if pin.etag is None else quoted(pin.etag),
            CopySourceRange=f"bytes={start}-{start + length - 1}",
            ExpectedSourceBucketOwner=source_session.owner,
            RequestPayer=session.payer or source_session.payer,
        )

    try:
        answer = read_version(session, source, copied)
    except (ObjectChanged, ObjectNotFound) as error:
        raise side_of(error, session, key, source_session, source_key, source, Condition.ANY) from None
    made = answer.get("CopyPartResult", {})
    etag = unquoted(made.get("ETag"))
    if etag is None:
        raise session.unanswered("UploadPartCopy", "ETag", key)
    return PartReceipt(number=number, size=length, etag=etag, checksum=read_checksum(made))


def list_parts(session: Session, key: str, upload_id: str) -> Sequence[PartReceipt]:
    """The parts that arrived, ascending."""
    parts: list[PartReceipt] = []
    while True:
        marker = parts[-1].number if parts else None
        answer = session.call("ListParts", key, UploadId=upload_id, PartNumberMarker=marker)
        if answer.get("UploadId") != upload_id or answer.get("IsTruncated") is None:
            raise untrusted_parts(session.location, "parts", key)
        for part in answer.get("Parts", []):
            arrived = part.get("LastModified")
            if parts and part["PartNumber"] <= parts[-1].number:
                raise untrusted_parts(session.location, "parts", key)
            parts.append(
                PartReceipt(
                    number=part["PartNumber"],
                    size=part["Size"],
                    etag=unquoted(part["ETag"]) or "",
                    checksum=read_checksum(part),
                    arrived=None if arrived is None else arrived.astimezone(UTC),
                )
            )
        if not answer["IsTruncated"]:
            return tuple(parts)
        if not answer.get("Parts"):
            raise untrusted_parts(session.location, "parts", key)


def complete_upload(
    session: Session,
    key: str,
    upload_id: str,
    parts: Sequence[PartReceipt],
    *,
    size: int,
    checksum: Checksum | None,
    destination: Condition,
) -> PutResult:
    """Make the object from its parts; the store checks their ETags and checksums, the size, and `checksum`."""
    algorithm = upload_algorithm(session.capabilities)
    params: dict[str, Any] = {}
    if algorithm is not None:
        # Only stores that know these checksums know the header for the size as well.
        params |= {"ChecksumType": "FULL_OBJECT", "MpuObjectSize": size}
        if checksum is not None and checksum.algorithm == algorithm and checksum.parts is None:
            params[FIELDS[algorithm]] = to_base64(checksum)
    listed = [_completed(part) for part in sorted(parts, key=lambda part: part.number)]
    params |= write_condition(session, key, destination)
    try:
        answer = session.call(
            "CompleteMultipartUpload", key, UploadId=upload_id, MultipartUpload={"Parts": listed}, **params
        )
    except ObjectNotFound as error:
        raise destination_gone(session, key, destination, error) from None
    etag = unquoted(answer.get("ETag"))
    if etag is None:
        raise session.unanswered("CompleteMultipartUpload", "ETag", key)
    return PutResult(size=size, etag=etag, version_id=answer.get("VersionId"), checksum=read_checksum(answer))


def abort_upload(session: Session, key: str, upload_id: str) -> None:
    """Drop an open upload; one that is not there is no error."""
    try:
        session.call("AbortMultipartUpload", key, UploadId=upload_id)
    except ObjectNotFound as error:
        if error.code == "NoSuchBucket":
            raise


def list_uploads(session: Session) -> Iterator[OpenUpload]:
    """Open uploads below the location."""
    location = session.location
    marker: tuple[str, str] | None = None
    while True:
        answer = session.call(
            "ListMultipartUploads",
            Prefix=location.prefix,
            EncodingType="url" if session.profile.url_encode else None,
            KeyMarker=marker[0] if marker else None,
            UploadIdMarker=marker[1] if marker else None,
        )
        encoded = answer.get("EncodingType") == "url"
        truncated = answer.get("IsTruncated")
        if answer.get("Bucket") != location.bucket or truncated is None:
            raise untrusted_parts(session.location, "open uploads")
        for upload in answer.get("Uploads", []):
            full_key = unquote_plus(upload["Key"]) if encoded else upload["Key"]
            if not full_key.startswith(location.prefix):
                raise untrusted_parts(session.location, "open uploads")
            if full_key != location.prefix:
                yield OpenUpload(
                    key=location.relative_key(full_key),
                    upload_id=upload["UploadId"],
                    begun=upload["Initiated"].astimezone(UTC),
                )
        if not truncated:
            return
        key_marker = answer.get("NextKeyMarker") or ""
        following = (unquote_plus(key_marker) if encoded else key_marker, answer.get("NextUploadIdMarker") or "")
        if not key_marker or following == marker:
            raise untrusted_parts(session.location, "open uploads")
        marker = following


def _completed(part: PartReceipt) -> dict[str, Any]:
    entry: dict[str, Any] = {"PartNumber": part.number, "ETag": quoted(part.etag)}
    if part.checksum is not None and part.checksum.algorithm in FIELDS:
        entry[FIELDS[part.checksum.algorithm]] = to_base64(part.checksum)
    return entry
