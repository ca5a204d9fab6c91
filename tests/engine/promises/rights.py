"""Whole runs on a strict server where everyone works under the documented policies, step by step as the DAG does it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.lock import Owner
from airflow_bucketsync.engine.model.outcome import Report
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.begin_uploads import begin_uploads
from airflow_bucketsync.engine.steps.compare import compare_pair
from airflow_bucketsync.engine.steps.complete_uploads import complete_uploads
from airflow_bucketsync.engine.steps.copy import copy_batch
from airflow_bucketsync.engine.steps.delete_extra import delete_extra
from airflow_bucketsync.engine.steps.list_units import list_unit
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.prepare import prepare
from airflow_bucketsync.engine.steps.report import make_report
from airflow_bucketsync.engine.steps.run import MemoryProgress, Run
from airflow_bucketsync.engine.steps.upload_parts import upload_group
from airflow_bucketsync.engine.steps.verify import verify_unit
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.oss.client import make_client
from airflow_bucketsync.engine.stores.oss.store import OSS, OSSStore
from airflow_bucketsync.engine.stores.retrying import RetryingStore
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.profiles import AWS
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.engine.promises.policies import PolicedOSS, PolicedS3, Policy, added, documented, names
from tests.engine.stand import QuickClock, quick_retries

PLACES = {"source": "in/", "destination": "out/", "workspace": "runs/"}
SERVICES = ("s3", "oss")
PART = 1000
SMALL = {"small_threshold": PART, "large_threshold": 2 * PART, "part_size": PART}
TAGS = {"team": "data"}
METADATA = {"colour": "blue"}
GONE = ("bare", "middle")
"""Objects that are deleted at the source, of the four."""
Rights = dict[str, set[str]]
"""By place, the rights that were asked for there."""


@dataclass
class World:
    """Three buckets on one server, everyone under the documented policy of their place."""

    service: str
    server: Any
    stack: ExitStack
    policies: dict[str, Policy]
    way: str
    versions: bool
    rights: dict[str, Rights] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    runs: int = 0
    calls: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    at: str = ""
    in_step: list[bool] = field(default_factory=list)

    def credential(self, place: str) -> Any:
        """Who works there: one identity for both ends where the store shall copy by itself."""
        name = "both" if self.way == "copy" and place != "workspace" else place
        policy = self.policies[place]
        if name == "both":
            policy = self.policies["source"] | self.policies["destination"]
        self.server.policies[name] = policy
        first = next(iter(self.server.credentials.values()))
        return self.server.add_credential(type(first)(name, f"secret-of-{name}"))

    def store(self, place: str) -> ObjectStore:
        """A store at a place."""
        who, bucket = self.credential(place), f"{place}-bucket"
        location = Location(scheme=self.service, conn_id=who.access_key, bucket=bucket, prefix=PLACES[place])
        store: ObjectStore
        if self.service == "s3":
            client = self.server.client(config=client_config(AWS, path_style=True), credential=who)
            store = S3Store(location, client, profile=AWS, capabilities=replace(AWS.capabilities, min_part=1))
        else:
            client = make_client(self.server.url, bucket, (who.access_key, who.secret_key), self.server.region)
            store = OSSStore(location, client, capabilities=replace(OSS, min_part=1))
        self.stack.callback(store.close)
        return store

    def put(self, key: str, body: bytes, **attributes: Any) -> None:
        """An object of the source."""
        self.server.core.put("source-bucket", f"in/{key}", body, **attributes)

    def allow(self, purpose: str) -> None:
        """Give the rights that a run needs besides for a purpose."""
        for place, policy in added(self.service, purpose).items():
            self.policies[place] |= policy

    def fill(self) -> None:
        """Objects of every kind."""
        for place in PLACES if self.versions else ():
            self.server.core.bucket(f"{place}-bucket").settings.versioning = "Enabled"
        self.put("tagged", b"t" * 10, tags=TAGS, metadata=METADATA)
        self.put("bare", b"b" * 10)
        self.put("middle", b"m" * (PART + 1))
        self.put("big", bytes(range(250)) * 13, tags=TAGS, metadata=METADATA)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Note which rights a step asks for."""
        self.server.asked.clear()
        self.at = name
        before = self.server.log.last_index
        yield
        for entry in self.server.log.since(before):
            self.calls[entry.operation].add(name)
        for place in PLACES:
            self.rights[name][place] |= names(self.server.asked, f"{place}-bucket")

    def run(self, **options: Any) -> Report:
        """A run step by step, as the DAG does it, after others that have ended; a step that can't go on raises."""
        self.runs += 1
        gate, clock = Gate(clock=QuickClock()), QuickClock()
        policy = SyncPolicy(**{"concurrency": 2, **SMALL, **options})
        source, destination = self.store("source"), self.store("destination")
        spec = SyncSpec.of(source.location, destination.location, name="pair", policy=policy)
        tries = quick_retries()
        pages = Workspace(RetryingStore(self.store("workspace"), tries), pair="pair", run=f"r{self.runs}")
        run = Run(
            spec=spec,
            run=f"r{self.runs}",
            source=RetryingStore(source, tries),
            destination=RetryingStore(destination, tries),
            workspace=pages,
            gate=gate,
            clock=clock,
            owner=Owner(airflow="here", dag_id="nightly", run_id=f"r{self.runs}"),
        )
        with self.step("prepare"), pytest.MonkeyPatch.context() as patch:
            if self.way == "stream":  # listings that have tasks of their own
                patch.setattr("airflow_bucketsync.engine.steps.prepare._is_small", lambda *_: False)
            prepared = prepare(run)
        with self.step("list"):
            for unit in prepared.units:
                list_unit(run, unit)
        with self.step("plan"):
            plan = make_plan(run, finished=lambda lock: lock.run != run.run)
        with self.step("copy"):
            for batch in plan.batches:
                copy_batch(run, plan, batch.number, attempt=1, progress=MemoryProgress())
        with self.step("begin_uploads"):
            groups = begin_uploads(run, plan, attempt=1) if plan.groups else ()
        with self.step("upload_parts"):
            for group in groups:
                upload_group(run, plan, group, attempt=1, progress=MemoryProgress())
        with self.step("complete_uploads"):
            units = complete_uploads(run, plan, attempt=1, progress=MemoryProgress())
        with self.step("verify"):
            for unit in units:
                verify_unit(run, plan, unit, attempt=1)
        with self.step("delete_extra"):
            delete_extra(run, plan, attempt=1, progress=MemoryProgress())
        with self.step("report"):
            report = make_report(run, failed_tasks=[], plan_digest=plan.digest).report
        if policy.verify == "none":
            return report
        with self.step("compare"):
            self.in_step.append(compare_pair(run).in_step)
        return report

    def life(self) -> Iterator[Report]:
        """A first run, one with nothing to do, one after attributes changed, one after a body changed."""
        yield self.run()
        yield self.run()
        self.server.core.clock.shift(5)  # listings tell times in whole seconds
        self.put("bare", b"b" * 10, metadata={"new": "one"}, tags={"new": "tag"})
        yield self.run()
        self.put("tagged", b"other", tags=TAGS, metadata=METADATA)
        self.put("big", bytes(range(250)) * 14, tags=TAGS, metadata=METADATA)
        yield self.run()

    def removals(self) -> Iterator[Report]:
        """After a life: a run that keeps what it overwrites, one that deletes, and one that moves; each allowed to."""
        self.put("tagged", b"another", tags=TAGS, metadata=METADATA)
        self.put("big", bytes(range(250)) * 15, tags=TAGS, metadata=METADATA)
        yield self.run(trash="all")
        always = dict(self.policies)
        self.allow("deleting")
        for key in GONE:
            self.server.core.delete("source-bucket", f"in/{key}")
        yield self.run(delete=True)
        self.policies = always
        self.allow("moving")
        self.put("late", b"l" * 10)
        yield self.run(move=True)


MakeWorld = Callable[..., World]


@pytest.fixture(scope="module")
def policed() -> Iterator[dict[str, Any]]:
    """One server of each service."""
    with PolicedS3(min_part_size=1) as s3, PolicedOSS(min_part_size=1) as oss:
        yield {"s3": s3, "oss": oss}


@pytest.fixture
def make_world(policed: dict[str, Any]) -> Iterator[MakeWorld]:
    """Make a world: `make_world("s3", "copy")`."""
    with ExitStack() as stack:

        def make(service: str, way: str, *, versions: bool) -> World:
            server = policed[service]
            server.reset()
            server.setup()
            for place in PLACES:
                server.core.create_bucket(f"{place}-bucket", region=server.region)
            world = World(service, server, stack, documented(service), way, versions)
            world.fill()
            return world

        yield make
    for server in policed.values():
        assert server.failures == []
