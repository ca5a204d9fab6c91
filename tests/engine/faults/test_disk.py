"""Faults of a local disk: F47 (full), F48 (killed while writing)."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_bucketsync.engine.stores.local import writing
from tests.engine.stand import PART, Stand

OLD = b"what stood there"
PARTS = {"small_threshold": PART, "part_size": PART}


@pytest.fixture
def small_disk(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A disk of 128 KiB: a real one where the system lets us mount it, else one whose writes say that it is full."""
    folder = stand.folder / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode == 0:
        yield folder
        subprocess.run(["umount", str(folder)], check=True)
        return
    write = os.pwrite

    def limited(descriptor: int, data: memoryview, offset: int) -> int:
        if offset + len(data) > 100_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data, offset)

    monkeypatch.setattr(writing.os, "pwrite", limited)
    yield folder


@pytest.mark.parametrize("parts", [False, True])
def test_fault_F47_disk_full(stand: Stand, small_disk: Path, parts: bool) -> None:
    source = stand.bucket()
    stand.put(source, {"a": b"small", "huge": os.urandom(300_000)})
    (small_disk / "huge").write_bytes(OLD)
    policy = {"small_threshold": 50_000, "part_size": 50_000} if parts else {}
    ran = stand.sync(stand.s3(source), stand.local("small"), concurrency=1, **policy)
    assert not ran.report.green
    assert any("StoreFull" in name or "no space" in name for name in ran.report.incomplete)
    left = {path.name: path.read_bytes() for path in small_disk.iterdir() if path.is_file()}
    assert left.pop("a", b"small") == b"small"
    assert left == {"huge": OLD}
    assert not list(stand.local("small").list_uploads())
    assert sum(path.stat().st_size for path in small_disk.rglob("*") if path.is_file()) < 1000


KILLED = """
import os, signal, sys
from airflow_bucketsync.engine import sync
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.stores.local import LocalStore, writing
from airflow_bucketsync.engine.stores.memory import MemoryStore

root, part, keep = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
write = os.pwrite
count = 0

def killing(descriptor, data, offset):
    global count
    if bytes(data[:4]) != b"BODY":
        return write(descriptor, data, offset)
    count += 1
    if count > keep:
        write(descriptor, data[: len(data) // 2], offset)
        os.kill(os.getpid(), signal.SIGKILL)
    return write(descriptor, data, offset)

writing.os.pwrite = killing
source = MemoryStore(Location(scheme="memory", bucket="source"))
for key in ("new", "old"):
    source.put(key, b"BODY" * 1000)
folder = lambda name: LocalStore(Location(scheme="file", bucket=f"{root}/{name}"), may_be_missing=True)
sync(source, folder("out"), workspace=folder("workspace"),
     policy=SyncPolicy(concurrency=1, small_threshold=part, part_size=part))
"""


@pytest.mark.parametrize(("part", "keep"), [(50_000, 0), (50_000, 1), (1000, 2)])
def test_fault_F48_killed_while_writing(stand: Stand, part: int, keep: int) -> None:
    """What a killed run leaves behind is never taken for data, and is in nobody's way."""
    out = stand.folder / "out"
    out.mkdir()
    (out / "old").write_bytes(OLD)
    child = subprocess.run(
        [sys.executable, "-c", KILLED, str(stand.folder), str(part), str(keep)], capture_output=True, timeout=60
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    debris = [path for path in out.rglob("*") if path.is_file() and path.name not in ("new", "old")]
    assert debris
    assert (out / "old").read_bytes() == OLD
    assert not (out / "new").exists() or (out / "new").read_bytes() == b"BODY" * 1000
    visible = {path.name: path.read_bytes() for path in out.iterdir() if path.name in ("new", "old")}
    bucket = stand.bucket()
    ran = stand.sync(stand.local("out"), stand.s3(bucket))
    assert ran.report.verified
    assert stand.contents(bucket) == visible
    stand.put(bucket, {"new": b"NEWER", "old": b"newer"})
    back = stand.sync(stand.s3(bucket), stand.local("out"), compare="always")
    assert back.report.verified
    assert back.report.counts == {"copied": 2}
    assert {(out / "new").read_bytes(), (out / "old").read_bytes()} == {b"NEWER", b"newer"}
