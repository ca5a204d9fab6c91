"""The soak: lists of a million objects, their time and their peak memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COUNT = 1_000_000

RUN = """
import json, resource, sys, time
from datetime import UTC, datetime
from airflow_bucketsync.engine import sync
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectAttributes, ObjectDetails, ObjectInfo, Page
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.memory import MemoryStore

folder, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
THEN = datetime(2026, 1, 1, tzinfo=UTC)

def info(number):
    key = f"d{number // 1000:05d}/k{number:09d}"
    return ObjectInfo(key=key, size=12, last_modified=THEN, etag=f"{number:032x}")

def number_of(key):
    return int(key.partition("/k")[2])

class Computed(MemoryStore):
    # Objects that are computed when they are asked for: only the engine's memory is measured.
    def list_page(self, *, after="", until=None, limit=1000):
        self.requests["list_page"] += 1
        if not after.startswith("d"):
            return Page(items=(), next_after=None)
        first, last = number_of(after) + 1, count if until is None else number_of(until) + 1
        items = tuple(info(number) for number in range(first, min(first + limit, last, count)))
        more = first + limit < min(last, count)
        return Page(items=items, next_after=items[-1].key if more else None)

    def head(self, key, *, version_id=None, checksum=True):
        self.requests["head"] += 1
        return ObjectDetails(info=info(number_of(key)), attributes=ObjectAttributes())

source, destination = Computed(Location.parse("memory://source/in/")), Computed(Location.parse("memory://there/out/"))
lists = LocalStore(Location.parse(f"file://{folder}/"))
began, cpu = time.monotonic(), time.process_time()
report = sync(
    source, destination, lists=lists, name="pair",
    workspace=LocalStore(Location.parse(f"file://{folder}/work/"), may_be_missing=True),
    selection=Selection(source_list=f"file://{folder}/{name}"),
    policy=SyncPolicy(),
)
print(json.dumps({
    "counts": dict(report.counts),
    "seconds": round(time.monotonic() - began, 1),
    "cpu_seconds": round(time.process_time() - cpu, 1),
    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    "requests": {side: dict(kinds) for side, kinds in report.requests.items()},
}))
"""

INVENTORY = """
import hashlib, json, os, sys
from arro3.core import Array, DataType, Table
from arro3.io import write_parquet

folder, count, files = sys.argv[1], int(sys.argv[2]), 4
types = {
    "bucket": DataType.string(), "key": DataType.string(), "size": DataType.int64(),
    "last_modified_date": DataType.int64(), "e_tag": DataType.string(), "storage_class": DataType.string(),
}
os.makedirs(f"{folder}/daily/data"), os.makedirs(f"{folder}/daily/t")
entries = []
for part in range(files):
    numbers = range(part, count, files)
    columns = {
        "bucket": ["source"] * len(numbers),
        "key": [f"in/d{number // 1000:05d}/k{number:09d}" for number in numbers],
        "size": [12] * len(numbers),
        "last_modified_date": [1767225600000] * len(numbers),
        "e_tag": [f"{number:032x}" for number in numbers],
        "storage_class": ["STANDARD"] * len(numbers),
    }
    arrays = {name: Array(values, types[name]) for name, values in columns.items()}
    arrays["last_modified_date"] = arrays["last_modified_date"].cast(DataType.timestamp("ms"))
    table = Table.from_pydict(arrays)
    path = f"{folder}/daily/data/{part}.parquet"
    write_parquet(table, path)
    body = open(path, "rb").read()
    entry = {"key": f"x/daily/data/{part}.parquet", "size": len(body)}
    entries.append({**entry, "MD5checksum": hashlib.md5(body).hexdigest()})
manifest = json.dumps({
    "sourceBucket": "source", "fileFormat": "Parquet", "fileSchema": "message s3.inventory {}", "files": entries,
    "creationTimestamp": "1784000000000",
}).encode()
open(f"{folder}/daily/t/manifest.json", "wb").write(manifest)
open(f"{folder}/daily/t/manifest.checksum", "w").write(hashlib.md5(manifest).hexdigest())
"""


def measured(folder: Path, name: str) -> dict[str, Any]:
    """What a run of a list costs, in a process of its own."""
    command = [sys.executable, "-c", RUN, str(folder), name, str(COUNT)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=3500, cwd=Path(__file__).parents[3])
    assert child.returncode == 0, child.stderr
    found: dict[str, Any] = json.loads(child.stdout)
    print(name, found)
    return found


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_row_B8_a_million_lines_of_csv(tmp_path: Path) -> None:
    with (tmp_path / "all.csv").open("w") as kept:
        for number in range(COUNT):
            shuffled = number * 7919 % COUNT
            kept.write(f"source,in/d{shuffled // 1000:05d}/k{shuffled:09d}\n")
    found = measured(tmp_path, "all.csv")
    assert found["counts"] == {"same": COUNT}
    assert found["peak_mib"] <= 300
    assert sum(sum(kinds.values()) for kinds in found["requests"].values()) <= 5 * COUNT // 1000 + 20


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_row_B8_a_million_records_of_an_inventory_in_parquet(tmp_path: Path) -> None:
    made = subprocess.run([sys.executable, "-c", INVENTORY, str(tmp_path), str(COUNT)], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    found = measured(tmp_path, "daily/t/manifest.json")
    assert found["counts"] == {"same": COUNT}
    assert found["peak_mib"] <= 300
    assert "source" not in found["requests"] or not found["requests"]["source"].get("list_page")
