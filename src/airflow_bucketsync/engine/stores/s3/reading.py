"""What does the store say of one object?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC

from airflow_bucketsync.engine.errors import NotSupported
from airflow_bucketsync.engine.model.objects import ObjectDetails, ObjectInfo
from airflow_bucketsync.engine.stores.remote.conditions import Look
from airflow_bucketsync.engine.stores.remote.header_text import unquoted
from airflow_bucketsync.engine.stores.s3.attributes import read_attributes, read_class
from airflow_bucketsync.engine.stores.s3.checksums import answered_checksum
from airflow_bucketsync.engine.stores.s3.session import Answer, Session

_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")
_MD5 = re.compile(r"[0-9a-fA-F]{32}")


def head(session: Session, key: str, *, version_id: str | None = None, checksum: bool = True) -> ObjectDetails:
    """The object's version and its attributes, tags apart."""
    answer = session.call("HeadObject", key, VersionId=version_id, ChecksumMode="ENABLED" if checksum else None)
    if answer.get("ContentLength") is None:
        raise session.unanswered("HeadObject", "Content-Length", key)
    return details(session, "HeadObject", key, answer, size=answer["ContentLength"])


def looked_at(session: Session, key: str) -> Look:
    """Asks what stands at this key."""
    return lambda: head(session, key, checksum=False).info


def details(session: Session, operation: str, key: str, answer: Answer, *, size: int) -> ObjectDetails:
    """The version and attributes in the answer of a HEAD or GET.

    :param size: of the whole object
    """
    if answer.get("LastModified") is None:
        raise session.unanswered(operation, "Last-Modified", key)
    etag = unquoted(answer.get("ETag"))
    encrypted = answer.get("SSECustomerAlgorithm") or str(answer.get("ServerSideEncryption", "")).startswith("aws:")
    info = ObjectInfo(
        key=key,
        size=size,
        last_modified=answer["LastModified"].astimezone(UTC),
        etag=etag,
        version_id=answer.get("VersionId"),
        storage_class=read_class(answer),
        checksum=answered_checksum(session, answer),
    )
    is_md5 = session.capabilities.etag_meaning == "md5" and not encrypted and bool(_MD5.fullmatch(etag or ""))
    # The count is left out where there are no tags, and where the credentials may not read them.
    archived = _archived(answer)
    untagged = session.tags_readable and not answer.get("TagCount")
    return ObjectDetails(
        info=info,
        attributes=read_attributes(answer),
        etag_is_md5=is_md5,
        archived=archived,
        untagged=untagged,
        locked=_locked(answer),
    )


def _locked(answer: Answer) -> str | None:
    """What protects the version: without that a delete marker would hide it, and nothing would be deleted."""
    if answer.get("ObjectLockLegalHoldStatus") == "ON":
        return "a legal hold"
    until = answer.get("ObjectLockRetainUntilDate")
    return None if until is None else f"retention until {until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _archived(answer: Answer) -> bool:
    """Whether the body must be restored first: in an archive class and not restored, or in an archive tier."""
    if answer.get("ArchiveStatus"):
        return True
    restored = 'ongoing-request="false"' in answer.get("Restore", "")
    return answer.get("StorageClass") in _ARCHIVES and not restored


def tags(session: Session, key: str, *, version_id: str | None = None) -> Mapping[str, str]:
    """The object's tags; {} where it has none or the store has no tags."""
    if not session.capabilities.tags:
        return {}
    try:
        answer = session.call("GetObjectTagging", key, VersionId=version_id)
    except NotSupported as error:
        if error.code == "NotImplemented":
            return {}
        raise
    if "TagSet" not in answer:
        raise session.unanswered("GetObjectTagging", "TagSet", key)
    session.tags_readable = session.capabilities.counts_tags
    return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}
