"""What do request headers say about an object, and which headers say it back?

Values are kept as the bytes sent, written as ISO 8859-1 text, and leave as the same bytes.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tests.servers.core.body import has_exact_digest
from tests.servers.core.model import Attributes, BucketSettings, ObjectVersion
from tests.servers.oss.crc import crc_headers
from tests.servers.oss.encryption import requested_encryption
from tests.servers.oss.errors import OSSError, invalid_argument
from tests.servers.oss.tagging import header_tags
from tests.servers.oss.xml import http_time

if TYPE_CHECKING:
    from tests.servers.oss.server import OSSServer

SYSTEM = ("content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires")
DEFAULT_TYPE = "application/octet-stream"
STORAGE_CLASSES = ("Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive")
OBJECT_ACLS = ("default", "private", "public-read", "public-read-write")
PREFIX = "x-oss-meta-"
METADATA_LIMIT = 8 * 1024
DOCUMENTED_NAME = re.compile(r"[a-z0-9-]+")
TARGET = "symlink"  # the key of Attributes.extra that makes an object a link
APPENDABLE = "appendable"


def as_sent(value: str) -> str:
    """Return the header's bytes as ISO 8859-1 text."""
    return value.encode("utf-8", "surrogateescape").decode("latin-1")


def as_header(text: str) -> str:
    """Return ISO 8859-1 text as the web host writes its bytes."""
    return text.encode("latin-1").decode("utf-8", "surrogateescape")


def system_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the system headers to keep."""
    return {name: as_sent(headers[name]) for name in SYSTEM if name in headers}


def user_metadata(headers: Mapping[str, str], names: str) -> dict[str, str]:
    """Return the metadata sent, names in lower case; ``names`` says what becomes of undocumented ones."""
    found: dict[str, str] = {}
    for header, value in headers.items():
        lowered = header.lower()
        if not lowered.startswith(PREFIX):
            continue
        short = lowered[len(PREFIX) :]
        if names != "any" and not DOCUMENTED_NAME.fullmatch(short):
            if names == "refuse":
                raise invalid_argument("The name of the user metadata is invalid.", header, as_sent(value))
            continue
        found[short] = f"{found[short]},{as_sent(value)}" if short in found else as_sent(value)
    if sum(len(name) + len(value) for name, value in found.items()) > METADATA_LIMIT:
        raise OSSError("InvalidArgument", "The total size of the user metadata exceeds 8 KB.")
    return found


def requested_class(headers: Mapping[str, str], default: str) -> str:
    """Return the storage class asked for."""
    chosen = headers.get("x-oss-storage-class", "") or default
    if chosen not in STORAGE_CLASSES:
        raise invalid_argument("The storage class you specified is invalid.", "x-oss-storage-class", chosen)
    return chosen


def requested_acl(headers: Mapping[str, str]) -> str:
    """Return the object ACL asked for."""
    acl = headers.get("x-oss-object-acl", "") or "default"
    if acl not in OBJECT_ACLS:
        raise invalid_argument("no such object access control exists", "x-oss-object-acl", acl)
    return acl


def requested_attributes(server: OSSServer, headers: Mapping[str, str], settings: BucketSettings) -> Attributes:
    """Return everything the headers of a put, copy or upload ask for."""
    return Attributes(
        system_headers(headers),
        user_metadata(headers, server.metadata_names),
        header_tags(headers.get("x-oss-tagging", "")),
        requested_class(headers, settings.extra.get("storage_class", "Standard")),
        requested_encryption(headers, server.denied_kms_keys) or dict(settings.encryption),
        None,
        requested_acl(headers),
    )


def type_of(version: ObjectVersion) -> str:
    """Return Normal, Multipart, Appendable or Symlink."""
    if TARGET in version.attributes.extra:
        return "Symlink"
    if version.attributes.extra.get(APPENDABLE):
        return "Appendable"
    return "Multipart" if version.parts else "Normal"


def restore_text(version: ObjectVersion, now: float) -> str:
    """Return what x-oss-restore and RestoreInfo say while a restore runs or its copy lasts."""
    restore = version.restore
    if restore is None or now >= restore.expires_at:
        return ""
    if now < restore.ready_at:
        return 'ongoing-request="true"'
    return f'ongoing-request="false", expiry-date="{http_time(int(restore.expires_at))}"'


def content_headers(version: ObjectVersion) -> dict[str, str]:
    """Return the headers that speak of the content: what a link shows of the object it points to."""
    found = {"ETag": f'"{version.etag}"', **crc_headers(version)}
    if type_of(version) == "Normal" and has_exact_digest(version.body) and len(version.etag) == 32:
        found["Content-MD5"] = base64.b64encode(bytes.fromhex(version.etag)).decode()
    return found


def object_headers(version: ObjectVersion, now: float, content: ObjectVersion | None = None) -> dict[str, str]:
    """Return the headers of a GET or HEAD; ``content`` is the object behind a link."""
    attributes, content = version.attributes, content or version
    found = {
        "Content-Type": DEFAULT_TYPE,
        "Last-Modified": http_time(int(max(version.modified, content.modified))),
        "Accept-Ranges": "bytes",
        "x-oss-object-type": type_of(version),
        "x-oss-storage-class": attributes.storage_class,
        **content_headers(content),
        **attributes.encryption,
    }
    for name, value in attributes.headers.items():
        found["Content-Type" if name == "content-type" else name] = as_header(value)
    for name, value in attributes.metadata.items():
        found[PREFIX + name] = as_header(value)
    if attributes.tags:
        found["x-oss-tagging-count"] = str(len(attributes.tags))
    if attributes.extra.get(APPENDABLE):
        found["x-oss-next-append-position"] = str(version.size)
    restore = restore_text(version, now)
    if restore:
        found["x-oss-restore"] = restore
    return found
