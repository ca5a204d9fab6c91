"""Copy one object inside the store."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from tests.servers.core.body import md5_hex
from tests.servers.core.conditions import NO_CONDITIONS, check_copy_source
from tests.servers.core.errors import IsDeleteMarker
from tests.servers.core.model import Attributes, Checksum, ObjectVersion
from tests.servers.s3 import xml
from tests.servers.s3.admission import check_payer
from tests.servers.s3.attributes import WEBSITE, requested_attributes
from tests.servers.s3.checksums import check_name, compute
from tests.servers.s3.conditions import COPY_SOURCE, read_conditions, write_conditions
from tests.servers.s3.encryption import (
    SOURCE_CUSTOMER,
    check_customer_key,
    encryption_headers,
    hides_digest,
)
from tests.servers.s3.errors import S3Error, invalid_argument
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.s3.server import S3Server

LARGEST_COPY = 5 * 1024**3
TO_ITSELF = (
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's "
    "metadata, storage class, website redirect location or encryption attributes."
)


def copy_source(header: str) -> tuple[str, str, str | None]:
    """Return bucket, key and version of an x-amz-copy-source, decoded once (``+`` is a space, as S3 has it)."""
    path, mark, version_id = header.partition("?versionId=")
    bucket, slash, key = unquote_plus(path).removeprefix("/").partition("/")
    if not (bucket and slash and key):
        message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        raise invalid_argument(message, "x-amz-copy-source", header)
    return bucket, key, version_id if mark and version_id else None


def read_source(server: S3Server, call: Call) -> tuple[str, ObjectVersion]:
    """Return the source bucket and version after permission, key and condition checks."""
    bucket, key, version_id = copy_source(call.header("x-amz-copy-source"))
    server.check_access(call, "GetObject", bucket, key)
    check_payer(server, call, bucket)
    server.check_owner(bucket, call.header("x-amz-source-expected-bucket-owner"))
    try:
        version = server.core.readable(bucket, key, version_id)
    except IsDeleteMarker:
        message = "The source of a copy request may not specifically refer to a delete marker by version id."
        raise S3Error("InvalidRequest", message) from None
    check_customer_key(version, call.headers, SOURCE_CUSTOMER)
    conditions = read_conditions(call.headers, COPY_SOURCE)
    if conditions is not NO_CONDITIONS:
        check_copy_source(version, conditions)
    return bucket, version


def _directive(call: Call, name: str) -> bool:
    """Is the directive REPLACE?"""
    value = call.header(f"x-amz-{name}-directive") or "COPY"
    if value not in ("COPY", "REPLACE"):
        raise invalid_argument(f"Unknown {name} directive.", f"x-amz-{name}-directive", value)
    return value == "REPLACE"


def copy_object(server: S3Server, call: Call) -> Reply:
    """CopyObject."""
    conditions = write_conditions(call.headers)
    source_bucket, source = read_source(server, call)
    settings = server.core.bucket(call.bucket).settings
    asked = requested_attributes(call.headers, settings, server.core.now())
    replaces_metadata, replaces_tags = _directive(call, "metadata"), _directive(call, "tagging")
    if source.size > server.largest_copy:
        message = "The specified copy source is larger than the maximum allowable size for a copy source: "
        raise S3Error("InvalidRequest", f"{message}{server.largest_copy}")
    if (source_bucket, source.key) == (call.bucket, call.key):
        changes = replaces_metadata or asked.encryption or WEBSITE in asked.extra
        is_latest = server.core.bucket(source_bucket).latest(source.key) is source
        if is_latest and not changes and "x-amz-storage-class" not in call.headers:
            raise S3Error("InvalidRequest", TO_ITSELF)
    kept = source.attributes
    if kept.tags and not replaces_tags:
        server.check_access(call, "GetObjectTagging", source_bucket, source.key)
        server.check_access(call, "PutObjectTagging", call.bucket, call.key)
    attributes = Attributes(
        asked.headers if replaces_metadata else dict(kept.headers),
        asked.metadata if replaces_metadata else dict(kept.metadata),
        asked.tags if replaces_tags else dict(kept.tags),
        asked.storage_class,
        asked.encryption or dict(settings.encryption),
        asked.lock,
        asked.acl,
        asked.extra,
    )
    version = server.core.write(
        call.bucket,
        call.key,
        source.body,
        attributes,
        conditions=conditions,
        etag=server.opaque_etag(attributes.encryption) or _content_etag(source),
        checksum=_copied_checksum(server, call, source),
    )
    headers = {**server.version_headers(call, version), **encryption_headers(attributes.encryption)}
    if server.core.bucket(source_bucket).settings.versioning:
        headers["x-amz-copy-source-version-id"] = source.version_id
    return Reply(200, headers, xml.document("CopyObjectResult", copy_result(version, version.checksum)))


def copy_result(written: ObjectVersion, checksum: Checksum | None) -> str:
    """Return the inside of a CopyObjectResult."""
    inner = xml.element("LastModified", xml.iso_time(int(written.modified)))
    inner += xml.element("ETag", f'"{written.etag}"')
    if checksum is not None:
        inner += xml.element(f"Checksum{checksum.algorithm}", checksum.value)
        inner += xml.element("ChecksumType", checksum.kind)
    return inner


def _content_etag(source: ObjectVersion) -> str:
    if "-" in source.etag or hides_digest(source.attributes.encryption):
        return md5_hex(source.body)
    return source.etag


def _copied_checksum(server: S3Server, call: Call, source: ObjectVersion) -> Checksum | None:
    """Return the checksum asked for, else one of the source's algorithm, else the default."""
    if server.ignore_checksums:
        return None
    wanted = call.header("x-amz-checksum-algorithm")
    algorithm = check_name(wanted) if wanted else source.checksum.algorithm if source.checksum else None
    if algorithm is None:
        return server.default_of(source.body)
    if source.checksum == Checksum(algorithm, source.checksum.value if source.checksum else ""):
        return source.checksum
    return Checksum(algorithm, compute(algorithm, source.body))
