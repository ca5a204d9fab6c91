"""Listings and buckets of the OSS server."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import oss2
import pytest

from tests.servers.conftest import TORTURE_KEYS, denied
from tests.servers.oss import OSSServer
from tests.servers.oss_signing import send_signed, signed_headers
from tests.servers.signing import send
from tests.servers.web.faults import Fault

KEYS = sorted((key for key in TORTURE_KEYS if key[0] not in "/\\"), key=str.encode)


@pytest.mark.parametrize("size", range(1, 8))
@pytest.mark.parametrize("version", [1, 2])
def test_every_page_size(oss: OSSServer, bucket: Any, size: int, version: int) -> None:
    oss.core.put_many("bkt", ((key, b"") for key in KEYS))
    iterator = oss2.ObjectIterator if version == 1 else oss2.ObjectIteratorV2
    assert [item.key for item in iterator(bucket, max_keys=size)] == KEYS
    pages = oss.log.entries
    assert len(pages) == -(-len(KEYS) // size)
    assert {entry.operation for entry in pages} == {"ListObjects" if version == 1 else "ListObjectsV2"}


@pytest.mark.parametrize("size", range(1, 8))
@pytest.mark.parametrize("version", [1, 2])
def test_delimiter(oss: OSSServer, bucket: Any, size: int, version: int) -> None:
    oss.core.put_many("bkt", ((key, b"") for key in KEYS))
    plain = [key for key in KEYS if "/" not in key]
    groups = list(dict.fromkeys(key[: key.index("/") + 1] for key in KEYS if "/" in key))
    iterator = oss2.ObjectIterator if version == 1 else oss2.ObjectIteratorV2
    found = list(iterator(bucket, delimiter="/", max_keys=size))
    assert [item.key for item in found if not item.is_prefix()] == plain
    assert [item.key for item in found if item.is_prefix()] == groups


def test_start_after_and_prefix(oss: OSSServer, bucket: Any) -> None:
    oss.core.put_many("bkt", ((key, b"") for key in KEYS))
    for before, after in pairwise(KEYS):
        assert bucket.list_objects_v2(start_after=before, max_keys=1).object_list[0].key == after
        assert bucket.list_objects(marker=before, max_keys=1).object_list[0].key == after
        assert bucket.list_objects_v2(prefix=after).object_list[0].key == after


def test_entries(oss: OSSServer, bucket: Any) -> None:
    oss.core.put("bkt", "k", b"12", storage_class="IA", modified=1_700_000_000.9)
    entry = bucket.list_objects_v2(fetch_owner=True).object_list[0]
    assert (entry.key, entry.size, entry.type, entry.storage_class) == ("k", 2, "Normal", "IA")
    assert (entry.last_modified, entry.etag) == (1_700_000_000, "C20AD4D76FE97759AA27A0C99BFF6710")
    assert entry.owner is not None
    assert bucket.list_objects_v2().object_list[0].owner is None
    raw = send_signed(oss, "GET", "bkt", query={"list-type": "2"}).body
    assert b"xmlns" not in raw
    assert b"<LastModified>2023-11-14T22:13:20.000Z</LastModified>" in raw
    assert b"crc" not in raw.lower()


def test_page_sizes(oss: OSSServer, bucket: Any) -> None:
    oss.core.put_many("bkt", ((f"{number:04d}", b"") for number in range(1001)))
    for query in ({}, {"list-type": "2"}):
        root = ElementTree.fromstring(send_signed(oss, "GET", "bkt", query=query).body)  # noqa: S314
        assert len(root.findall("Contents")) == 100
    assert len(bucket.list_objects_v2(max_keys=1000).object_list) == 1000
    for wrong in (0, 1001, -1, "many"):
        assert denied(bucket.list_objects_v2, max_keys=wrong) == (400, "InvalidArgument")
        assert denied(bucket.list_objects, max_keys=wrong) == (400, "InvalidArgument")


def test_refusals(oss: OSSServer, bucket: Any) -> None:
    oss.core.put_many("bkt", [("a", b""), ("b", b"")])
    assert denied(bucket.list_objects_v2, encoding_type="base64") == (400, "InvalidArgument")
    assert denied(bucket.list_objects_v2, continuation_token="made up") == (400, "InvalidArgument")
    token = bucket.list_objects_v2(max_keys=1).next_continuation_token
    assert denied(bucket.list_objects_v2, prefix="b", continuation_token=token) == (400, "InvalidArgument")
    assert denied(bucket.list_object_versions, versionid_marker="x") == (400, "InvalidArgument")
    assert denied(oss.bucket("nowhere").list_objects_v2) == (404, "NoSuchBucket")


def test_encoding_type(oss: OSSServer) -> None:
    oss.core.put_many("bkt", ((key, b"") for key in KEYS))
    query = {"list-type": "2", "encoding-type": "url", "max-keys": "1000"}
    root = ElementTree.fromstring(send_signed(oss, "GET", "bkt", query=query).body)  # noqa: S314
    assert [unquote(node.text or "") for node in root.findall("Contents/Key")] == KEYS
    oss.core.put("dst", "\x01 a/b", b"")
    assert b"<Key>%01%20a%2Fb</Key>" in send_signed(oss, "GET", "dst", query={"encoding-type": "url"}).body
    with pytest.raises(ElementTree.ParseError):
        ElementTree.fromstring(send_signed(oss, "GET", "dst").body)  # noqa: S314


@pytest.mark.parametrize("version", [1, 2])
def test_oddities(oss: OSSServer, bucket: Any, version: int) -> None:
    oss.core.put_many("bkt", ((f"{number}", b"") for number in range(9)))
    iterator = oss2.ObjectIterator if version == 1 else oss2.ObjectIteratorV2

    def listed(oddity: str) -> list[str]:
        oss.faults.clear()
        oss.faults.add(Fault("odd_listing", oddity=oddity))
        return [item.key for item in iterator(bucket, max_keys=3)]

    whole = [f"{number}" for number in range(9)]
    assert listed("page_cap=2") == whole
    assert sorted(listed("out_of_order")) == whole != listed("out_of_order")
    assert listed("truncated_false") == whole[:3]
    with pytest.raises(RuntimeError):
        listed("no_token")
    if version == 2:
        assert listed("empty_page") == whole
        assert len(listed("duplicate")) > 9


def test_buckets(oss: OSSServer, bucket: Any) -> None:
    info = bucket.get_bucket_info()
    assert (info.location, info.storage_class, info.versioning_status) == ("oss-cn-hangzhou", "Standard", None)
    assert (info.acl.grant, info.bucket_encryption_rule.sse_algorithm) == ("private", None)
    assert bucket.get_bucket_location().location == "oss-cn-hangzhou"
    made = oss.bucket("made")
    made.create_bucket("public-read", oss2.models.BucketCreateConfig("IA"))
    assert (made.get_bucket_info().storage_class, made.get_bucket_acl().acl) == ("IA", "public-read")
    made.put_object("k", b"x")
    assert made.head_object("k").headers["x-oss-storage-class"] == "IA"
    assert denied(made.create_bucket) == (409, "BucketAlreadyExists")
    assert denied(made.delete_bucket) == (409, "BucketNotEmpty")
    made.delete_object("k")
    made.put_bucket_acl("private")
    assert oss.core.bucket("made").settings.public_read is False
    assert denied(made.put_bucket_acl, "nobody") == (400, "InvalidArgument")
    auth = oss2.AuthV4("test-access", "test-secret")
    service = oss2.Service(auth, oss.url, region="cn-hangzhou", session=oss.session)
    assert [item.name for item in service.list_buckets().buckets] == ["bkt", "dst", "made"]
    made.delete_bucket()
    assert denied(made.get_bucket_info) == (404, "NoSuchBucket")
    bucket.put_bucket_request_payment("Requester")
    assert oss.core.bucket("bkt").settings.extra["requester_pays"] is True
    assert send_signed(oss, "PUT", "Bad_Name").code == "InvalidBucketName"
    assert send_signed(oss, "PUT", "bkt", query={"versioning": ""}, body=b"<no").code == "MalformedXML"


@pytest.mark.parametrize("host", ["bkt.localhost", "bkt.oss-cn-hangzhou.aliyuncs.com", "bkt.oss-cn-hangzhou.localhost"])
def test_virtual_style(oss: OSSServer, host: str) -> None:
    oss.core.put("bkt", "dir/k", b"x")
    headers = {"Host": f"{host}:{oss.port}"}
    answer = send_virtual(oss, "GET", "/dir%2Fk", "dir/k", headers)
    assert (answer.status, answer.body) == (200, b"x")
    assert send_virtual(oss, "GET", "/nix", "nix", headers).code == "NoSuchKey"


def send_virtual(oss: OSSServer, method: str, target: str, key: str, headers: dict[str, str]) -> Any:
    return send(oss, method, target, None, signed_headers(oss, method, "bkt", key, headers=headers))


def test_an_endpoint_alone_is_path_style(oss: OSSServer) -> None:
    oss.core.put("bkt", "k", b"x")
    headers = {"Host": "oss-cn-hangzhou.aliyuncs.com"}
    assert send_signed(oss, "GET", "bkt", "k", headers=headers).body == b"x"
