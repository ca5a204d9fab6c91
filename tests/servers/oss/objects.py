"""Put, get and head one object."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.servers.core.body import body_slice
from tests.servers.core.conditions import NO_CONDITIONS, check_read
from tests.servers.core.errors import Archived
from tests.servers.core.model import ObjectVersion
from tests.servers.oss.attributes import TARGET, as_header, content_headers, object_headers, requested_attributes
from tests.servers.oss.crc import crc_headers, crc_of
from tests.servers.oss.errors import OSSError
from tests.servers.oss.symlinks import followed
from tests.servers.oss.xml import http_time
from tests.servers.web.conditions import read_conditions
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.oss.server import OSSServer

RANGE = re.compile(r"bytes=(\d*)-(\d*)(?:,.*)?")  # of several ranges the first counts
OVERRIDES = {
    "response-content-type": "Content-Type",
    "response-content-language": "content-language",
    "response-expires": "expires",
    "response-cache-control": "cache-control",
    "response-content-disposition": "content-disposition",
    "response-content-encoding": "content-encoding",
}


def put_object(server: OSSServer, call: Call) -> Reply:
    """PutObject."""
    attributes = requested_attributes(server, call.headers, server.core.bucket(call.bucket).settings)
    body = server.checked_body(call)
    server.check_writable(call)
    version = server.core.write(call.bucket, call.key, body, attributes, checksum=crc_of(body))
    return Reply(200, written_headers(server, call, version))


def written_headers(server: OSSServer, call: Call, version: ObjectVersion) -> dict[str, str]:
    """Return what the reply to a write says of the object made."""
    return {
        **content_headers(version),
        **server.version_headers(call, version),
        **version.attributes.encryption,
    }


def parse_range(header: str, size: int, *, standard: bool = False) -> tuple[int, int] | None:
    """Return [start, stop), None where OSS ignores the header and sends the whole, or raise InvalidRange.

    Unless ``standard`` is asked for, a range that reaches beyond the object is not clipped but ignored.
    """
    found = RANGE.fullmatch(header.strip().replace(" ", ""))
    if found is None or not (found[1] or found[2]):
        return None
    if found[1]:
        start, stop = int(found[1]), int(found[2]) + 1 if found[2] else size
        if found[2] and stop <= start:
            return None
    else:
        start, stop = size - int(found[2]), size
    if 0 <= start < stop <= size:
        return start, stop
    if not standard:
        return None
    start, stop = max(0, start), min(stop, size)
    if start >= stop:
        raise OSSError("InvalidRange", "The requested range cannot be satisfied", {"RangeRequested": header})
    return start, stop


def get_object(server: OSSServer, call: Call) -> Reply:
    """GetObject and HeadObject; a link shows the content it points to under its own attributes."""
    is_head = call.method == "HEAD"
    version = server.core.seen(call.bucket, call.key, server.version_asked(call), stale=call.wants_stale)
    content = followed(server, call, version) if TARGET in version.attributes.extra else version
    now = server.core.now()
    if not is_head and content.is_archived(now) and not _direct_read(server, call, content):
        raise Archived(content)
    conditions = read_conditions(call.headers)
    if conditions is not NO_CONDITIONS:
        check_read(content, conditions)
    headers = {**object_headers(version, now, content), **server.version_headers(call, version)}
    status, start, stop = 200, 0, content.size
    if "Range" in call.headers and not is_head:
        standard = call.header("x-oss-range-behavior").lower() == "standard"
        span = parse_range(call.headers["Range"], content.size, standard=standard)
        if span is not None:
            (start, stop), status = span, 206
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{content.size}"
            headers.pop("Content-MD5", None)
    headers |= {name: as_header(call.query[query]) for query, name in OVERRIDES.items() if query in call.query}
    if is_head:
        return Reply(status, headers, length=content.size)
    return Reply(status, headers, body_slice(content.body, start, stop))


def _direct_read(server: OSSServer, call: Call, content: ObjectVersion) -> bool:
    """May the bucket's objects of class Archive be read without a restore?"""
    allowed = server.core.bucket(call.bucket).settings.extra.get("archive_direct_read", False)
    return bool(allowed) and content.attributes.storage_class == "Archive"


def get_object_meta(server: OSSServer, call: Call) -> Reply:
    """GetObjectMeta: size, time and fingerprints only, of the link itself where it is one."""
    version = server.core.find(call.bucket, call.key, server.version_asked(call))
    headers = {
        "ETag": f'"{version.etag}"',
        "Last-Modified": http_time(int(version.modified)),
        **crc_headers(version),
        **server.version_headers(call, version),
    }
    return Reply(200, headers, length=version.size)
