"""Sizes at every threshold: in how many requests an object is brought over."""

from __future__ import annotations

import gzip
from dataclasses import replace

import pytest

from airflow_bucketsync.engine.stores.oss.store import OSS
from airflow_bucketsync.engine.stores.s3.store import AWS
from tests.engine.stand import PART, Pair, Stand
from tests.engine.ways import PART_COPIES, STREAMS_OF_PARTS
from tests.servers.core.body import SyntheticBody
from tests.servers.s3 import S3Server

KIB = 1024
MIB = 1024**2
GIB = 1024**3
THRESHOLD = 2500
SIZES = {
    "s01": (0, 0),
    "s02": (1, 0),
    "s03": (THRESHOLD - 1, 0),
    "s04": (THRESHOLD, 0),
    "s05": (THRESHOLD + 1, 3),
    "s06": (PART - 1, 0),
    "s07": (PART, 0),
    "s08": (PART + 1, 0),
    "s09": (3 * PART - 1, 3),
    "s10": (3 * PART, 3),
    "s11": (3 * PART + 1, 4),
}
"""Bytes, and parts with a threshold of 2500 and parts of 1000; 0 = in one request."""


def content(size: int) -> bytes:
    """Bytes that repeat at no part size used here."""
    return bytes(number % 251 for number in range(size))


@pytest.mark.parametrize("way", [*PART_COPIES, *STREAMS_OF_PARTS])
def test_torture_sizes_at_the_thresholds(stand: Stand, other: S3Server, way: str) -> None:
    pair = Pair.make(way, stand, other)
    pair.put({name: content(size) for name, (size, _) in SIZES.items()})
    ran = pair.sync(small_threshold=THRESHOLD, large_threshold=THRESHOLD)
    assert ran.report.verified
    assert pair.contents() == {name: content(size) for name, (size, _) in SIZES.items()}
    whole = "CopyObject" if way in PART_COPIES else "PutObject"
    for name, (size, parts) in SIZES.items():
        writes = [entry.operation for entry in ran.writes(pair.destination) if entry.key == name]
        expected = [pair.begin, *[pair.carry] * parts, pair.write] if parts else [whole]
        assert sorted(writes) == sorted(expected), name
        sizes = [entry.bytes_in for entry in ran.entries if entry.key == name and entry.operation == "UploadPart"]
        if parts and sizes:
            assert sorted(sizes) == sorted([PART] * (parts - 1) + [size - PART * (parts - 1)])
    empty = stand.version(pair.destination, "s01", at=pair.destination_at)
    assert empty.etag.lower() == "d41d8cd98f00b204e9800998ecf8427e"
    assert pair.sync(small_threshold=THRESHOLD, large_threshold=THRESHOLD).writes() == []


@pytest.mark.parametrize("way", STREAMS_OF_PARTS)
@pytest.mark.parametrize("part_size", [PART, 2 * PART])
def test_torture_sizes_one_part_or_two(stand: Stand, other: S3Server, part_size: int, way: str) -> None:
    """s06 to s11 with nothing below the threshold: no empty part, the last one of one byte."""
    pair = Pair.make(way, stand, other)
    sizes = {f"{n}{d:+}": n * part_size + d for n in (1, 2) for d in (-1, 0, 1)}
    pair.put({name: content(size) for name, size in sizes.items()})
    ran = pair.sync(small_threshold=0, part_size=part_size)
    assert ran.report.verified
    for name, size in sizes.items():
        sent = sorted(e.bytes_in for e in ran.entries if e.key == name and e.operation == "UploadPart")
        assert sent == sorted([part_size] * (size // part_size) + [size % part_size] * bool(size % part_size))


def test_torture_sizes_s12_s13_least_part(stand: Stand, other: S3Server) -> None:
    other.min_part_size = 5 * MIB
    pair = Pair.make("stream_parts", stand, other)
    pair.put({"s12": content(5 * MIB - 1), "s13": content(5 * MIB), "s13+1": content(5 * MIB + 1)})
    source, destination = pair.source_store(), pair.destination_store(capabilities=AWS)
    ran = stand.sync(source, destination, small_threshold=PART, part_size=1)
    assert ran.report.verified
    parts = {key: sum(e.key == key and e.operation == "UploadPart" for e in ran.entries) for key in ran.outcomes}
    assert parts == {"s12": 1, "s13": 1, "s13+1": 2}


def test_torture_sizes_s14_s15_s16_largest_copy(stand: Stand) -> None:
    source, destination = stand.bucket(), stand.bucket()
    sizes = {"s14": 5 * GIB - 1, "s15": 5 * GIB, "s16": 5 * GIB + 1}
    for name, size in sizes.items():
        stand.server.core.put(source, name, SyntheticBody(size, seed=size))
    # Without checksums: the server would have to make up 5 GiB to compute one.
    limits = replace(AWS, checksums=())
    ran = stand.sync(
        stand.s3(source, capabilities=limits),
        stand.s3(destination, capabilities=limits),
        large_threshold=6 * GIB,
        part_size=GIB,
    )
    assert ran.report.verified
    operations = {name: {e.operation for e in ran.writes(destination) if e.key == name} for name in sizes}
    in_parts = {"CreateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload"}
    assert operations == {"s14": {"CopyObject"}, "s15": {"CopyObject"}, "s16": in_parts}
    assert {name: stand.version(destination, name).body for name in sizes} == {
        name: SyntheticBody(size, seed=size) for name, size in sizes.items()
    }
    assert not ran.operations().get("GetObject")
    assert stand.sync(stand.s3(source), stand.s3(destination), large_threshold=6 * GIB).writes() == []


def test_torture_sizes_s12_s13_least_part_of_OSS(stand: Stand, other: S3Server) -> None:
    """100 KiB there, however small the parts are that were asked for."""
    stand.oss_server.min_part_size = 100 * KIB
    pair = Pair.make("s3_to_oss_parts", stand, other)
    pair.put({"less": content(100 * KIB - 1), "least": content(100 * KIB), "more": content(100 * KIB + 1)})
    source, destination = pair.source_store(), pair.destination_store(capabilities=OSS)
    ran = stand.sync(source, destination, small_threshold=PART, part_size=1)
    assert ran.report.verified
    parts = {key: sum(e.key == key and e.operation == "UploadPart" for e in ran.entries) for key in ran.outcomes}
    assert parts == {"less": 1, "least": 1, "more": 2}


def test_torture_sizes_s14_to_s16_largest_copy_of_OSS(stand: Stand) -> None:
    """1 GiB whole, since a copy that changes its class ends there; beyond it in parts, and no body is read."""
    at = stand.oss_server
    source, destination = stand.bucket(at=at), stand.bucket(at=at)
    sizes = {"s14": GIB - 1, "s15": GIB, "s16": GIB + 1}
    for name, size in sizes.items():
        at.core.put(source, name, SyntheticBody(size, seed=size))
    ran = stand.sync(
        stand.oss(source), stand.oss(destination), large_threshold=6 * GIB, part_size=GIB // 2, storage_class="IA"
    )
    assert ran.report.verified
    operations = {name: {e.operation for e in ran.writes(destination) if e.key == name} for name in sizes}
    in_parts = {"InitiateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload"}
    assert operations == {"s14": {"CopyObject"}, "s15": {"CopyObject"}, "s16": in_parts}
    found = {name: stand.version(destination, name, at=at) for name in sizes}
    assert {name: version.body for name, version in found.items()} == {
        name: SyntheticBody(size, seed=size) for name, size in sizes.items()
    }
    assert {version.attributes.storage_class for version in found.values()} == {"IA"}
    assert not ran.operations().get("GetObject")
    assert stand.sync(stand.oss(source), stand.oss(destination), large_threshold=6 * GIB).writes() == []


@pytest.mark.parametrize("composite", [False, True])
def test_torture_sizes_s22_uneven_parts(pair: Pair, composite: bool) -> None:
    """An ETag of parts is never taken for a difference, run after run."""
    pieces = [content(size) for size in (5000, 7000, 5001, 1)]
    client = pair.source_at.client()
    how = {"ChecksumAlgorithm": "SHA256"} if composite else {}
    upload = client.create_multipart_upload(Bucket=pair.source, Key="k", **how)["UploadId"]
    parts = []
    for number, piece in enumerate(pieces, start=1):
        made = client.upload_part(Bucket=pair.source, Key="k", UploadId=upload, PartNumber=number, Body=piece, **how)
        parts.append({name: made[name] for name in ("ETag", "ChecksumSHA256") if name in made} | {"PartNumber": number})
    client.complete_multipart_upload(Bucket=pair.source, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    client.close()
    assert pair.sync().report.verified
    assert pair.contents() == {"k": b"".join(pieces)}
    for _ in range(2):
        again = pair.sync()
        assert again.report.counts == {"same": 1}
        assert again.writes() == []


@pytest.mark.parametrize("to_local", [False, True])
def test_torture_sizes_s25_packed_body_stays_packed(any_pair: Pair, to_local: bool) -> None:
    pair = any_pair
    packed = gzip.compress(b"x" * 100_000, mtime=0)
    pair.put({"k": packed}, headers={"content-encoding": "gzip", "content-type": "text/plain"})
    if to_local:
        ran = pair.stand.sync(pair.source_store(), pair.stand.local("out"), **pair.policy)
        assert (pair.stand.folder / "out" / "k").read_bytes() == packed
        assert ran.report.lost == {"content_encoding": 1, "content_type": 1}
        return
    assert pair.sync().report.verified
    version = pair.stand.version(pair.destination, "k", at=pair.destination_at)
    assert (version.body, version.attributes.headers["content-encoding"]) == (packed, "gzip")
    assert pair.sync().writes() == []
