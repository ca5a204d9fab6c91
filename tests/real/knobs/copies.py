"""How does a server copy, list, and put parts together?"""

from __future__ import annotations

import hashlib
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

from tests.real.probes import (
    DIGESTS,
    HEADERS,
    MIB,
    OTHER,
    Answer,
    Place,
    listed,
    md5_of,
    probe,
    refused,
    to_base64,
    yes,
)


@probe("copy: pinned to its source")
def pinned_copies(place: Place) -> Answer:
    place.put("o")
    source = {"CopySource": {"Bucket": place.bucket, "Key": "o"}, "CopySourceIfMatch": OTHER}
    found = ["whole"] if refused(place.s3.copy_object, Bucket=place.bucket, Key="to", **source) else []
    upload = place.begin("to")
    found += ["part"] if refused(place.s3.upload_part_copy, **upload, PartNumber=1, **source) else []
    return listed(found)


@probe("copy: a part from a range")
def part_copy(place: Place) -> Answer:
    place.put("from", b"0123456789")
    upload = place.begin("to")
    made = place.s3.upload_part_copy(
        **upload,
        PartNumber=1,
        CopySource={"Bucket": place.bucket, "Key": "from"},
        CopySourceRange="bytes=2-6",
    )
    parts = {"Parts": [{"PartNumber": 1, "ETag": made["CopyPartResult"]["ETag"]}]}
    place.s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    return yes(place.s3.get_object(Bucket=place.bucket, Key="to")["Body"].read() == b"23456")


@probe("copy: checksum of a copied part")
def checksum_of_copied_part(place: Place) -> Answer:
    """In an upload that was begun with a checksum, from a source that has one of the same kind."""
    body = b"0123456789"
    place.put("from", body, ChecksumCRC64NVME=to_base64(DIGESTS["crc64nvme"](body)))
    upload = place.begin("to", ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT")
    source = {"CopySource": {"Bucket": place.bucket, "Key": "from"}, "CopySourceRange": "bytes=2-6"}
    made = place.s3.upload_part_copy(**upload, PartNumber=1, **source)["CopyPartResult"]
    if "ChecksumCRC64NVME" not in made:
        entry = {"PartNumber": 1, "ETag": made["ETag"]}
        failed = refused(place.s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": [entry]})
        return "none, and the upload can't be completed" if failed else "none"
    right = made["ChecksumCRC64NVME"] == to_base64(DIGESTS["crc64nvme"](body[2:7]))
    whole = made["ChecksumCRC64NVME"] == to_base64(DIGESTS["crc64nvme"](body))
    return "right" if right else "wrong: that of the whole source" if whole else "wrong"


@probe("copy: brings along")
def copies_bring(place: Place) -> Answer:
    source = {"CopySource": {"Bucket": place.bucket, "Key": "from"}}
    place.put("from", **HEADERS, Metadata={"a": "b"})
    place.s3.copy_object(Bucket=place.bucket, Key="to", **source)
    found = place.head("to")
    found["Expires"] = found.get("ExpiresString")
    lost = [name for name, value in HEADERS.items() if found.get(name) != value]
    lost += ["metadata"] if found.get("Metadata") != {"a": "b"} else []
    try:
        place.put("from", Tagging="a=b")
        place.s3.copy_object(Bucket=place.bucket, Key="to", **source)
        lost += [] if place.s3.get_object_tagging(Bucket=place.bucket, Key="to")["TagSet"] else ["tags"]
    except ClientError:
        lost.append("tags")
    return f"all but {', '.join(lost)}" if lost else "all"


@probe("copy: sets other attributes in place")
def replaced_in_place(place: Place) -> Answer:
    place.put("o", Metadata={"a": "b"})
    source = {"CopySource": {"Bucket": place.bucket, "Key": "o"}}
    place.s3.copy_object(
        Bucket=place.bucket, Key="o", **source, MetadataDirective="REPLACE", Metadata={"c": "d"}, ContentType="a/b"
    )
    found = place.head("o")
    return yes(found["Metadata"] == {"c": "d"} and found["ContentType"] == "a/b")


@probe("listing: versions")
def list_versions(place: Place) -> Answer:
    place.put("a")
    found = []
    for version, call in (("1", place.s3.list_objects), ("2", place.s3.list_objects_v2)):
        answer = call(Bucket=place.bucket, MaxKeys=1)
        if [entry["Key"] for entry in answer.get("Contents", [])] == ["a"] and (version == "1" or "KeyCount" in answer):
            found.append(version)
    return listed(found)


@probe("listing: keys url-encoded when asked")
def url_encoding(place: Place) -> Answer:
    place.put("a b+c%d")
    answer = place.s3.list_objects_v2(Bucket=place.bucket, EncodingType="url")
    (entry,) = answer["Contents"]
    return "yes" if answer.get("EncodingType") == "url" and unquote_plus(entry["Key"]) == "a b+c%d" else "no"


@probe("listing: starts after any text")
def start_after(place: Place) -> Answer:
    for key in ("a/x", "b-c", "b/x", "b0"):
        place.put(key)
    expected = {"a": 4, "a/x": 3, "a/y": 3, "b-": 3, "b.": 2, "b/": 2, "b/zz": 1, "b0": 0}
    wrong = []
    for after, count in expected.items():
        answer = place.s3.list_objects_v2(Bucket=place.bucket, StartAfter=after)
        keys = [entry["Key"] for entry in answer.get("Contents", [])]
        if keys != ["a/x", "b-c", "b/x", "b0"][4 - count :]:
            wrong.append(after)
    return "yes" if not wrong else f"not after {wrong}"


@probe("ETag of a whole object")
def etag_of_whole(place: Place) -> Answer:
    return "MD5" if place.put("o")["ETag"] == md5_of(b"body") == place.head("o")["ETag"] else "another"


@probe("ETag of parts")
def etag_of_parts(place: Place) -> Answer:
    bodies = {1: b"1" * 5 * MIB, 2: b"2"}
    made = place.complete(place.begin("o"), bodies)["ETag"]
    digest = hashlib.md5(b"".join(hashlib.md5(body).digest() for body in bodies.values())).hexdigest()
    same = made == place.head("o")["ETag"]
    words = "as Amazon's" if made == f'"{digest}-2"' else f"another ({made})"
    return words if same else f"{words}, and HEAD has another"


@probe("parts: unequal sizes")
def unequal_parts(place: Place) -> Answer:
    bodies = {1: b"1" * 6 * MIB, 2: b"2" * 5 * MIB, 3: b"3"}
    try:
        place.complete(place.begin("o"), bodies)
    except ClientError as error:
        return f"no: {error.response['Error']['Code']}"
    return yes(place.head("o")["ContentLength"] == 11 * MIB + 1)


@probe("parts: numbers may have gaps")
def part_gaps(place: Place) -> Answer:
    try:
        place.complete(place.begin("o"), {2: b"1" * 5 * MIB, 7: b"3"})
    except ClientError as error:
        return f"no: {error.response['Error']['Code']}"
    return yes(place.head("o")["ContentLength"] == 5 * MIB + 1)


@probe("parts: smaller than 5 MiB are refused")
def small_parts(place: Place) -> Answer:
    return yes(refused(place.complete, upload=place.begin("o"), bodies={1: b"1", 2: b"2"}))


@probe("open uploads: listed below a prefix")
def open_uploads(place: Place) -> Answer:
    place.begin("a/o")
    place.begin("b/o")
    answer = place.s3.list_multipart_uploads(Bucket=place.bucket, Prefix="a/", EncodingType="url")
    return yes([upload["Key"] for upload in answer.get("Uploads", [])] == ["a/o"])
