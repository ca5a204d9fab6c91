"""Listings of every shape."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_bucketsync.engine.errors import ListingUntrusted
from tests.engine.stand import Pair, Stand

COUNTS = {"p02": 1, "p03": 999, "p04": 1000, "p05": 1001, "p06": 2000, "p07": 10_001}


def test_torture_listing_p01_empty_source(copied: Pair) -> None:
    """Nothing is taken from the destination; what stands there is named as extra."""
    copied.put_destination({f"k{number}": b"x" for number in range(20)})
    ran = copied.sync()
    assert ran.report.counts == {"extra": 20}
    assert ran.report.green
    assert ran.writes() == []
    assert len(copied.contents()) == 20


@pytest.mark.parametrize("name", COUNTS)
def test_torture_listing_of_exactly_so_many(stand: Stand, name: str) -> None:
    count = COUNTS[name]
    source, destination = stand.bucket(), stand.bucket()
    for bucket in (source, destination):
        stand.server.core.put_many(bucket, ((f"k{number:06d}", b"x") for number in range(count)))
    ran = stand.sync(stand.s3(source), stand.s3(destination))
    assert ran.report.counts == {"same": count}
    assert ran.writes() == []
    pages = -(-count // 1000)
    for bucket in (source, destination):
        assert ran.operations(bucket).keys() == {"ListObjectsV2"}
        # Each page once, and at most one look at how much there is.
        assert pages <= ran.operations(bucket)["ListObjectsV2"] <= pages + 1


@pytest.mark.parametrize(
    ("name", "oddity"),
    [
        ("p09", "no_token page_cap=100"),
        ("p11", "out_of_order page_cap=100"),
        ("p11", "duplicate page_cap=100"),
    ],
)
@pytest.mark.parametrize("side", ["source", "destination"])
def test_torture_listing_that_is_wrong(stand: Stand, name: str, oddity: str, side: str) -> None:
    sides = {"source": stand.bucket(), "destination": stand.bucket()}
    for bucket in sides.values():
        stand.server.core.put_many(bucket, ((f"k{number:06d}", b"x") for number in range(1100)))
    stand.server.core.bucket(sides[side]).settings.listing_oddity = oddity
    with pytest.raises(ListingUntrusted):
        stand.sync(stand.s3(sides["source"]), stand.s3(sides["destination"]))
    assert stand.server.log.writes() == []


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
def test_torture_listing_p08_p12_that_is_odd_or_broken_for_a_while(stand: Stand, faults: dict[str, Any]) -> None:
    source, destination = stand.bucket(), stand.bucket()
    objects = {f"k{number:06d}": b"x" for number in range(2500)}
    stand.put(source, objects)
    stand.put(destination, dict(list(objects.items())[:-10]))
    fault = stand.fault(operation="ListObjectsV2", **faults)
    ran = stand.sync(stand.s3(source), stand.s3(destination))
    assert fault.occurred
    assert ran.report.counts == {"copied": 10, "same": 2490}
    assert stand.contents(destination) == objects


def test_torture_listing_p15_key_inserted_while_listing(stand: Stand) -> None:
    """Before and behind the cursor, at each page; the next run has them all."""
    source, destination = stand.bucket(), stand.bucket()
    objects = {f"k{number:03d}": b"x" for number in range(0, 100, 2)}
    stand.put(source, objects)
    stand.server.core.bucket(source).settings.listing_oddity = "page_cap=5"

    def insert(call: Any) -> None:
        after = call.query.get("start-after")
        if after:
            number = int(after[1:])
            stand.put(source, {f"k{number - 1:03d}": b"before", f"k{number + 1:03d}": b"behind"})

    fault = stand.fault("before", operation="ListObjectsV2", bucket=source, hook=insert)
    ran = stand.sync(stand.s3(source), stand.s3(destination))
    assert ran.report.verified
    assert set(objects) <= set(stand.contents(destination))
    stand.server.faults.remove(fault)
    assert stand.sync(stand.s3(source), stand.s3(destination)).report.verified
    assert stand.contents(destination) == stand.contents(source)
    assert len(stand.contents(source)) > len(objects)
