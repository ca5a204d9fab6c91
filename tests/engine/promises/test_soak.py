"""The soak: 100,000 small objects through the engine, and a million keys on each side, in bounded memory."""

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
    sys.stdin.read()
    print(len(server.core.keys("destination")), flush=True)
"""

ENGINE = """
import json, os, re, sys, threading
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
    reports.append({"counts": report.counts, "verified": report.verified, "seconds": round(report.seconds, 1),
                    "requests": report.requests})
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


def engine(server: subprocess.Popen[str], folder: Path, *, runs: int, **policy: Any) -> Any:
    """What the engine says of its runs in a process of its own, with its peak memory and its open files."""
    assert server.stdout is not None
    url = server.stdout.readline().strip()
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
        found = engine(server, tmp_path / "workspace", runs=2)
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
        found = engine(server, tmp_path / "workspace", runs=2)
    first, second = found["reports"]
    assert first["counts"] == second["counts"] == {"same": KEYS}
    requests = [count for kinds in second["requests"].values() for count in kinds.values()]
    assert sum(requests) <= 2 * KEYS // 1000 + 6
    assert found["peak_mib"] <= 300, found
