"""Faults of workers, each a process of its own: F59 (killed), F60 (stopped, and woken after its retry), F61; F62."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_bucketsync.engine.model.outcome import Report
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.model.units import GIB, MIB
from airflow_bucketsync.engine.steps.copy import copy_batch
from airflow_bucketsync.engine.steps.joining import units_to_verify
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.prepare import prepare
from airflow_bucketsync.engine.steps.report import make_report
from airflow_bucketsync.engine.steps.run import MemoryProgress, Run
from airflow_bucketsync.engine.steps.units import outcomes_of, read_units
from airflow_bucketsync.engine.steps.verify import verify_unit
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.gate import Gate
from tests.engine.stand import Pair, Stand
from tests.engine.steps import test_kills as steps
from tests.engine.ways import LOCK
from tests.servers.s3 import S3Server
from tests.servers.web.exchange import Call

BODY = bytes(range(250)) * 10  # in parts: 2 and a half
OLD = {"k2": b"what stood there"}
OBJECTS = {f"k{number}": bytes([number]) + BODY for number in range(6)}

WORKER = """
import json, sys
from dataclasses import replace
from pathlib import Path
import boto3
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.steps import segments
from airflow_bucketsync.engine.steps.copy import copy_batch
from airflow_bucketsync.engine.steps.manifest import read_plan
from airflow_bucketsync.engine.steps.run_document import open_spec
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.retrying import Retries, RetryingStore
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.store import AWS, S3Store

segments.EVERY = 0.0
told = json.loads(sys.argv[1])

class Kept:
    path = Path(told["progress"])
    def load(self):
        return json.loads(self.path.read_bytes()) if self.path.exists() else None
    def save(self, value):
        self.path.with_suffix(".new").write_text(json.dumps(value))
        self.path.with_suffix(".new").rename(self.path)

workspace = Workspace(LocalStore(Location.parse(told["workspace"])), pair=told["pair"], run=told["run"])
spec = open_spec(workspace, None)
gate = Gate(concurrency=spec.policy.concurrency, buffer_size=spec.policy.buffer_size)

def store(location):
    client = boto3.client("s3", endpoint_url=told["urls"][location.bucket], region_name="us-east-1",
                          aws_access_key_id="test-access", aws_secret_access_key="test-secret",
                          config=client_config(path_style=True))
    return RetryingStore(S3Store(location, client, capabilities=replace(AWS, min_part=1, max_copy=told["max_copy"])),
                         Retries(gate=gate, attempts=2, base=0.01, cap=0.05))

run = Run(spec=spec, run=told["run"], source=store(spec.source), destination=store(spec.destination),
          workspace=workspace, gate=gate)
copy_batch(run, read_plan(workspace), 0, attempt=told["attempt"], progress=Kept())
"""


@dataclass
class Batch:
    """A run whose one batch is copied by workers of its own; what they do to it is seen by its servers."""

    pair: Pair
    run: Run
    plan: Plan
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    woken: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def of(cls, pair: Pair) -> Batch:
        """A plan for six objects, one of which replaces another."""
        for bucket, at in ((pair.source, pair.source_at), (pair.destination, pair.destination_at)):
            at.core.bucket(bucket).settings.versioning = "Enabled"
        pair.put(OBJECTS)
        pair.put_destination(OLD)
        source, destination = pair.source_store(), pair.destination_store()
        # In parts, but inside the batch: a server-side copy has to be where the store's own ends.
        policy = SyncPolicy(**{**pair.policy, "large_threshold": 100 * MIB, "concurrency": 2})
        spec = SyncSpec.of(source.location, destination.location, name="pair", policy=policy)
        run = Run(
            spec=spec,
            run="run",
            source=source,
            destination=destination,
            workspace=Workspace(pair.stand.workspace, pair="pair", run="run"),
            gate=Gate(concurrency=2),
        )
        prepare(run)
        plan = make_plan(run)
        assert [batch.objects for batch in plan.batches] == [len(OBJECTS)]
        return cls(pair, run, plan)

    def begin(self, attempt: int) -> subprocess.Popen[bytes]:
        """A worker that copies the batch."""
        told = {
            "urls": {self.pair.source: self.pair.source_at.url, self.pair.destination: self.pair.destination_at.url},
            "workspace": self.pair.stand.workspace.location.url,
            "pair": "pair",
            "run": "run",
            "progress": str(self.pair.stand.folder / "progress.json"),
            "attempt": attempt,
            "max_copy": 1000 if self.pair.way == "part_copy" else GIB,
        }
        command = [sys.executable, "-c", WORKER, json.dumps(told)]
        self.workers.append(subprocess.Popen(command, stderr=subprocess.PIPE))
        return self.workers[-1]

    def recorded(self) -> set[str]:
        """Keys that the progress says are done."""
        progress = json.loads((self.pair.stand.folder / "progress.json").read_bytes())
        pages = [self.pair.stand.page(f"pair/run/{segment['name']}") for segment in progress["segments"]]
        return {line["key"] for lines in pages for line in lines[1:]}

    def finish(self) -> Report:
        """Verify and report, as the run does after its last worker."""
        for unit in units_to_verify(self.run, self.plan):
            verify_unit(self.run, self.plan, unit, attempt=1)
        return make_report(self.run, plan_digest=self.plan.digest).report

    def versions(self) -> dict[str, list[bytes]]:
        """Every version that any key at the destination ever had, oldest first."""
        core = self.pair.destination_at.core
        return {
            key: [bytes(version.body) for version in reversed(core.bucket(self.pair.destination).versions(key))]
            for key in core.keys(self.pair.destination)
            if LOCK not in key
        }


def done(worker: subprocess.Popen[bytes]) -> int:
    """Wait for a worker."""
    _, said = worker.communicate(timeout=60)
    if worker.returncode not in (0, -signal.SIGKILL):
        print(said.decode())
    return worker.returncode


@pytest.fixture
def batch(way: str, stand: Stand, other: S3Server) -> Iterator[Batch]:
    """A planned batch; no worker and no request outlives the test."""
    made = Batch.of(Pair.make(way, stand, other))
    yield made
    made.woken.set()
    for worker in made.workers:
        worker.kill()
        worker.communicate()


def strike(batch: Batch, on: int, do: Any, when: str = "before") -> None:
    """Let something happen to a worker at its n-th request that makes an object visible."""
    batch.pair.at_destination(when, operation=batch.pair.write, on=on, hook=do)


ONCE = {key: ([OLD[key]] if key in OLD else []) + [body] for key, body in OBJECTS.items()}


@pytest.mark.parametrize(
    ("way", "when"),
    [("server_copy", "before"), ("part_copy", "after"), ("stream", "after"), ("stream_parts", "before")],
)
def test_fault_F59_worker_killed_in_a_batch(batch: Batch, when: str) -> None:
    """The retry does what is missing: nothing that was recorded is asked for again, nothing is written twice."""
    first = batch.begin(1)
    strike(batch, 4, lambda call: first.kill(), when)
    assert done(first) == -signal.SIGKILL
    recorded = batch.recorded()
    assert 1 <= len(recorded) < len(OBJECTS)
    mark = {id(server): server.log.last_index for server in batch.pair.stand.servers}
    assert done(batch.begin(2)) == 0
    asked = {
        entry.key
        for server in batch.pair.stand.servers
        for entry in server.log.since(mark[id(server)])
        if entry.operation in (batch.pair.write, batch.pair.carry) and LOCK not in entry.key
    }
    assert asked <= set(OBJECTS) - recorded
    # What the store finished although nobody heard its answer: in one request it is asked for again and refused, in
    # parts it is recognised beforehand.
    in_parts = batch.pair.way in ("part_copy", "stream_parts")
    assert len(set(OBJECTS) - recorded - asked) == (1 if in_parts else 0)
    assert batch.versions() == ONCE
    assert batch.pair.uploads() <= 2, "at most one for each thread, if it was killed between its beginning and its note"
    report = batch.finish()
    assert report.verified
    assert report.counts == {"copied": len(OBJECTS)}


@pytest.mark.parametrize(
    ("way", "newer"), [("server_copy", True), ("part_copy", False), ("stream", False), ("stream_parts", True)]
)
def test_fault_F60_F61_zombie_wakes_after_its_retry(batch: Batch, newer: bool) -> None:
    """Its request in the air lands last, and it goes on with the rest of its batch: every late write is refused.

    :param newer: the next run has brought a newer version meanwhile
    """
    zombie, stopped = batch.begin(1), threading.Event()

    def stop(call: Call) -> None:
        os.kill(zombie.pid, signal.SIGSTOP)
        stopped.set()
        assert batch.woken.wait(60)

    strike(batch, 2, stop)
    assert stopped.wait(60)
    assert done(batch.begin(2)) == 0
    wanted = dict(ONCE)
    if newer:
        assert batch.finish().verified
        change = {key: b"newer " + body for key, body in OBJECTS.items()}
        pair = batch.pair
        pair.put(change)
        ran = pair.stand.sync(pair.source_store(), pair.destination_store(), name="pair", run="next", **pair.policy)
        assert ran.report.verified
        wanted = {key: [*versions, change[key]] for key, versions in ONCE.items()}
    batch.woken.set()
    os.kill(zombie.pid, signal.SIGCONT)
    assert done(zombie) == 0
    assert batch.versions() == wanted
    assert batch.pair.uploads() == 0
    results = {path.name for path in batch.pair.stand.folder.glob("workspace/pair/run/result/*.json")}
    assert results == {"0000-try01.json", "0000-try02.json"}, "the zombie wrote its result after all"
    assert read_units(batch.run.workspace, "result", plan=batch.plan.digest)[0].attempt == 2
    if not newer:
        assert batch.finish().counts == {"copied": len(OBJECTS)}


# Airflow is away ------------------------------------------------------------------------------------------------------


class Away(MemoryProgress):
    """Progress whose n-th saving finds nobody who takes it."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def save(self, value: Mapping[str, Any]) -> None:
        self.at -= 1
        if self.at == 0:
            raise ConnectionError("the API server can't be reached")
        super().save(value)


@pytest.mark.parametrize("way", steps.WAYS)
def test_fault_F62_progress_can_not_be_saved(way: str) -> None:
    """Whenever that happens the try ends, and the next one has nothing to undo and writes nothing twice."""
    at, ended = 0, False
    while not ended:
        at += 1
        pair, objects, policy, plan = steps.planned(way, 6.0)
        progress = Away(at)
        try:
            copy_batch(pair.run(prepared=False, **policy), plan, 0, attempt=1, progress=progress)
            ended = True
        except ConnectionError:
            versions = {key: pair.destination.head(key).info for key in pair.contents()}
            run = pair.run(prepared=False, **policy)
            index = copy_batch(run, plan, 0, attempt=2, progress=progress)
            assert {outcome.status for outcome in outcomes_of(run.workspace, index)} == {"copied"}
            assert {key: pair.destination.head(key).info for key in versions} == versions
        assert pair.contents() == objects
        assert pair.uploads() == 0, "the task lives and knows its id"
    assert at > 5
