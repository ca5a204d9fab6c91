"""Row D3: bodies pass through a fixed budget of memory, measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.engine.stand import Pair, Stand
from tests.servers.core.body import SyntheticBody
from tests.servers.s3 import S3Server

MIB = 1024**2

ENGINE = """
import json, re, sys
import boto3
from airflow_bucketsync.engine import sync
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.store import S3Store

asked = json.loads(sys.argv[1])

def peak():  # unlike getrusage, this starts anew with the program
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1])

def store(name):
    url, bucket = asked[name]
    if url is None:
        return LocalStore(Location(scheme="file", bucket=bucket), may_be_missing=True)
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test-access",
                          aws_secret_access_key="test-secret", config=client_config(path_style=True))
    return S3Store(Location(scheme="s3", conn_id=name, bucket=bucket), client)

source, destination, workspace = store("source"), store("destination"), store("workspace")
before = peak()
report = sync(source, destination, workspace=workspace, policy=SyncPolicy(**asked["policy"]))
print(json.dumps({"counts": report.counts, "verified": report.verified, "before": before,
                  "peak": peak()}))
"""


@pytest.mark.parametrize("to_local", [False, True])
def test_row_D3_memory_while_streaming(stand: Stand, other: S3Server, to_local: bool) -> None:
    """300 MiB in parts of 8 MiB, 16 at a time, within 64 MiB of buffers."""
    pair = Pair.make("stream_parts", stand, other)
    body = SyntheticBody(300 * MIB, seed=3)
    stand.server.core.put(pair.source, "k", body)
    asked = {
        "source": [stand.server.url, pair.source],
        "destination": [None, str(stand.folder / "out")] if to_local else [other.url, pair.destination],
        "workspace": [None, str(stand.folder / "workspace")],
        "policy": {
            "small_threshold": MIB,
            "part_size": 8 * MIB,
            "buffer_size": 64 * MIB,
            "concurrency": 16,
        },
    }
    child = subprocess.run(
        [sys.executable, "-c", ENGINE, json.dumps(asked)], capture_output=True, text=True, timeout=110
    )
    assert child.returncode == 0, child.stderr
    found = json.loads(child.stdout)
    assert found["verified"]
    assert found["counts"] == {"copied": 1}
    assert found["peak"] < 200 * 1024, found
    assert found["peak"] - found["before"] < 110 * 1024, found
