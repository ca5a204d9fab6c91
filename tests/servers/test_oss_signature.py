"""Who is let in by the OSS server, and what must be signed."""

from __future__ import annotations

import hashlib
import hmac
import random
import time
import urllib.error
import urllib.request
from typing import Any

import oss2
import pytest
from multidict import CIMultiDict

from tests.servers.conftest import TORTURE_KEYS, denied
from tests.servers.oss import Allow, Credential, OSSServer
from tests.servers.oss.signature import (
    canonical_headers,
    canonical_query,
    canonical_resource,
    signing_key,
    string_to_sign,
)
from tests.servers.oss_signing import send_signed, signed_headers, target_of
from tests.servers.signing import send
from tests.servers.web.exchange import Call

BODY = b"0123456789"
OSS_KEYS = [key for key in TORTURE_KEYS if len(key.encode()) <= 1023 and not key.startswith(("/", "\\"))]


def test_published_vectors() -> None:
    """The example of the service's documentation, and the complete one of its Go client."""
    stamp, additional = "20250411T064124Z", ["content-disposition", "content-length"]
    headers = {
        "Content-Disposition": "attachment",
        "Content-Length": "3",
        "Content-MD5": "ICy5YqxZB1uWSwcVLSNLcA==",
        "Content-Type": "text/plain",
        "x-oss-content-sha256": "UNSIGNED-PAYLOAD",
        "x-oss-date": stamp,
    }
    scope = "20250411/cn-hangzhou/oss/aliyun_v4_request"
    lines, resource = (
        canonical_headers(CIMultiDict(headers), additional),
        canonical_resource("examplebucket", "exampleobject"),
    )
    text = string_to_sign("PUT", resource, "", lines, additional, stamp, scope)
    assert text.endswith("\nc46d96390bdbc2d739ac9363293ae9d710b14e48081fcb22cd8ad54b63136eca")
    shown_key = bytes.fromhex("3543b7686e65eda71e5e5ca19d548d78423c37e8ddba4dc9d83f90228b457c76")
    signature = "053edbf550ebd239b32a9cdfd93b0b2b3f2d223083aa61f75e9ac16856d61f23"
    assert hmac.digest(shown_key, text.encode(), "sha256").hex() == signature

    query = canonical_query("param1=value1&%2Bparam1=value3&%7Cparam1=value4&%2Bparam2&%7Cparam2&param2")
    assert query == "%2Bparam1=value3&%2Bparam2&%7Cparam1=value4&%7Cparam2&param1=value1&param2"
    headers = {
        "x-oss-head1": "value",
        "abc": "value",
        "ZAbc": "value",
        "XYZ": "value",
        "content-type": "text/plain",
        "x-oss-content-sha256": "UNSIGNED-PAYLOAD",
        "x-oss-date": "20231216T162057Z",
    }
    scope = "20231216/cn-hangzhou/oss/aliyun_v4_request"
    resource, lines = canonical_resource("bucket", "1234+-/123/1.txt"), canonical_headers(CIMultiDict(headers), [])
    text = string_to_sign("PUT", resource, query, lines, [], "20231216T162057Z", scope)
    right = "e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe"
    assert hmac.digest(signing_key("sk", scope), text.encode(), "sha256").hex() == right


def test_the_client_signs_random_keys_as_the_server_does(oss: OSSServer) -> None:
    """5,000 keys, values and queries, half of them built from hostile pieces: oss2 is the second opinion."""
    chooser = random.Random(20250301)
    alphabet = [*map(chr, range(32, 127)), *"é中\U0001f600\x01\x7f\ud7ff", "%2F", "//", "../"]
    for number in range(5000):
        key = "".join(chooser.choices(alphabet, k=chooser.randint(1, 40)))
        key = chooser.choice(OSS_KEYS) + key if number % 2 else key
        query = {"prefix": "".join(chooser.choices(alphabet, k=8)), chooser.choice(["acl", "uploads"]): ""}
        headers = {"x-oss-meta-A": "".join(chooser.choices(alphabet[:95], k=9)).strip(), "Content-Type": "a/b"}
        signed = signed_headers(oss, "PUT", "bkt", key, query, headers, additional=["user-agent"])
        path, _, raw_query = target_of("bkt", key, query).partition("?")
        call = Call("PUT", path, raw_query, CIMultiDict(signed), query=query)
        oss.understand(call, "127.0.0.1:1")
        assert (call.bucket, call.key) == ("bkt", key)
        signature = oss.verify(call)
        assert signature is not None
        assert signature.region == "cn-hangzhou"


def test_wrong_secret_and_unknown_key(oss: OSSServer) -> None:
    oss.core.put("bkt", "k", BODY)
    wrong = send_signed(oss, "GET", "bkt", "k", auth=oss2.AuthV4("test-access", "other"))
    assert (wrong.status, wrong.code) == (403, "SignatureDoesNotMatch")
    assert b"test-secret" not in wrong.body
    unknown = send_signed(oss, "GET", "bkt", "k", auth=oss2.AuthV4("nobody", "other"))
    assert (unknown.status, unknown.code) == (403, "InvalidAccessKeyId")
    anonymous = send(oss, "GET", "/bkt/k")
    assert (anonymous.status, anonymous.code) == (403, "AccessDenied")
    assert send(oss, "GET", "/bkt/k", headers={"Authorization": "Basic x"}).code == "InvalidArgument"
    assert send_signed(oss, "GET", "bkt", "k").body == BODY


@pytest.mark.parametrize(("skew", "status"), [(0, 200), (800, 200), (-800, 200), (1000, 403), (-1000, 403)])
def test_clock_skew(oss: OSSServer, skew: int, status: int) -> None:
    oss.core.put("bkt", "k", BODY)
    oss.clock_skew = skew
    answer = send_signed(oss, "GET", "bkt", "k")
    assert (answer.status, answer.code) == (status, "" if status == 200 else "RequestTimeTooSkewed")


@pytest.mark.parametrize("change", ["path", "query", "method", "header", "content type", "extra header", "additional"])
def test_everything_signed_is_checked(oss: OSSServer, change: str) -> None:
    oss.core.put("bkt", "l", BODY)
    sent = {"x-oss-meta-a": "1", "Content-Type": "a/b", "range": "bytes=0-1"}
    headers = signed_headers(oss, "PUT", "bkt", "k", {"acl": ""}, sent, additional=["range"])
    method, target = "PUT", "/bkt/k?acl"
    match change:
        case "path":
            target = "/bkt/l?acl"
        case "query":
            target = "/bkt/k?tagging"
        case "method":
            method = "POST"
        case "header":
            headers["x-oss-meta-a"] = "2"
        case "content type":
            headers["Content-Type"] = "c/d"
        case "extra header":
            headers["x-oss-object-acl"] = "public-read"
        case "additional":
            headers["range"] = "bytes=0-2"
    assert send(oss, method, target, b"", headers).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("header", "value", "refusal"),
    [
        ("authorization", ("Credential=test-access", "Credential="), (400, "InvalidArgument")),
        ("authorization", ("aliyun_v4_request", "abc"), (400, "InvalidArgument")),
        ("authorization", ("Signature=", "Sig="), (400, "InvalidArgument")),
        ("authorization", ("AdditionalHeaders=range", "AdditionalHeaders="), (400, "InvalidArgument")),
        ("authorization", ("AdditionalHeaders=range", "AdditionalHeaders=range;"), (400, "InvalidArgument")),
        ("authorization", ("AdditionalHeaders=range", "AdditionalHeaders=range;host"), (400, "InvalidArgument")),
        ("authorization", ("AdditionalHeaders=range", "AdditionalHeaders=Range"), (400, "InvalidArgument")),
        ("x-oss-content-sha256", None, (400, "InvalidArgument")),
        ("x-oss-content-sha256", hashlib.sha256(b"").hexdigest(), (400, "InvalidArgument")),
        ("x-oss-date", None, (403, "AccessDenied")),
        ("x-oss-date", "yesterday", (403, "AccessDenied")),
    ],
)
def test_malformed(oss: OSSServer, header: str, value: Any, refusal: tuple[int, str]) -> None:
    headers = signed_headers(oss, "GET", "bkt", "k", None, {"range": "bytes=0-1"}, additional=["range"])
    if value is None:
        del headers[header]
    else:
        headers[header] = headers[header].replace(*value) if isinstance(value, tuple) else value
    answer = send(oss, "GET", "/bkt/k", headers=headers)
    assert (answer.status, answer.code) == refusal


def test_region_and_product(oss: OSSServer, bucket: Any) -> None:
    oss.core.create_bucket("far", region="cn-beijing")
    oss.core.put("far", "k", BODY)
    assert denied(oss.bucket("bkt", region="hangzhou").head_object, "k") == (400, "InvalidArgument")
    with pytest.raises(oss2.exceptions.AccessDenied) as caught:
        oss.bucket("far").get_object("k")
    assert caught.value.details["Endpoint"] == "oss-cn-beijing.aliyuncs.com"
    assert oss.bucket("far", region="cn-beijing").get_object("k").read() == BODY
    wrong = send_signed(oss, "GET", "bkt", "k", product="s3")
    assert (wrong.status, wrong.code) == (400, "InvalidArgument")


def test_temporary_keys(oss: OSSServer) -> None:
    oss.core.put("bkt", "k", BODY)
    granted = oss.add_credential(Credential("STS.1", "secret", "token", expires=time.time() + 60))
    assert oss.bucket("bkt", credential=granted).get_object("k").read() == BODY
    for credential, code in [
        (Credential("STS.1", "secret"), "InvalidAccessKeyId"),
        (Credential("STS.1", "secret", "wrong"), "InvalidSecurityToken"),
        (Credential("test-access", "test-secret", "token"), "InvalidAccessKeyId"),
    ]:
        assert denied(oss.bucket("bkt", credential=credential).get_object, "k") == (403, code)
    oss.add_credential(Credential("STS.1", "secret", "token", expires=time.time() - 1))
    assert denied(oss.bucket("bkt", credential=granted).get_object, "k") == (403, "SecurityTokenExpired")
    assert all("x-oss-security-token" not in entry.headers for entry in oss.log.entries)


def test_version_1_is_refused_unless_let_in(oss: OSSServer) -> None:
    old = oss.bucket("bkt", auth=oss2.Auth("test-access", "test-secret"))
    assert denied(old.put_object, "k", b"x") == (403, "AccessDenied")
    assert not oss.core.exists("bkt", "k")
    oss.allow_v1 = True
    old.put_object("k 中", BODY, headers={"x-oss-meta-b": "1", "X-OSS-Meta-A": "2"})
    with old.get_object("k 中", params={"response-content-type": "x/y"}) as got:
        assert got.headers["content-type"] == "x/y"
    assert [item.key for item in oss2.ObjectIteratorV2(old)] == ["k 中"]
    assert urllib.request.urlopen(old.sign_url("GET", "k 中", 60)).read() == BODY  # noqa: S310 - loopback
    wrong = oss.bucket("bkt", auth=oss2.Auth("test-access", "other"))
    assert denied(wrong.get_object, "k") == (403, "SignatureDoesNotMatch")
    oss.clock_skew = 1000
    assert denied(old.get_object, "k") == (403, "RequestTimeTooSkewed")


def _opened(url: str, **headers: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:  # noqa: S310 - loopback
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize("key", ["k", "a b/+%2F中"])
def test_presigned(oss: OSSServer, bucket: Any, key: str) -> None:
    oss.core.put("bkt", key, BODY)
    assert _opened(bucket.sign_url("GET", key, 60)) == (200, BODY)
    assert _opened(bucket.sign_url("GET", key, 60, slash_safe=True)) == (200, BODY)
    temporary = oss.add_credential(Credential("STS.1", "secret", "token"))
    assert _opened(oss.bucket("bkt", credential=temporary).sign_url("GET", key, 60)) == (200, BODY)
    headed = bucket.sign_url("GET", key, 60, headers={"range": "bytes=0-1"}, additional_headers=["range"])
    assert _opened(headed, Range="bytes=0-1") == (206, b"01")
    status, body = _opened(headed, Range="bytes=0-2")
    assert (status, b"SignatureDoesNotMatch" in body) == (403, True)


@pytest.mark.parametrize(
    ("old", "new", "skew", "refusal"),
    [
        ("x-oss-signature=", "x-oss-signature=0", 0, (403, b"SignatureDoesNotMatch")),
        ("x-oss-expires=60", "x-oss-expires=61", 0, (403, b"SignatureDoesNotMatch")),
        ("x-oss-expires=60", "x-oss-expires=604801", 0, (400, b"InvalidArgument")),
        ("x-oss-expires=60", "x-oss-expires=0", 0, (400, b"InvalidArgument")),
        ("x-oss-expires=60", "", 0, (400, b"InvalidArgument")),
        ("OSS4-HMAC-SHA256", "OSS5", 0, (400, b"InvalidArgument")),
        ("", "", 70, (403, b"Request has expired")),
        ("", "", -1000, (403, b"RequestTimeTooSkewed")),
    ],
)
def test_presigned_refusals(
    oss: OSSServer, bucket: Any, old: str, new: str, skew: int, refusal: tuple[int, bytes]
) -> None:
    oss.core.put("bkt", "k", BODY)
    url = bucket.sign_url("GET", "k", 60)
    oss.clock_skew = skew
    status, body = _opened(url.replace(old, new) if old else url)
    assert (status, refusal[1] in body) == (refusal[0], True)


def test_policies_are_lists_of_operations(oss: OSSServer) -> None:
    oss.core.put("bkt", "in/k", BODY)
    reader = oss.add_credential(
        Credential(
            "reader", "secret", allow=(Allow({"HeadObject", "ListObjectsV2"}, "bkt", ""), Allow("oss:PutObject", "dst"))
        )
    )
    source, destination = oss.bucket("bkt", credential=reader), oss.bucket("dst", credential=reader)
    source.head_object("in/k")
    assert [item.key for item in source.list_objects_v2().object_list] == ["in/k"]
    with pytest.raises(oss2.exceptions.AccessDenied) as caught:
        source.get_object("in/k")
    assert caught.value.details["AuthAction"] == "oss:GetObject"
    destination.put_object("k", b"x")
    upload_id = destination.init_multipart_upload("m").upload_id  # the action covers the parts too
    destination.upload_part("m", upload_id, 1, b"x")
    assert denied(destination.put_object, "k", b"x", {"x-oss-tagging": "a=b"}) == (403, "AccessDenied")
    assert denied(destination.copy_object, "bkt", "in/k", "copy") == (403, "AccessDenied")
    assert denied(destination.delete_object, "k") == (403, "AccessDenied")
    assert destination.batch_delete_objects(["k"]).deleted_keys == []
    assert oss.core.exists("dst", "k")


def test_anonymous(oss: OSSServer) -> None:
    oss.core.put("bkt", "k", BODY)
    oss.core.put("bkt", "hidden", BODY).attributes.acl = "private"
    nobody = oss.bucket("bkt", auth=oss2.AnonymousAuth())
    assert denied(nobody.get_object, "k") == (403, "AccessDenied")
    oss.core.bucket("bkt").settings.public_read = True
    assert nobody.get_object("k").read() == BODY
    assert denied(nobody.get_object, "hidden") == (403, "AccessDenied")
    assert denied(nobody.list_objects_v2) == (403, "AccessDenied")
    assert denied(nobody.put_object, "new", b"x") == (403, "AccessDenied")


def test_requester_pays(oss: OSSServer) -> None:
    oss.core.put("bkt", "k", BODY)
    oss.core.bucket("bkt").settings.extra["requester_pays"] = True
    other = oss.add_credential(Credential("other", "secret", account="999"))
    visitor = oss.bucket("bkt", credential=other)
    assert denied(visitor.get_object, "k") == (403, "AccessDenied")
    assert visitor.get_object("k", headers={"x-oss-request-payer": "requester"}).read() == BODY
    assert oss.bucket("bkt").get_object("k").read() == BODY, "the owner pays anyway"
    assert oss.bucket("bkt").get_bucket_request_payment().payer == "Requester"
