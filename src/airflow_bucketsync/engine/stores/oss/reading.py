"""What does the store say of one object?"""

from __future__ import annotations

from collections.abc import Mapping

from airflow_bucketsync.engine.model.objects import ObjectDetails, ObjectInfo
from airflow_bucketsync.engine.stores.oss.attributes import read_attributes, read_class, read_time
from airflow_bucketsync.engine.stores.oss.checksums import answered_checksum
from airflow_bucketsync.engine.stores.oss.session import Session
from airflow_bucketsync.engine.stores.oss.symlinks import is_link, marked
from airflow_bucketsync.engine.stores.remote.conditions import Look
from airflow_bucketsync.engine.stores.remote.header_text import unquoted

_ARCHIVES = ("Archive", "ColdArchive", "DeepColdArchive")


def head(session: Session, key: str, *, version_id: str | None = None) -> ObjectDetails:
    """The object's version and its attributes, tags apart."""
    answer = session.call("HeadObject", key, params={"versionId": version_id})
    size = answer.headers.get("Content-Length", "")
    if not size.isdecimal():
        raise session.unanswered("HeadObject", "Content-Length", key)
    return details(session, "HeadObject", key, answer.headers, size=int(size))


def looked_at(session: Session, key: str) -> Look:
    """Asks what stands at this key."""
    return lambda: head(session, key).info


def details(
    session: Session, operation: str, key: str, headers: Mapping[str, str], *, size: int, link: bool = False
) -> ObjectDetails:
    """The version and attributes in the answer of a HEAD or GET.

    :param size: of the whole object
    :param link: it is a symlink, whether the answer says so or not
    """
    modified = read_time(headers)
    if modified is None:
        raise session.unanswered(operation, "Last-Modified", key)
    link = link or is_link(headers)
    etag = unquoted(headers.get("ETag"))
    info = ObjectInfo(
        key=key,
        size=size,
        last_modified=modified,
        etag=marked(etag) if link else etag,
        # Of a symlink OSS does not say whose version it names: the link's, or that of the object behind it.
        version_id=None if link else headers.get("x-oss-version-id"),
        storage_class=read_class(headers.get("x-oss-storage-class")),
        # OSS documents that size and ETag are those of the object behind a symlink, and of its CRC-64 says nothing.
        checksum=None if link else answered_checksum(headers),
    )
    # The count is left out where there are no tags, and where the credentials may not read them.
    untagged = session.tags_readable and headers.get("x-oss-tagging-count", "0") == "0"
    return ObjectDetails(
        info=info,
        attributes=read_attributes(headers, modified),
        archived=info.storage_class in _ARCHIVES and 'ongoing-request="false"' not in headers.get("x-oss-restore", ""),
        untagged=untagged,
    )


def tags(session: Session, key: str, *, version_id: str | None = None) -> Mapping[str, str]:
    """The object's tags; {} where it has none."""
    answer = session.call("GetObjectTagging", key, params={"versionId": version_id})
    root = session.document("GetObjectTagging", key, answer, "Tagging")
    found = root.find("TagSet")
    if found is None:
        raise session.unanswered("GetObjectTagging", "TagSet", key)
    session.tags_readable = session.capabilities.counts_tags
    return {tag.findtext("Key", ""): tag.findtext("Value", "") for tag in found.findall("Tag")}
