"""What is done again when processes die, and is it right in the end? In a real Airflow on PostgreSQL.

The store answers each copy after a second, so that there is time to kill in. A batch keeps its progress every 5 s:
what is recorded there is not even looked at again, what was done since is recognised at the destination by a HEAD.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.system.airflow import Run
from tests.system.processes import kill_processes, wait_until
from tests.system.world import DAGS, World, states, unpacked, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

COPY = "bucket_sync.copy"
SLOW = {"operation": "CopyObject", "bucket": "destination", "where": "request", "seconds": 1.0}
AT_ONCE = 2
"""Copies in flight per batch; with the second each takes, a batch of 24 lasts 12 s and is recorded twice."""
TIMEOUT = "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"
DENIED = {"status": 403, "code": "AccessDenied", "message": "no"}
SETTINGS = {
    TIMEOUT: "300",
    # How fast the scheduler learns that somebody is gone; by default 10 s, 300 s and 30 s.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS": "dry_run, verify, compare, batch_objects, concurrency",
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    dags = tmp_path_factory.mktemp("dags")
    for path in (DAGS / "bucket_sync.py", Path(__file__).parent / "dags" / "gated.py"):
        shutil.copy(path, dags)
    with world(tmp_path_factory.mktemp("kills"), postgres=True, dags=dags, slots=6, **SETTINGS) as made:
        yield made


def notice(here: World, *, after: int) -> None:
    """Have the scheduler take a task for gone when it has not beaten for so many seconds; 300 is Airflow's default."""
    if here.airflow.env[TIMEOUT] != str(after):
        here.airflow.env[TIMEOUT] = str(after)
        here.airflow.restart("scheduler")


@dataclass
class Case:
    """A run that goes on, with what its batches hold and what was recorded of them when something was killed."""

    here: World
    name: str
    run: Run
    index: int
    began: float
    recorded: dict[int, set[str]] = field(default_factory=dict)

    def progress(self, number: int) -> dict[str, Any]:
        """What a batch keeps in the task state store."""
        return self.run.progress(COPY, number, "bucketsync_progress") or {}

    def _segments(self, number: int) -> Any:
        return self.progress(number).get("segments")

    def page(self, name: str) -> list[dict[str, Any]]:
        """The lines of a page of the run."""
        folder = self.run.xcom("bucket_sync.prepare", "summary")["folder"]
        key = f"pages/{folder}{name}"
        lines = unpacked(key, self.here.server.core.body("workspace", key)).splitlines()
        return [json.loads(line) for line in lines[1:]]

    def keys(self, number: int) -> set[str]:
        """The keys of a batch."""
        return {line["source"]["key"] for line in self.page(f"plan/batch-{number:04d}.jsonl.zst")}

    def record(self, *numbers: int) -> None:
        """Wait until each batch kept some of what it did, and more was done since; note what was kept."""
        for number in numbers:
            wait_until(
                lambda n=number: self.progress(n).get("segments"), what=f"progress of batch {number}", timeout=120
            )
        time.sleep(1.5)
        for number in numbers:
            segments = self.progress(number)["segments"]
            found = [line["key"] for segment in segments for line in self.page(segment["name"])]
            self.recorded[number] = set(found)
            assert found, f"batch {number} recorded nothing"
            assert self.recorded[number] < self.keys(number), f"batch {number} was done before it could be killed"

    def process(self, number: int) -> psutil.Process:
        """The process that copies a batch."""
        return self.here.airflow.task_process(self.run.instance(COPY, number))

    def requests(self, operation: str, status: int | None = None) -> Counter[str]:
        """How often the destination was asked so of each object (and answered so) since the run began."""
        return Counter(
            entry.key.removeprefix(f"{self.name}/")
            for entry in self.here.server.log.since(self.index)
            if (entry.operation, entry.bucket) == (operation, "destination") and status in (None, entry.status)
            if "/_bucketsync/" not in entry.key  # the lock
        )

    def copies(self, status: int | None = None) -> Counter[str]:
        """How often a copy of each key was asked for (and answered so) since the run began."""
        return self.requests("CopyObject", status)

    def looked_at_again(self) -> set[str]:
        """The keys that a retry looked at: more often than those that were done once."""
        looks = self.requests("HeadObject")
        return {key for key, count in looks.items() if count > min(looks.values())}

    def ended(self, *, timeout: float = 240.0) -> Run:
        """The run, as soon as it ended."""
        return self.here.airflow.wait(self.run.dag_id, self.run.run_id, timeout=timeout)

    def told(self, what: str, run: Run) -> None:
        """Say what was seen, for the one who runs this with -s."""
        asked = self.copies()
        tries = {item["map_index"]: item["try_number"] for item in run.instances if item["task_id"] == COPY}
        print(
            f"\n{what}: {run.state} after {time.monotonic() - self.began:.0f} s, tries {tries}, recorded "
            f"{ {n: len(keys) for n, keys in self.recorded.items()} }, objects {len(asked)}, looked at again "
            f"{len(self.looked_at_again())}, copies asked {sum(asked.values())}, done {self.copies(200).total()}"
        )

    def assert_right(self, run: Run, objects: dict[str, str]) -> None:
        """Green, equal, and no object written twice or asked again after it was recorded."""
        assert run.state == "success", (states(run), run.log("bucket_sync.report"))
        assert self.here.keys("destination", f"{self.name}/") == {key: body.encode() for key, body in objects.items()}
        report = run.xcom("bucket_sync.report")
        assert report["counts"] == {"copied": len(objects)}
        assert report["verified"]
        asked, written = self.copies(), self.copies(200)
        again = {key for key, count in asked.items() if count > 1} | self.looked_at_again()
        assert not again & set().union(*self.recorded.values()), "what was recorded was done again"
        assert set(written) == set(objects)
        assert set(written.values()) == {1}, "an object was written twice"


Start = Callable[[str, int], Case]


@pytest.fixture
def start(here: World) -> Iterator[Callable[..., Case]]:
    """Starts a slow run of as many batches of 24 objects as asked."""
    with contextlib.ExitStack() as stack:

        def begun(name: str, objects: dict[str, str], batch_objects: int = 24) -> Case:
            here.put({f"{name}/{key}": body for key, body in objects.items()})
            stack.enter_context(here.fault("delay", **SLOW))
            conf = {
                "source": f"s3://store@source/{name}/",
                "destination": f"s3://store@destination/{name}/",
                "batch_objects": batch_objects,
                "concurrency": AT_ONCE,
            }
            index, began = here.server.log.last_index, time.monotonic()
            run_id = here.airflow.trigger("bucket_sync", conf)
            return Case(here, name, here.airflow.running("bucket_sync", run_id), index, began)

        yield begun


def many(batches: int) -> dict[str, str]:
    """Objects for so many batches."""
    return {f"{n:03d}": f"body {n}" for n in range(24 * batches)}


def test_fault_F62_api_server_away_for_a_minute(here: World, start: Callable[..., Case]) -> None:
    """Tasks can neither beat nor keep their progress: they end by themselves, and tries outlast the outage."""
    objects = many(2)
    notice(here, after=300)
    case = start("api", objects)
    case.record(0, 1)
    processes = [case.process(number) for number in (0, 1)]
    away = time.monotonic()
    here.airflow.process("api-server").kill_all()
    ended: list[float] = []
    while time.monotonic() - away < 60:
        ended += [time.monotonic() - away for process in processes if not process.is_running()]
        processes = [process for process in processes if process.is_running()]
        time.sleep(0.5)
    here.airflow.restart("api-server")
    print(f"\nAPI server back after {time.monotonic() - away:.0f} s, processes of batches ended after {ended}")
    run = case.ended()
    case.told("API server away", run)
    case.assert_right(run, objects)


def test_faults_F59_F60_F61_processes_of_batches_are_killed_and_paused(here: World, start: Callable[..., Case]) -> None:
    """G2, G3: the process of a batch, the supervisor of another; both of a third wake when its retry runs."""
    objects = many(4)
    notice(here, after=15)
    case = start("killed", objects)
    case.record(0, 1, 2)
    task, supervised, paused = (case.process(number) for number in (0, 1, 2))
    untouched = case.keys(3)
    kill_processes([task])
    supervisor = supervised.parent()
    assert supervisor is not None
    supervisor.kill()
    other = paused.parent()
    assert other is not None
    for process in (paused, other):
        process.send_signal(signal.SIGSTOP)
    try:
        orphan = time.monotonic()
        with contextlib.suppress(psutil.NoSuchProcess):
            supervised.wait(60)
        print(f"\nthe orphan of a killed supervisor lived {time.monotonic() - orphan:.1f} s")
        wait_until(lambda: case.run.instance(COPY, 2)["state"] != "running", what="a retry", timeout=120)
        wait_until(lambda: case.run.instance(COPY, 2)["state"] == "running", what="a retry", timeout=120)
    finally:
        for process in (paused, other):
            process.send_signal(signal.SIGCONT)
    run = case.ended()
    case.told("killed and paused", run)
    case.assert_right(run, objects)
    assert not case.looked_at_again() & untouched
    tries = {item["map_index"]: item["try_number"] for item in run.instances if item["task_id"] == COPY}
    assert tries == {0: 2, 1: 2, 2: 2, 3: 1}


def test_faults_F58_F62_scheduler_killed_and_progress_expired(here: World, start: Callable[..., Case]) -> None:
    """The whole machine of scheduler and workers is gone; of one batch the progress too, so that it compares anew."""
    objects = many(2)
    case = start("scheduler", objects)
    case.record(0, 1)
    here.airflow.process("scheduler").kill_all()
    case.run.expire_progress(COPY, 1)
    assert case.progress(1) == {}
    done = Counter(case.copies(200))
    case.recorded[1] = set()
    here.airflow.restart("scheduler")
    run = case.ended()
    case.told(f"scheduler killed, {sum(done.values())} done before", run)
    case.assert_right(run, objects)


def test_row_G10_cleared_after_the_plan_was_made_anew(here: World) -> None:
    """F63: what a batch recorded for another plan counts for nothing, and a report needs every batch of its own."""
    objects = {f"{n}": f"body {n}" for n in range(6)}
    here.put({f"clear/{key}": body for key, body in objects.items()})
    conf = {"source": "s3://store@source/clear/", "destination": "s3://store@destination/clear/", "batch_objects": 3}
    with here.fault("status", operation="PutObject", key_regex="/result/0001-", bucket="workspace", **DENIED):
        run = here.airflow.run("bucket_sync", conf)
    case = Case(here, "clear", run, here.server.log.last_index, time.monotonic())
    assert run.state == "failed"
    assert case.progress(1)["progress"]["objects"] == [3, 3], "batch 1 did its work and could not hand it over"
    batches = case.keys(0), case.keys(1)

    # Every object changes, so that the new batches hold the keys of the old ones.
    changed = {key: f"changed {key}" for key in objects}
    here.put({f"clear/{key}": body for key, body in changed.items()})
    run.clear("bucket_sync.plan", downstream=False)
    case.ended()
    assert not case.copies()
    assert (case.keys(0), case.keys(1)) == batches

    # One batch is cleared: what it recorded is of another plan, and so is the result of the batch beside it.
    run.clear((COPY, 1))
    run = case.ended()
    assert set(case.copies()) == batches[1]
    assert run.state == "failed", states(run)
    assert run.xcom("bucket_sync.report", "summary")["incomplete"] == ["copy 0"]
    half = objects | {key: changed[key] for key in batches[1]}
    assert here.keys("destination", "clear/") == {key: body.encode() for key, body in half.items()}

    # The other one is cleared, for the same plan: only its work is done.
    run.clear((COPY, 0))
    run = case.ended()
    case.told("cleared", run)
    assert run.state == "success", (states(run), run.xcom("bucket_sync.report", "summary"))
    assert case.copies() == case.copies(200) == Counter(objects.keys())
    assert run.xcom("bucket_sync.report")["counts"] == {"copied": 6}
    assert here.keys("destination", "clear/") == {key: body.encode() for key, body in changed.items()}
    tries = {item["map_index"]: item["try_number"] for item in run.instances if item["task_id"] == COPY}
    assert tries == {0: 2, 1: 2}


def test_fault_F67_what_the_plan_handed_over_is_wiped(here: World) -> None:
    """Before the copies read it, and before the report does: red both times, and `plan` cleared makes it right."""
    objects = {f"{n}": f"body {n}" for n in range(6)}
    here.put({f"gated/{key}": body for key, body in objects.items()})
    here.airflow.post("/api/v2/pools", {"name": "gate", "slots": 0})
    began = time.monotonic()
    run = here.airflow.running("gated", here.airflow.trigger("gated"))
    wait_until(lambda: run.instance(COPY, 0).get("state") == "scheduled", what="waiting copies", timeout=120)
    assert run.wipe_xcoms("bucket_sync.plan") >= 2
    here.airflow.patch("/api/v2/pools/gate?update_mask=slots", {"name": "gate", "slots": 4, "include_deferred": False})
    run = here.airflow.wait("gated", run.run_id, timeout=240)
    assert run.state == "failed"
    assert states(run)["copy"] == "failed"
    assert here.keys("destination", "gated/") == {}
    summary = run.xcom("bucket_sync.report", "summary")
    print(f"\nwiped before copy: red after {time.monotonic() - began:.0f} s: {summary['incomplete']}")
    assert not summary["green"]
    assert run.run_id not in {event["source_run_id"] for event in here.airflow.asset_events()}

    began = time.monotonic()
    with here.fault("delay", operation="HeadObject", bucket="destination", where="request", seconds=3.0) as slow:
        run.clear("bucket_sync.plan")
        verify = "bucket_sync.verify"
        wait_until(lambda: run.instance(verify, 0).get("state") == "running", what="verify", timeout=120)
        seen = slow.occurred
        wait_until(lambda: slow.occurred > seen, what="verify at work", timeout=60, pause=0.05)
        assert run.wipe_xcoms("bucket_sync.plan") >= 2
        run = here.airflow.wait("gated", run.run_id, timeout=240)
    assert run.state == "failed"
    assert here.keys("destination", "gated/") == {key: body.encode() for key, body in objects.items()}
    incomplete = run.xcom("bucket_sync.report", "summary")["incomplete"]
    print(f"\nwiped before report: red after {time.monotonic() - began:.0f} s: {incomplete}")
    assert incomplete == ["bucket_sync.plan (what it handed over was removed)"]
    assert run.run_id not in {event["source_run_id"] for event in here.airflow.asset_events()}

    run.clear("bucket_sync.plan")
    run = here.airflow.wait("gated", run.run_id, timeout=240)
    assert run.state == "success"
    assert run.xcom("bucket_sync.report")["counts"] == {"same": 6}
