"""Promise P6 and row G8: running again when nothing changed writes nothing, reads no body, and asks hardly anything."""

from __future__ import annotations

import pytest

from tests.engine.stand import Pair, Ran, Stand
from tests.servers.s3 import S3Server


def objects(count: int) -> dict[str, bytes]:
    """Small objects in a few folders."""
    return {f"d{number % 7}/k{number:05d}": b"%d" % number for number in range(count)}


def quiet(ran: Ran, count: int) -> None:
    """Only listings, and not many, and at most one look whether another run holds the lock."""
    pages = -(-count // 1000)
    assert ran.report.counts == {"same": count}
    assert ran.report.verified
    assert not ran.report.changed_anything
    assert set(ran.operations()) == {"ListObjectsV2"}
    assert len(ran.lock) <= 1, "who holds the lock is asked once"
    assert ran.writes() == []
    assert len(ran.entries) <= 2 * pages + 6
    assert sum(sum(kinds.values()) for kinds in ran.report.requests.values()) <= 2 * pages + 6


def test_promise_P6_server_copy(copied: Pair) -> None:
    copied.put(objects(1200))
    assert copied.sync(verify="listing").report.counts == {"copied": 1200}
    quiet(copied.sync(), 1200)
    quiet(copied.sync(), 1200)


def test_promise_P6_stream_between_two_servers(stand: Stand, other: S3Server) -> None:
    """The second server's ETags say nothing: what the first run proved is remembered."""
    pair = Pair.make("stream", stand, other)
    pair.put(objects(300))
    pair.destination_at.core.bucket(pair.destination).settings.encryption = {"algorithm": "aws:kms", "key": "k"}
    assert pair.sync(verify="listing").report.counts == {"copied": 300}
    quiet(pair.sync(), 300)


@pytest.mark.parametrize("direction", ["to", "from"])
def test_promise_P6_local_tree(stand: Stand, direction: str) -> None:
    bucket = stand.bucket()
    if direction == "to":
        stand.put(bucket, objects(300))
        sides = (stand.s3(bucket), stand.local("tree"))
    else:
        for key, body in objects(300).items():
            path = stand.folder / "tree" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        sides = (stand.local("tree"), stand.s3(bucket))
    assert stand.sync(*sides, verify="listing").report.counts == {"copied": 300}
    again = stand.sync(*sides)
    assert again.report.counts == {"same": 300}
    assert set(again.operations()) == {"ListObjectsV2"}
    assert again.writes() == []
    side = "destination" if direction == "to" else "source"
    assert set(again.report.requests[side]) == {"list"}  # no file is opened, none is looked at by itself


def test_promise_P6_dry_run_writes_nothing(pair: Pair) -> None:
    pair.put({"new": b"n", "changed": b"right"})
    pair.put_destination({"changed": b"wrong", "extra": b"e"})
    ran = pair.sync(dry_run=True)
    assert ran.writes() == []
    assert ran.report.counts == {"extra": 1, "withheld": 2}
    assert ran.report.green
    assert not ran.report.verified
    assert pair.contents() == {"changed": b"wrong", "extra": b"e"}
    assert pair.sync().report.verified
