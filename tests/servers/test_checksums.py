"""Checksums and Content-MD5: verified, stored, shown, combined."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from botocore.config import Config

from tests.servers.conftest import refused
from tests.servers.core import SyntheticBody
from tests.servers.s3 import S3Server
from tests.servers.s3.checksums import WIDTHS, compute
from tests.servers.signing import send_signed

BODY = b"123456789"
KNOWN = {  # check values of the catalogues for "123456789"
    "CRC32": "cbf43926",
    "CRC32C": "e3069283",
    "CRC64NVME": "ae8b14860a799888",
    "SHA1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    "SHA256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
}
ALGORITHMS = sorted(WIDTHS)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_known_values(algorithm: str) -> None:
    assert base64.b64decode(compute(algorithm, BODY)).hex() == KNOWN[algorithm]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_stored_and_shown(server: S3Server, client: Any, algorithm: str) -> None:
    member = f"Checksum{algorithm}"
    put = client.put_object(Bucket="b", Key="k", Body=BODY, ChecksumAlgorithm=algorithm)
    value = compute(algorithm, BODY)
    assert (put[member], put["ChecksumType"]) == (value, "FULL_OBJECT")
    head = client.head_object(Bucket="b", Key="k", ChecksumMode="ENABLED")
    assert head[member] == value
    quiet = send_signed(server, "HEAD", "/b/k")
    assert not any(name.startswith("x-amz-checksum") for name in quiet.headers)
    assert client.list_objects_v2(Bucket="b")["Contents"][0]["ChecksumAlgorithm"] == [algorithm]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    ("value", "code"), [("wrong", "BadDigest"), ("short", "InvalidRequest"), ("not base64 \u00e9", "InvalidRequest")]
)
def test_wrong_header(server: S3Server, algorithm: str, value: str, code: str) -> None:
    raw = b"\0" * (WIDTHS[algorithm] if value == "wrong" else 2)
    sent = value if value.startswith("not") else base64.b64encode(raw).decode()
    header = f"x-amz-checksum-{algorithm.lower()}"
    for target in ("/b/k", "/b/k?partNumber=1&uploadId=" + _upload(server)):
        answer = send_signed(server, "PUT", target, BODY, {header: sent})
        assert (answer.status, answer.code) == (400, code)
    assert not server.core.exists("b", "k")
    server.ignore_checksums = True
    assert send_signed(server, "PUT", "/b/k", BODY, {header: sent}).status == 200


def _upload(server: S3Server) -> str:
    body = send_signed(server, "POST", "/b/k?uploads=").body
    return body.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0].decode()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-amz-checksum-crc32": "y/Q5Jg==", "x-amz-checksum-sha1": "98O8HYCOBHMq32eZZczDTKeuNEE="}, "InvalidRequest"),
        ({"x-amz-sdk-checksum-algorithm": "CRC32"}, "InvalidRequest"),
        ({"x-amz-sdk-checksum-algorithm": "NONE", "x-amz-checksum-crc32": "y/Q5Jg=="}, "InvalidRequest"),
        ({"x-amz-sdk-checksum-algorithm": "SHA1", "x-amz-checksum-crc32": "y/Q5Jg=="}, "InvalidRequest"),
        ({"x-amz-sdk-checksum-algorithm": "CRC32", "x-amz-checksum-crc32": "y/Q5Jg=="}, ""),
        ({"Content-MD5": "JfnnlDI7RTiF9RgfGwdC7A=="}, "BadDigest"),
        ({"Content-MD5": "JfnnlDI7RTiF9RgfG2JNCw=="}, ""),
        ({"Content-MD5": "AAAA"}, "InvalidDigest"),
        ({"Content-MD5": "%%%"}, "InvalidDigest"),
    ],
)
def test_header_rules(server: S3Server, headers: dict[str, str], code: str) -> None:
    assert send_signed(server, "PUT", "/b/k", BODY, headers).code == code


def test_default_checksum(server: S3Server) -> None:
    plain = server.client(config=Config(request_checksum_calculation="when_required"))
    put = plain.put_object(Bucket="b", Key="k", Body=BODY)
    assert put["ChecksumCRC64NVME"] == compute("CRC64NVME", BODY)
    server.default_checksum = None
    assert "ChecksumCRC64NVME" not in plain.put_object(Bucket="b", Key="k", Body=BODY)
    assert "ChecksumCRC64NVME" not in plain.head_object(Bucket="b", Key="k", ChecksumMode="ENABLED")


def test_copies(server: S3Server, client: Any) -> None:
    client.put_object(Bucket="b", Key="k", Body=BODY, ChecksumAlgorithm="SHA1")
    source = {"Bucket": "b", "Key": "k"}
    same = client.copy_object(Bucket="d", Key="k", CopySource=source)["CopyObjectResult"]
    assert same["ChecksumSHA1"] == compute("SHA1", BODY)
    other = client.copy_object(Bucket="d", Key="k", CopySource=source, ChecksumAlgorithm="CRC32C")["CopyObjectResult"]
    assert (other["ChecksumCRC32C"], other["ETag"]) == (compute("CRC32C", BODY), f'"{hashlib.md5(BODY).hexdigest()}"')


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
def test_full_object_of_parts(server: S3Server, client: Any, algorithm: str) -> None:
    parts = [b"first part", b"second", b"3"]
    member = f"Checksum{algorithm}"
    made = client.create_multipart_upload(Bucket="b", Key="k", ChecksumAlgorithm=algorithm, ChecksumType="FULL_OBJECT")
    upload = {"Bucket": "b", "Key": "k", "UploadId": made["UploadId"]}
    named = []
    for number, part in enumerate(parts, 1):
        sent = client.upload_part(**upload, PartNumber=number, Body=part, ChecksumAlgorithm=algorithm)
        named.append({"PartNumber": number, "ETag": sent["ETag"], member: sent[member]})
    whole = compute(algorithm, b"".join(parts))
    wrong = {member: compute(algorithm, b"other"), "ChecksumType": "FULL_OBJECT"}
    complete = client.complete_multipart_upload
    assert refused(complete, **upload, MultipartUpload={"Parts": named}, **wrong) == (400, "BadDigest")
    size = sum(map(len, parts))
    assert refused(complete, **upload, MultipartUpload={"Parts": named}, MpuObjectSize=size + 1)[1] == "InvalidRequest"
    done = complete(**upload, MultipartUpload={"Parts": named}, MpuObjectSize=size, **{member: whole})
    assert (done[member], done["ChecksumType"]) == (whole, "FULL_OBJECT")
    assert client.head_object(Bucket="b", Key="k", ChecksumMode="ENABLED")[member] == whole


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
def test_composite_of_parts(server: S3Server, client: Any, algorithm: str) -> None:
    parts = [b"first part", b"second"]
    member = f"Checksum{algorithm}"
    made = client.create_multipart_upload(Bucket="b", Key="k", ChecksumAlgorithm=algorithm)
    assert made["ChecksumType"] == "COMPOSITE"
    upload = {"Bucket": "b", "Key": "k", "UploadId": made["UploadId"]}
    named = []
    for number, part in enumerate(parts, 1):
        sent = client.upload_part(**upload, PartNumber=number, Body=part, ChecksumAlgorithm=algorithm)
        named.append({"PartNumber": number, "ETag": sent["ETag"], member: sent[member]})
    complete = client.complete_multipart_upload
    without = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in named]
    assert refused(complete, **upload, MultipartUpload={"Parts": without}) == (400, "InvalidRequest")
    swapped = [named[0] | {member: named[1][member]}, named[1]]
    assert refused(complete, **upload, MultipartUpload={"Parts": swapped}) == (400, "InvalidPart")
    done = complete(**upload, MultipartUpload={"Parts": named})
    inner = b"".join(base64.b64decode(compute(algorithm, part)) for part in parts)
    assert (done[member], done["ChecksumType"]) == (f"{compute(algorithm, inner)}-2", "COMPOSITE")
    shown = client.get_object_attributes(Bucket="b", Key="k", ObjectAttributes=["ObjectParts", "Checksum"])
    assert [part[member] for part in shown["ObjectParts"]["Parts"]] == [part[member] for part in named]
    assert shown["ObjectParts"]["TotalPartsCount"] == 2


def test_checksum_of_parts_must_be_the_uploads(server: S3Server, client: Any) -> None:
    create = client.create_multipart_upload
    for algorithm, kind in (("SHA1", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")):
        wrong = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
        assert refused(create, Bucket="b", Key="k", **wrong) == (400, "InvalidRequest")
    upload_id = create(Bucket="b", Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
    upload = {"Bucket": "b", "Key": "k", "UploadId": upload_id, "PartNumber": 1, "Body": b"part"}
    assert refused(client.upload_part, **upload, ChecksumAlgorithm="CRC32") == (400, "InvalidRequest")
    assert send_signed(server, "PUT", f"/b/k?partNumber=1&uploadId={upload_id}", b"part").code == "InvalidRequest"


def test_upload_without_algorithm_takes_any_part_but_no_part_checksum_at_completion(client: Any) -> None:
    upload_id = client.create_multipart_upload(Bucket="b", Key="k")["UploadId"]
    upload = {"Bucket": "b", "Key": "k", "UploadId": upload_id}
    part = client.upload_part(**upload, PartNumber=1, Body=b"part", ChecksumAlgorithm="CRC32")
    named = {"PartNumber": 1, "ETag": part["ETag"]}
    with_sum = {"Parts": [named | {"ChecksumCRC32": part["ChecksumCRC32"]}]}
    assert refused(client.complete_multipart_upload, **upload, MultipartUpload=with_sum) == (400, "InvalidPart")
    done = client.complete_multipart_upload(**upload, MultipartUpload={"Parts": [named]})
    assert (done["ChecksumCRC64NVME"], done["ChecksumType"]) == (compute("CRC64NVME", b"part"), "FULL_OBJECT")


def test_large_synthetic_bodies_have_no_checksum_unasked(server: S3Server, client: Any) -> None:
    body = SyntheticBody(200 * 1024**2, seed=3)
    server.core.put("b", "k", body)
    head = client.head_object(Bucket="b", Key="k", ChecksumMode="ENABLED")
    assert not any(name.startswith("ChecksumCRC") for name in head)
    copied = client.copy_object(
        Bucket="b", Key="l", CopySource={"Bucket": "b", "Key": "k"}, ChecksumAlgorithm="CRC64NVME"
    )
    assert copied["CopyObjectResult"]["ChecksumCRC64NVME"] == compute("CRC64NVME", body)
