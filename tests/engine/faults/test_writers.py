"""Faults of writers who do not wait for a run: F12 (created while it lists), F13 (deleted before it copies)."""

from __future__ import annotations

import threading
import time

import pytest

from tests.engine.stand import Pair, Stand
from tests.servers.s3 import S3Server
from tests.servers.web.exchange import Call

WAYS = ["server_copy", "stream_parts", "oss_copy", "s3_to_oss", "oss_to_s3"]
LONG_AGO = 951_782_400.0
OBJECTS = {f"k{number:02d}": b"body %d" % number for number in range(0, 20, 2)}


@pytest.fixture(params=WAYS)
def settled(request: pytest.FixtureRequest, stand: Stand, other: S3Server) -> Pair:
    """A pair in step, whose source lists few keys a page."""
    pair = Pair.make(request.param, stand, other)
    pair.put(OBJECTS)
    pair.source_at.core.bucket(pair.source).settings.listing_oddity = "page_cap=3"
    assert pair.sync().report.verified
    return pair


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_fault_F12_created_while_listing_with_old_times(settled: Pair, mode: str) -> None:
    """Before and behind the cursor, dated long before the last run: what this run has not seen, the next one has."""
    pair = settled
    written: list[str] = []

    def write(call: Call) -> None:
        if call.query.get("start-after") == "k10" and not written:
            written.extend(("k03", "k11"))
            pair.put({"k03": b"before", "k11": b"behind"}, modified=LONG_AGO)

    pair.at_source("before", operation="ListObjectsV2", bucket=pair.source, hook=write)
    ran = pair.sync(mode=mode)
    assert written
    assert (ran.report.mode, ran.report.verified) == (mode, True)
    assert pair.contents() == {**OBJECTS, "k11": b"behind"}
    ran = pair.sync(mode=mode)
    assert ran.report.counts == {"copied": 1, "same": len(OBJECTS) + 1}
    assert pair.contents() == pair.stand.contents(pair.source, at=pair.source_at)
    assert not [entry for entry in ran.entries if entry.operation.startswith("Delete")]


def test_fault_F12_writer_who_never_stops(settled: Pair) -> None:
    """Slow listings, and a thread that creates, replaces and deletes meanwhile; once it stops, one run is enough."""
    pair = settled
    core, stop = pair.source_at.core, threading.Event()

    def write() -> None:
        for number in range(100_000):
            if stop.wait(0.002):
                return
            key = f"k{number * 7 % 30:02d}"
            if number % 5 == 4:
                core.delete(pair.source, key)
            else:
                pair.put({key: b"written %d" % number}, modified=LONG_AGO + number % 3)

    slow = pair.at_source("delay", operation="ListObjectsV2", bucket=pair.source, seconds=0.01)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(4):
            ran = pair.sync(mode="incremental")
            assert ran.report.green
            assert set(ran.report.counts) <= {"copied", "same", "changed", "gone", "extra", "updated"}
            time.sleep(0.01)
    finally:
        stop.set()
        writer.join()
    assert slow.occurred >= 12
    assert pair.sync(mode="incremental").report.verified
    source = pair.stand.contents(pair.source, at=pair.source_at)
    assert {key: body for key, body in pair.contents().items() if key in source} == source


def test_fault_F13_deleted_between_listing_and_copy(settled: Pair) -> None:
    """It is `gone`, the destination keeps what it had, the others go on; and no later run stumbles over it."""
    pair = settled
    newer = {"k02": b"newer", "k04": b"newer", "k06": b"newer"}
    pair.put(newer)

    def vanish(call: Call) -> None:
        pair.source_at.core.delete(pair.source, "k04")

    struck = pair.at_source("before", operation=pair.reads_with, key="k04", times=1, hook=vanish)
    ran = pair.sync(mode="incremental", concurrency=1)
    assert struck.occurred == 1
    assert ran.report.green
    assert ran.status("k04") == ("gone", "not_at_source")
    assert ran.report.counts == {"copied": 2, "gone": 1, "same": len(OBJECTS) - 3}
    there = {**OBJECTS, **newer, "k04": OBJECTS["k04"]}
    assert pair.contents() == there
    for mode in ("incremental", "full"):
        ran = pair.sync(mode=mode)
        assert ran.report.counts == {"extra": 1, "same": len(OBJECTS) - 1}
        assert ran.report.verified
    pair.put({"k04": b"again"})
    assert pair.sync(mode="incremental").report.counts == {"copied": 1, "same": len(OBJECTS) - 1}
    assert pair.contents() == {**there, "k04": b"again"}
