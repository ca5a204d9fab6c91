"""Make, show and follow links from one key to another."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from tests.servers.core.errors import KeyMissing
from tests.servers.core.model import ObjectVersion
from tests.servers.oss.attributes import TARGET, requested_attributes
from tests.servers.oss.errors import OSSError, invalid_argument
from tests.servers.oss.routing import check_key
from tests.servers.oss.xml import http_time
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.oss.server import OSSServer

HEADER = "x-oss-symlink-target"


def put_symlink(server: OSSServer, call: Call) -> Reply:
    """PutSymlink; the object pointed to need not exist."""
    sent = call.header(HEADER)
    if not sent:
        raise invalid_argument("The symlink target is missing.", HEADER, sent)
    target = unquote(sent)
    check_key(target)
    attributes = requested_attributes(server, call.headers, server.core.bucket(call.bucket).settings)
    attributes.extra[TARGET] = target
    server.check_writable(call)
    etag = server.core.etag_of(target.encode())
    version = server.core.write(call.bucket, call.key, b"", attributes, etag=etag)
    return Reply(200, {"ETag": f'"{version.etag}"', **server.version_headers(call, version)})


def get_symlink(server: OSSServer, call: Call) -> Reply:
    """GetSymlink: where does the link point?"""
    version = server.core.find(call.bucket, call.key, server.version_asked(call))
    target = version.attributes.extra.get(TARGET)
    if target is None:
        raise OSSError("NotSymlink", "The object you specified is not a symlink.", {"Key": call.key})
    headers = {
        HEADER: quote(target, safe=""),
        "ETag": f'"{version.etag}"',
        "Last-Modified": http_time(int(version.modified)),
        **server.version_headers(call, version),
    }
    return Reply(200, headers)


def followed(server: OSSServer, call: Call, link: ObjectVersion) -> ObjectVersion:
    """Return the object a link points to; a link to a link is refused."""
    target: str = link.attributes.extra[TARGET]
    try:
        found = server.core.find(call.bucket, target)
    except KeyMissing:
        message = "The symlink target object does not exist."
        raise OSSError("SymlinkTargetNotExist", message, {"Key": target}) from None
    if TARGET in found.attributes.extra:
        raise OSSError("InvalidTargetType", "The symlink target object is a symlink.", {"Key": target})
    return found
