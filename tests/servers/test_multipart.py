"""Upload an object in parts."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.servers.conftest import refused
from tests.servers.core import SyntheticBody
from tests.servers.s3 import S3Server

MIB = 1024**2
GIB = 1024**3


class Uploading:
    """One upload of ``b/k`` and its parts so far."""

    def __init__(self, client: Any, **arguments: Any) -> None:
        self.client = client
        self.id = client.create_multipart_upload(Bucket="b", Key="k", **arguments)["UploadId"]
        self.where = {"Bucket": "b", "Key": "k", "UploadId": self.id}
        self.parts: list[dict[str, Any]] = []

    def part(self, number: int, body: bytes) -> str:
        etag = self.client.upload_part(**self.where, PartNumber=number, Body=body)["ETag"]
        self.parts = [part for part in self.parts if part["PartNumber"] != number]
        self.parts.append({"PartNumber": number, "ETag": etag})
        return etag

    def complete(self, parts: list[dict[str, Any]] | None = None, **arguments: Any) -> Any:
        chosen = {"Parts": self.parts if parts is None else parts}
        return self.client.complete_multipart_upload(**self.where, MultipartUpload=chosen, **arguments)


def test_parts_become_one_object(server: S3Server, client: Any) -> None:
    upload = Uploading(client, ContentType="a/b", Metadata={"m": "1"}, Tagging="t=1", StorageClass="STANDARD_IA")
    bodies = [b"first", b"second", b"x"]
    for number, body in ((7, bodies[1]), (3, b"replaced later"), (3, bodies[0]), (10_000, bodies[2])):
        upload.part(number, body)
    upload.parts.sort(key=lambda part: part["PartNumber"])
    assert not server.core.exists("b", "k")
    done = upload.complete()
    digests = b"".join(hashlib.md5(body).digest() for body in bodies)
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    assert server.core.body("b", "k") == b"".join(bodies)
    head = client.head_object(Bucket="b", Key="k")
    assert (head["ContentType"], head["Metadata"], head["StorageClass"]) == ("a/b", {"m": "1"}, "STANDARD_IA")
    assert client.get_object_tagging(Bucket="b", Key="k")["TagSet"] == [{"Key": "t", "Value": "1"}]
    assert server.core.uploads("b") == []


def test_reading_by_part_number(client: Any) -> None:
    upload = Uploading(client)
    upload.part(1, b"first")
    upload.part(2, b"second")
    upload.complete()
    second = client.get_object(Bucket="b", Key="k", PartNumber=2)
    assert (second["Body"].read(), second["PartsCount"], second["ContentRange"]) == (b"second", 2, "bytes 5-10/11")
    assert client.head_object(Bucket="b", Key="k", PartNumber=1)["ContentLength"] == 5
    assert refused(client.get_object, Bucket="b", Key="k", PartNumber=3) == (416, "InvalidPartNumber")
    assert refused(client.get_object, Bucket="b", Key="k", PartNumber=1, Range="bytes=0-1") == (400, "InvalidRequest")


def test_completion_rules(server: S3Server, client: Any) -> None:
    upload = Uploading(client)
    upload.part(1, b"first")
    upload.part(2, b"second")
    one, two = upload.parts
    assert refused(upload.complete, parts=[two, one]) == (400, "InvalidPartOrder")
    assert refused(upload.complete, parts=[one, one]) == (400, "InvalidPartOrder")
    assert refused(upload.complete, parts=[one, two | {"ETag": one["ETag"]}]) == (400, "InvalidPart")
    assert refused(upload.complete, parts=[one, two | {"PartNumber": 3}]) == (400, "InvalidPart")
    assert refused(upload.complete, parts=[]) == (400, "MalformedXML")
    server.min_part_size = 6
    assert refused(upload.complete) == (400, "EntityTooSmall")
    assert not server.core.exists("b", "k")
    assert upload.complete(parts=[two])["ETag"].endswith('-1"')
    assert server.core.body("b", "k") == b"second"


def test_real_minimum_part_size() -> None:
    with S3Server(buckets=["b"]) as server:
        upload = Uploading(server.client())
        upload.part(1, b"x" * (5 * MIB - 1))
        upload.part(2, b"y")
        assert refused(upload.complete) == (400, "EntityTooSmall")
        upload.part(1, b"x" * 5 * MIB)
        upload.parts.sort(key=lambda part: part["PartNumber"])
        upload.complete()


def test_completing_twice(server: S3Server, client: Any) -> None:
    upload = Uploading(client)
    upload.part(1, b"first")
    first = upload.complete()
    server.core.put("b", "k", b"newer")
    assert upload.complete()["ETag"] == first["ETag"]
    assert server.core.body("b", "k") == b"newer", "a repeated completion must not write again"
    assert refused(upload.complete, parts=[{"PartNumber": 1, "ETag": '"other"'}]) == (404, "NoSuchUpload")


@pytest.mark.parametrize("state", ["aborted", "completed", "other key", "never was"])
def test_no_such_upload(client: Any, state: str) -> None:
    upload = Uploading(client)
    upload.part(1, b"first")
    match state:
        case "aborted":
            client.abort_multipart_upload(**upload.where)
        case "completed":
            upload.complete()
        case "other key":
            upload.where["Key"] = "other"
        case "never was":
            upload.where["UploadId"] = "none"
    assert refused(client.upload_part, **upload.where, PartNumber=1, Body=b"") == (404, "NoSuchUpload")
    assert refused(client.list_parts, **upload.where) == (404, "NoSuchUpload")
    assert refused(client.abort_multipart_upload, **upload.where) == (404, "NoSuchUpload")
    if state != "completed":
        assert refused(upload.complete) == (404, "NoSuchUpload")


@pytest.mark.parametrize("number", [0, 10_001])
def test_part_numbers(client: Any, number: int) -> None:
    upload = Uploading(client)
    assert refused(client.upload_part, **upload.where, PartNumber=number, Body=b"") == (400, "InvalidArgument")


def test_part_copies(server: S3Server, client: Any) -> None:
    server.core.put("d", "source", b"0123456789")
    upload = Uploading(client)
    copy = {**upload.where, "CopySource": {"Bucket": "d", "Key": "source"}}
    one = client.upload_part_copy(**copy, PartNumber=1, CopySourceRange="bytes=2-6")["CopyPartResult"]["ETag"]
    two = client.upload_part_copy(**copy, PartNumber=2)["CopyPartResult"]["ETag"]
    upload.complete(parts=[{"PartNumber": 1, "ETag": one}, {"PartNumber": 2, "ETag": two}])
    assert server.core.body("b", "k") == b"234560123456789"
    copy |= {"UploadId": Uploading(client).id, "PartNumber": 1}
    for wrong in ("bytes=5-10", "bytes=-3", "bytes=5-", "0-3"):
        assert refused(client.upload_part_copy, **copy, CopySourceRange=wrong) == (400, "InvalidArgument")


def test_six_gib_by_part_copies(server: S3Server, client: Any) -> None:
    body, gib = SyntheticBody(6 * GIB, seed=7), GIB
    server.core.put("d", "source", body, etag="0" * 32)
    assert client.list_objects_v2(Bucket="d")["Contents"][0]["Size"] == 6 * GIB
    upload = Uploading(client)
    parts = []
    for number in range(6):
        copied = client.upload_part_copy(
            **upload.where,
            PartNumber=number + 1,
            CopySource={"Bucket": "d", "Key": "source"},
            CopySourceRange=f"bytes={number * gib}-{(number + 1) * gib - 1}",
        )
        parts.append({"PartNumber": number + 1, "ETag": copied["CopyPartResult"]["ETag"]})
    upload.complete(parts=parts)
    assert server.core.find("b", "k").body == body
    tail = client.get_object(Bucket="b", Key="k", Range=f"bytes={6 * gib - 100}-")["Body"].read()
    assert tail == b"".join(body.slice(6 * gib - 100, 6 * gib).chunks())


def test_listing_parts_and_uploads(client: Any) -> None:
    upload = Uploading(client)
    for number in (5, 1, 3, 2):
        upload.part(number, bytes(number))
    pages = client.get_paginator("list_parts").paginate(**upload.where, PaginationConfig={"PageSize": 3})
    found = [[part["PartNumber"] for part in page["Parts"]] for page in pages]
    assert found == [[1, 2, 3], [5]]
    ids = {upload.id}
    for key in ("k", "p/1", "p/2", "q"):
        ids.add(client.create_multipart_upload(Bucket="b", Key=key)["UploadId"])
    for size in (1, 2, 5):
        pages = client.get_paginator("list_multipart_uploads").paginate(Bucket="b", PaginationConfig={"PageSize": size})
        listed = [item for page in pages for item in page.get("Uploads", [])]
        assert [item["Key"] for item in listed] == ["k", "k", "p/1", "p/2", "q"]
        assert {item["UploadId"] for item in listed} == ids
    assert len(client.list_multipart_uploads(Bucket="b", Prefix="p/")["Uploads"]) == 2
    grouped = client.list_multipart_uploads(Bucket="b", Delimiter="/")
    assert ([item["Prefix"] for item in grouped["CommonPrefixes"]], len(grouped["Uploads"])) == (["p/"], 3)
