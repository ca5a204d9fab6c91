"""Row C15: the requests that a plan's review expects are those that the run then sends, by the servers' own logs.

The bound: each kind lies within the range that was said, and no kind is sent of which nothing was said. Where both ends
of a range are equal, as they are for every read, put, copy, begin, part and complete of what is brought over, the run
sends exactly that many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from airflow_bucketsync.engine.model.review import Requests
from tests.engine.stand import ALL_WAYS, PART, Pair, Ran, Stand
from tests.servers.s3 import S3Server

KINDS = {
    "ListObjectsV2": "list", "HeadObject": "look", "GetObjectTagging": "tags", "GetObject": "read", "PutObject": "put",
    "CopyObject": "copy", "CreateMultipartUpload": "begin", "InitiateMultipartUpload": "begin", "UploadPart": "part",
    "UploadPartCopy": "part", "CompleteMultipartUpload": "complete", "DeleteObject": "delete",
    "DeleteObjects": "delete", "DeleteMultipleObjects": "delete",
}  # fmt: skip
OF_BUCKETS = {"HeadBucket", "GetBucketLocation", "GetBucketVersioning", "GetBucketInfo", "GetBucketStat"}
"""Asked once each, if at all: what bucket it is."""
EXACT = {"read", "put", "copy", "begin", "part", "complete"}


def asked(ran: Ran, source: str, destination: str) -> Counter[tuple[str, str]]:
    """Requests of a run per side and kind."""
    sides = {source: "source", destination: "destination"}
    return Counter(
        (sides[entry.bucket], KINDS[entry.operation]) for entry in ran.entries if entry.operation not in OF_BUCKETS
    )


def held(run: Callable[..., Ran], source: str, destination: str, **options: Any) -> dict[tuple[str, str], Requests]:
    """Plan dry, carry it out, and hold what was asked against what was expected; returns that."""
    dry = run(dry_run=True, **options)
    assert dry.writes() == []
    assert dry.report.review is not None
    expected = {(row["side"], row["kind"]): Requests(**row) for row in dry.report.review["requests"]}
    real = run(**options)
    assert real.report.green, real.report
    found = asked(real, source, destination) - asked(dry, source, destination)
    for which in found.keys() | expected.keys():
        assert which in expected, f"nothing was said of {found[which]} {which}"
        row = expected[which]
        assert row.at_least <= found[which] <= row.at_most, f"{which}: {found[which]}, expected {row}"
    return expected


def filled(pair: Pair) -> None:
    """Objects of all tiers, some of which replace others, one of them empty."""
    pair.put({f"small/{number}": b"%d" % number for number in range(30)})
    pair.put({"empty": b"", "replaced": b"new", "also": b"r" * 900})
    pair.put({f"parts/{number}": bytes([number]) * (PART * number + 1) for number in range(1, 5)})
    pair.put_destination({"replaced": b"a longer one", "also": b"old"})


LEVELS = [(way, "metadata") for way in ALL_WAYS]
LEVELS += [
    (way, level) for way in ("server_copy", "stream_parts", "s3_to_oss") for level in ("none", "listing", "content")
]


@pytest.mark.parametrize(("way", "verify"), LEVELS)
def test_row_C15_of_what_is_copied(stand: Stand, other: S3Server, way: str, verify: str) -> None:
    pair = Pair.make(way, stand, other)
    filled(pair)
    expected = held(pair.sync, pair.source, pair.destination, verify=verify)
    brought = {which: row for which, row in expected.items() if which[1] in EXACT - {"read"}}
    assert brought
    assert all(row.at_least == row.at_most for row in brought.values()), brought
    if verify != "content":
        assert all(row.at_least == row.at_most for which, row in expected.items() if which[1] == "read")


@pytest.mark.parametrize("trash", ["none", "deleted", "all"])
@pytest.mark.parametrize("way", ["server_copy", "s3_to_oss"])
def test_row_C15_of_what_is_deleted_and_replaced(stand: Stand, other: S3Server, way: str, trash: str) -> None:
    pair = Pair.make(way, stand, other)
    filled(pair)
    pair.put_destination({f"extra/{number}": b"e" for number in range(12)})
    options = {"delete": True, "trash": trash, "max_delete_share": 1.0, "unsafe_deletes": True}
    held(pair.sync, pair.source, pair.destination, **options)
    assert not [key for key in pair.contents() if key.startswith("extra/")]


@pytest.mark.parametrize(
    ("way", "verify"), [("server_copy", "metadata"), ("stream", "content"), ("oss_to_s3", "content")]
)
def test_row_C15_of_what_is_moved(stand: Stand, other: S3Server, way: str, verify: str) -> None:
    pair = Pair.make(way, stand, other)
    filled(pair)
    pair.put({"in step": b"1"})
    pair.put_destination({"in step": b"1"})
    held(pair.sync, pair.source, pair.destination, move=True, verify=verify, unsafe_deletes=True)
    assert pair.source_at.core.keys(pair.source) == []


def test_row_C15_of_attributes(stand: Stand, other: S3Server) -> None:
    pair = Pair.make("server_copy", stand, other)
    pair.put({"a": b"1", "b": b"2", "c": b"3"}, metadata={"x": "new"})
    pair.put_destination({"a": b"1", "b": b"2", "c": b"3"})
    expected = held(pair.sync, pair.source, pair.destination, compare="metadata")
    assert expected["destination", "copy"].at_most == 3


@pytest.mark.parametrize("cloud", ["s3", "oss"])
@pytest.mark.parametrize("direction", ["to", "from"])
def test_row_C15_of_a_folder(stand: Stand, direction: str, cloud: str) -> None:
    """A folder needs no requests, and nothing is said of it."""
    server = stand.server if cloud == "s3" else stand.oss_server
    bucket = stand.bucket(at=server)
    objects = {f"k{number}": b"%d" % number for number in range(20)} | {"large": b"l" * 5 * PART}
    tree, store = stand.local("tree"), stand.remote(bucket, at=server)
    if direction == "from":
        stand.put(bucket, objects, at=server)
    for key, body in objects.items() if direction == "to" else ():
        tree.put(key, body)
    parts = {"small_threshold": PART, "part_size": PART}
    sides = (tree, store) if direction == "to" else (store, tree)

    def run(**options: Any) -> Ran:
        return stand.sync(*sides, **parts, **options)

    names = ("", bucket) if direction == "to" else (bucket, "")
    expected = held(run, *names)
    assert {side for side, _ in expected} == {"destination" if direction == "to" else "source"}
