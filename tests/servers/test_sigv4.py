"""Who is let in, and what must be signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import urllib.error
import urllib.request
import zlib
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.servers.conftest import refused
from tests.servers.s3 import Allow, Credential, S3Server
from tests.servers.s3.chunked import SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER
from tests.servers.signing import Answer, send, send_signed, signed_headers

BODY = b"0123456789"


def test_wrong_secret_and_unknown_key(server: S3Server) -> None:
    server.core.put("b", "k", BODY)
    wrong = send_signed(server, "GET", "/b/k", secret_key="other")
    assert (wrong.status, wrong.code) == (403, "SignatureDoesNotMatch")
    unknown = send_signed(server, "GET", "/b/k", access_key="nobody")
    assert (unknown.status, unknown.code) == (403, "InvalidAccessKeyId")
    anonymous = send(server, "GET", "/b/k")
    assert (anonymous.status, anonymous.code) == (403, "AccessDenied")
    assert send(server, "GET", "/b/k", headers={"Authorization": "AWS key:signature"}).code == "InvalidRequest"
    assert send_signed(server, "GET", "/b/k").body == BODY


@pytest.mark.parametrize(("skew", "status"), [(0, 200), (800, 200), (-800, 200), (1000, 403), (-1000, 403)])
def test_clock_skew(server: S3Server, skew: int, status: int) -> None:
    server.core.put("b", "k", BODY)
    server.clock_skew = skew
    answer = send_signed(server, "GET", "/b/k")
    assert (answer.status, answer.code) == (status, "" if status == 200 else "RequestTimeTooSkewed")


@pytest.mark.parametrize("change", ["path", "query", "method", "header", "body", "extra header"])
def test_everything_signed_is_checked(server: S3Server, change: str) -> None:
    server.core.put("b", "k", BODY)
    server.core.put("b", "l", BODY)
    headers = signed_headers(server, "PUT", "/b/k?tagging=", b"body", {"x-amz-meta-a": "1"})
    method, target, body = "PUT", "/b/k?tagging=", b"body"
    expected = "SignatureDoesNotMatch"
    match change:
        case "path":
            target = "/b/l?tagging="
        case "query":
            target = "/b/k?acl="
        case "method":
            method = "POST"
        case "header":
            headers["x-amz-meta-a"] = "2"
        case "body":
            body, expected = b"other", "XAmzContentSHA256Mismatch"
        case "extra header":
            headers["x-amz-acl"], expected = "private", "AccessDenied"
    answer = send(server, method, target, body, headers)
    assert answer.code == expected
    assert server.core.body("b", "k") == BODY


def test_path_is_signed_as_it_is(server: S3Server) -> None:
    for target in ("/b/a/../c", "/b//x", "/b/./y", "/b/../z", "/b/sp%20ace"):
        assert send_signed(server, "PUT", target, b"x").status == 200
    assert server.core.keys("b") == ["../z", "./y", "/x", "a/../c", "sp ace"]


def test_content_hash_header_is_required(server: S3Server) -> None:
    headers = signed_headers(server, "GET", "/b/k")
    bare = {name: value for name, value in headers.items() if name.lower() != "x-amz-content-sha256"}
    assert send(server, "GET", "/b/k", None, bare).code == "InvalidRequest"
    answer = send_signed(server, "PUT", "/b/k", BODY, payload="nonsense")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert send_signed(server, "PUT", "/b/k", BODY, payload="UNSIGNED-PAYLOAD").status == 200


def test_session_token(server: S3Server) -> None:
    server.core.put("b", "k", BODY)
    credential = server.add_credential(Credential("temp", "secret", "token-1"))
    assert server.client(credential=credential).get_object(Bucket="b", Key="k")["Body"].read() == BODY
    assert send_signed(server, "GET", "/b/k", access_key="temp", secret_key="secret").code == "InvalidAccessKeyId"
    wrong = send_signed(server, "GET", "/b/k", access_key="temp", secret_key="secret", token="token-2")
    assert (wrong.status, wrong.code) == (400, "InvalidToken")
    server.add_credential(Credential("temp", "secret", "token-1", expires=time.time() - 1))
    old = send_signed(server, "GET", "/b/k", access_key="temp", secret_key="secret", token="token-1")
    assert (old.status, old.code) == (400, "ExpiredToken")
    assert not any("token" in name for entry in server.log.entries for name in entry.headers)
    assert not any("authorization" in name for entry in server.log.entries for name in entry.headers)


def test_permissions(server: S3Server) -> None:
    server.core.put("b", "in/k", BODY)
    server.core.put("b", "out/k", BODY)
    rules = (Allow("GetObject", "b", "in/"), Allow({"PutObject", "DeleteObject"}, "d"))
    client = server.client(credential=server.add_credential(Credential("few", "secret", allow=rules, user="reader")))
    assert client.get_object(Bucket="b", Key="in/k")["Body"].read() == BODY
    assert client.head_object(Bucket="b", Key="in/k")["ContentLength"] == 10
    with pytest.raises(ClientError) as caught:
        client.get_object(Bucket="b", Key="out/k")
    message = caught.value.response["Error"]["Message"]
    assert message.startswith("User: arn:aws:iam::123456789012:user/reader is not authorized to perform: s3:GetObject")
    assert '"arn:aws:s3:::b/out/k"' in message
    assert refused(client.list_objects_v2, Bucket="b") == (403, "AccessDenied")
    assert refused(client.get_object, Bucket="b", Key="in/none") == (403, "AccessDenied"), "404 needs ListBucket"
    assert refused(client.put_object, Bucket="b", Key="in/k", Body=b"") == (403, "AccessDenied")
    client.copy_object(Bucket="d", Key="k", CopySource={"Bucket": "b", "Key": "in/k"})
    source = {"Bucket": "b", "Key": "out/k"}
    assert refused(client.copy_object, Bucket="d", Key="k", CopySource=source) == (403, "AccessDenied")
    server.core.put("b", "in/l", BODY)
    done = client.delete_objects(Bucket="b", Delete={"Objects": [{"Key": "in/l"}]})
    assert done["Errors"][0]["Code"] == "AccessDenied"


def test_public_bucket(server: S3Server) -> None:
    server.core.put("b", "k", BODY)
    server.core.bucket("b").settings.public_read = True
    assert send(server, "GET", "/b/k").body == BODY
    assert send(server, "GET", "/b?list-type=2").status == 200
    assert send(server, "PUT", "/b/k", b"").code == "AccessDenied"


def test_regions(server: S3Server) -> None:
    server.core.create_bucket("far", region="eu-west-1")
    server.core.put("far", "k", BODY)
    redirect = send_signed(server, "GET", "/far/k")
    assert (redirect.status, redirect.code) == (301, "PermanentRedirect")
    assert redirect.headers["x-amz-bucket-region"] == "eu-west-1"
    malformed = send_signed(server, "GET", "/b/k", region="us-west-2")
    assert (malformed.status, malformed.code) == (400, "AuthorizationHeaderMalformed")
    assert b"<Region>us-east-1</Region>" in malformed.body
    assert send_signed(server, "GET", "/far/k", region="eu-west-1").body == BODY
    client = server.client(region_name="eu-west-1")
    assert client.get_bucket_location(Bucket="far")["LocationConstraint"] == "eu-west-1"


def _open(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    try:
        request = urllib.request.Request(url, body, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - loopback
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_presigned(server: S3Server, client: Any) -> None:
    server.core.put("b", "a b/\u00e9", BODY)
    url = client.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "a b/\u00e9"}, ExpiresIn=60)
    assert _open(url) == (200, BODY)
    put = client.generate_presigned_url("put_object", Params={"Bucket": "b", "Key": "new"}, ExpiresIn=60)
    assert _open(put, "PUT", b"new")[0] == 200
    assert server.core.body("b", "new") == b"new"
    assert b"SignatureDoesNotMatch" in _open(url.replace("/b/", "/d/"))[1]
    assert b"AuthorizationQueryParametersError" in _open(url.replace("X-Amz-Expires=60", "X-Amz-Expires=604801"))[1]
    server.clock_skew = 61
    status, body = _open(url)
    assert (status, b"Request has expired" in body) == (403, True)
    server.clock_skew = -1000
    assert b"Request is not valid yet" in _open(url)[1]


def _chunked(server: S3Server, kind: str, *, tamper: str = "") -> Answer:
    """Send three chunks signed by hand, one of them damaged."""
    chunks = [b"a" * 8192, b"b" * 8192, b"c" * 10]
    checksum = "AAAAAA==" if tamper == "trailer value" else _crc32(b"".join(chunks))
    extra = {"x-amz-decoded-content-length": str(sum(map(len, chunks))), "Content-Encoding": "aws-chunked"}
    if kind != SIGNED:
        extra["x-amz-trailer"] = "x-amz-checksum-crc32"
    headers = signed_headers(server, "PUT", "/b/k", b"", extra, payload=kind)
    stamp = headers["X-Amz-Date"]
    scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
    key = b"AWS4test-secret"
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    previous = headers["Authorization"].rpartition("Signature=")[2]

    def sign(title: str, rest: str) -> str:
        return hmac.digest(key, f"{title}\n{stamp}\n{scope}\n{previous}\n{rest}".encode(), "sha256").hex()

    wire = b""
    empty = hashlib.sha256(b"").hexdigest()
    for number, chunk in enumerate([*chunks, b""]):
        line = f"{len(chunk):x}"
        if kind != UNSIGNED_TRAILER:
            previous = sign("AWS4-HMAC-SHA256-PAYLOAD", f"{empty}\n{hashlib.sha256(chunk).hexdigest()}")
            line += f";chunk-signature={previous}"
        sent = b"B" * len(chunk) if tamper == "chunk" and number == 1 else chunk
        wire += line.encode() + b"\r\n" + sent + (b"\r\n" if chunk or kind == SIGNED else b"")
    if kind != SIGNED:
        wire += f"x-amz-checksum-crc32:{checksum}\r\n".encode()
        if kind == SIGNED_TRAILER:
            digest = hashlib.sha256(f"x-amz-checksum-crc32:{checksum}\n".encode()).hexdigest()
            signature = sign("AWS4-HMAC-SHA256-TRAILER", digest)
            if tamper == "trailer signature":
                signature = "0" * 64
            wire += f"x-amz-trailer-signature:{signature}\r\n".encode()
        wire += b"\r\n"
    if tamper == "cut":
        wire = wire[:9000]
    return send(server, "PUT", "/b/k", wire, headers)


def _crc32(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


@pytest.mark.parametrize(
    ("kind", "tamper", "code"),
    [
        (SIGNED, "", ""),
        (SIGNED_TRAILER, "", ""),
        (UNSIGNED_TRAILER, "", ""),
        (SIGNED, "chunk", "SignatureDoesNotMatch"),
        (SIGNED_TRAILER, "chunk", "SignatureDoesNotMatch"),
        (UNSIGNED_TRAILER, "chunk", "BadDigest"),
        (SIGNED_TRAILER, "trailer signature", "SignatureDoesNotMatch"),
        (SIGNED_TRAILER, "trailer value", "BadDigest"),
        (UNSIGNED_TRAILER, "trailer value", "BadDigest"),
        (SIGNED, "cut", "IncompleteBody"),
        (UNSIGNED_TRAILER, "cut", "IncompleteBody"),
    ],
)
def test_aws_chunked(server: S3Server, kind: str, tamper: str, code: str) -> None:
    answer = _chunked(server, kind, tamper=tamper)
    assert answer.code == code
    assert server.core.exists("b", "k") == (not code)
    if not code:
        assert server.core.body("b", "k") == b"a" * 8192 + b"b" * 8192 + b"c" * 10
        assert "content-encoding" not in server.core.find("b", "k").attributes.headers


def test_boto3_streams_with_trailer_over_tls() -> None:
    with S3Server(buckets=["b"], tls=True) as server:
        client = server.client(config=Config(request_checksum_calculation="when_supported"))
        client.put_object(Bucket="b", Key="k", Body=BODY * 10_000, ContentEncoding="gzip")
        entry = server.log.select(operation="PutObject")[0]
        assert entry.headers["x-amz-content-sha256"] == UNSIGNED_TRAILER
        assert server.core.body("b", "k") == BODY * 10_000
        assert server.core.find("b", "k").attributes.headers["content-encoding"] == "gzip"
