"""Sizes at the ends of the three tiers, and the largest there are: which requests bring an object over?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.upload import Upload
from airflow_bucketsync.engine.steps.manifest import read_plan
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.oss.store import OSS
from airflow_bucketsync.engine.stores.s3.store import AWS
from tests.engine.stand import PART, SMALL_OSS_PARTS, SMALL_PARTS, Pair, Ran, Stand
from tests.engine.ways import PART_COPIES, STREAMS_OF_PARTS
from tests.servers.core.body import SyntheticBody
from tests.servers.s3 import S3Server

GIB = 1024**3
TIB = 1024**4
SMALL, LARGE = 2500, 5000
TIERS = {
    "s01": (0, 0, "small"),
    "s02": (1, 0, "small"),
    "s06": (PART - 1, 0, "small"),
    "s08": (PART + 1, 0, "small"),
    "s03": (SMALL - 1, 0, "small"),
    "s04": (SMALL, 0, "small"),
    "s05": (SMALL + 1, 3, "medium"),
    "s09": (3 * PART - 1, 3, "medium"),
    "s10": (3 * PART, 3, "medium"),
    "s11": (3 * PART + 1, 4, "medium"),
    "l-1": (LARGE - 1, 5, "medium"),
    "l": (LARGE, 5, "medium"),
    "l+1": (LARGE + 1, 6, "large"),
    "2l": (2 * LARGE, 10, "large"),
    "2l+1": (2 * LARGE + 1, 11, "large"),
}
"""Bytes, parts (0 = one request), and tier, with parts of 1000 bytes."""
POLICY = {"small_threshold": SMALL, "large_threshold": LARGE, "part_size": PART, "group_bytes": 4 * PART}


def content(size: int) -> bytes:
    """Bytes that repeat at no part size used here."""
    return bytes(number % 251 for number in range(size))


def planned(stand: Stand, ran: Ran) -> tuple[Plan, list[Upload]]:
    """What the run had planned: the manifest, and its large objects."""
    workspace = Workspace(stand.workspace, pair=ran.report.pair, run=ran.report.run)
    plan = read_plan(workspace)
    if plan.uploads is None:
        return plan, []
    return plan, list(workspace.read_page(plan.uploads, "uploads", Upload.from_json))


@pytest.mark.parametrize("way", [*PART_COPIES, *STREAMS_OF_PARTS])
def test_torture_sizes_s01_to_s11_in_three_tiers(stand: Stand, other: S3Server, way: str) -> None:
    pair = Pair.make(way, stand, other)
    pair.put({name: content(size) for name, (size, _, _) in TIERS.items()})
    limits = SMALL_OSS_PARTS if pair.to_oss else SMALL_PARTS
    if way in PART_COPIES:  # where objects up to `large_threshold` are copied in one request, if the store can
        limits = replace(limits, max_copy=SMALL)
    ran = stand.sync(pair.source_store(), pair.destination_store(capabilities=limits), **POLICY)
    assert ran.report.verified
    assert pair.contents() == {name: content(size) for name, (size, _, _) in TIERS.items()}
    plan, uploads = planned(stand, ran)
    assert {upload.key for upload in uploads} == {name for name, (_, _, tier) in TIERS.items() if tier == "large"}
    assert len(plan.groups) == 7, "25,002 bytes in groups of 4,000"
    assert sum(batch.objects for batch in plan.batches) == len(TIERS) - len(uploads)
    whole = "CopyObject" if way in PART_COPIES else "PutObject"
    for name, (size, parts, _) in TIERS.items():
        entries = [entry for entry in ran.entries if entry.bucket == pair.destination and entry.key == name]
        writes = [entry.operation for entry in entries if entry.is_write()]
        assert sorted(writes) == sorted([pair.begin, *[pair.carry] * parts, pair.write] if parts else [whole]), name
        carried = {
            entry.query["partNumber"]: entry.bytes_in for entry in entries if entry.operation == pair.carry and parts
        }
        assert sorted(map(int, carried)) == list(range(1, parts + 1)), "every part once"
        if way not in PART_COPIES:
            assert sum(carried.values()) == (size if parts else 0)
    assert not ran.operations(pair.destination).get("ListParts"), "nothing was there before"
    ends = {entry.key: entry.index for entry in ran.writes(pair.destination) if entry.operation == pair.write}
    sent = [
        e.index for e in ran.writes(pair.destination) if e.operation == pair.carry and e.key in ("l+1", "2l", "2l+1")
    ]
    assert max(sent) < min(ends[name] for name in ("l+1", "2l", "2l+1")), "all groups come before the first completion"
    again = stand.sync(pair.source_store(), pair.destination_store(capabilities=limits), **POLICY)
    assert again.writes() == []


@pytest.mark.parametrize("oss", [False, True])
def test_torture_sizes_s17_to_s19_most_parts(stand: Stand, oss: bool) -> None:
    """At most 20 parts here: one byte more, and the parts grow."""
    at = stand.oss_server if oss else stand.server
    source, destination = stand.bucket(at=at), stand.bucket(at=at)
    sizes = {"s17": 20 * PART - 1, "s18": 20 * PART, "s19": 20 * PART + 1}
    for name, size in sizes.items():
        at.core.put(source, name, SyntheticBody(size, seed=size))
    limits = replace(SMALL_OSS_PARTS if oss else SMALL_PARTS, max_parts=20, max_part=3 * PART)
    ran = stand.sync(
        stand.remote(source, at=at),
        stand.remote(destination, at=at, capabilities=limits),
        **{**POLICY, "small_threshold": 0},
    )
    assert ran.report.verified
    parts = {name: sum(e.key == name and e.operation == "UploadPartCopy" for e in ran.entries) for name in sizes}
    assert parts == {"s17": 20, "s18": 20, "s19": 20}
    assert {upload.key: upload.part_size for upload in planned(stand, ran)[1]} == {
        "s17": PART,
        "s18": PART,
        "s19": PART + 1,
    }
    assert all(stand.version(destination, n, at=at).body == SyntheticBody(s, seed=s) for n, s in sizes.items())


@pytest.mark.parametrize("oss", [False, True])
def test_torture_sizes_s20_s21_s26_largest_object(stand: Stand, oss: bool) -> None:
    """The largest one goes in parts of 5 GiB, by the store itself; larger ones are refused before anything is begun."""
    at = stand.oss_server if oss else stand.server
    most = OSS.max_object if oss else 5 * TIB
    source, destination = stand.bucket(at=at), stand.bucket(at=at)
    sizes = {
        "2^31-1": 2**31 - 1,
        "2^31": 2**31,
        "2^32": 2**32,
        "most": (1 if oss else 5) * TIB,
        "more": most + 1,
        "2^53+1": 2**53 + 1,
    }
    for name, size in sizes.items():
        at.core.put(source, name, SyntheticBody(size, seed=size))
    limits = replace(OSS if oss else AWS, checksums=(), max_object=most)
    ran = stand.sync(
        stand.remote(source, at=at, capabilities=limits),
        stand.remote(destination, at=at, capabilities=limits),
        part_size=5 * GIB,
        concurrency=8,
        verify="metadata",
    )
    refused = {name for name, size in sizes.items() if size > most}
    assert {name: ran.status(name) for name in sizes} == {
        name: ("refused", "too_large") if name in refused else ("copied", "new") for name in sizes
    }
    for name in refused:
        assert f"{sizes[name]:,} bytes" in (ran.outcomes[name].message or "")
    assert not any(entry.key in refused for entry in ran.entries if entry.is_write())
    parts = {name: sum(e.key == name and e.operation == "UploadPartCopy" for e in ran.entries) for name in sizes}
    assert parts == {
        name: {"most": 205 if oss else 1024, "2^31-1": 1, "2^31": 1, "2^32": 1}.get(name, 0) for name in sizes
    }
    for name in sizes.keys() - refused:
        assert stand.version(destination, name, at=at).body == SyntheticBody(sizes[name], seed=sizes[name])
    plan, _ = planned(stand, ran)
    assert len(plan.groups) == (104 if oss else 128), "of 10 GiB, and no more tasks than `max_batches`"
    assert (
        sum(group.bytes for group in plan.groups) == ran.report.bytes == sum(sizes[n] for n in sizes.keys() - refused)
    )
    assert not ran.operations().get("GetObject")
