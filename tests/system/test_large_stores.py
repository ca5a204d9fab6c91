"""Part groups in a real Airflow: between which stores, in whose pool, and within which memory."""

from __future__ import annotations

import os
import random
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from airflow_bucketsync.engine.model.units import MIB
from tests.servers.core.body import SyntheticBody, body_bytes
from tests.servers.web.faults import Fault
from tests.servers.web.log import Entry
from tests.system.airflow import Run
from tests.system.large import PARTS, assert_nothing_noted, assert_right, put_synthetic
from tests.system.processes import wait_until
from tests.system.world import DAGS, World, states, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

SIZE, PART = 23 * MIB, 5 * MIB
RANGES = [f"bytes={start}-{min(start + PART, SIZE) - 1}" for start in range(0, SIZE, PART)]
GROUPS = 3
PAIRS = (("s3", "file"), ("file", "s3"), ("s3", "s3"), ("oss", "s3"), ("oss", "oss"), ("file", "oss"))
SMALL = {"small_threshold": "5 MiB", "large_threshold": "5 MiB", "part_size": "5 MiB", "group_bytes": "10 MiB"}
HUGE = SyntheticBody(1024 * MIB, seed=6)
AT_ONCE = 8
BUFFER = {
    "small_threshold": "16 MiB",
    "large_threshold": "64 MiB",
    "part_size": "16 MiB",
    "concurrency": AT_ONCE,
    "buffer_size": "128 MiB",
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    dags = tmp_path_factory.mktemp("dags")
    own = Path(__file__).parent / "dags"
    for path in (DAGS / "bucket_sync.py", own / "wide.py", own / "idle.py"):
        shutil.copy(path, dags)
    options = ", ".join({**SMALL, **BUFFER})
    env = {"AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS": f"verify, {options}"}
    with world(tmp_path_factory.mktemp("stores"), postgres=True, dags=dags, slots=4, **env) as made:
        yield made


def place(here: World, kind: str, name: str, side: str) -> str:
    """The location of one side."""
    if kind == "file":
        return f"file://{here.folder}/data/{name}-{side}/"
    return f"{kind}://{'store' if kind == 's3' else 'ali'}@{side}/{name}/"


def seed(here: World, kind: str, name: str, body: bytes) -> None:
    """One object at the source."""
    if kind == "file":
        path = here.folder / "data" / f"{name}-source" / "in parts"
        path.parent.mkdir(parents=True)
        path.write_bytes(body)
    else:
        (here.server if kind == "s3" else here.oss).core.put("source", f"{name}/in parts", body)


def arrived(here: World, kind: str, name: str) -> dict[str, bytes]:
    """All that stands at the destination, read behind the product's back; open uploads and leftovers too."""
    if kind == "file":
        root = here.folder / "data" / f"{name}-destination"
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    core = (here.server if kind == "s3" else here.oss).core
    assert core.uploads("destination") == []
    return {key: body_bytes(body) for key, body in core.contents("destination", f"{name}/").items()}


def logged(here: World, before: dict[str, int], bucket: str) -> list[Entry]:
    """The requests to a bucket of either server since then."""
    entries = [*here.server.log.since(before["s3"]), *here.oss.log.since(before["oss"])]
    return [entry for entry in entries if entry.bucket == bucket]


@pytest.mark.parametrize(("source", "destination"), PAIRS)
def test_rows_C2_C6_D7_parts_by_many_tasks_between_stores(here: World, source: str, destination: str) -> None:
    """Each part is read once and written once; what a store can copy by itself passes no worker."""
    name = f"{source}-{destination}"
    body = random.Random(name).randbytes(SIZE)
    seed(here, source, name, body)
    before = {"s3": here.server.log.last_index, "oss": here.oss.log.last_index}
    ends = place(here, source, name, "source"), place(here, destination, name, "destination")
    run = here.sync(*ends, timeout=300, **SMALL)
    assert run.state == "success", (states(run), run.log("bucket_sync.report"))
    report = run.xcom("bucket_sync.report")
    assert (report["counts"], report["verified"]) == ({"copied": 1}, True)
    key = "in parts" if destination == "file" else f"{name}/in parts"
    assert arrived(here, destination, name) == {key: body}
    assert_nothing_noted(here)

    groups = [item for item in run.instances if item["task_id"] == PARTS]
    assert {item["map_index"]: (item["state"], item["try_number"]) for item in groups} == dict.fromkeys(
        range(GROUPS), ("success", 1)
    )
    by_itself = source == destination
    read = [entry for entry in logged(here, before, "source") if entry.operation == "GetObject"]
    written = [entry for entry in logged(here, before, "destination") if entry.operation.startswith("UploadPart")]
    if by_itself or source == "file":
        assert read == []
    else:
        assert sorted(entry.headers["range"] for entry in read) == sorted(RANGES)
    if destination != "file":
        assert {entry.operation for entry in written} == {"UploadPartCopy" if by_itself else "UploadPart"}
        assert sorted(int(entry.query["partNumber"]) for entry in written) == list(range(1, len(RANGES) + 1))
    if by_itself:
        assert sum(entry.bytes_in for entry in written) == 0


def test_row_D19_parts_have_a_pool_of_their_own(here: World) -> None:
    """Two slots of three a task: one part group at a time, although four tasks could run."""
    for pool, slots in (("parts", 3), ("transfers", 4)):
        here.airflow.post("/api/v2/pools", {"name": pool, "slots": slots})
    body = random.Random(19).randbytes(2 * PART + 1)
    here.server.core.put("source", "wide/large", body)
    here.server.core.put("source", "wide/small", b"small")
    slow = here.server.faults.add(Fault("delay", operation="UploadPartCopy", where="request", seconds=3.0))
    try:
        run = here.airflow.run("wide", timeout=300)
    finally:
        here.server.faults.remove(slow)
    assert run.state == "success", (states(run), run.log("bucket_sync.report"))
    assert slow.occurred == 3
    fields = ("pool", "pool_slots", "queue", "priority_weight")
    found = {item["task_id"].partition(".")[2]: tuple(item[name] for name in fields) for item in run.instances}
    usual = found["prepare"][2]
    assert usual != "large"
    own = ("parts", 2, "large", 7)
    assert found["upload_parts"] == own
    assert found["report"] == ("default_pool", 1, usual, 3)
    for task_id, (pool, slots, queue, _) in found.items():
        if task_id != "upload_parts":
            expected = "transfers" if task_id in ("copy", "verify") else "default_pool"
            assert (pool, slots, queue) == (expected, 1, usual), task_id
    groups = [item for item in run.instances if item["task_id"] == PARTS]
    assert [tuple(item[name] for name in fields) for item in groups] == [own] * 3
    times = sorted((item["start_date"], item["end_date"]) for item in groups)
    print(f"\n{found}\npart groups ran {times}")
    assert all(one[1] <= two[0] for one, two in pairwise(times)), "two groups at once"
    assert here.server.core.body("destination", "wide/large") == body


def memory_of(process: psutil.Process) -> tuple[int, int] | None:
    """The highest resident set so far, and what is its own alone now, in bytes; None = it has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    except OSError:
        return None
    highest = re.search(r"VmHWM:\s+(\d+) kB", status)
    private = re.findall(r"Private_(?:Clean|Dirty):\s+(\d+) kB", rollup)
    return (int(highest[1]) * 1024, sum(map(int, private)) * 1024) if highest and private else None


def peaks(here: World, run: Run, task_id: str, map_index: int = -1) -> tuple[int, int]:
    """The peaks of both figures over the life of a task's process, looked at from outside."""
    wait_until(lambda: run.instance(task_id, map_index).get("state") == "running", what=task_id, timeout=120)
    process = here.airflow.task_process(run.instance(task_id, map_index))
    assert process.pid != os.getpid()
    found: list[tuple[int, int]] = []
    while (memory := memory_of(process)) is not None:
        found.append(memory)
        time.sleep(0.1)
    return max(one for one, _ in found), max(two for _, two in found)


def at_once(entries: Sequence[Entry], key: str) -> int:
    """Parts that were in the hands of a task at once: from the first byte read to the answer for its last one."""
    begun: dict[int, float] = {}
    ended: dict[int, float] = {}
    for entry in entries:
        if entry.operation == "GetObject" and entry.key.endswith(key):
            number = int(entry.headers["range"].removeprefix("bytes=").partition("-")[0]) // (16 * MIB) + 1
            begun[number] = entry.time
        elif entry.operation == "UploadPart":
            ended[int(entry.query["partNumber"])] = entry.time + entry.seconds
    assert sorted(begun) == sorted(ended) == list(range(1, HUGE.size // (16 * MIB) + 1))
    return max(sum(1 for other in begun if begun[other] <= time_of < ended[other]) for time_of in begun.values())


def test_row_D3_eight_parts_of_16_MiB_in_flight_within_their_memory(here: World) -> None:
    """1 GiB streamed by one task, beside what a task of Airflow takes that does nothing; then copied by the store."""
    put_synthetic(here, "memory/huge", HUGE)
    idle = peaks(here, here.airflow.running("idle", here.airflow.trigger("idle")), "wait")

    def synced(destination: str) -> tuple[int, int]:
        conf: dict[str, Any] = {"source": "s3://store@source/memory/", "destination": destination, **BUFFER}
        run = here.airflow.running("bucket_sync", here.airflow.trigger("bucket_sync", conf))
        memory = peaks(here, run, PARTS, 0)
        run = here.airflow.wait("bucket_sync", run.run_id, timeout=300)
        assert run.state == "success", (states(run), run.log("bucket_sync.report"))
        assert run.xcom("bucket_sync.report")["verified"]
        return memory

    before = {"s3": here.server.log.last_index, "oss": here.oss.log.last_index}
    slow = here.oss.faults.add(Fault("delay", operation="UploadPart", where="request", seconds=1.0))
    try:
        streamed = synced("oss://ali@destination/memory/")
    finally:
        here.oss.faults.remove(slow)
    entries = [*logged(here, before, "source"), *logged(here, before, "destination")]
    in_flight = at_once(entries, "memory/huge")
    assert_right(here, "oss", "memory/huge", HUGE)
    here.oss.core.delete("destination", "memory/huge")

    before = {"s3": here.server.log.last_index, "oss": here.oss.log.last_index}
    copied = synced("s3://store@destination/memory/")
    assert_right(here, "s3", "memory/huge", HUGE)
    moved = [entry for entry in logged(here, before, "source") if entry.operation == "GetObject"]
    told = {"idle": idle, "streamed": streamed, "copied by the store": copied}
    words = [f"{name} {top / MIB:.0f} MiB (its own {own / MIB:.0f})" for name, (top, own) in told.items()]
    print(f"\npeak resident set of a task's process: {', '.join(words)}; {in_flight} parts at once")
    assert in_flight == AT_ONCE
    assert streamed[0] - idle[0] < 250 * MIB
    assert streamed[1] < 250 * MIB
    assert moved == []
