"""Put, get and head one object."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.servers.core.body import Body, body_slice
from tests.servers.core.conditions import NO_CONDITIONS, check_read
from tests.servers.core.errors import Archived
from tests.servers.core.model import Checksum, ObjectVersion
from tests.servers.s3.attributes import object_headers, requested_attributes
from tests.servers.s3.checksums import checksum_headers
from tests.servers.s3.conditions import read_conditions, write_conditions
from tests.servers.s3.encryption import check_customer_key, encryption_headers
from tests.servers.s3.errors import S3Error
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.s3.server import S3Server

RANGE = re.compile(r"bytes=(\d*)-(\d*)")
OVERRIDES = {
    "response-content-type": "Content-Type",
    "response-content-language": "content-language",
    "response-expires": "expires",
    "response-cache-control": "cache-control",
    "response-content-disposition": "content-disposition",
    "response-content-encoding": "content-encoding",
}


def put_object(server: S3Server, call: Call) -> Reply:
    """PutObject."""
    conditions = write_conditions(call.headers)
    settings = server.core.bucket(call.bucket).settings
    attributes = requested_attributes(call.headers, settings, server.core.now())
    body = server.checked_body(call)
    checksum = server.body_checksum(call)
    if attributes.lock is not None and not (call.header("Content-MD5") or server.sent_checksum(call)):
        message = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock "
        raise S3Error("InvalidRequest", f"{message}parameters")
    attributes.encryption = attributes.encryption or dict(settings.encryption)
    etag = server.opaque_etag(attributes.encryption)
    version = server.core.write(
        call.bucket, call.key, body, attributes, conditions=conditions, checksum=checksum, etag=etag
    )
    headers = {
        "ETag": f'"{version.etag}"',
        **server.version_headers(call, version),
        **encryption_headers(attributes.encryption),
        **checksum_headers(checksum),
    }
    return Reply(200, headers)


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return [start, stop), None to ignore the header, or raise InvalidRange."""
    found = RANGE.fullmatch(header.strip().replace(" ", ""))
    if found is None or not (found[1] or found[2]):
        return None
    if found[1]:
        start, stop = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
        if found[2] and int(found[2]) < start:
            return None
    else:
        start, stop = max(0, size - int(found[2])), size
    if start >= size or start >= stop:
        details = {"RangeRequested": header, "ActualObjectSize": size}
        raise S3Error("InvalidRange", "The requested range is not satisfiable", details)
    return start, stop


def _part_span(version: ObjectVersion, number: int) -> tuple[int, int, Checksum | None]:
    """Return [start, stop) and checksum of the n-th part; a plain object is its own part 1."""
    if not version.parts:
        if number == 1:
            return 0, version.size, version.checksum
    elif number <= len(version.parts):
        start = sum(part.size for part in version.parts[: number - 1])
        part = version.parts[number - 1]
        return start, start + part.size, part.checksum
    details = {"PartNumberRequested": number, "ActualPartCount": max(1, len(version.parts))}
    raise S3Error("InvalidPartNumber", "The requested partnumber is not satisfiable", details)


def _part_number(call: Call) -> int | None:
    text = call.query.get("partNumber")
    if text is None:
        return None
    if not text.isdigit() or not 1 <= int(text) <= 10_000:
        message = "Part number must be an integer between 1 and 10000, inclusive"
        raise S3Error("InvalidArgument", message, {"ArgumentName": "partNumber", "ArgumentValue": text})
    if "Range" in call.headers:
        raise S3Error("InvalidRequest", "Cannot specify both Range header and partNumber query parameter.")
    return int(text)


def get_object(server: S3Server, call: Call) -> Reply:
    """GetObject and HeadObject."""
    is_head = call.method == "HEAD"
    version = server.version_for(call)
    check_customer_key(version, call.headers)
    now = server.core.now()
    if not is_head and version.is_archived(now):
        raise Archived(version)
    conditions = read_conditions(call.headers)
    if conditions is not NO_CONDITIONS:
        check_read(version, conditions)
    headers = {**object_headers(version, now), **server.version_headers(call, version)}
    checksum, status, start, stop = version.checksum, 200, 0, version.size
    number = _part_number(call)
    if number is not None:
        start, stop, checksum = _part_span(version, number)
        if version.parts:
            headers["x-amz-mp-parts-count"] = str(len(version.parts))
        status = 206
        if version.size:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{version.size}"
    elif "Range" in call.headers:
        span = parse_range(call.headers["Range"], version.size)
        if span is not None:
            start, stop = span
            status, checksum = 206, None
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{version.size}"
    if call.header("x-amz-checksum-mode").upper() == "ENABLED" and not server.ignore_checksums:
        headers |= checksum_headers(checksum)
    if "x-amz-tagging-count" in headers and not server.may(call, "GetObjectTagging", call.bucket, call.key):
        del headers["x-amz-tagging-count"]
    if call.query:
        headers |= _overrides(call)
    if is_head:
        return Reply(status, headers, length=stop - start)
    body: Body = body_slice(version.body, start, stop)
    return Reply(status, headers, body)


def _overrides(call: Call) -> dict[str, str]:
    found = {header: call.query[name] for name, header in OVERRIDES.items() if name in call.query}
    if found and call.principal is None:
        message = "Request specific response headers cannot be used for anonymous GET requests."
        raise S3Error("InvalidRequest", message)
    return found
