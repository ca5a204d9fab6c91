"""Upload an object in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.core.body import body_slice, has_exact_digest
from tests.servers.core.errors import KeyMissing, PartMissing
from tests.servers.core.model import Checksum, Part, Upload
from tests.servers.core.uploads import (
    abort_upload,
    begin_upload,
    chosen_parts,
    complete_upload,
    find_upload,
    store_part,
)
from tests.servers.s3 import xml
from tests.servers.s3.attributes import requested_attributes
from tests.servers.s3.checksums import (
    BY_HEADER,
    CRCS,
    DEFAULT,
    check_name,
    checksum_headers,
    combined,
    composite,
    compute,
    verified,
)
from tests.servers.s3.conditions import write_conditions
from tests.servers.s3.copying import read_source
from tests.servers.s3.encryption import CUSTOMER, customer_key, encryption_headers
from tests.servers.s3.errors import S3Error, invalid_argument, malformed_xml
from tests.servers.s3.objects import parse_range
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.s3.server import S3Server

MOST_PARTS = 10_000


def create_multipart_upload(server: S3Server, call: Call) -> Reply:
    """CreateMultipartUpload."""
    settings = server.core.bucket(call.bucket).settings
    attributes = requested_attributes(call.headers, settings, server.core.now())
    attributes.encryption = attributes.encryption or dict(settings.encryption)
    algorithm, kind = call.header("x-amz-checksum-algorithm"), call.header("x-amz-checksum-type")
    headers: dict[str, str] = encryption_headers(attributes.encryption)
    if server.ignore_checksums:
        algorithm = kind = ""
    if algorithm:
        algorithm = check_name(algorithm)
        kind = kind or ("FULL_OBJECT" if algorithm == DEFAULT else "COMPOSITE")
        if kind not in ("FULL_OBJECT", "COMPOSITE"):
            raise invalid_argument("Invalid checksum type", "x-amz-checksum-type", kind)
        if (kind == "FULL_OBJECT") if algorithm not in CRCS else (kind == "COMPOSITE" and algorithm == DEFAULT):
            message = f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
            raise S3Error("InvalidRequest", message)
        headers |= {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": kind}
    elif kind:
        message = "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
        raise S3Error("InvalidRequest", message)
    upload = begin_upload(server.core, call.bucket, call.key, attributes, server.principal_name(call))
    upload.checksum_algorithm, upload.checksum_kind = algorithm or None, kind or None
    inner = xml.element("Bucket", call.bucket) + xml.element("Key", call.key)
    inner += xml.element("UploadId", upload.upload_id)
    return Reply(200, headers, xml.document("InitiateMultipartUploadResult", inner))


def _part_number(call: Call) -> int:
    text = call.query.get("partNumber", "")
    if not text.isdigit() or not 1 <= int(text) <= MOST_PARTS:
        message = "Part number must be an integer between 1 and 10000, inclusive"
        raise invalid_argument(message, "partNumber", text)
    return int(text)


def _check_part_key(call: Call, upload: Upload) -> None:
    stored = upload.attributes.encryption.get(f"{CUSTOMER}key-md5")
    if stored != customer_key(call.headers, CUSTOMER):
        message = "The multipart upload initiate requested encryption. Subsequent part requests must include the "
        raise S3Error("InvalidRequest", f"{message}appropriate encryption parameters.")


def _part_checksum(server: S3Server, call: Call, upload: Upload) -> tuple[Checksum | None, Checksum | None]:
    """Return the checksum to record and the one to answer with.

    An upload made without an algorithm takes parts with any checksum, verifies it, and records its own default.
    """
    if server.ignore_checksums:
        return None, None
    sent, expected = server.sent_checksum(call), upload.checksum_algorithm
    is_composite = upload.checksum_kind == "COMPOSITE"
    if expected is not None and (is_composite if sent is None else sent[0] != expected):
        actual = "null" if sent is None else sent[0].lower()
        message = f"Checksum Type mismatch occurred, expected checksum Type: {expected.lower()}, "
        raise S3Error("InvalidRequest", f"{message}actual checksum Type: {actual}")
    proven = verified(*sent, call.body) if sent is not None else None
    if expected is not None:
        proven = proven or Checksum(expected, compute(expected, call.body))
        return proven, proven
    recorded = server.default_of(call.body)
    return recorded, proven or recorded


def upload_part(server: S3Server, call: Call) -> Reply:
    """UploadPart."""
    number = _part_number(call)
    upload = find_upload(server.core, call.bucket, call.key, call.query.get("uploadId", ""))
    _check_part_key(call, upload)
    body = server.checked_body(call)
    recorded, shown = _part_checksum(server, call, upload)
    etag = server.opaque_etag(upload.attributes.encryption)
    part = store_part(server.core, upload, number, body, recorded, etag)
    headers = {"ETag": f'"{part.etag}"', **encryption_headers(upload.attributes.encryption), **checksum_headers(shown)}
    headers.pop("x-amz-checksum-type", None)
    return Reply(200, headers)


def upload_part_copy(server: S3Server, call: Call) -> Reply:
    """UploadPartCopy."""
    number = _part_number(call)
    upload = find_upload(server.core, call.bucket, call.key, call.query.get("uploadId", ""))
    source_bucket, source = read_source(server, call)
    _check_part_key(call, upload)
    start, stop = 0, source.size
    wanted = call.headers.get("x-amz-copy-source-range")
    if wanted is not None:
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        if not (wanted.startswith("bytes=") and first.isdigit() and last.isdigit() and int(first) <= int(last)):
            message = "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are "
            raise invalid_argument(
                f"{message}the zero-based offsets of the first and last bytes to copy",
                "x-amz-copy-source-range",
                wanted,
            )
        if int(last) >= source.size:
            message = f"Range specified is not valid for source object of size: {source.size}"
            raise invalid_argument(message, "x-amz-copy-source-range", wanted)
        span = parse_range(wanted, source.size)
        start, stop = span if span is not None else (start, stop)
    if stop - start > server.largest_copy:
        message = "The specified copy source is larger than the maximum allowable size for a copy source: "
        raise S3Error("InvalidRequest", f"{message}{server.largest_copy}")
    body = body_slice(source.body, start, stop)
    checksum = None
    if upload.checksum_algorithm is not None:
        checksum = Checksum(upload.checksum_algorithm, compute(upload.checksum_algorithm, body))
    elif not server.ignore_checksums and has_exact_digest(body):
        checksum = server.default_of(body)
    part = store_part(server.core, upload, number, body, checksum, server.opaque_etag(upload.attributes.encryption))
    headers = encryption_headers(upload.attributes.encryption)
    if server.core.bucket(source_bucket).settings.versioning:
        headers["x-amz-copy-source-version-id"] = source.version_id
    inner = xml.element("LastModified", xml.iso_time(int(part.modified))) + xml.element("ETag", f'"{part.etag}"')
    if checksum is not None:
        inner += xml.element(f"Checksum{checksum.algorithm}", checksum.value)
    return Reply(200, headers, xml.document("CopyPartResult", inner))


def _wanted_parts(body: bytes) -> list[tuple[int, str, dict[str, str]]]:
    root = xml.parse(body, "CompleteMultipartUpload")
    wanted: list[tuple[int, str, dict[str, str]]] = []
    for node in () if root is None else xml.children(root, "Part"):
        number, etag = xml.text_of(node, "PartNumber"), xml.text_of(node, "ETag")
        if number is None or etag is None or not number.isdigit():
            raise malformed_xml()
        sums = {name: text for name in BY_HEADER.values() if (text := xml.text_of(node, f"Checksum{name}")) is not None}
        wanted.append((int(number), etag.strip().strip('"'), sums))
    if not wanted or len(wanted) > MOST_PARTS:
        raise malformed_xml()
    return wanted


def _check_part_sums(upload: Upload, parts: list[Part], sums: list[dict[str, str]]) -> None:
    """Hold the checksums named at completion against those of the parts."""
    for part, named in zip(parts, sums, strict=True):
        for algorithm, value in named.items():
            if part.checksum != Checksum(algorithm, value):
                raise PartMissing(part.number, part.etag)
        if upload.checksum_kind == "COMPOSITE" and not named:
            algorithm = (upload.checksum_algorithm or "").lower()
            message = f"The upload was created using a {algorithm} checksum. The complete request must include the "
            raise S3Error(
                "InvalidRequest",
                f"{message}checksum for each part. It was missing for part {part.number} in the request.",
            )


def _object_checksum(server: S3Server, call: Call, upload: Upload, parts: list[Part]) -> Checksum | None:
    """Return the checksum of the whole, checked against the one sent."""
    if server.ignore_checksums:
        return None
    algorithm = upload.checksum_algorithm or (DEFAULT if server.default_checksum else None)
    if algorithm is None:
        return None
    whole = composite(algorithm, parts) if upload.checksum_kind == "COMPOSITE" else combined(algorithm, parts)
    for header, name in BY_HEADER.items():
        value = call.headers.get(header)
        if value is not None and (whole is None or name != algorithm or value != whole.value):
            raise S3Error("BadDigest", f"The {name} you specified did not match the calculated checksum.")
    kind = call.headers.get("x-amz-checksum-type")
    if kind is not None and whole is not None and kind != whole.kind:
        message = (
            f"The upload was created using the {whole.kind} checksum mode. The complete request must use the same "
        )
        raise S3Error("InvalidRequest", f"{message}checksum mode.")
    return whole


def complete_multipart_upload(server: S3Server, call: Call) -> Reply:
    """CompleteMultipartUpload."""
    conditions = write_conditions(call.headers)
    wanted = _wanted_parts(server.checked_body(call, document=True))
    upload = find_upload(server.core, call.bucket, call.key, call.query.get("uploadId", ""), completed=True)
    pairs = [(number, etag) for number, etag, _ in wanted]
    if upload.result is not None:
        if tuple(pairs) != upload.completed_with:
            find_upload(server.core, call.bucket, call.key, upload.upload_id)
        return _completed(server, call, upload)
    parts = chosen_parts(upload, pairs, server.min_part_size)
    if not server.ignore_checksums:
        _check_part_sums(upload, parts, [sums for _, _, sums in wanted])
    claimed, size = call.headers.get("x-amz-mp-object-size"), sum(part.size for part in parts)
    if claimed is not None and claimed != str(size):
        message = f"The provided 'x-amz-mp-object-size' header value {claimed} does not match what was computed: {size}"
        raise S3Error("InvalidRequest", message)
    checksum = _object_checksum(server, call, upload, parts)
    etag = server.opaque_etag(upload.attributes.encryption)
    try:
        complete_upload(
            server.core, upload, parts, checksum, conditions, f"{etag}-{len(parts)}" if etag is not None else None
        )
    except KeyMissing:
        raise S3Error("NoSuchKey", "The specified key does not exist.", {"Key": call.key}) from None
    return _completed(server, call, upload)


def _completed(server: S3Server, call: Call, upload: Upload) -> Reply:
    version = upload.result
    assert version is not None
    inner = xml.element("Location", f"{server.url}{call.raw_path}") + xml.element("Bucket", call.bucket)
    inner += xml.element("Key", call.key) + xml.element("ETag", f'"{version.etag}"')
    if version.checksum is not None:
        inner += xml.element(f"Checksum{version.checksum.algorithm}", version.checksum.value)
        inner += xml.element("ChecksumType", version.checksum.kind)
    headers = {**server.version_headers(call, version), **encryption_headers(upload.attributes.encryption)}
    return Reply(200, headers, xml.document("CompleteMultipartUploadResult", inner))


def abort_multipart_upload(server: S3Server, call: Call) -> Reply:
    """AbortMultipartUpload."""
    abort_upload(server.core, call.bucket, call.key, call.query.get("uploadId", ""))
    return Reply(204)
