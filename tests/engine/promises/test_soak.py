"""The soak: 100,000 small objects through the engine, a million keys on each side, and 100 of a million changed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from airflow_bucketsync.engine.model.policy import SyncPolicy

OBJECTS = 100_000
KEYS = 1_000_000

SERVER = """
import sys, threading
from tests.servers.s3 import S3Server
count, filled = int(sys.argv[1]), sys.argv[2:]
with S3Server(buckets=["source", "destination"], log_limit=0) as server:
    for bucket in filled:
        server.core.put_many(bucket, ((f"d{n % 97:02d}/k{n:07d}", b"%d" % n) for n in range(count)))
    print(server.url, flush=True)
    for line in sys.stdin:
        every = count // int(line)
        for n in range(0, count, every):
            server.core.put("source", f"d{n % 97:02d}/k{n:07d}", b"changed %d" % n)
        print("changed", flush=True)
    print(len(server.core.keys("destination")), flush=True)
"""

ENGINE = """
import json, os, re, resource, sys, threading
import boto3
from airflow_bucketsync.engine import sync
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.store import S3Store

url, folder, policy, runs = sys.argv[1:]
opened, done = [], threading.Event()

def watch():
    while not done.wait(1.0):
        opened.append(len(os.listdir("/proc/self/fd")))

def store(bucket):
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test-access",
                          aws_secret_access_key="test-secret", config=client_config(path_style=True))
    return S3Store(Location(scheme="s3", conn_id=bucket, bucket=bucket), client)

threading.Thread(target=watch, daemon=True).start()
reports = []
for _ in range(int(runs)):
    source, destination = store("source"), store("destination")
    workspace = LocalStore(Location(scheme="file", bucket=folder), may_be_missing=True)
    report = sync(source, destination, workspace=workspace, policy=SyncPolicy(**json.loads(policy)),
                  check=False)
    source.close()
    destination.close()
    used = resource.getrusage(resource.RUSAGE_SELF)
    reports.append({"counts": report.counts, "verified": report.verified, "seconds": round(report.seconds, 1),
                    "requests": report.requests, "cpu": round(used.ru_utime + used.ru_stime, 1)})
done.set()
opened.append(len(os.listdir("/proc/self/fd")))
with open("/proc/self/status") as status:
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1])
fds = [max(opened), opened[-1]]
print(json.dumps({"reports": reports, "peak_mib": round(peak / 1024), "fds": fds}))
"""


@contextmanager
def busy_server(objects: int, *filled: str) -> Iterator[subprocess.Popen[str]]:
    """The server in a process of its own, so that only the engine's memory is measured."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(objects), *filled],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(server: subprocess.Popen[str]) -> str:
    """The next line of the server: first its address."""
    assert server.stdout is not None
    return server.stdout.readline().strip()


def engine(url: str, folder: Path, *, runs: int, **policy: Any) -> Any:
    """What the engine says of its runs in a process of its own: peak memory, open files, CPU seconds so far."""
    command = [sys.executable, "-c", ENGINE, url, str(folder), json.dumps(policy), str(runs)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=3500)
    assert child.returncode == 0, child.stderr
    found = json.loads(child.stdout)
    print(found)
    return found


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_soak_100_000_objects(tmp_path: Path) -> None:
    with busy_server(OBJECTS, "source") as server:
        found = engine(said(server), tmp_path / "workspace", runs=2)
        there, _ = server.communicate("", timeout=60)
    assert int(there) == OBJECTS
    first, second = found["reports"]
    assert first["counts"] == {"copied": OBJECTS}
    assert first["verified"]
    assert second["counts"] == {"same": OBJECTS}
    assert {name for kinds in second["requests"].values() for name in kinds} == {"ListObjectsV2"}
    assert found["peak_mib"] <= 300, found
    most, last = found["fds"]
    # While verifying, each request in flight has a connection to either side; afterwards nothing stays open.
    assert most <= 2 * SyncPolicy().concurrency + 32, found
    assert last <= 16, found


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_row_B1_a_million_keys_on_each_side(tmp_path: Path) -> None:
    with busy_server(KEYS, "source", "destination") as server:
        found = engine(said(server), tmp_path / "workspace", runs=2)
    first, second = found["reports"]
    assert first["counts"] == second["counts"] == {"same": KEYS}
    requests = [count for kinds in second["requests"].values() for count in kinds.values()]
    assert sum(requests) <= 2.3 * KEYS / 1000  # each part of a listing ends with a page that is not full
    assert found["peak_mib"] <= 300, found


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_row_F1_a_hundred_of_a_million_changed(tmp_path: Path) -> None:
    """Each run in a process of its own: what the second costs is what a scheduled run costs."""
    with busy_server(KEYS, "source", "destination") as server:
        url = said(server)
        engine(url, tmp_path / "workspace", runs=1)
        assert server.stdin is not None
        server.stdin.write("100\n")
        server.stdin.flush()
        assert said(server) == "changed"
        found = engine(url, tmp_path / "workspace", runs=1, mode="incremental")
        again = engine(url, tmp_path / "workspace", runs=1, mode="incremental")
    (report,), (quiet,) = found["reports"], again["reports"]
    assert report["counts"] == {"copied": 100, "same": KEYS - 100}
    assert report["verified"]
    assert "ListObjectsV2" not in report["requests"]["destination"]
    assert report["requests"]["source"]["ListObjectsV2"] <= KEYS // 1000 + 1
    # Each copied object: looked at, read or copied, verified, on both sides.
    assert sum(sum(kinds.values()) for kinds in report["requests"].values()) <= KEYS // 1000 + 100 * 12 + 20
    assert quiet["counts"] == {"same": KEYS}
    assert quiet["requests"].get("destination", {}) == {}
    assert max(found["peak_mib"], again["peak_mib"]) <= 300, (found, again)
