"""Which signatures, checksums and conditions does a server honour?"""

from __future__ import annotations

import hashlib

from botocore.exceptions import ClientError

from tests.real.probes import DIGESTS, MIB, OTHER, Answer, Place, listed, probe, refused, to_base64, yes


@probe("signature V2")
def signature_v2(place: Place) -> Answer:
    return yes(not refused(place.client(signature_version="s3").head_bucket, Bucket=place.bucket))


@probe("checksums: a wrong one is refused")
def checksums_checked(place: Place) -> Answer:
    found = []
    for name, digest in DIGESTS.items():
        wrong = {f"Checksum{name.upper()}": to_base64(digest(b"other"))}
        if refused(place.put, key=name, **wrong) and refused(place.head, key=name):
            found.append(name)
    return listed(found)


@probe("checksums: HEAD returns them")
def checksums_returned(place: Place) -> Answer:
    found = []
    for name, digest in DIGESTS.items():
        field, value = f"Checksum{name.upper()}", to_base64(digest(b"body"))
        try:
            place.put(name, **{field: value})
        except ClientError:
            continue
        if place.head(name, ChecksumMode="ENABLED").get(field) == value:
            found.append(name)
    return listed(found)


@probe("checksums: of an object written without")
def checksum_unasked(place: Place) -> Answer:
    place.put("o")
    found = place.head("o", ChecksumMode="ENABLED")
    return listed([name for name in DIGESTS if f"Checksum{name.upper()}" in found])


@probe("checksums: of a whole from parts")
def checksum_of_parts(place: Place) -> Answer:
    found = []
    for name in ("crc64nvme", "crc32c", "crc32"):
        field = f"Checksum{name.upper()}"
        try:
            upload = place.begin(name, ChecksumAlgorithm=name.upper(), ChecksumType="FULL_OBJECT")
            body, last = b"1" * 5 * MIB, b"last"
            parts = []
            for number, part in enumerate((body, last), 1):
                value = {field: to_base64(DIGESTS[name](part))}
                made = place.s3.upload_part(**upload, PartNumber=number, Body=part, **value)
                parts.append({"PartNumber": number, "ETag": made["ETag"], **value})
            listing = {"Parts": parts}
            wrong = {field: to_base64(DIGESTS[name](b"other")), "ChecksumType": "FULL_OBJECT"}
            if not refused(place.s3.complete_multipart_upload, **upload, MultipartUpload=listing, **wrong):
                continue
            right = to_base64(DIGESTS[name](body + last))
            place.s3.complete_multipart_upload(
                **upload, MultipartUpload=listing, ChecksumType="FULL_OBJECT", **{field: right}
            )
        except ClientError:
            continue
        if place.head(name, ChecksumMode="ENABLED").get(field) == right:
            found.append(name)
    return listed(found)


@probe("Content-MD5: a wrong one is refused")
def content_md5(place: Place) -> Answer:
    wrong = to_base64(hashlib.md5(b"other").digest())
    upload = place.begin("parts")
    whole = refused(place.put, key="o", ContentMD5=wrong)
    part = refused(place.s3.upload_part, **upload, PartNumber=1, Body=b"body", ContentMD5=wrong)
    return {(True, True): "yes", (True, False): "not of parts", (False, True): "only of parts"}.get((whole, part), "no")


@probe("bulk delete: accepted with")
def bulk_delete(place: Place) -> Answer:
    """Which proof DeleteObjects needs: the SDK's CRC32, Content-MD5, or none."""

    def plain(headers):
        for name in [name for name in headers if name.lower().startswith(("x-amz-checksum", "x-amz-sdk"))]:
            del headers[name]

    def md5(headers):
        plain(headers)
        headers["Content-MD5"] = to_base64(hashlib.md5(body).digest())

    body = b'<?xml version="1.0"?><Delete><Object><Key>o</Key></Object></Delete>'

    def replace(request, **_):
        request.data = body

    def deleted() -> bool:
        place.put("o")
        try:
            place.s3.delete_objects(Bucket=place.bucket, Delete={"Objects": [{"Key": "o"}]})
        except ClientError:
            return False
        return refused(place.head, key="o")

    found = ["CRC32"] if deleted() else []
    place.s3.meta.events.register_first("before-sign.s3.DeleteObjects", replace)
    with place.headers("DeleteObjects", md5):
        found += ["MD5"] if deleted() else []
    with place.headers("DeleteObjects", plain):
        found += ["nothing"] if deleted() else []
    return listed(found)


@probe("conditional writes")
def conditional_writes(place: Place) -> Answer:
    """Which conditions on what stands at the destination are honoured, by verb."""
    place.put("o")
    place.put("from")
    source = {"CopySource": {"Bucket": place.bucket, "Key": "from"}}
    found = []
    for verb in ("put", "copy", "complete"):
        for word, condition in (("If-None-Match", {"IfNoneMatch": "*"}), ("If-Match", {"IfMatch": OTHER})):
            if verb == "put":
                held = refused(place.put, key="o", **condition)
            elif verb == "copy":
                held = refused(place.s3.copy_object, Bucket=place.bucket, Key="o", **source, **condition)
            else:
                held = refused(place.complete, upload=place.begin("o"), bodies={1: b"body"}, **condition)
            found += [f"{verb} {word}"] if held else []
    return listed(found)


@probe("conditional deletes")
def conditional_deletes(place: Place) -> Answer:
    found = []
    place.put("o")
    if refused(place.s3.delete_object, Bucket=place.bucket, Key="o", IfMatch=OTHER) and not refused(
        place.head, key="o"
    ):
        found.append("one")
    place.put("o")
    answer = place.s3.delete_objects(Bucket=place.bucket, Delete={"Objects": [{"Key": "o", "ETag": OTHER}]})
    if answer.get("Errors") and not refused(place.head, key="o"):
        found.append("bulk")
    return listed(found)


@probe("conditional reads")
def conditional_reads(place: Place) -> Answer:
    place.put("o")
    return yes(refused(place.s3.get_object, Bucket=place.bucket, Key="o", IfMatch=OTHER))
