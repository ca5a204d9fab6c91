"""Objects of the OSS server: put, get, head, conditions, metadata, tags, classes, links, appends."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import oss2
import pytest

from tests.servers.conftest import TORTURE_KEYS, denied
from tests.servers.oss import OSSServer
from tests.servers.oss_signing import send_signed, signed_headers
from tests.servers.signing import send

BODY = b"0123456789"
MD5 = hashlib.md5(BODY).hexdigest().upper()
CRC = "13042848690703257906"


def is_legal(key: str) -> bool:
    return len(key.encode()) <= 1023 and not key.startswith(("/", "\\"))


def test_put_get_head_meta(bucket: Any) -> None:
    crc = oss2.utils.Crc64()
    crc.update(BODY)
    put = bucket.put_object("k", BODY)
    assert (put.etag, put.crc, put.headers["etag"]) == (MD5, crc.crc, f'"{MD5}"')
    head, meta = bucket.head_object("k"), bucket.get_object_meta("k")
    assert (head.etag, head.server_crc, head.content_length, head.object_type) == (MD5, crc.crc, 10, "Normal")
    assert head.headers["x-oss-storage-class"] == "Standard"
    assert (meta.etag, meta.content_length) == (MD5, 10)
    assert "x-oss-object-type" not in meta.headers
    assert int(meta.headers["x-oss-hash-crc64ecma"]) == crc.crc
    ranged = bucket.get_object("k", byte_range=(2, 4))
    assert (ranged.read(), ranged.status, ranged.server_crc) == (b"234", 206, crc.crc)
    assert ranged.headers["content-range"] == "bytes 2-4/10"
    assert bucket.get_object("k").read() == BODY


@pytest.mark.parametrize(
    ("wanted", "loose", "standard"),
    [
        ("bytes=2-", (206, b"23456789"), (206, b"23456789")),
        ("bytes=-3", (206, b"789"), (206, b"789")),
        ("bytes=5-20", (200, BODY), (206, b"56789")),
        ("bytes=-20", (200, BODY), (206, BODY)),
        ("bytes=10-", (200, BODY), (416, b"")),
        ("bytes=0-1,3-4", (206, b"01"), (206, b"01")),
        ("bytes=4-2", (200, BODY), (200, BODY)),
        ("byte=0-1", (200, BODY), (200, BODY)),
    ],
)
def test_ranges(oss: OSSServer, wanted: str, loose: tuple[int, bytes], standard: tuple[int, bytes]) -> None:
    oss.core.put("bkt", "k", BODY)
    answer = send_signed(oss, "GET", "bkt", "k", headers={"range": wanted})
    assert (answer.status, answer.body) == loose
    answer = send_signed(oss, "GET", "bkt", "k", headers={"range": wanted, "x-oss-range-behavior": "standard"})
    assert (answer.status, answer.body if answer.status != 416 else b"") == standard


def test_errors_have_a_body_or_a_header(oss: OSSServer, bucket: Any) -> None:
    got = send_signed(oss, "GET", "bkt", "nix")
    assert (got.status, got.code) == (404, "NoSuchKey")
    for name in ("Code", "Message", "RequestId", "HostId", "EC"):
        assert f"<{name}>".encode() in got.body
    assert b"xmlns" not in got.body
    assert got.headers["x-oss-ec"] == "0026-00000001"
    headed = send_signed(oss, "HEAD", "bkt", "nix")
    assert (headed.status, headed.body) == (404, b"")
    assert b"<Code>NoSuchKey</Code>" in base64.b64decode(headed.headers["x-oss-err"])
    assert len(headed.headers["x-oss-request-id"]) == 24
    assert denied(bucket.head_object, "nix") == (404, "NoSuchKey")
    assert denied(oss.bucket("no-such-bucket").head_object, "nix") == (404, "NoSuchBucket")
    assert send_signed(oss, "GET", "bkt", query={"lifecycle": ""}).code == "NotImplemented"
    assert send_signed(oss, "PATCH", "bkt", "k").code == "NotImplemented"


def test_content_md5(oss: OSSServer, bucket: Any) -> None:
    right = base64.b64encode(hashlib.md5(BODY).digest()).decode()
    bucket.put_object("k", BODY, headers={"Content-MD5": right})
    wrong = base64.b64encode(b"0" * 16).decode()
    for value in (wrong, "no base64", right[:-4]):
        assert denied(bucket.put_object, "k", b"new", {"Content-MD5": value}) == (400, "InvalidDigest")
    assert oss.core.body("bkt", "k") == BODY


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        ({"if-match": f'"{MD5}"'}, 200),
        ({"if-match": MD5}, 200),
        ({"if-match": '"other"'}, 412),
        ({"if-none-match": f'"{MD5}"'}, 304),
        ({"if-none-match": '"other"'}, 200),
        ({"if-modified-since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 200),
        ({"if-modified-since": "Sat, 01 Jan 2050 00:00:00 GMT"}, 304),
        ({"if-unmodified-since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 412),
        ({"if-unmodified-since": "Sat, 01 Jan 2050 00:00:00 GMT"}, 200),
    ],
)
@pytest.mark.parametrize("how", ["GET", "HEAD", "copy", "part"])
def test_conditions(oss: OSSServer, bucket: Any, conditions: dict[str, str], status: int, how: str) -> None:
    oss.core.put("bkt", "k", BODY)
    if how in ("GET", "HEAD"):
        assert send_signed(oss, how, "bkt", "k", headers=conditions).status == status
        return
    headers = {f"x-oss-copy-source-{name}": value for name, value in conditions.items()}
    headers["x-oss-copy-source"] = "/bkt/k"
    query = {"uploadId": bucket.init_multipart_upload("c").upload_id, "partNumber": "1"} if how == "part" else None
    assert send_signed(oss, "PUT", "bkt", "c", query, headers=headers).status == status


def test_overwriting_can_be_forbidden(oss: OSSServer, bucket: Any) -> None:
    forbid = {"x-oss-forbid-overwrite": "true"}
    bucket.put_object("k", BODY, headers=forbid)
    already = (409, "FileAlreadyExists")
    assert denied(bucket.put_object, "k", b"new", forbid) == already
    assert denied(bucket.copy_object, "bkt", "k", "k", forbid) == already
    assert denied(bucket.put_symlink, "k", "k", forbid) == already
    assert denied(bucket.init_multipart_upload, "k", forbid) == already
    upload_id = bucket.init_multipart_upload("k").upload_id
    part = bucket.upload_part("k", upload_id, 1, b"x")
    parts = [oss2.models.PartInfo(1, part.etag)]
    assert denied(bucket.complete_multipart_upload, "k", upload_id, parts, forbid) == already
    assert oss.core.body("bkt", "k") == BODY
    bucket.put_object("k", b"new", headers={"x-oss-forbid-overwrite": "false"})
    for status in ("Enabled", "Suspended"):  # the header means nothing there
        oss.core.bucket("bkt").settings.versioning = status
        bucket.put_object("k", b"newest", headers=forbid)
    assert oss.core.body("bkt", "k") == b"newest"


def test_attributes_come_back(oss: OSSServer, bucket: Any) -> None:
    sent = {
        "Content-Type": "text/x",
        "Cache-Control": "no-cache",
        "Content-Disposition": "attachment",
        "Content-Encoding": "br",
        "Content-Language": "de",
        "Expires": "Sat, 01 Jan 2050 00:00:00 GMT",
        "x-oss-meta-Mixed-Case": "Value",
        "x-oss-object-acl": "public-read",
        "x-oss-storage-class": "IA",
        "x-oss-server-side-encryption": "AES256",
        "x-oss-tagging": "a=1&b=%2B%20c",
    }
    bucket.put_object("k", BODY, headers=sent)
    found = bucket.head_object("k").headers
    for name, value in sent.items():
        if name not in ("x-oss-object-acl", "x-oss-tagging"):
            assert found[name] == value
    assert found["x-oss-tagging-count"] == "2"
    assert bucket.get_object_acl("k").acl == "public-read"
    assert bucket.get_object_tagging("k").tag_set.tagging_rule == {"a": "1", "b": "+ c"}
    assert oss.core.find("bkt", "k").attributes.metadata == {"mixed-case": "Value"}
    with bucket.get_object("k", params={"response-content-type": "a/b"}) as overridden:
        assert overridden.headers["content-type"] == "a/b"


@pytest.mark.parametrize("raw", ["é".encode(), b"\xe9", "中文".encode(), b"a\xff\x80z"])
def test_metadata_are_bytes(oss: OSSServer, bucket: Any, raw: bytes) -> None:
    bucket.put_object("k", BODY, headers={"x-oss-meta-a": raw})
    assert oss.core.find("bkt", "k").attributes.metadata == {"a": raw.decode("latin-1")}
    assert bucket.head_object("k").headers["x-oss-meta-a"].encode("latin-1") == raw
    with bucket.get_object("k") as got:
        assert got.headers["x-oss-meta-a"].encode("latin-1") == raw


def test_metadata_limits(oss: OSSServer, bucket: Any) -> None:
    bucket.put_object("k", BODY, headers={"x-oss-meta-a": "x" * (8192 - 1)})
    assert denied(bucket.put_object, "k", BODY, {"x-oss-meta-a": "x" * 8192}) == (400, "InvalidArgument")
    odd = {"x-oss-meta-a_b": "1"}
    for names, kept in (("any", {"a_b": "1"}), ("drop", {})):
        oss.metadata_names = names
        bucket.put_object("k", BODY, headers=odd)
        assert oss.core.find("bkt", "k").attributes.metadata == kept
    oss.metadata_names = "refuse"
    assert denied(bucket.put_object, "k", BODY, odd) == (400, "InvalidArgument")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-oss-storage-class": "STANDARD"}, "InvalidArgument"),
        ({"x-oss-object-acl": "bucket-owner-read"}, "InvalidArgument"),
        ({"x-oss-server-side-encryption": "aws:kms"}, "InvalidEncryptionAlgorithmError"),
        ({"x-oss-server-side-encryption-key-id": "k"}, "InvalidEncryptionRequest"),
        (
            {"x-oss-server-side-encryption": "SM4", "x-oss-server-side-encryption-key-id": "k"},
            "InvalidEncryptionRequest",
        ),
        ({"x-oss-tagging": "a@b=1"}, "InvalidTag"),
        ({"x-oss-tagging": "a=%E4%B8%AD"}, "InvalidTag"),
        ({"x-oss-tagging": "a=" + "v" * 257}, "InvalidTag"),
        ({"x-oss-tagging": "k" * 129 + "=1"}, "InvalidTag"),
        ({"x-oss-tagging": "=1"}, "InvalidTag"),
        ({"x-oss-tagging": "a=1&a=2"}, "InvalidTag"),
        ({"x-oss-tagging": "&".join(f"k{n}=v" for n in range(11))}, "InvalidTag"),
        ({"x-oss-tagging": "a"}, "InvalidArgument"),
    ],
)
def test_wrong_attributes(oss: OSSServer, bucket: Any, headers: dict[str, str], code: str) -> None:
    assert denied(bucket.put_object, "k", BODY, headers) == (400, code)
    assert denied(bucket.init_multipart_upload, "k", headers) == (400, code)
    assert oss.core.keys("bkt") == []


def test_encryption(oss: OSSServer, bucket: Any) -> None:
    kms = {"x-oss-server-side-encryption": "KMS", "x-oss-server-side-encryption-key-id": "mine"}
    assert bucket.put_object("k", BODY, headers=kms).headers["x-oss-server-side-encryption-key-id"] == "mine"
    bucket.put_object("k", BODY, headers={**kms, "x-oss-server-side-data-encryption": "SM4"})
    assert bucket.head_object("k").headers["x-oss-server-side-data-encryption"] == "SM4"
    oss.denied_kms_keys.add("mine")
    assert denied(bucket.put_object, "k", BODY, kms) == (403, "AccessDenied")
    oss.core.bucket("bkt").settings.encryption = {"x-oss-server-side-encryption": "SM4"}
    assert bucket.put_object("k", BODY).headers["x-oss-server-side-encryption"] == "SM4"


def test_tags_are_set_and_removed(bucket: Any) -> None:
    bucket.put_object("k", BODY)
    rule = oss2.models.TaggingRule()
    rule.add("key-1", "a b+=._:/")
    bucket.put_object_tagging("k", oss2.models.Tagging(rule))
    assert bucket.get_object_tagging("k").tag_set.tagging_rule == {"key-1": "a b+=._:/"}
    bucket.delete_object_tagging("k")
    assert bucket.get_object_tagging("k").tag_set.tagging_rule == {}
    rule.add("中", "x")
    assert denied(bucket.put_object_tagging, "k", oss2.models.Tagging(rule)) == (400, "InvalidTag")
    assert denied(bucket.get_object_tagging, "nix") == (404, "NoSuchKey")


def test_access_control(bucket: Any) -> None:
    bucket.put_object("k", BODY)
    assert bucket.get_object_acl("k").acl == "default"
    bucket.put_object_acl("k", "public-read-write")
    assert bucket.get_object_acl("k").acl == "public-read-write"
    assert denied(bucket.put_object_acl, "k", "nobody") == (400, "InvalidArgument")


def test_length_must_be_told(oss: OSSServer, bucket: Any) -> None:
    headers = signed_headers(oss, "PUT", "bkt", "k")
    assert send(oss, "PUT", "/bkt/k", None, headers).code == "MissingContentLength"
    bucket.put_object("k", iter([b"01234", b"56789"]))
    assert oss.core.body("bkt", "k") == BODY
    oss.largest_put = 9
    assert denied(bucket.put_object, "k", BODY) == (400, "EntityTooLarge")


@pytest.mark.parametrize("key", ["/a", "\\a", "/", "k" * 1024, "é" * 512])
def test_refused_names(oss: OSSServer, key: str) -> None:
    assert send_signed(oss, "PUT", "bkt", key, body=b"x").code == "InvalidObjectName"
    assert send_signed(oss, "PUT", "bkt", key, {"uploads": ""}).code != ""


def test_names_that_are_no_utf8(oss: OSSServer) -> None:
    assert send(oss, "PUT", "/bkt/%ff", b"x").code == "InvalidObjectName"


def test_round_trip_of_every_key(oss: OSSServer, bucket: Any) -> None:
    other, kept = oss.bucket("dst"), [key for key in TORTURE_KEYS if is_legal(key)]
    for key in (".", ".."):  # oss2's HTTP library takes these for directions: it signs one path and sends another
        assert send_signed(oss, "PUT", "bkt", key, body=key.encode()).status == 200
        assert send_signed(oss, "PUT", "dst", key, headers={"x-oss-copy-source": f"/bkt/{key}"}).status == 200
        assert send_signed(oss, "DELETE", "bkt", key).status == 204
        oss.core.delete("dst", key)
        if key in kept:
            assert denied(bucket.put_object, key, b"x") == (403, "SignatureDoesNotMatch")
            kept.remove(key)
    for key in (key for key in TORTURE_KEYS if key not in (".", "..")):
        if not is_legal(key):
            assert denied(bucket.put_object, key, b"x") == (400, "InvalidObjectName")
            continue
        bucket.put_object(key, key.encode())
        assert bucket.get_object(key).read() == key.encode()
        other.copy_object("bkt", key, key)
        assert other.head_object(key).content_length == len(key.encode())
    assert oss.core.keys("bkt") == oss.core.keys("dst") == sorted(kept, key=str.encode)
    for key in kept:
        other.delete_object(key)
    assert oss.core.keys("dst") == []
