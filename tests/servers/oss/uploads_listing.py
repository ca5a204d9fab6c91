"""List the parts of an upload and the uploads of a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.core.listing import list_uploads
from tests.servers.core.uploads import find_upload
from tests.servers.oss import xml
from tests.servers.oss.errors import invalid_argument
from tests.servers.oss.listing import LARGEST_PAGE, page_size, wants_url
from tests.servers.oss.xml import shown
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.oss.server import OSSServer


def list_parts(server: OSSServer, call: Call) -> Reply:
    """ListParts."""
    upload = find_upload(server.core, call.bucket, call.key, call.query.get("uploadId", ""))
    limit, url = page_size(call, "max-parts", LARGEST_PAGE), wants_url(call)
    text = call.query.get("part-number-marker", "") or "0"
    if not text.isdigit():
        raise invalid_argument("Argument part-number-marker must be an integer.", "part-number-marker", text)
    pending = sorted(number for number in upload.parts if number > int(text))
    numbers = pending[:limit]
    inner = (xml.element("EncodingType", "url") if url else "") + xml.element("Bucket", call.bucket)
    inner += f"<Key>{shown(call.key, url)}</Key>" + xml.element("UploadId", upload.upload_id)
    inner += xml.element("StorageClass", upload.attributes.storage_class) + xml.element("PartNumberMarker", text)
    inner += xml.element("NextPartNumberMarker", numbers[-1] if numbers else "")
    inner += xml.element("MaxParts", limit) + xml.element("IsTruncated", len(pending) > limit)
    for number in numbers:
        part = upload.parts[number]
        item = xml.element("PartNumber", number) + xml.element("LastModified", xml.iso_time(int(part.modified)))
        item += xml.element("ETag", f'"{part.etag}"') + xml.element("Size", part.size)
        if part.checksum is not None:
            item += xml.element("HashCrc64ecma", part.checksum.value)
        inner += f"<Part>{item}</Part>"
    return Reply(200, {}, xml.document("ListPartsResult", inner))


def list_multipart_uploads(server: OSSServer, call: Call) -> Reply:
    """ListMultipartUploads."""
    query, limit, url = call.query, page_size(call, "max-uploads", LARGEST_PAGE), wants_url(call)
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    key_marker, id_marker = query.get("key-marker", ""), query.get("upload-id-marker", "")
    bucket = server.core.bucket(call.bucket)
    id_marker = id_marker if key_marker else ""
    found, prefixes, following = list_uploads(bucket, prefix, delimiter, key_marker, id_marker, limit)
    inner = (xml.element("EncodingType", "url") if url else "") + xml.element("Bucket", call.bucket)
    inner += f"<KeyMarker>{shown(key_marker, url)}</KeyMarker>" + xml.element("UploadIdMarker", id_marker)
    next_key, next_id = following or ("", "")
    inner += f"<NextKeyMarker>{shown(next_key, url)}</NextKeyMarker>" + xml.element("NextUploadIdMarker", next_id)
    inner += f"<Delimiter>{shown(delimiter, url)}</Delimiter><Prefix>{shown(prefix, url)}</Prefix>"
    inner += xml.element("MaxUploads", limit) + xml.element("IsTruncated", following is not None)
    for upload in found:
        item = f"<Key>{shown(upload.key, url)}</Key>" + xml.element("UploadId", upload.upload_id)
        item += xml.element("StorageClass", upload.attributes.storage_class)
        item += xml.element("Initiated", xml.iso_time(int(upload.initiated)))
        inner += f"<Upload>{item}</Upload>"
    for group in prefixes:
        inner += f"<CommonPrefixes><Prefix>{shown(group, url)}</Prefix></CommonPrefixes>"
    return Reply(200, {}, xml.document("ListMultipartUploadsResult", inner))
