"""Copy one object inside the store."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.servers.conftest import refused
from tests.servers.core import SyntheticBody
from tests.servers.s3 import S3Server
from tests.servers.signing import send_signed

GIB = 1024**3
HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)
OTHER = '"00000000000000000000000000000000"'
SOURCE = {"Bucket": "b", "Key": "k"}


def test_what_a_copy_keeps(server: S3Server, client: Any) -> None:
    client.put_object(
        Bucket="b",
        Key="k",
        Body=b"x",
        ContentType="a/b",
        Metadata={"m": "1"},
        Tagging="t=1",
        StorageClass="STANDARD_IA",
    )
    client.copy_object(Bucket="d", Key="kept", CopySource=SOURCE, Metadata={"m": "2"}, Tagging="t=2")
    kept = client.head_object(Bucket="d", Key="kept")
    assert (kept["ContentType"], kept["Metadata"], kept.get("StorageClass")) == ("a/b", {"m": "1"}, None)
    assert client.get_object_tagging(Bucket="d", Key="kept")["TagSet"] == [{"Key": "t", "Value": "1"}]
    client.copy_object(
        Bucket="d",
        Key="replaced",
        CopySource=SOURCE,
        MetadataDirective="REPLACE",
        Metadata={"m": "2"},
        TaggingDirective="REPLACE",
        Tagging="t=2",
        StorageClass="STANDARD_IA",
    )
    replaced = client.head_object(Bucket="d", Key="replaced")
    assert (replaced["ContentType"], replaced["Metadata"]) == ("binary/octet-stream", {"m": "2"})
    assert replaced["StorageClass"] == "STANDARD_IA"
    assert client.get_object_tagging(Bucket="d", Key="replaced")["TagSet"] == [{"Key": "t", "Value": "2"}]


@pytest.mark.parametrize(
    ("conditions", "ok"),
    [
        ({"CopySourceIfMatch": "ETAG"}, True),
        ({"CopySourceIfMatch": OTHER}, False),
        ({"CopySourceIfNoneMatch": "ETAG"}, False),
        ({"CopySourceIfNoneMatch": OTHER}, True),
        ({"CopySourceIfModifiedSince": NOW - HOUR}, True),
        ({"CopySourceIfModifiedSince": NOW + HOUR}, False),
        ({"CopySourceIfUnmodifiedSince": NOW - HOUR}, False),
        ({"CopySourceIfUnmodifiedSince": NOW + HOUR}, True),
        ({"CopySourceIfMatch": "ETAG", "CopySourceIfUnmodifiedSince": NOW - HOUR}, True),
        ({"CopySourceIfNoneMatch": OTHER, "CopySourceIfModifiedSince": NOW + HOUR}, True),
    ],
)
@pytest.mark.parametrize("operation", ["copy", "part"])
def test_source_conditions(server: S3Server, client: Any, operation: str, conditions: dict[str, Any], ok: bool) -> None:
    etag = f'"{server.core.put("b", "k", b"x").etag}"'
    conditions = {name: etag if value == "ETAG" else value for name, value in conditions.items()}
    call, arguments = client.copy_object, {"Bucket": "d", "Key": "k", "CopySource": SOURCE, **conditions}
    if operation == "part":
        upload_id = client.create_multipart_upload(Bucket="d", Key="k")["UploadId"]
        call, arguments = client.upload_part_copy, {**arguments, "UploadId": upload_id, "PartNumber": 1}
    if ok:
        call(**arguments)
    else:
        assert refused(call, **arguments) == (412, "PreconditionFailed")


def test_copy_onto_itself(server: S3Server, client: Any) -> None:
    server.core.put("b", "k", b"x")
    onto = {"Bucket": "b", "Key": "k", "CopySource": SOURCE}
    assert refused(client.copy_object, **onto) == (400, "InvalidRequest")
    for change in (
        {"MetadataDirective": "REPLACE"},
        {"StorageClass": "STANDARD_IA"},
        {"ServerSideEncryption": "AES256"},
        {"WebsiteRedirectLocation": "/x"},
    ):
        client.copy_object(**onto, **change)


def test_largest_copy(server: S3Server, client: Any) -> None:
    server.core.put("b", "k", SyntheticBody(5 * GIB))
    client.copy_object(Bucket="d", Key="k", CopySource=SOURCE)
    server.core.put("b", "k", SyntheticBody(5 * GIB + 1))
    assert refused(client.copy_object, Bucket="d", Key="l", CopySource=SOURCE) == (400, "InvalidRequest")


def test_versions_of_the_source(server: S3Server, client: Any) -> None:
    server.core.bucket("b").settings.versioning = "Enabled"
    old = client.put_object(Bucket="b", Key="k", Body=b"old")["VersionId"]
    new = client.put_object(Bucket="b", Key="k", Body=b"new")["VersionId"]
    copied = client.copy_object(Bucket="d", Key="k", CopySource=SOURCE | {"VersionId": old})
    assert copied["CopySourceVersionId"] == old
    assert server.core.body("d", "k") == b"old"
    assert client.copy_object(Bucket="d", Key="k", CopySource=SOURCE)["CopySourceVersionId"] == new
    marker = client.delete_object(Bucket="b", Key="k")["VersionId"]
    assert refused(client.copy_object, Bucket="d", Key="k", CopySource=SOURCE) == (404, "NoSuchKey")
    of_marker = SOURCE | {"VersionId": marker}
    assert refused(client.copy_object, Bucket="d", Key="k", CopySource=of_marker) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("/b/a%2Bb", "a+b"),
        ("b/a+b", "a b"),
        ("b/a%252Bb", "a%2Bb"),
        ("b//k", "/k"),
        ("b/q%3FversionId=1", "q?versionId=1"),
        ("b/" + quote("\u00e9/\u4e2d"), "\u00e9/\u4e2d"),
    ],
)
def test_source_header_is_decoded_once(server: S3Server, header: str, key: str) -> None:
    server.core.put("b", key, b"right")
    assert send_signed(server, "PUT", "/d/k", b"", {"x-amz-copy-source": header}).status == 200
    assert server.core.body("d", "k") == b"right"


@pytest.mark.parametrize("header", ["b", "/b/", "nokey"])
def test_malformed_source_header(server: S3Server, header: str) -> None:
    assert send_signed(server, "PUT", "/d/k", b"", {"x-amz-copy-source": header}).code == "InvalidArgument"


def test_missing_source(server: S3Server, client: Any) -> None:
    assert refused(client.copy_object, Bucket="d", Key="k", CopySource=SOURCE) == (404, "NoSuchKey")
    assert (
        refused(client.copy_object, Bucket="d", Key="k", CopySource={"Bucket": "no", "Key": "k"})[1] == "NoSuchBucket"
    )
    server.core.put("b", "k", b"x")
    wrong = {"CopySource": SOURCE, "MetadataDirective": "MERGE"}
    assert refused(client.copy_object, Bucket="d", Key="k", **wrong) == (400, "InvalidArgument")


def test_many_copies_are_fast(server: S3Server, client: Any) -> None:
    server.core.put("b", "k", SyntheticBody(4 * GIB))
    began = time.monotonic()
    for number in range(20):
        client.copy_object(Bucket="d", Key=str(number), CopySource=SOURCE)
    assert time.monotonic() - began < 2, "synthetic bodies must be copied without being read"
