"""An object of 2 GiB from S3 to OSS: within the buffer that the plan names, and what of the work is hashing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

MIB = 1024**2
GIB = 1024**3

SERVER = """
import base64, json, sys
import awscrt.checksums
import tests.servers.oss.multipart as parts
from tests.servers.core.body import SyntheticBody, body_bytes
from tests.servers.core.model import Checksum
from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server

asked = json.loads(sys.argv[1])
pattern = SyntheticBody(asked["size"], seed=7)

def keep_as_pattern(store, upload, number, body, checksum, etag=None):
    # What arrived is what the source made up: the pattern is kept, and not its bytes.
    start = (number - 1) * asked["part_size"]
    expected = pattern.slice(start, min(start + asked["part_size"], pattern.size))
    if body == body_bytes(expected):
        etag, body = store.etag_of(body), expected
    return store_part(store, upload, number, body, checksum, etag)

store_part, parts.store_part = parts.store_part, keep_as_pattern
with (S3Server if asked["kind"] == "s3" else OSSServer)(buckets=["bucket"], tls=asked["tls"]) as server:
    if asked["kind"] == "s3":
        value = 0
        for chunk in pattern.chunks():
            value = awscrt.checksums.crc64nvme(chunk, value)
        checksum = Checksum("CRC64NVME", base64.b64encode(value.to_bytes(8, "big")).decode())
        server.core.put("bucket", "large", pattern, checksum=checksum)
    print(server.url, server.ca_file or "", flush=True)
    sys.stdin.read()
    found = server.core.find("bucket", "large")
    print(json.dumps({"whole": found.body == pattern, "checksum": found.checksum.value, "parts": len(found.parts)}))
"""

ENGINE = """
import json, re, resource, sys, threading, time
import boto3
import airflow_bucketsync.engine.stores.oss.checksums as oss_checksums
import airflow_bucketsync.engine.steps.assembling as multipart
import airflow_bucketsync.engine.stores.s3.checksums as s3_checksums
from airflow_bucketsync.engine import sync
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.oss.client import make_client
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.store import S3Store

asked = json.loads(sys.argv[1])
hashed, lock = {}, threading.Lock()

def measured(compute):
    def checksum_of(algorithm, body):
        begun = time.thread_time()
        found = compute(algorithm, body)
        seconds = time.thread_time() - begun
        with lock:
            size, total = hashed.get(algorithm, (0, 0.0))
            hashed[algorithm] = size + memoryview(body).nbytes, total + seconds
        return found
    return checksum_of

for module in (oss_checksums, multipart, s3_checksums):
    module.checksum_of = measured(module.checksum_of)

def peak():  # unlike getrusage, this starts anew with the program
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1]) / 1024

def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

client = boto3.client("s3", endpoint_url=asked["s3"], region_name="us-east-1", aws_access_key_id="test-access",
                      aws_secret_access_key="test-secret", config=client_config(path_style=True))
source = S3Store(Location(scheme="s3", conn_id="s3", bucket="bucket"), client)
keys = ("test-access", "test-secret")
destination = OSSStore(Location(scheme="oss", conn_id="oss", bucket="bucket"),
                       make_client(asked["oss"], "bucket", keys, "cn-hangzhou", verify=asked["ca_file"] or True))
workspace = LocalStore(Location(scheme="file", bucket=asked["workspace"]), may_be_missing=True)
for store in (source, destination):
    store.list_page()  # what the libraries load at their first request is not of the object
before, begun = peak(), cpu()
report = sync(source, destination, workspace=workspace, policy=SyncPolicy(**asked["policy"]), check=False)
print(json.dumps({
    "counts": report.counts, "verified": report.verified, "bytes": report.bytes, "seconds": report.seconds,
    "route": str(report.route), "transport": report.route.transport, "buffer": report.route.buffer,
    "requests": report.requests, "before": before, "peak": peak(), "cpu": cpu() - begun, "hashed": hashed,
}))
"""


@contextmanager
def running(kind: str, *, size: int, part_size: int, tls: bool) -> Iterator[subprocess.Popen[str]]:
    """A strict server in a process of its own, with the object or for it."""
    asked = {"kind": kind, "size": size, "part_size": part_size, "tls": tls}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, json.dumps(asked)],
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


def address(server: subprocess.Popen[str]) -> tuple[str, str]:
    """Where it listens, and the file of what is to be trusted there."""
    assert server.stdout is not None
    url, _, ca_file = server.stdout.readline().strip().partition(" ")
    return url, ca_file


def told(found: dict[str, Any]) -> dict[str, Any]:
    """The figures of a run for people."""
    gib = found["bytes"] / GIB
    seconds = sum(seconds for _, seconds in found["hashed"].values())
    return {
        "MiB of memory": round(found["peak"] - found["before"]),
        "MiB of buffer": found["buffer"] // MIB,
        "seconds": round(found["seconds"], 1),
        "CPU seconds per GiB": round(found["cpu"] / gib, 2),
        "of which hashing": round(seconds / found["cpu"], 2),
        "hashed": {
            name: f"{size / found['bytes']:.0f} x at {size / max(seconds, 1e-9) / 1e9:.1f} GB/s"
            for name, (size, seconds) in found["hashed"].items()
        },
    }


@pytest.mark.parametrize(
    ("size", "policy", "growth", "tls"),
    [
        # The least that the default parts fit into, and what is asked for if nothing is: neither grows with the object.
        (160 * MIB, {"part_size": 8 * MIB, "small_threshold": MIB, "buffer_size": 32 * MIB}, 100, False),
        pytest.param(2 * GIB, {}, 200, False, marks=[pytest.mark.soak, pytest.mark.timeout(1200)]),
        pytest.param(2 * GIB, {}, 200, True, marks=[pytest.mark.soak, pytest.mark.timeout(1200)]),
    ],
    ids=["small budget", "http", "https"],
)
def test_row_D3_from_S3_to_OSS_within_the_buffer_of_the_plan(
    tmp_path: Path, size: int, policy: dict[str, int], growth: int, tls: bool
) -> None:
    part_size = policy.get("part_size", 50 * MIB)
    with ExitStack() as stack:
        s3 = stack.enter_context(running("s3", size=size, part_size=part_size, tls=False))
        oss = stack.enter_context(running("oss", size=size, part_size=part_size, tls=tls))
        (s3_url, _), (oss_url, ca_file) = address(s3), address(oss)
        asked = {
            "s3": s3_url,
            "oss": oss_url,
            "ca_file": ca_file,
            "workspace": str(tmp_path / "workspace"),
            "policy": policy,
        }
        child = subprocess.run(
            [sys.executable, "-c", ENGINE, json.dumps(asked)], capture_output=True, text=True, timeout=1000
        )
        assert child.returncode == 0, child.stderr
        found = json.loads(child.stdout)
        at_oss = json.loads(oss.communicate("", timeout=60)[0])
    print(told(found))
    assert found["counts"] == {"copied": 1}
    assert found["verified"]
    assert at_oss["whole"], "the bytes that arrived are those of the source"
    assert at_oss["parts"] == -(-size // part_size)
    assert found["transport"] == "stream"
    assert found["buffer"] == policy.get("buffer_size", 128 * MIB)
    assert f"at most {found['buffer'] / MIB:.1f} MiB of object data" in found["route"]
    assert found["requests"]["destination"]["UploadPart"] == at_oss["parts"], "each part once"
    assert found["peak"] - found["before"] < growth, told(found)
    assert set(found["hashed"]) == {"crc64nvme", "crc64xz"} | (set() if tls else {"md5"})
