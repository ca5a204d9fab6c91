"""List the parts of an upload and the uploads of a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.core.listing import list_uploads
from tests.servers.core.uploads import find_upload
from tests.servers.s3 import xml
from tests.servers.s3.errors import invalid_argument
from tests.servers.s3.listing import OWNER, OWNER_ID, page_size, shown, wants_url
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.s3.server import S3Server

INITIATOR = f"<Initiator><ID>{OWNER_ID}</ID><DisplayName>tester</DisplayName></Initiator>"


def list_parts(server: S3Server, call: Call) -> Reply:
    """ListParts."""
    upload = find_upload(server.core, call.bucket, call.key, call.query.get("uploadId", ""))
    limit, url = page_size(call, "max-parts"), wants_url(call)
    text = call.query.get("part-number-marker", "") or "0"
    if not text.isdigit():
        message = "Provided part-number-marker not an integer or within integer range"
        raise invalid_argument(message, "part-number-marker", text)
    pending = sorted(number for number in upload.parts if number > int(text))
    numbers, truncated = pending[:limit], len(pending) > limit
    inner = xml.element("Bucket", call.bucket) + f"<Key>{shown(call.key, url)}</Key>"
    inner += xml.element("UploadId", upload.upload_id) + INITIATOR + OWNER
    inner += xml.element("StorageClass", upload.attributes.storage_class) + xml.element("PartNumberMarker", text)
    inner += xml.element("NextPartNumberMarker", numbers[-1] if numbers else 0)
    inner += xml.element("MaxParts", limit) + xml.element("IsTruncated", truncated)
    if upload.checksum_algorithm:
        inner += xml.element("ChecksumAlgorithm", upload.checksum_algorithm)
        inner += xml.element("ChecksumType", upload.checksum_kind or "")
    for number in numbers:
        part = upload.parts[number]
        item = xml.element("PartNumber", number) + xml.element("LastModified", xml.iso_time(int(part.modified)))
        item += xml.element("ETag", f'"{part.etag}"') + xml.element("Size", part.size)
        if part.checksum is not None and upload.checksum_algorithm:
            item += xml.element(f"Checksum{part.checksum.algorithm}", part.checksum.value)
        inner += f"<Part>{item}</Part>"
    return Reply(200, {}, xml.document("ListPartsResult", inner))


def list_multipart_uploads(server: S3Server, call: Call) -> Reply:
    """ListMultipartUploads."""
    query, limit, url = call.query, page_size(call, "max-uploads"), wants_url(call)
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    key_marker, id_marker = query.get("key-marker", ""), query.get("upload-id-marker", "")
    bucket = server.core.bucket(call.bucket)
    found, prefixes, following = list_uploads(
        bucket, prefix, delimiter, key_marker, id_marker if key_marker else "", limit
    )
    inner = xml.element("Bucket", call.bucket) + f"<KeyMarker>{shown(key_marker, url)}</KeyMarker>"
    inner += xml.element("UploadIdMarker", id_marker if key_marker else "")
    if following is not None:
        inner += f"<NextKeyMarker>{shown(following[0], url)}</NextKeyMarker>"
        inner += xml.element("NextUploadIdMarker", following[1])
    inner += f"<Prefix>{shown(prefix, url)}</Prefix>"
    if delimiter:
        inner += f"<Delimiter>{shown(delimiter, url)}</Delimiter>"
    if url:
        inner += xml.element("EncodingType", "url")
    inner += xml.element("MaxUploads", limit) + xml.element("IsTruncated", following is not None)
    for upload in found:
        item = f"<Key>{shown(upload.key, url)}</Key>" + xml.element("UploadId", upload.upload_id) + INITIATOR + OWNER
        item += xml.element("StorageClass", upload.attributes.storage_class)
        item += xml.element("Initiated", xml.iso_time(int(upload.initiated)))
        if upload.checksum_algorithm:
            item += xml.element("ChecksumAlgorithm", upload.checksum_algorithm)
            item += xml.element("ChecksumType", upload.checksum_kind or "")
        inner += f"<Upload>{item}</Upload>"
    for group in prefixes:
        inner += f"<CommonPrefixes><Prefix>{shown(group, url)}</Prefix></CommonPrefixes>"
    return Reply(200, {}, xml.document("ListMultipartUploadsResult", inner))
