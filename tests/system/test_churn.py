"""Does a pair keep up with a writer that never rests, and miss nothing, whatever the clocks say? (SQLite)

Ten runs by schedule, one after the other, from a strict S3 server to a strict OSS server, while a writer adds, changes
and deletes objects; the run after the last write makes the destination equal to the source.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Self

import pytest

from tests.servers.core.store import ObjectStore
from tests.system.airflow import Run
from tests.system.processes import wait_until
from tests.system.world import World, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]

RUNS = 10
DAG = """
from datetime import UTC, datetime

from airflow.sdk import DAG

from airflow_bucketsync import bucket_sync

with DAG(
    "churn",
    schedule="@continuous",  # a run begins when the one before it has ended
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
) as dag:
    bucket_sync("s3://store@source/churn/", "oss://ali@destination/churn/", name="churn", mode="auto")
"""


class Writer(threading.Thread):
    """Adds, changes and deletes objects of a bucket until it is told to stop; its clock is not to be trusted.

    :param pause: seconds between two changes
    """

    def __init__(self, store: ObjectStore, *, seed: int, pause: float) -> None:
        super().__init__(daemon=True)
        self._store, self._random, self._pause = store, random.Random(seed), pause
        self._stopped = threading.Event()
        self.ever: set[str] = set()
        self.changed_at: dict[str, float] = {}
        self.changes = {"added": 0, "changed": 0, "touched": 0, "deleted": 0}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self) -> None:
        """Change something, again and again."""
        while not self._stopped.wait(self._pause):
            self.change()

    def stop(self) -> float:
        """Change nothing more; returns when that was."""
        self._stopped.set()
        self.join()
        return time.time()

    def change(self) -> None:
        """One change: objects come (some where one was before), get other bytes (some of the same length, with the
        time they had), are written again as they are, or go."""
        there = self._store.keys("source")
        verb = self._random.choices(list(self.changes), (5, 4, 1, 2) if there else (1, 0, 0, 0))[0]
        if verb == "added":
            gone = sorted(self.ever - set(there))
            old = gone and self._random.random() < 0.3
            key = self._random.choice(gone) if old else f"churn/{self._random.randrange(16):x}/{len(self.ever):05d}"
            self._put(key, self._random.randbytes(self._random.randrange(3000)))
        elif verb == "changed":
            found = self._store.find("source", self._random.choice(there))
            size = found.size if self._random.random() < 0.5 else self._random.randrange(3000)
            self._put(found.key, self._random.randbytes(size), kept=found.modified)
        elif verb == "touched":
            key = self._random.choice(there)
            self._put(key, self._store.body("source", key))
        else:
            self._gone(self._random.choice(there))
        self.changes[verb] += 1

    def _put(self, key: str, body: bytes, *, kept: float | None = None) -> None:
        now = self._store.now()
        times = [now, now - 7200, now + 7200, 1_000_000_000.0 + self._random.randrange(9), kept or now]
        with self._store.lock:
            self._store.put("source", key, body, modified=self._random.choice(times))
            self.changed_at[key] = time.time()
        self.ever.add(key)

    def _gone(self, key: str) -> None:
        with self._store.lock:
            self._store.delete("source", key)
            self.changed_at[key] = time.time()


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("churn")
    (folder / "dags").mkdir()
    (folder / "dags" / "churn.py").write_text(DAG)
    with world(folder, postgres=False, dags=folder / "dags") as made:
        yield made


def behind(here: World, writer: Writer, since: float) -> list[str]:
    """Keys that have stayed as they are since then, and are not so at the destination."""
    with here.server.core.lock, here.oss.core.lock:
        sources, destinations = here.server.core.contents("source"), here.oss.core.contents("destination")
        quiet = [key for key in sources if writer.changed_at[key] < since]
        return [key for key in quiet if destinations.get(key) != sources[key]]


def began(run: Run) -> float:
    """When `prepare` of a run began."""
    (at,) = [item["start_date"] for item in run.instances if item["task_id"] == "bucket_sync.prepare"]
    return datetime.fromisoformat(at).timestamp()


def test_ten_runs_beside_a_writer_and_one_after_it(here: World) -> None:
    airflow = here.airflow
    here.oss.core.clock.shift(5 * 3600)
    writer = Writer(here.server.core, seed=5, pause=0.1)
    for _ in range(200):
        writer.change()
    runs: list[Run] = []
    stopped = None
    airflow.wait_for_dag("churn")
    with writer:
        airflow.patch("/api/v2/dags/churn", {"is_paused": False})
        while stopped is None or began(runs[-1]) < stopped:
            report = watched(here, writer, next_run(here, runs))
            listed = "ListObjectsV2" in report["requests"]["destination"]
            assert listed == (len(runs) == 1), "auto: full, then incremental"
            here.server.core.clock.shift(random.Random(len(runs)).uniform(-9000, 9000))
            if len(runs) == RUNS:
                stopped = writer.stop()
    airflow.patch("/api/v2/dags/churn", {"is_paused": True})
    print(f"changes {writer.changes}, at the end {len(here.server.core.keys('source'))} objects")
    assert min(writer.changes.values()) > 30
    assert len({run.run_id for run in runs}) == len(runs) > RUNS
    assert behind(here, writer, float("inf")) == []
    assert set(here.oss.core.keys("destination")) <= writer.ever


def watched(here: World, writer: Writer, run: Run) -> dict[str, Any]:
    """The report of a run beside the writer, which must be green and have missed nothing that stood still for it."""
    report = run.xcom("bucket_sync.report", "summary")
    print(f"{run.seconds:.0f} s, {report['counts']}, {sum(writer.changes.values())} changes so far")
    assert run.state == "success", run.log("bucket_sync.report")
    assert report["verified"]
    assert set(report["counts"]) <= {"copied", "updated", "same", "changed", "gone", "extra"}
    assert behind(here, writer, began(run)) == []
    return dict(report)


def next_run(here: World, runs: list[Run]) -> Run:
    """The next scheduled run, as soon as it ended; it is added to the others."""
    known = {run.run_id for run in runs}

    def asked() -> list[str]:
        found = sorted(here.airflow.runs("churn"), key=lambda item: str(item["queued_at"]))
        return [item["dag_run_id"] for item in found if item["dag_run_id"] not in known]

    run_id = wait_until(asked, what="a run", timeout=60)[0]
    assert run_id.startswith("scheduled__")
    runs.append(here.airflow.wait("churn", run_id, timeout=240))
    return runs[-1]
