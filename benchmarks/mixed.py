"""What is copied in a run of all sizes: objects from 0 bytes to 300 MiB, made up by the server that holds them.

`python -m benchmarks.mixed --port 9000 --objects 50000` serves them; the secret key is in MIXED_SECRET_KEY. Bodies take
no memory: the server knows what stands at each offset. Checksums are those of the content, ETags of more than 1 MiB are
made up.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import random
import secrets
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from awscrt.checksums import crc64nvme

from demo.servers import ROOT, Server
from tests.servers.core.body import SyntheticBody
from tests.servers.core.model import Checksum
from tests.servers.s3 import Credential, S3Server
from tests.system.processes import Process, clean_environment, free_port, wait_until

KIB, MIB = 1024, 1024 * 1024
LARGEST = 300 * MIB
TIERS = (
    (0.01, 10 * MIB, LARGEST),
    (0.07, MIB, 10 * MIB),
    (0.20, 64 * KIB, MIB),
    (0.70, 1, 64 * KIB),
    (0.02, 0, 0),
)
"""Share of the objects, and between which sizes they are: within a tier, each doubling holds as many."""
SOURCE, DESTINATION = "source", "destination"


def sizes(objects: int) -> list[int]:
    """The sizes of so many objects in no order; the same each time, the largest and an empty one among them."""
    numbers = random.Random(3)
    found = [LARGEST, 0]
    for share, low, high in TIERS:
        steps = (numbers.random() for _ in range(round(share * objects)))
        found += [round(low * (high / low) ** step) if low else 0 for step in steps]
    found = [*found[:objects], *(1 for _ in range(objects - len(found)))]
    numbers.shuffle(found)
    return found


def key_of(number: int) -> str:
    """The key of an object."""
    return f"day={number // 500:04}/object-{number:06}"


def fill(server: S3Server, objects: int) -> int:
    """Make both buckets and put the objects into the source; returns their bytes."""
    for bucket in (SOURCE, DESTINATION):
        server.core.create_bucket(bucket)
    total = 0
    for number, size in enumerate(sizes(objects)):
        body, value = SyntheticBody(size, seed=number), 0
        for chunk in body.chunks():
            value = crc64nvme(chunk, value)
        server.core.put(
            SOURCE,
            key_of(number),
            body,
            etag=hashlib.sha256(key_of(number).encode()).hexdigest()[:32] if size > MIB else None,
            metadata={"origin": "benchmark"},
            checksum=Checksum("CRC64NVME", base64.b64encode(value.to_bytes(8, "big")).decode()),
        )
        total += size
    return total


@contextmanager
def running(folder: Path, objects: int) -> Iterator[tuple[Server, Process]]:
    """The server in a process of its own, filled, until the end of the block."""
    server = Server(free_port(), "BENCH" + secrets.token_hex(8).upper(), secrets.token_hex(20))
    options = ["--port", str(server.port), "--access-key", server.access_key, "--objects", str(objects)]
    command = [sys.executable, "-m", "benchmarks.mixed", *options]
    environment = clean_environment(MIXED_SECRET_KEY=server.secret_key)
    process = Process("s3-server", command, env=environment, folder=folder, cwd=ROOT)
    try:
        wait_until(server.answers, what="the filled S3 server", timeout=900, watched=[process])
        yield server, process
    finally:
        process.stop()


def judge(client: Any) -> str:
    """In a few words, whether the destination holds what the source holds, as the store lists them."""
    found = []
    for bucket in (SOURCE, DESTINATION):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        entries = (entry for page in pages for entry in page.get("Contents", ()))
        found.append({item["Key"]: (item["Size"], item["ETag"]) for item in entries})
    here, there = ({key: value for key, value in side.items() if key.startswith("day=")} for side in found)
    # the ETag of an object made of parts is another one
    wrong = [key for key in here.keys() | there.keys() if key not in here or not _equal(here[key], there.get(key))]
    return f"{len(wrong)} objects differ" if wrong else "all"


def _equal(one: tuple[int, str], two: tuple[int, str] | None) -> bool:
    return two is not None and one[0] == two[0] and (one[1] == two[1] or "-" in two[1])


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mixed", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--access-key", required=True)
    parser.add_argument("--objects", type=int, required=True)
    options = parser.parse_args()
    credential = Credential(options.access_key, os.environ["MIXED_SECRET_KEY"])
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    server = S3Server(credentials=[credential], port=options.port, log_limit=0)
    total = fill(server, options.objects)
    with server:
        print(f"ready {server.url} {total} bytes", flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
