"""How is an object made in parts?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import unquote
from xml.etree.ElementTree import Element, SubElement, tostring

from airflow_bucketsync.engine.errors import BodyCorrupted, BucketsyncError, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import (
    Checksum,
    ObjectAttributes,
    OpenUpload,
    PartReceipt,
    PutResult,
)
from airflow_bucketsync.engine.stores.base import Body
from airflow_bucketsync.engine.stores.oss.attributes import sent_attributes
from airflow_bucketsync.engine.stores.oss.checksums import (
    answered_checksum,
    body_checksum,
    read_checksum,
    require_stored,
    whole,
)
from airflow_bucketsync.engine.stores.oss.conditions import write_condition
from airflow_bucketsync.engine.stores.oss.session import Answer, Session
from airflow_bucketsync.engine.stores.oss.writing import answered_etag, side_of, source_headers
from airflow_bucketsync.engine.stores.remote.header_text import quoted, unquoted
from airflow_bucketsync.engine.stores.remote.paging import untrusted_parts
from airflow_bucketsync.engine.stores.remote.versions import read_version


def begin_upload(session: Session, key: str, *, attributes: ObjectAttributes | None) -> str:
    """Begin an object in parts; returns the upload id."""
    session.require_key(key)
    answer = session.call("InitiateMultipartUpload", key, headers=sent_attributes(session, key, attributes))
    root = session.document("InitiateMultipartUpload", key, answer, "InitiateMultipartUploadResult")
    upload_id = root.findtext("UploadId")
    if not upload_id:
        raise session.unanswered("InitiateMultipartUpload", "UploadId", key)
    return upload_id


def upload_part(
    session: Session, key: str, upload_id: str, number: int, body: Body, *, checksum: Checksum | None
) -> PartReceipt:
    """Send one part, and compare what the store says it holds."""
    proof, sent = body_checksum(session, key, body, checksum)
    answer = session.call("UploadPart", key, params=_part(upload_id, number), headers=proof, body=body)
    return PartReceipt(
        number=number,
        size=memoryview(body).nbytes,
        etag=answered_etag(session, "UploadPart", key, answer.headers),
        checksum=require_stored(session, key, answered_checksum(answer.headers), sent),
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

    def copied(pin: Condition) -> Answer:
        named = source_headers(source_session, source_key, pin)
        named["x-oss-copy-source-range"] = f"bytes={start}-{start + length - 1}"
        return session.call("UploadPartCopy", key, params=_part(upload_id, number), headers=named)

    try:
        answer = read_version(session, source, copied)
    except BucketsyncError as error:
        raise side_of(error, source_session, source_key) from None
    root = session.document("UploadPartCopy", key, answer, "CopyPartResult")
    etag = unquoted(root.findtext("ETag"))
    if etag is None:
        raise session.unanswered("UploadPartCopy", "ETag", key)
    return PartReceipt(number=number, size=length, etag=etag, checksum=answered_checksum(answer.headers))


def list_parts(session: Session, key: str, upload_id: str) -> Sequence[PartReceipt]:
    """The parts that arrived, ascending."""
    parts: list[PartReceipt] = []
    while True:
        marker = str(parts[-1].number) if parts else None
        params = {"uploadId": upload_id, "part-number-marker": marker}
        answer = session.call("ListParts", key, params=params)
        root = session.document("ListParts", key, answer, "ListPartsResult")
        found = root.findall("Part")
        truncated = root.findtext("IsTruncated")
        if root.findtext("UploadId") != upload_id or truncated not in ("true", "false"):
            raise untrusted_parts(session.location, "parts", key)
        for node in found:
            try:
                part = _listed(node)
            except ValueError:
                raise untrusted_parts(session.location, "parts", key) from None
            if parts and part.number <= parts[-1].number:
                raise untrusted_parts(session.location, "parts", key)
            parts.append(part)
        if truncated == "false":
            return tuple(parts)
        if not found:
            raise untrusted_parts(session.location, "parts", key)


def _listed(node: Element) -> PartReceipt:
    arrived = node.findtext("LastModified")
    return PartReceipt(
        number=int(node.findtext("PartNumber", "")),
        size=int(node.findtext("Size", "")),
        etag=unquoted(node.findtext("ETag")) or "",
        checksum=read_checksum(node.findtext("HashCrc64ecma")),
        arrived=datetime.fromisoformat(arrived).astimezone(UTC) if arrived else None,
    )


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
    """Make the object from its parts; what they are together is checked before, what the store made of them after."""
    ordered = sorted(parts, key=lambda part: part.number)
    expected = whole(session, key, ordered, size=size, checksum=checksum)
    condition = write_condition(session, key, destination)
    answer = session.call(
        "CompleteMultipartUpload", key, params={"uploadId": upload_id}, headers=condition, body=_document(ordered)
    )
    root = session.document("CompleteMultipartUpload", key, answer, "CompleteMultipartUploadResult")
    etag = unquoted(root.findtext("ETag"))
    if etag is None:
        raise session.unanswered("CompleteMultipartUpload", "ETag", key)
    stored = answered_checksum(answer.headers)
    try:
        if expected is not None:
            require_stored(session, key, stored, expected)
    except BodyCorrupted as error:
        error.written = etag
        raise
    return PutResult(size=size, etag=etag, version_id=answer.headers.get("x-oss-version-id"), checksum=stored)


def _document(parts: Sequence[PartReceipt]) -> bytes:
    root = Element("CompleteMultipartUpload")
    for part in parts:
        node = SubElement(root, "Part")
        SubElement(node, "PartNumber").text = str(part.number)
        SubElement(node, "ETag").text = quoted(part.etag)
    return bytes(tostring(root, encoding="utf-8"))


def abort_upload(session: Session, key: str, upload_id: str) -> None:
    """Drop an open upload; one that is not there is no error."""
    try:
        session.call("AbortMultipartUpload", key, params={"uploadId": upload_id})
    except ObjectNotFound as error:
        if error.code == "NoSuchBucket":
            raise


def list_uploads(session: Session) -> Iterator[OpenUpload]:
    """Open uploads below the location."""
    location = session.location
    marker: tuple[str, str] | None = None
    while True:
        params = {
            "prefix": location.prefix or None,
            "max-uploads": str(session.capabilities.page_limit),
            "key-marker": marker[0] if marker else None,
            "upload-id-marker": marker[1] if marker else None,
        }
        answer = session.call("ListMultipartUploads", params=params)
        root = session.document("ListMultipartUploads", None, answer, "ListMultipartUploadsResult")
        encoded, truncated = root.findtext("EncodingType") == "url", root.findtext("IsTruncated")
        if root.findtext("Bucket") != location.bucket or truncated not in ("true", "false"):
            raise untrusted_parts(location, "open uploads")
        for node in root.findall("Upload"):
            key = node.findtext("Key", "")
            full_key = unquote(key) if encoded else key
            if not full_key.startswith(location.prefix):
                raise untrusted_parts(location, "open uploads")
            if full_key != location.prefix:
                yield _open(session, location.relative_key(full_key), node)
        if truncated == "false":
            return
        key_marker = root.findtext("NextKeyMarker") or ""
        following = (unquote(key_marker) if encoded else key_marker, root.findtext("NextUploadIdMarker") or "")
        if not key_marker or following == marker:
            raise untrusted_parts(location, "open uploads")
        marker = following


def _open(session: Session, key: str, node: Element) -> OpenUpload:
    upload_id, begun = node.findtext("UploadId"), node.findtext("Initiated")
    try:
        if upload_id and begun:
            return OpenUpload(key=key, upload_id=upload_id, begun=datetime.fromisoformat(begun).astimezone(UTC))
    except ValueError:
        pass
    raise untrusted_parts(session.location, "open uploads")


def _part(upload_id: str, number: int) -> dict[str, str | None]:
    return {"uploadId": upload_id, "partNumber": str(number)}
