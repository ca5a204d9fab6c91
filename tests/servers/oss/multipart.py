"""Objects in parts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.servers.core.body import body_slice
from tests.servers.core.uploads import (
    abort_upload,
    begin_upload,
    chosen_parts,
    complete_upload,
    find_upload,
    store_part,
)
from tests.servers.oss import xml
from tests.servers.oss.attributes import requested_attributes
from tests.servers.oss.copying import read_source
from tests.servers.oss.crc import crc_headers, crc_of, whole
from tests.servers.oss.errors import OSSError, invalid_argument, malformed_xml
from tests.servers.oss.objects import written_headers
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.core.model import Upload
    from tests.servers.oss.server import OSSServer

MOST_PARTS = 10_000
RANGE = re.compile(r"bytes=(\d+)-(\d*)")


def initiate_multipart_upload(server: OSSServer, call: Call) -> Reply:
    """InitiateMultipartUpload."""
    attributes = requested_attributes(server, call.headers, server.core.bucket(call.bucket).settings)
    server.check_writable(call)
    upload = begin_upload(server.core, call.bucket, call.key, attributes, server.principal_name(call))
    url = call.query.get("encoding-type") == "url"
    inner = (xml.element("EncodingType", "url") if url else "") + xml.element("Bucket", call.bucket)
    inner += f"<Key>{xml.shown(call.key, url)}</Key>" + xml.element("UploadId", upload.upload_id)
    return Reply(200, dict(attributes.encryption), xml.document("InitiateMultipartUploadResult", inner))


def _upload_of(server: OSSServer, call: Call) -> Upload:
    return find_upload(server.core, call.bucket, call.key, call.query.get("uploadId", ""))


def _part_number(call: Call) -> int:
    text = call.query.get("partNumber", "")
    if not text.isdigit() or not 1 <= int(text) <= MOST_PARTS:
        message = "Part number must be an integer between 1 and 10000, inclusive"
        raise invalid_argument(message, "partNumber", text)
    return int(text)


def upload_part(server: OSSServer, call: Call) -> Reply:
    """UploadPart."""
    number, upload = _part_number(call), _upload_of(server, call)
    body = server.checked_body(call)
    part = store_part(server.core, upload, number, body, crc_of(body))
    return Reply(200, {"ETag": f'"{part.etag}"', **crc_headers(part.checksum), **upload.attributes.encryption})


def upload_part_copy(server: OSSServer, call: Call) -> Reply:
    """UploadPartCopy; the range may be open at its end."""
    number, upload = _part_number(call), _upload_of(server, call)
    bucket, source = read_source(server, call)
    start, stop = 0, source.size
    wanted = call.headers.get("x-oss-copy-source-range")
    if wanted is not None:
        found = RANGE.fullmatch(wanted)
        start = int(found[1]) if found else source.size
        stop = int(found[2]) + 1 if found and found[2] else source.size
        if not start < stop <= source.size:
            raise OSSError("InvalidRange", "The requested range cannot be satisfied", {"RangeRequested": wanted})
    body = body_slice(source.body, start, stop)
    part = store_part(server.core, upload, number, body, crc_of(body) if server.part_copies_have_crc else None)
    headers = {"ETag": f'"{part.etag}"', **crc_headers(part.checksum), **upload.attributes.encryption}
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{source.size}"
    if server.core.bucket(bucket).settings.versioning:
        headers["x-oss-copy-source-version-id"] = source.version_id
    inner = xml.element("LastModified", xml.iso_time(int(part.modified))) + xml.element("ETag", f'"{part.etag}"')
    return Reply(200, headers, xml.document("CopyPartResult", inner))


def _wanted_parts(body: bytes) -> list[tuple[int, str]]:
    root = xml.parse(body, "CompleteMultipartUpload")
    wanted: list[tuple[int, str]] = []
    for node in () if root is None else xml.children(root, "Part"):
        number, etag = xml.text_of(node, "PartNumber"), xml.text_of(node, "ETag")
        if number is None or etag is None or not number.isdigit():
            raise malformed_xml()
        wanted.append((int(number), etag.strip().strip('"')))
    if not wanted or len(wanted) > MOST_PARTS:
        raise malformed_xml()
    return wanted


def _every_part(call: Call, upload: Upload) -> list[tuple[int, str]]:
    """Return all parts stored, for x-oss-complete-all; a list of them is then refused."""
    if len(call.body):
        raise OSSError("InvalidArgument", "Should not speficy both complete all header and http body.")
    return [(number, upload.parts[number].etag) for number in sorted(upload.parts)]


def complete_multipart_upload(server: OSSServer, call: Call) -> Reply:
    """CompleteMultipartUpload; a second one finds no upload."""
    upload = _upload_of(server, call)
    body = server.checked_body(call)
    every = call.header("x-oss-complete-all").lower() == "yes"
    pairs = _every_part(call, upload) if every else _wanted_parts(body)
    parts = chosen_parts(upload, pairs, server.min_part_size)
    server.check_writable(call)
    etag = f"{server.core.opaque_id(call.key).upper()}-{len(parts)}"
    version = complete_upload(server.core, upload, parts, whole(parts), etag=etag)
    inner = xml.element("Location", f"{server.url}{call.raw_path}") + xml.element("Bucket", call.bucket)
    url = call.query.get("encoding-type") == "url"
    inner += (xml.element("EncodingType", "url") if url else "") + f"<Key>{xml.shown(call.key, url)}</Key>"
    inner += xml.element("ETag", f'"{version.etag}"')
    return Reply(200, written_headers(server, call, version), xml.document("CompleteMultipartUploadResult", inner))


def abort_multipart_upload(server: OSSServer, call: Call) -> Reply:
    """AbortMultipartUpload."""
    abort_upload(server.core, call.bucket, call.key, _upload_of(server, call).upload_id)
    return Reply(204)
