"""GetObjectAttributes: what a store knows of an object without its content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.core.model import Checksum, ObjectVersion
from tests.servers.s3 import xml
from tests.servers.s3.encryption import check_customer_key
from tests.servers.s3.errors import S3Error, invalid_argument
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.s3.server import S3Server

KNOWN = frozenset({"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"})
HEADER = "x-amz-object-attributes"


def _checksum(checksum: Checksum | None) -> str:
    if checksum is None:
        return ""
    return xml.element(f"Checksum{checksum.algorithm}", checksum.value)


def _number(call: Call, name: str, default: int) -> int:
    text = call.header(name) or str(default)
    if not text.isdigit():
        raise invalid_argument(f"Provided {name} not an integer or within integer range", name, text)
    return int(text)


def _object_parts(call: Call, version: ObjectVersion) -> str:
    total = xml.element("PartsCount", len(version.parts))
    if version.checksum is None or version.checksum.kind != "COMPOSITE":
        return total
    limit, after = min(1000, _number(call, "x-amz-max-parts", 1000)), _number(call, "x-amz-part-number-marker", 0)
    pending = [part for part in version.parts if part.number > after]
    chosen = pending[:limit]
    inner = total + xml.element("PartNumberMarker", after)
    inner += xml.element("NextPartNumberMarker", chosen[-1].number if chosen else 0)
    inner += xml.element("MaxParts", limit) + xml.element("IsTruncated", len(pending) > limit)
    for part in chosen:
        item = xml.element("PartNumber", part.number) + xml.element("Size", part.size) + _checksum(part.checksum)
        inner += f"<Part>{item}</Part>"
    return inner


def get_object_attributes(server: S3Server, call: Call) -> Reply:
    """GetObjectAttributes."""
    wanted = {name.strip() for value in call.headers.getall(HEADER, [""]) for name in value.split(",")}  # type: ignore[attr-defined]
    if not wanted - {""}:
        raise S3Error("InvalidRequest", f"Missing required header for this request: {HEADER}")
    if wanted - KNOWN:
        raise invalid_argument("Invalid attribute name specified.", HEADER, ",".join(sorted(wanted - KNOWN)))
    version = server.core.find(call.bucket, call.key, server.version_asked(call))
    check_customer_key(version, call.headers)
    inner = ""
    if "ETag" in wanted:
        inner += xml.element("ETag", version.etag)
    if "Checksum" in wanted and version.checksum is not None and not server.ignore_checksums:
        kind = xml.element("ChecksumType", version.checksum.kind)
        inner += f"<Checksum>{_checksum(version.checksum)}{kind}</Checksum>"
    if "ObjectParts" in wanted and version.parts:
        inner += f"<ObjectParts>{_object_parts(call, version)}</ObjectParts>"
    if "StorageClass" in wanted:
        inner += xml.element("StorageClass", version.attributes.storage_class)
    if "ObjectSize" in wanted:
        inner += xml.element("ObjectSize", version.size)
    headers = {"Last-Modified": xml.http_time(int(version.modified)), **server.version_headers(call, version)}
    return Reply(200, headers, xml.document("GetObjectAttributesResponse", inner))
