"""Listings of every shape."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_bucketsync.engine.errors import ListingUntrusted
from tests.engine.stand import Pair, Server, Stand
from tests.servers.s3 import S3Server

CLOUDS = ["s3", "oss"]
COUNTS = {"p02": 1, "p03": 999, "p04": 1000, "p05": 1001, "p06": 2000, "p07": 10_001}


@pytest.mark.parametrize("way", ["server_copy", "oss_copy"])
def test_torture_listing_p01_empty_source(stand: Stand, other: S3Server, way: str) -> None:
    """Nothing is taken from the destination; what stands there is named as extra."""
    copied = Pair.make(way, stand, other)
    copied.put_destination({f"k{number}": b"x" for number in range(20)})
    ran = copied.sync()
    assert ran.report.counts == {"extra": 20}
    assert ran.report.green
    assert ran.writes() == []
    assert len(copied.contents()) == 20


def server_of(stand: Stand, cloud: str) -> Server:
    """Where both sides are."""
    return stand.oss_server if cloud == "oss" else stand.server


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("name", COUNTS)
def test_torture_listing_of_exactly_so_many(stand: Stand, name: str, cloud: str) -> None:
    at = server_of(stand, cloud)
    count = COUNTS[name]
    source, destination = stand.bucket(at=at), stand.bucket(at=at)
    for bucket in (source, destination):
        at.core.put_many(bucket, ((f"k{number:06d}", b"x") for number in range(count)))
    # The listings of OSS tell no checksum, and each pair would have to be looked at.
    ran = stand.sync(stand.remote(source, at=at), stand.remote(destination, at=at), compare="size")
    assert ran.report.counts == {"same": count}
    assert ran.writes() == []
    pages = -(-count // 1000)
    for bucket in (source, destination):
        assert ran.operations(bucket).keys() == {"ListObjectsV2"}
        # Each page once, and at most one look at how much there is.
        assert pages <= ran.operations(bucket)["ListObjectsV2"] <= pages + 1


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize(
    ("name", "oddity"),
    [
        ("p09", "no_token page_cap=100"),
        ("p11", "out_of_order page_cap=100"),
        ("p11", "duplicate page_cap=100"),
    ],
)
@pytest.mark.parametrize("side", ["source", "destination"])
def test_torture_listing_that_is_wrong(stand: Stand, name: str, oddity: str, side: str, cloud: str) -> None:
    at = server_of(stand, cloud)
    sides = {"source": stand.bucket(at=at), "destination": stand.bucket(at=at)}
    for bucket in sides.values():
        at.core.put_many(bucket, ((f"k{number:06d}", b"x") for number in range(1100)))
    at.core.bucket(sides[side]).settings.listing_oddity = oddity
    with pytest.raises(ListingUntrusted):
        stand.sync(stand.remote(sides["source"], at=at), stand.remote(sides["destination"], at=at))
    assert at.log.writes() == []


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize(
    "faults",
    [
        {"action": "odd_listing", "oddity": "empty_page page_cap=100"},
        {"action": "truncate", "at": 50_000, "every": 3},
        {"action": "cut", "at": 50_000, "every": 3},
        {"action": "empty_body", "every": 3},
        {"action": "status", "every": 3},
        {"action": "reset", "every": 3},
    ],
)
def test_torture_listing_p08_p12_that_is_odd_or_broken_for_a_while(
    stand: Stand, faults: dict[str, Any], cloud: str
) -> None:
    at = server_of(stand, cloud)
    source, destination = stand.bucket(at=at), stand.bucket(at=at)
    objects = {f"k{number:06d}": b"x" for number in range(2500)}
    stand.put(source, objects, at=at)
    stand.put(destination, dict(list(objects.items())[:-10]), at=at)
    fault = stand.fault(server=at, operation="ListObjectsV2", **faults)
    # What is asked is what is listed: by size, thousands of equal objects need not be looked at one by one.
    ran = stand.sync(stand.remote(source, at=at), stand.remote(destination, at=at), compare="size")
    assert fault.occurred
    assert ran.report.counts == {"copied": 10, "same": 2490}
    assert stand.contents(destination, at=at) == objects


@pytest.mark.parametrize("cloud", CLOUDS)
def test_torture_listing_p15_key_inserted_while_listing(stand: Stand, cloud: str) -> None:
    """Before and behind the cursor, at each page; the next run has them all."""
    at = server_of(stand, cloud)
    source, destination = stand.bucket(at=at), stand.bucket(at=at)
    objects = {f"k{number:03d}": b"x" for number in range(0, 100, 2)}
    stand.put(source, objects, at=at)
    at.core.bucket(source).settings.listing_oddity = "page_cap=5"

    def insert(call: Any) -> None:
        after = call.query.get("start-after")
        if after:
            number = int(after[1:])
            stand.put(source, {f"k{number - 1:03d}": b"before", f"k{number + 1:03d}": b"behind"}, at=at)

    fault = stand.fault("before", server=at, operation="ListObjectsV2", bucket=source, hook=insert)
    ran = stand.sync(stand.remote(source, at=at), stand.remote(destination, at=at))
    assert ran.report.verified
    assert set(objects) <= set(stand.contents(destination, at=at))
    at.faults.remove(fault)
    assert stand.sync(stand.remote(source, at=at), stand.remote(destination, at=at)).report.verified
    assert stand.contents(destination, at=at) == stand.contents(source, at=at)
    assert len(stand.contents(source, at=at)) > len(objects)
