"""One large object by many tasks of a real Airflow with two slots, while these are killed, cleared and paused.

1 GiB from S3 to OSS in 128 parts of 8 MiB, in 4 part groups. The destination answers each part after a second, so that
there is time to kill in.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from airflow_bucketsync.engine.model.units import MIB
from tests.servers.core.body import SyntheticBody
from tests.servers.web.faults import Fault
from tests.system.airflow import Run
from tests.system.large import PARTS, assert_right, put_synthetic
from tests.system.processes import kill_processes, wait_until
from tests.system.world import DAGS, World, states, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

PART, GROUP, SIZE = 8 * MIB, 256 * MIB, 1024 * MIB
IN_GROUP = GROUP // PART
AT_ONCE = 2
BODY = SyntheticBody(SIZE, seed=5)
SLOW = Fault("delay", operation="UploadPart", where="request", seconds=1.0)
SETTINGS = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS": (
        "verify, small_threshold, large_threshold, part_size, group_bytes, concurrency, requests_per_second"
    ),
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    dags = tmp_path_factory.mktemp("dags")
    shutil.copy(DAGS / "bucket_sync.py", dags)
    with world(tmp_path_factory.mktemp("large"), postgres=True, dags=dags, slots=2, **SETTINGS) as made:
        put_synthetic(made, "large/huge", BODY)
        made.server.core.put("source", "large/small", b"small")
        yield made


def begun(here: World, destination: str, **options: Any) -> Run:
    """A run that has begun."""
    conf = {
        "source": "s3://store@source/large/",
        "destination": destination,
        "small_threshold": "8 MiB",
        "large_threshold": "64 MiB",
        "part_size": "8 MiB",
        "group_bytes": "256 MiB",
        "concurrency": AT_ONCE,
        **options,
    }
    return here.airflow.running("bucket_sync", here.airflow.trigger("bucket_sync", conf))


def group_of(part: int) -> int:
    """The group of a part."""
    return (part - 1) // IN_GROUP


def test_rows_D6_D7_D21_killed_cleared_and_paused(here: World) -> None:
    """Faults F59 and F60: every part but those in flight is sent once, and the object is right."""
    index, started = here.oss.log.last_index, time.monotonic()

    def sent() -> Counter[int]:
        entries = here.oss.log.since(index)
        return Counter(
            int(entry.query["partNumber"])
            for entry in entries
            if (entry.operation, entry.status) == ("UploadPart", 200)
        )

    def recorded(group: int) -> Any:
        return (run.progress(PARTS, group, "bucketsync_progress") or {}).get("segments")

    slow = here.oss.faults.add(SLOW)
    try:
        run = begun(here, "oss://ali@destination/large/")
        for group in (0, 1):
            wait_until(lambda n=group: recorded(n), what=f"progress of group {group}", timeout=120)
        killed, paused = (here.airflow.task_process(run.instance(PARTS, group)) for group in (0, 1))
        supervisor = paused.parent()
        assert supervisor is not None
        for process in (paused, supervisor):
            process.send_signal(signal.SIGSTOP)
        kill_processes([killed])
        try:
            wait_until(lambda: run.instance(PARTS, 1)["state"] != "running", what="a retry", timeout=120)
            wait_until(lambda: run.instance(PARTS, 1)["state"] == "running", what="a retry", timeout=120)
        finally:
            for process in (paused, supervisor):
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGCONT)
        wait_until(lambda: run.instance(PARTS, 2)["state"] == "success", what="group 2", timeout=240)
        run.clear((PARTS, 2), downstream=False)
    finally:
        here.oss.faults.remove(slow)
    run = here.airflow.wait("bucket_sync", run.run_id, timeout=300)
    assert run.state == "success", (states(run), run.log("bucket_sync.report"))
    report = run.xcom("bucket_sync.report")
    assert report["counts"] == {"copied": 2}
    assert report["verified"]
    counts = sent()
    again = dict.fromkeys(range(4), 0)
    for part, count in counts.items():
        again[group_of(part)] += count - 1
    tries = {item["map_index"]: item["try_number"] for item in run.instances if item["task_id"] == PARTS}
    print(
        f"\n1 GiB in {len(counts)} parts by 4 groups, green after {time.monotonic() - started:.0f} s; tries {tries}; "
        f"parts sent again per group {again}, {sum(again.values()) * PART // MIB} MiB of 1024 MiB"
    )
    assert sorted(counts) == list(range(1, SIZE // PART + 1))
    assert tries == {0: 2, 1: 2, 2: 2, 3: 1}
    assert again[0] <= AT_ONCE, "more was sent again than was in flight when the task was killed"
    assert again[2] == again[3] == 0, "a cleared group sent again what had arrived"
    assert again[1] < IN_GROUP // 2, "a try that was thought dead went on for long"
    assert_right(here, "oss", "large/huge", BODY)


def test_row_I5_progress_is_told_and_never_falls(here: World) -> None:
    """In the log and in the task state: parts, bytes, share, rate, time left."""
    slow = here.oss.faults.add(SLOW)
    try:
        run = begun(here, "oss://ali@destination/told/")
        seen: list[dict[str, Any]] = []
        end = time.monotonic() + 120
        while time.monotonic() < end and run.instance(PARTS, 0).get("state") != "success":
            value = run.progress(PARTS, 0, "bucketsync_progress")
            if value and value["progress"] not in seen:
                seen.append(value["progress"])
            time.sleep(0.5)
    finally:
        here.oss.faults.remove(slow)
    run = here.airflow.wait("bucket_sync", run.run_id, timeout=300)
    assert run.state == "success", (states(run), run.log("bucket_sync.report"))
    assert len(seen) >= 3
    assert all(one["share"] <= two["share"] for one, two in pairwise(seen))
    assert all(one["parts"][0] <= two["parts"][0] for one, two in pairwise(seen))
    assert {tuple(value["parts"])[1] for value in seen} == {IN_GROUP}
    assert any(value["rate"] > 0 and value["seconds_left"] for value in seen)
    log = run.log(PARTS, map_index=0)
    assert f"of {IN_GROUP} parts" in log, log
    assert_right(here, "oss", "told/huge", BODY)


def test_row_D13_requests_are_limited_over_all_tasks(here: World) -> None:
    """Two part groups at once keep within the limit of their pair."""
    index = here.oss.log.last_index
    run = begun(here, "oss://ali@destination/paced/", requests_per_second=4, concurrency=8)
    run = here.airflow.wait("bucket_sync", run.run_id, timeout=300)
    assert run.state == "success", (states(run), run.log("bucket_sync.report"))
    times = sorted(entry.time for entry in here.oss.log.since(index) if entry.operation == "UploadPart")
    most = max(sum(1 for other in times if 0 <= other - time_of < 10) for time_of in times)
    print(f"\n{len(times)} parts in {times[-1] - times[0]:.0f} s, at most {most} in 10 s")
    assert most <= 4 * 10 * 1.25
    assert_right(here, "oss", "paced/huge", BODY)


def test_row_D15_marked_failed_and_run_again(here: World, tmp_path: Path) -> None:
    """Marked failed while it sends: no upload id is forgotten, and the next run sends the rest."""
    index = here.oss.log.last_index
    slow = here.oss.faults.add(SLOW)
    try:
        run = begun(here, "oss://ali@destination/marked/")
        wait_until(lambda: run.progress(PARTS, 0, "bucketsync_progress"), what="progress", timeout=120)
        time.sleep(2)
        here.airflow.patch(f"/api/v2/dags/bucket_sync/dagRuns/{run.run_id}", {"state": "failed"})
        time.sleep(8)  # SIGTERM, and 5 s later SIGKILL
    finally:
        here.oss.faults.remove(slow)
    before = here.oss.log.last_index
    (upload,) = here.oss.core.uploads("destination")
    arrived = len(upload.parts)
    assert arrived
    run = here.airflow.wait("bucket_sync", begun(here, "oss://ali@destination/marked/").run_id, timeout=300)
    assert run.state == "success", (states(run), run.log("bucket_sync.report"))
    later = [entry for entry in here.oss.log.since(before) if entry.operation == "UploadPart"]
    begins = [entry for entry in here.oss.log.since(index) if entry.operation == "InitiateMultipartUpload"]
    print(f"\n{arrived} of {SIZE // PART} parts arrived before the run was marked failed, {len(later)} after")
    assert len(begins) == 1, "the upload was begun anew"
    assert len(later) == SIZE // PART - arrived
    assert_right(here, "oss", "marked/huge", BODY)
