"""Put, get and head one object."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.config import Config

from tests.servers.conftest import refused
from tests.servers.s3 import Allow, Credential, S3Server
from tests.servers.signing import send, send_signed, signed_headers

BODY = b"0123456789"
ETAG = hashlib.md5(BODY).hexdigest()
KEY_C = base64.b64encode(b"k" * 32).decode()


@pytest.mark.parametrize("mode", ["when_supported", "when_required"])
@pytest.mark.parametrize("tls", [False, True])
def test_round_trip(mode: str, tls: bool) -> None:
    with S3Server(buckets=["b"], tls=tls) as server:
        client = server.client(config=Config(request_checksum_calculation=mode))
        put = client.put_object(Bucket="b", Key="a/b", Body=BODY, ContentType="text/plain", Metadata={"One": "1"})
        assert put["ETag"] == f'"{ETAG}"'
        got = client.get_object(Bucket="b", Key="a/b")
        assert got["Body"].read() == BODY
        assert (got["ContentType"], got["Metadata"], got["ETag"]) == ("text/plain", {"one": "1"}, f'"{ETAG}"')
        head = client.head_object(Bucket="b", Key="a/b")
        assert head["ContentLength"] == len(BODY)
        assert server.core.body("b", "a/b") == BODY
        assert server.failures == []


def test_streamed_body_keeps_connection_usable(server: S3Server, client: Any) -> None:
    big = bytes(range(256)) * 20_000
    for _ in range(3):
        client.put_object(Bucket="b", Key="big", Body=big)
        assert client.get_object(Bucket="b", Key="big")["Body"].read() == big


@pytest.mark.parametrize(
    ("header", "content", "content_range"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-30", BODY, "bytes 0-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ],
)
def test_range(server: S3Server, client: Any, header: str, content: bytes, content_range: str) -> None:
    server.core.put("b", "k", BODY)
    got = client.get_object(Bucket="b", Key="k", Range=header)
    assert (got["Body"].read(), got["ContentRange"]) == (content, content_range)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert client.head_object(Bucket="b", Key="k", Range=header)["ContentLength"] == len(content)


@pytest.mark.parametrize("header", ["bytes=5-2", "bytes=a-b", "bytes=0-1,3-4", "lines=1-2", "bytes=-"])
def test_bad_range_is_ignored(server: S3Server, client: Any, header: str) -> None:
    server.core.put("b", "k", BODY)
    got = client.get_object(Bucket="b", Key="k", Range=header)
    assert (got["Body"].read(), got["ResponseMetadata"]["HTTPStatusCode"]) == (BODY, 200)


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=11-12", "bytes=-0"])
def test_range_out_of_reach(server: S3Server, client: Any, header: str) -> None:
    server.core.put("b", "k", BODY)
    assert refused(client.get_object, Bucket="b", Key="k", Range=header) == (416, "InvalidRange")


HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)
OTHER = "0" * 32


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        ({"IfMatch": ETAG}, 200),
        ({"IfMatch": f'"{ETAG}"'}, 200),
        ({"IfMatch": "*"}, 200),
        ({"IfMatch": OTHER}, 412),
        ({"IfNoneMatch": ETAG}, 304),
        ({"IfNoneMatch": OTHER}, 200),
        ({"IfModifiedSince": NOW - HOUR}, 200),
        ({"IfModifiedSince": NOW + HOUR}, 304),
        ({"IfUnmodifiedSince": NOW - HOUR}, 412),
        ({"IfUnmodifiedSince": NOW + HOUR}, 200),
        ({"IfMatch": ETAG, "IfUnmodifiedSince": NOW - HOUR}, 200),
        ({"IfNoneMatch": ETAG, "IfModifiedSince": NOW - HOUR}, 304),
        ({"IfNoneMatch": OTHER, "IfModifiedSince": NOW + HOUR}, 200),
        ({"IfMatch": ETAG, "IfNoneMatch": ETAG}, 304),
        ({"IfMatch": OTHER, "IfNoneMatch": OTHER}, 412),
    ],
)
def test_read_conditions(server: S3Server, client: Any, conditions: dict[str, Any], status: int) -> None:
    server.core.put("b", "k", BODY)
    for call in (client.get_object, client.head_object):
        if status == 200:
            assert call(Bucket="b", Key="k", **conditions)["ResponseMetadata"]["HTTPStatusCode"] == 200
        else:
            assert refused(call, Bucket="b", Key="k", **conditions)[0] == status


@pytest.mark.parametrize(
    ("exists", "conditions", "outcome"),
    [
        (True, {"IfNoneMatch": "*"}, (412, "PreconditionFailed")),
        (False, {"IfNoneMatch": "*"}, None),
        (True, {"IfMatch": ETAG}, None),
        (True, {"IfMatch": OTHER}, (412, "PreconditionFailed")),
        (False, {"IfMatch": ETAG}, (404, "NoSuchKey")),
        (True, {"IfNoneMatch": OTHER}, (501, "NotImplemented")),
        (True, {"IfMatch": ETAG, "IfNoneMatch": "*"}, (501, "NotImplemented")),
    ],
)
@pytest.mark.parametrize("operation", ["put", "copy", "complete"])
def test_write_conditions(
    server: S3Server, client: Any, operation: str, exists: bool, conditions: dict[str, str], outcome: Any
) -> None:
    server.core.put("b", "source", b"new")
    if exists:
        server.core.put("b", "k", BODY)
    call, arguments = client.put_object, {"Body": b"new"}
    if operation == "copy":
        call, arguments = client.copy_object, {"CopySource": {"Bucket": "b", "Key": "source"}}
    elif operation == "complete":
        upload_id = client.create_multipart_upload(Bucket="b", Key="k")["UploadId"]
        part = client.upload_part(Bucket="b", Key="k", UploadId=upload_id, PartNumber=1, Body=b"new")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        call, arguments = client.complete_multipart_upload, {"UploadId": upload_id, "MultipartUpload": parts}
    if outcome is None:
        call(Bucket="b", Key="k", **arguments, **conditions)
        assert server.core.body("b", "k") == b"new"
    else:
        assert refused(call, Bucket="b", Key="k", **arguments, **conditions) == outcome
        assert server.core.exists("b", "k") == exists
        assert not exists or server.core.body("b", "k") == BODY


def test_missing(client: Any) -> None:
    assert refused(client.get_object, Bucket="b", Key="none") == (404, "NoSuchKey")
    assert refused(client.head_object, Bucket="b", Key="none") == (404, "404")
    assert refused(client.get_object, Bucket="none", Key="k") == (404, "NoSuchBucket")
    assert refused(client.put_object, Bucket="none", Key="k", Body=b"") == (404, "NoSuchBucket")


def test_system_headers_are_kept(client: Any) -> None:
    kept = {
        "CacheControl": "no-store",
        "ContentDisposition": 'attachment; filename="x"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "ContentType": "a/b",
    }
    client.put_object(Bucket="b", Key="k", Body=b"not gzip at all", Expires=datetime(2030, 1, 1, tzinfo=UTC), **kept)
    got = client.get_object(Bucket="b", Key="k")
    assert {name: got[name] for name in kept} == kept
    assert got["ExpiresString"].startswith("Tue, 01 Jan 2030")
    assert got["Body"].read() == b"not gzip at all"
    client.put_object(Bucket="b", Key="plain", Body=b"")
    assert client.head_object(Bucket="b", Key="plain")["ContentType"] == "binary/octet-stream"
    assert "ContentEncoding" not in client.head_object(Bucket="b", Key="plain")


def test_response_overrides(server: S3Server, client: Any) -> None:
    server.core.put("b", "k", BODY)
    got = client.get_object(Bucket="b", Key="k", ResponseContentType="x/y", ResponseCacheControl="private")
    assert (got["ContentType"], got["CacheControl"]) == ("x/y", "private")
    server.core.bucket("b").settings.public_read = True
    answer = send(server, "GET", "/b/k?response-content-type=x%2Fy")
    assert (answer.status, answer.code) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("plain", "plain"),
        ("caf\u00e9", "=?UTF-8?Q?caf=C3=A9?="),
        ("\u4e2d\u6587", "=?UTF-8?B?5Lit5paH?="),
        ("=?UTF-8?B?5Lit5paH?=", "=?UTF-8?B?5Lit5paH?="),
    ],
)
def test_metadata_beyond_ascii(server: S3Server, client: Any, stored: str, shown: str) -> None:
    assert send_signed(server, "PUT", "/b/k", b"x", {"x-amz-meta-name": stored}).status == 200
    assert client.head_object(Bucket="b", Key="k")["Metadata"] == {"name": shown}


def test_limits(server: S3Server, client: Any) -> None:
    server.largest_put = 100
    assert refused(client.put_object, Bucket="b", Key="k" * 1025, Body=b"") == (400, "KeyTooLongError")
    assert refused(client.put_object, Bucket="b", Key="k", Body=b"x" * 101) == (400, "EntityTooLarge")
    client.put_object(Bucket="b", Key="k", Body=b"x" * 100, Metadata={"a": "x" * 2047})
    assert refused(client.put_object, Bucket="b", Key="k", Body=b"", Metadata={"a": "x" * 2048}) == (
        400,
        "MetadataTooLarge",
    )
    answer = send(server, "PUT", "/b/k", None, signed_headers(server, "PUT", "/b/k"))
    assert (answer.status, answer.code) == (411, "MissingContentLength")
    kind = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
    assert send_signed(server, "POST", "/b?delete=", b"0\r\n\r\n", kind).code == "MissingContentLength"
    answer = send_signed(server, "PUT", "/b/k", b"", {"Transfer-Encoding": "chunked"})
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert send_signed(server, "GET", "/b/%ff%fe").code == "InvalidURI"


def test_storage_class_and_restore(server: S3Server, client: Any) -> None:
    client.put_object(Bucket="b", Key="k", Body=BODY, StorageClass="GLACIER")
    assert client.head_object(Bucket="b", Key="k")["StorageClass"] == "GLACIER"
    assert client.list_objects_v2(Bucket="b")["Contents"][0]["StorageClass"] == "GLACIER"
    assert refused(client.get_object, Bucket="b", Key="k") == (403, "InvalidObjectState")
    source = {"Bucket": "b", "Key": "k"}
    assert refused(client.copy_object, Bucket="d", Key="k", CopySource=source) == (403, "InvalidObjectState")
    assert refused(client.put_object, Bucket="b", Key="k", Body=b"", StorageClass="NONE")[1] == "InvalidStorageClass"
    request = {"Days": 2, "GlacierJobParameters": {"Tier": "Expedited"}}
    restore = {"Bucket": "b", "Key": "k", "RestoreRequest": request}
    assert client.restore_object(**restore)["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert client.head_object(Bucket="b", Key="k")["Restore"] == 'ongoing-request="true"'
    assert refused(client.restore_object, **restore) == (409, "RestoreAlreadyInProgress")
    server.core.clock.shift(301)
    assert 'ongoing-request="false"' in client.head_object(Bucket="b", Key="k")["Restore"]
    assert client.get_object(Bucket="b", Key="k")["Body"].read() == BODY
    assert client.restore_object(**restore)["ResponseMetadata"]["HTTPStatusCode"] == 200
    listed = client.list_objects_v2(Bucket="b", OptionalObjectAttributes=["RestoreStatus"])["Contents"][0]
    assert listed["RestoreStatus"]["IsRestoreInProgress"] is False
    server.core.clock.shift(3 * 86400)
    assert refused(client.get_object, Bucket="b", Key="k") == (403, "InvalidObjectState")
    client.put_object(Bucket="b", Key="warm", Body=BODY)
    assert refused(client.restore_object, **(restore | {"Key": "warm"})) == (403, "InvalidObjectState")


def test_encryption_is_echoed(server: S3Server, client: Any) -> None:
    put = client.put_object(
        Bucket="b", Key="k", Body=BODY, ServerSideEncryption="aws:kms", SSEKMSKeyId="key-1", BucketKeyEnabled=True
    )
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"], put["BucketKeyEnabled"]) == ("aws:kms", "key-1", True)
    assert put["ETag"] != f'"{ETAG}"'
    assert client.head_object(Bucket="b", Key="k")["SSEKMSKeyId"] == "key-1"
    client.put_object(Bucket="b", Key="plain", Body=BODY)
    assert client.head_object(Bucket="b", Key="plain")["ServerSideEncryption"] == "AES256"
    copied = client.copy_object(Bucket="b", Key="again", CopySource={"Bucket": "b", "Key": "k"})
    assert copied["CopyObjectResult"]["ETag"] == f'"{ETAG}"'
    server.core.bucket("d").settings.encryption = {"x-amz-server-side-encryption": "aws:kms"}
    assert client.put_object(Bucket="d", Key="k", Body=BODY)["ServerSideEncryption"] == "aws:kms"


def test_customer_key() -> None:
    customer = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
    with S3Server(buckets=["b"], tls=True) as secure:
        client = secure.client()
        client.put_object(Bucket="b", Key="k", Body=BODY, **customer)
        assert refused(client.head_object, Bucket="b", Key="k")[0] == 400
        assert refused(client.get_object, Bucket="b", Key="k") == (400, "InvalidRequest")
        wrong = customer | {"SSECustomerKey": b"x" * 32}
        assert refused(client.get_object, Bucket="b", Key="k", **wrong) == (403, "AccessDenied")
        assert client.get_object(Bucket="b", Key="k", **customer)["Body"].read() == BODY
        assert secure.log.entries
        shown = {name for entry in secure.log.entries for name in entry.headers}
        assert "x-amz-server-side-encryption-customer-algorithm" in shown
        assert not any(KEY_C in value for entry in secure.log.entries for value in entry.headers.values())


def test_acl_needs_a_bucket_that_has_acls(server: S3Server, client: Any) -> None:
    put = {"Bucket": "b", "Key": "k", "Body": b""}
    assert refused(client.put_object, **put, ACL="public-read") == (400, "AccessControlListNotSupported")
    client.put_object(**put, ACL="bucket-owner-full-control")
    server.core.bucket("b").settings.owner_enforced = False
    client.put_object(**put, ACL="public-read")
    assert len(client.get_object_acl(Bucket="b", Key="k")["Grants"]) == 2


def test_expected_owner(server: S3Server, client: Any) -> None:
    server.core.put("b", "k", BODY)
    client.get_object(Bucket="b", Key="k", ExpectedBucketOwner="123456789012")
    assert refused(client.get_object, Bucket="b", Key="k", ExpectedBucketOwner="000000000000") == (403, "AccessDenied")


def test_website_redirect(client: Any) -> None:
    client.put_object(Bucket="b", Key="k", Body=b"", WebsiteRedirectLocation="/other")
    assert client.head_object(Bucket="b", Key="k")["WebsiteRedirectLocation"] == "/other"


def test_object_attributes(server: S3Server, client: Any) -> None:
    client.put_object(Bucket="b", Key="k", Body=BODY, ChecksumAlgorithm="SHA256")
    wanted = ["ETag", "Checksum", "ObjectSize", "StorageClass"]
    got = client.get_object_attributes(Bucket="b", Key="k", ObjectAttributes=wanted)
    digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    assert (got["ETag"], got["ObjectSize"], got["StorageClass"]) == (ETAG, 10, "STANDARD")
    assert got["Checksum"] == {"ChecksumSHA256": digest, "ChecksumType": "FULL_OBJECT"}


def test_times(server: S3Server, client: Any) -> None:
    server.core.put("b", "k", BODY, modified=1_700_000_000.75)
    at = datetime.fromtimestamp(1_700_000_000, UTC)
    assert client.head_object(Bucket="b", Key="k")["LastModified"] == at
    assert client.list_objects_v2(Bucket="b")["Contents"][0]["LastModified"] == at
    assert b"2023-11-14T22:13:20.000Z" in send_signed(server, "GET", "/b?list-type=2").body


def test_virtual_host_and_request_id(server: S3Server) -> None:
    server.core.put("b", "k", BODY)
    server.core.bucket("b").settings.public_read = True
    answer = send(server, "GET", "/k", headers={"Host": f"b.localhost:{server.port}"})
    assert (answer.status, answer.body) == (200, BODY)
    assert answer.headers["x-amz-request-id"]
    missing = send(server, "GET", "/nothing", headers={"Host": "b.localhost"})
    assert (missing.status, missing.code) == (404, "NoSuchKey")
    assert b"<RequestId>" in missing.body
    assert b"<Resource>/b/nothing</Resource>" in missing.body


def test_tags_are_counted_for_those_who_may_read_them(server: S3Server) -> None:
    server.core.put("b", "k", BODY, tags={"one": "1", "two": "2"})
    reader = server.add_credential(Credential("reader", "reader-secret", allow=(Allow("GetObject"),)))
    tagger = Credential("tagger", "tagger-secret", allow=(Allow(("GetObject", "GetObjectTagging")),))
    for credential, count in ((None, 2), (reader, None), (server.add_credential(tagger), 2)):
        found = server.client(credential=credential)
        assert found.head_object(Bucket="b", Key="k").get("TagCount") == count
        assert found.get_object(Bucket="b", Key="k").get("TagCount") == count
    server.core.bucket("b").settings.public_read = True
    assert "x-amz-tagging-count" not in send(server, "HEAD", "/b/k").headers
