"""Append to one object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.core.body import concat
from tests.servers.core.model import ObjectVersion
from tests.servers.oss.attributes import APPENDABLE, requested_attributes
from tests.servers.oss.crc import crc_headers, crc_of, joined
from tests.servers.oss.errors import OSSError, invalid_argument
from tests.servers.oss.objects import written_headers
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.oss.server import OSSServer

NEXT = "x-oss-next-append-position"


def append_object(server: OSSServer, call: Call) -> Reply:
    """AppendObject: the position must be the object's length; 0 makes a new object."""
    position = call.query.get("position", "")
    if not position.isdigit():
        raise invalid_argument("The append position is invalid.", "position", position)
    body = server.checked_body(call)
    latest = server.core.bucket(call.bucket).latest(call.key)
    length = 0 if latest is None else latest.size
    if latest is not None and not latest.attributes.extra.get(APPENDABLE):
        raise OSSError("ObjectNotAppendable", "The object is not appendable.")
    if int(position) != length:
        headers = {NEXT: str(length), **crc_headers(latest)}
        raise OSSError("PositionNotEqualToLength", "Position is not equal to file length.", headers=headers)
    version = _first(server, call, body) if latest is None else _next(server, call, latest, body)
    return Reply(200, {**written_headers(server, call, version), NEXT: str(version.size)})


def _first(server: OSSServer, call: Call, body: bytes) -> ObjectVersion:
    attributes = requested_attributes(server, call.headers, server.core.bucket(call.bucket).settings)
    attributes.extra[APPENDABLE] = True
    etag = server.core.opaque_id(call.key).upper()
    return server.core.write(call.bucket, call.key, body, attributes, etag=etag, checksum=crc_of(body))


def _next(server: OSSServer, call: Call, latest: ObjectVersion, body: bytes) -> ObjectVersion:
    """Grow the object: its version stays the same one, its attributes are those of the first append."""
    server.check_mutable(call.bucket, call.key)
    content = concat([latest.body, body])
    return server.core.replace_current(
        call.bucket,
        call.key,
        body=content,
        size=len(content),
        etag=server.core.opaque_id(call.key).upper(),
        checksum=joined(latest.checksum, crc_of(body), len(body)),
    )
