"""Copy one object inside the store."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.servers.core.conditions import NO_CONDITIONS, check_read
from tests.servers.core.errors import Archived, IsDeleteMarker
from tests.servers.core.model import Attributes, Checksum, ObjectVersion
from tests.servers.oss import xml
from tests.servers.oss.attributes import APPENDABLE, TARGET, requested_attributes
from tests.servers.oss.encryption import KIND
from tests.servers.oss.errors import OSSError, from_core, invalid_argument
from tests.servers.oss.objects import written_headers
from tests.servers.web.conditions import read_conditions
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.oss.server import OSSServer

SOURCE = "x-oss-copy-source"


def copy_source(header: str) -> tuple[str, str, str | None]:
    """Return bucket, key and version of an x-oss-copy-source, decoded once."""
    path, mark, version_id = header.partition("?versionId=")
    bucket, slash, key = path.removeprefix("/").partition("/")
    if not (header.startswith("/") and bucket and slash and key):
        raise invalid_argument(
            "Copy Source must mention the source bucket and key: /sourcebucket/sourcekey", SOURCE, header
        )
    return unquote(bucket), unquote(key), unquote(version_id) if mark and version_id else None


def read_source(server: OSSServer, call: Call) -> tuple[str, ObjectVersion]:
    """Return the source bucket and version after permission, region, state and condition checks."""
    bucket, key, version_id = copy_source(call.header(SOURCE))
    server.check_access(call, "GetObject", bucket, key)
    if server.core.bucket(bucket).settings.region != server.core.bucket(call.bucket).settings.region:
        message = "Target object does not reside in the same data center as source object."
        raise OSSError("AccessDenied", message)
    try:
        version = server.core.find(bucket, key, version_id)
    except IsDeleteMarker:
        raise OSSError("NoSuchKey", "The specified key does not exist.", {"Key": key}) from None
    if version.is_archived(server.core.now()):
        raise from_core(Archived(version), key)
    conditions = read_conditions(call.headers, f"{SOURCE}-")
    if conditions is not NO_CONDITIONS:
        check_read(version, conditions)
    return bucket, version


def _replaces(call: Call, name: str) -> bool:
    """Is the directive ``Replace``?"""
    value = call.header(f"x-oss-{name}-directive") or "COPY"
    if value.upper() not in ("COPY", "REPLACE"):
        raise invalid_argument(f"Unknown {name} directive.", f"x-oss-{name}-directive", value)
    return value.upper() == "REPLACE"


def copy_object(server: OSSServer, call: Call) -> Reply:
    """CopyObject; a link is copied as a link."""
    bucket, source = read_source(server, call)
    asked = requested_attributes(server, call.headers, server.core.bucket(call.bucket).settings)
    replaces_metadata, replaces_tags = _replaces(call, "metadata"), _replaces(call, "tagging")
    kept, onto_itself = source.attributes, (bucket, source.key) == (call.bucket, call.key)
    if onto_itself:  # otherwise the class is the one asked for or the bucket's
        asked.storage_class = call.header("x-oss-storage-class") or kept.storage_class
        asked.encryption = asked.encryption if KIND in call.headers else dict(kept.encryption)
    if kept.extra.get(APPENDABLE) and not server.copies_appendable:
        raise OSSError("OperationNotSupported", "Appendable objects cannot be copied.")
    _check_size(server, call, source, asked, bucket)
    server.check_writable(call)
    attributes = Attributes(
        asked.headers if replaces_metadata else dict(kept.headers),
        asked.metadata if replaces_metadata else dict(kept.metadata),
        asked.tags if replaces_tags else dict(kept.tags),
        asked.storage_class,
        asked.encryption,
        None,
        asked.acl,
        {TARGET: kept.extra[TARGET]} if TARGET in kept.extra else {},
    )
    version = server.core.write(
        call.bucket, call.key, source.body, attributes, checksum=_copied_crc(server, source), etag=_etag_of(source)
    )
    headers = written_headers(server, call, version)
    if server.core.bucket(bucket).settings.versioning:
        headers["x-oss-copy-source-version-id"] = source.version_id
    inner = xml.element("ETag", f'"{version.etag}"')
    inner += xml.element("LastModified", xml.iso_time(int(version.modified)))
    return Reply(200, headers, xml.document("CopyObjectResult", inner))


def _copied_crc(server: OSSServer, source: ObjectVersion) -> Checksum | None:
    return source.checksum if server.copies_have_crc else None


def _etag_of(source: ObjectVersion) -> str | None:
    """Return the source's ETag where it is a digest or names a link; a fresh one is computed elsewhere."""
    return source.etag if "-" not in source.etag and not source.attributes.extra.get(APPENDABLE) else None


def _check_size(server: OSSServer, call: Call, source: ObjectVersion, asked: Attributes, bucket: str) -> None:
    """Raise if the object is too big to be copied in one go."""
    kept = source.attributes
    converts = asked.storage_class != kept.storage_class or asked.encryption != kept.encryption
    largest = server.largest_converting_copy if converts else server.largest_copy
    if source.size > largest and (converts or bucket != call.bucket):
        message = f"The copy source is larger than {largest} bytes; use UploadPartCopy."
        raise OSSError("EntityTooLarge", message, {"ProposedSize": source.size, "MaxSizeAllowed": largest})
