"""Listing pages, right ones and odd ones."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.servers.conftest import refused
from tests.servers.s3 import S3Server
from tests.servers.web.faults import Fault

KEYS = [f"k{number}" for number in range(10)]


def seed(server: S3Server, oddity: str = "") -> None:
    server.core.put_many("b", ((key, b"") for key in KEYS))
    server.core.bucket("b").settings.listing_oddity = oddity


def keys_of(page: dict[str, Any]) -> list[str]:
    return [item["Key"] for item in page.get("Contents", [])]


def pages(client: Any, most: int = 20, **arguments: Any) -> list[dict[str, Any]]:
    """Follow tokens by hand, at most ``most`` pages."""
    found = [client.list_objects_v2(Bucket="b", **arguments)]
    while found[-1].get("NextContinuationToken") and len(found) < most:
        token = found[-1]["NextContinuationToken"]
        found.append(client.list_objects_v2(Bucket="b", ContinuationToken=token, **arguments))
    return found


def test_fields_of_a_page(server: S3Server, client: Any) -> None:
    seed(server)
    page = client.list_objects_v2(Bucket="b", Prefix="k", MaxKeys=4, StartAfter="k1", FetchOwner=True)
    assert keys_of(page) == KEYS[2:6]
    assert (page["Name"], page["Prefix"], page["KeyCount"], page["MaxKeys"]) == ("b", "k", 4, 4)
    assert (page["IsTruncated"], page["StartAfter"]) == (True, "k1")
    assert page["Contents"][0]["Owner"]["ID"]
    assert "Owner" not in client.list_objects_v2(Bucket="b")["Contents"][0]
    empty = client.list_objects_v2(Bucket="b", Prefix="none")
    assert (empty["KeyCount"], empty["IsTruncated"], "Contents" in empty) == (0, False, False)
    assert client.list_objects_v2(Bucket="b", MaxKeys=0)["IsTruncated"] is False


@pytest.mark.parametrize(("count", "expected"), [(0, [0]), (999, [999]), (1000, [1000]), (1001, [1000, 1])])
def test_page_boundaries(server: S3Server, client: Any, count: int, expected: list[int]) -> None:
    server.core.put_many("b", ((f"{number:06d}", b"") for number in range(count)))
    assert [page["KeyCount"] for page in pages(client, MaxKeys=5000)] == expected


def test_tokens_belong_to_their_listing(server: S3Server, client: Any) -> None:
    seed(server)
    token = client.list_objects_v2(Bucket="b", MaxKeys=2)["NextContinuationToken"]
    assert "k1" not in token
    for wrong in ({"Prefix": "k"}, {"Delimiter": "/"}, {"Bucket": "d"}, {"ContinuationToken": token[:-2]}):
        arguments = {"Bucket": "b", "ContinuationToken": token} | wrong
        assert refused(client.list_objects_v2, **arguments) == (400, "InvalidArgument")


def test_keys_come_in_order_of_utf8(server: S3Server, client: Any) -> None:
    astral, top = "\U0001f600", "\uffee"
    server.core.put_many("b", [(astral, b""), (top, b"")])
    assert keys_of(client.list_objects_v2(Bucket="b")) == [top, astral]
    server.core.bucket("b").settings.listing_oddity = "utf16_order"
    assert keys_of(client.list_objects_v2(Bucket="b")) == [astral, top]


def test_key_put_and_deleted_between_pages(server: S3Server, client: Any) -> None:
    seed(server)
    first = client.list_objects_v2(Bucket="b", MaxKeys=5)
    server.core.put("b", "k45", b"")
    server.core.delete("b", "k4")
    server.core.delete("b", "k5")
    rest = client.list_objects_v2(Bucket="b", ContinuationToken=first["NextContinuationToken"])
    assert keys_of(rest) == ["k45", "k6", "k7", "k8", "k9"]


def test_odd_paging(server: S3Server, client: Any) -> None:
    seed(server, "page_cap=4")
    assert [page["KeyCount"] for page in pages(client)] == [4, 4, 2]
    seed(server, "empty_page page_cap=4")
    found = pages(client)
    assert ([page["KeyCount"] for page in found], found[0]["IsTruncated"]) == ([0, 4, 4, 2], True)
    seed(server, "no_token page_cap=4")
    page = client.list_objects_v2(Bucket="b")
    assert (page["IsTruncated"], "NextContinuationToken" in page) == (True, False)
    seed(server, "same_token page_cap=2")
    tokens = [page["NextContinuationToken"] for page in pages(client, most=5)]
    assert len(set(tokens)) == 1
    seed(server, "truncated_false page_cap=4")
    assert [(page["KeyCount"], page["IsTruncated"]) for page in pages(client)] == [(4, False)]


def test_odd_order(server: S3Server, client: Any) -> None:
    seed(server, "out_of_order page_cap=4")
    found = [key for page in pages(client) for key in keys_of(page)]
    assert sorted(found) == KEYS
    assert found != KEYS
    seed(server, "duplicate page_cap=4")
    found = [keys_of(page) for page in pages(client)]
    assert found[0][-1] == found[1][0]
    assert set(sum(found, [])) == set(KEYS)  # noqa: RUF017 - three short pages


@pytest.mark.parametrize(
    ("oddity", "field", "value"),
    [
        ("wrong_prefix", "Prefix", "wrong/"),
        ("no_prefix", "Prefix", None),
        ("no_name", "Name", None),
        ("no_count", "KeyCount", None),
        ("no_truncated", "IsTruncated", None),
    ],
)
def test_odd_fields(server: S3Server, client: Any, oddity: str, field: str, value: Any) -> None:
    seed(server)
    fault = server.faults.add(Fault("odd_listing", operation="ListObjectsV2", oddity=oddity, times=1))
    assert client.list_objects_v2(Bucket="b", Prefix="k").get(field) == value
    assert client.list_objects_v2(Bucket="b", Prefix="k")["KeyCount"] == 10
    assert fault.occurred == 1


def test_empty_and_truncated_documents(server: S3Server, client: Any) -> None:
    seed(server)
    server.faults.add(Fault("empty_body", operation="ListObjectsV2", on=1))
    assert "KeyCount" not in client.list_objects_v2(Bucket="b"), "botocore takes an empty page for an empty listing"
    server.faults.add(Fault("truncate", operation="ListObjectsV2", at=300))
    with pytest.raises(ClientError, match="Internal Server Error"):
        client.list_objects_v2(Bucket="b")


def test_versions(server: S3Server, client: Any) -> None:
    server.core.bucket("b").settings.versioning = "Enabled"
    ids = [client.put_object(Bucket="b", Key=key, Body=b"")["VersionId"] for key in ("a", "b", "a")]
    marker = client.delete_object(Bucket="b", Key="b")["VersionId"]
    expected = [("a", ids[2], True), ("a", ids[0], False), ("b", marker, True), ("b", ids[1], False)]
    for size in (1, 2, 3, 10):
        found = []
        for page in client.get_paginator("list_object_versions").paginate(
            Bucket="b", PaginationConfig={"PageSize": size}
        ):
            found += page.get("Versions", []) + page.get("DeleteMarkers", [])
        listed = sorted((item["Key"], item["VersionId"], item["IsLatest"]) for item in found)
        assert listed == sorted(expected)


def test_hundred_thousand_keys(server: S3Server, client: Any) -> None:
    assert server.core.put_many("b", ((f"k/{number:06d}", b"x") for number in range(100_000))) == 100_000
    last = client.list_objects_v2(Bucket="b", StartAfter="k/099990")
    assert len(keys_of(last)) == 9
