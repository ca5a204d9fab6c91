"""Every hostile key is stored, listed, copied and deleted under its own name."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree

import pytest

from tests.servers.conftest import TORTURE_KEYS
from tests.servers.s3 import S3Server
from tests.servers.signing import send_signed

IN_ORDER = sorted(TORTURE_KEYS, key=str.encode)


def test_round_trip_of_every_key(server: S3Server, client: Any) -> None:
    for key in TORTURE_KEYS:
        client.put_object(Bucket="b", Key=key, Body=key.encode())
        assert client.get_object(Bucket="b", Key=key)["Body"].read() == key.encode()
        client.copy_object(Bucket="d", Key=key, CopySource={"Bucket": "b", "Key": key})
        assert client.head_object(Bucket="d", Key=key)["ContentLength"] == len(key.encode())
    assert server.core.keys("b") == server.core.keys("d") == IN_ORDER
    assert server.core.contents("b") == server.core.contents("d") == {key: key.encode() for key in TORTURE_KEYS}
    for key in TORTURE_KEYS:
        client.delete_object(Bucket="d", Key=key)
    assert server.core.keys("d") == []
    assert server.log.count(operation=("PutObject", "CopyObject", "DeleteObject"), status=(200, 204)) == 3 * len(
        TORTURE_KEYS
    )


@pytest.mark.parametrize("size", range(1, 8))
@pytest.mark.parametrize("version", [1, 2])
def test_listing_at_every_page_size(server: S3Server, client: Any, size: int, version: int) -> None:
    server.core.put_many("b", ((key, b"") for key in TORTURE_KEYS))
    found: list[list[str]] = []
    following: dict[str, str] = {}
    for _ in range(len(TORTURE_KEYS)):  # by hand: boto3's paginator of version 1 starts again after a key named None
        list_page = client.list_objects if version == 1 else client.list_objects_v2
        page = list_page(Bucket="b", MaxKeys=size, **following)
        found.append([item["Key"] for item in page["Contents"]])
        token = {"Marker": found[-1][-1]} if version == 1 else {"ContinuationToken": page.get("NextContinuationToken")}
        if not page["IsTruncated"]:
            break
        following = token
    assert [key for page in found for key in page] == IN_ORDER
    assert {len(page) for page in found[:-1]} == {size}
    assert server.failures == []


def test_start_after_every_key(server: S3Server, client: Any) -> None:
    server.core.put_many("b", ((key, b"") for key in TORTURE_KEYS))
    for before, after in pairwise(IN_ORDER):
        assert client.list_objects_v2(Bucket="b", StartAfter=before, MaxKeys=1)["Contents"][0]["Key"] == after


def test_delimiter_at_every_page_size(server: S3Server, client: Any) -> None:
    server.core.put_many("b", ((key, b"") for key in TORTURE_KEYS))
    plain = [key for key in IN_ORDER if "/" not in key]
    groups = list(dict.fromkeys(key[: key.index("/") + 1] for key in IN_ORDER if "/" in key))
    for size in range(1, 8):
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket="b", Delimiter="/", PaginationConfig={"PageSize": size}
        )
        keys, prefixes = [], []
        for page in pages:
            keys += [item["Key"] for item in page.get("Contents", [])]
            prefixes += [item["Prefix"] for item in page.get("CommonPrefixes", [])]
        assert (keys, prefixes) == (plain, groups)


def test_encoding_type_decodes_once(server: S3Server) -> None:
    server.core.put_many("b", ((key, b"") for key in TORTURE_KEYS))
    body = send_signed(server, "GET", "/b?encoding-type=url&list-type=2").body
    root = ElementTree.fromstring(body)  # noqa: S314 - the server's own
    encoded = [node.text or "" for node in root.iter() if node.tag.endswith("}Key")]
    assert [unquote_plus(text) for text in encoded] == IN_ORDER


def test_plain_listing_of_forbidden_characters_is_broken_xml(server: S3Server) -> None:
    server.core.put("b", "\x01start", b"")
    body = send_signed(server, "GET", "/b?list-type=2").body
    assert b"<Key>&#x1;start</Key>" in body
    with pytest.raises(ElementTree.ParseError):
        ElementTree.fromstring(body)  # noqa: S314 - the server's own


def test_batch_delete_of_every_key_xml_can_hold(server: S3Server, client: Any) -> None:
    server.core.put_many("b", ((key, b"") for key in TORTURE_KEYS))
    speakable = [key for key in TORTURE_KEYS if not any(ord(char) < 32 and char not in "\t\r\n" for char in key)]
    done = client.delete_objects(Bucket="b", Delete={"Objects": [{"Key": key} for key in speakable]})
    assert len(done["Deleted"]) == len(speakable)
    assert set(server.core.keys("b")) == set(TORTURE_KEYS) - set(speakable)
