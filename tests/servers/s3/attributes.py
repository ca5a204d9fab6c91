"""What do request headers say about an object, and which headers say it back?"""

from __future__ import annotations

from collections.abc import Mapping

from tests.servers.core.model import Attributes, BucketSettings, ObjectVersion
from tests.servers.s3.encryption import encryption_headers, requested_encryption
from tests.servers.s3.errors import S3Error, invalid_argument
from tests.servers.s3.locks import lock_headers, requested_lock
from tests.servers.s3.metadata import PREFIX, decoded, encoded, user_metadata
from tests.servers.s3.tagging import header_tags
from tests.servers.s3.xml import http_time

SYSTEM = ("content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires")
DEFAULT_TYPE = "binary/octet-stream"
STORAGE_CLASSES = frozenset(
    [
        "STANDARD",
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "GLACIER",
        "DEEP_ARCHIVE",
        "GLACIER_IR",
        "EXPRESS_ONEZONE",
        "OUTPOSTS",
        "SNOW",
    ]
)
CANNED_ACLS = frozenset(
    [
        "private",
        "public-read",
        "public-read-write",
        "authenticated-read",
        "aws-exec-read",
        "bucket-owner-read",
        "bucket-owner-full-control",
        "log-delivery-write",
    ]
)
WEBSITE = "x-amz-website-redirect-location"


def system_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the system headers to keep; aws-chunked is the transport's, not the object's."""
    found = {name: decoded(headers[name]) for name in SYSTEM if name in headers}
    if "content-encoding" in found:
        kept = [item for item in found["content-encoding"].split(",") if item.strip().lower() != "aws-chunked"]
        found["content-encoding"] = ",".join(kept).strip()
        if not found["content-encoding"]:
            del found["content-encoding"]
    return found


def requested_acl(headers: Mapping[str, str], settings: BucketSettings) -> str:
    """Return the canned ACL, or raise where the bucket has ACLs switched off."""
    acl = headers.get("x-amz-acl", "")
    if acl and acl not in CANNED_ACLS:
        raise invalid_argument("", "x-amz-acl", acl)
    grants = any(name.lower().startswith("x-amz-grant-") for name in headers)
    if settings.owner_enforced and (grants or acl not in ("", "bucket-owner-full-control")):
        raise S3Error("AccessControlListNotSupported", "The bucket does not allow ACLs")
    return acl or "private"


def requested_class(headers: Mapping[str, str]) -> str:
    """Return the storage class asked for."""
    storage_class = headers.get("x-amz-storage-class", "") or "STANDARD"
    if storage_class not in STORAGE_CLASSES:
        message = "The storage class you specified is not valid"
        raise S3Error("InvalidStorageClass", message, {"StorageClassRequested": storage_class})
    return storage_class


def requested_attributes(headers: Mapping[str, str], settings: BucketSettings, now: float) -> Attributes:
    """Return everything the headers of a put, copy or upload ask for."""
    extra = {WEBSITE: headers[WEBSITE]} if WEBSITE in headers else {}
    return Attributes(
        system_headers(headers),
        user_metadata(headers),
        header_tags(headers.get("x-amz-tagging", "")),
        requested_class(headers),
        requested_encryption(headers),
        requested_lock(headers, settings.object_lock, now),
        requested_acl(headers, settings),
        extra,
    )


def restore_header(version: ObjectVersion, now: float) -> dict[str, str]:
    """Return x-amz-restore while a restore runs or its copy lasts."""
    restore = version.restore
    if restore is None or now >= restore.expires_at:
        return {}
    if now < restore.ready_at:
        return {"x-amz-restore": 'ongoing-request="true"'}
    expiry = http_time(int(restore.expires_at))
    return {"x-amz-restore": f'ongoing-request="false", expiry-date="{expiry}"'}


def object_headers(version: ObjectVersion, now: float) -> dict[str, str]:
    """Return the headers of a GET or HEAD of this version."""
    attributes = version.attributes
    found = {
        "Content-Type": DEFAULT_TYPE,
        "Last-Modified": http_time(int(version.modified)),
        "ETag": f'"{version.etag}"',
        "Accept-Ranges": "bytes",
        **encryption_headers(attributes.encryption),
    }
    for name, value in attributes.headers.items():
        found["Content-Type" if name == "content-type" else name] = encoded(value)
    for name, value in attributes.metadata.items():
        found[PREFIX + name] = encoded(value)
    if attributes.storage_class != "STANDARD":
        found["x-amz-storage-class"] = attributes.storage_class
    if attributes.tags:
        found["x-amz-tagging-count"] = str(len(attributes.tags))
    if attributes.lock is not None:
        found |= lock_headers(attributes.lock)
    if version.restore is not None:
        found |= restore_header(version, now)
    if WEBSITE in attributes.extra:
        found[WEBSITE] = attributes.extra[WEBSITE]
    return found
