"""A pair on each kind of store, everything that stands at its destination, and what is kept below its trash."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import zstandard

from airflow_bucketsync.engine.in_process import sync
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.objects import ObjectAttributes, ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome, Report
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.clock import Clock
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES, MemoryServer, MemoryStore
from airflow_bucketsync.engine.stores.oss.client import make_client
from airflow_bucketsync.engine.stores.oss.store import OSS, OSSStore
from airflow_bucketsync.engine.stores.retrying import Retries, RetryingStore
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.store import AWS, S3Store
from tests.engine.clocks import FakeClock
from tests.engine.stand import QuickClock
from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server

PLAIN = ("memory", "s3", "oss", "local")
VERSIONED = ("memory versions", "s3 versions", "oss versions")
PARTS = ("memory parts", "s3 parts", "oss parts")
"""Stores that copy no more than `MOST` bytes in one request."""
KINDS = (*PLAIN, *VERSIONED)
MOST = 100
TAGGED: Mapping[str, Any] = {
    "content_type": "text/plain",
    "cache_control": "max-age=60",
    "user_metadata": {"colour": "blue"},
    "tags": {"team": "data"},
}
_NUMBERS = itertools.count(1)
_RUNS = itertools.count(1)

State = dict[str, tuple[bytes, ObjectAttributes, str | None]]
"""Of each object its bytes, its attributes with tags, and its storage class."""


@dataclass
class Ground:
    """A source and a destination at one service, and a workspace.

    :param server: the strict server, where there is one
    """

    kind: str
    source: Any
    destination: Any
    workspace: Any
    server: Any = None
    clock: Clock = field(default_factory=QuickClock)

    # objects --------------------------------------------------------------------------------------------------

    def put(self, objects: Mapping[str, bytes], *, at: ObjectStore | None = None, **attributes: Any) -> None:
        """Seed the source, or another place."""
        store = at or self.source
        for key, body in objects.items():
            store.put(key, body, attributes=ObjectAttributes(**attributes))

    def put_there(self, objects: Mapping[str, bytes], **attributes: Any) -> None:
        """Seed the destination."""
        self.put(objects, at=self.destination, **attributes)

    def info(self, key: str) -> ObjectInfo:
        """As a listing of the destination shows it."""
        return next(info for info in listed(self.destination) if info.key == key)

    def state(self, store: ObjectStore | None = None) -> State:
        """Everything that stands there, our own state apart."""
        store = store or self.destination
        return {
            info.key: self.one(info.key, store)
            for info in listed(store)
            if not info.key.startswith(STATE_PREFIX) or store is not self.destination
        }

    def held(self) -> dict[str, Any]:
        """The same as the server itself holds it, where there is one: everything, without a request."""
        if self.server is None:
            return self.state()
        location, core = self.destination.location, self.server.core
        found = {}
        for key in core.keys(location.bucket, location.prefix):
            if not key.startswith(location.prefix + STATE_PREFIX):
                version = core.find(location.bucket, key)
                found[key.removeprefix(location.prefix)] = (core.body(location.bucket, key), version.attributes)
        return found

    def seed(self, objects: Mapping[str, bytes], *, there: bool = False) -> None:
        """Many objects, without a request where a server is; with metadata and tags where they may have some."""
        store = self.destination if there else self.source
        if self.server is None:
            self.put(objects, at=store, **(TAGGED if there else {}))
            return
        more = {"metadata": {"colour": "blue"}, "tags": {"team": "data"}, "headers": {"Cache-Control": "max-age=60"}}
        for key, body in objects.items():
            full_key = store.location.full_key(key)
            self.server.core.put(store.location.bucket, full_key, body, **(more if there else {}))

    def one(self, key: str, store: ObjectStore) -> tuple[bytes, ObjectAttributes, str | None]:
        """One object."""
        details = store.head(key)
        attributes = replace(details.attributes, tags=store.tags(key))
        time = (
            None if store.capabilities.user_metadata else details.info.last_modified
        )  # a bucket's is that of the write
        attributes = replace(attributes, source_mtime=time)
        return read(store, key), attributes, details.info.storage_class

    def trash(self, folder: str = "trash/") -> State:
        """What is kept, by the name of the run's folder and the key."""
        return self.state(self.destination.below(STATE_PREFIX + folder))

    # runs -----------------------------------------------------------------------------------------------------

    def sync(self, *, run: str | None = None, check: bool = True, **policy: Any) -> tuple[Report, dict[str, Outcome]]:
        """One run of every step, with its outcomes."""
        options: dict[str, Any] = {"delete": True, "max_delete_share": 1.0, "trash": "all", "concurrency": 4}
        report = sync(
            self.source,
            self.destination,
            workspace=self.workspace,
            policy=SyncPolicy(**options | policy),
            name="pair",
            run=run or f"run-{next(_RUNS)}",
            clock=self.clock,
            retries=self.retries(),
            check=check,
        )
        return report, self.outcomes(report)

    def retries(self, gate: Gate | None = None) -> Retries:
        """Few tries, hardly any waiting."""
        return Retries(gate=gate or Gate(clock=self.clock), attempts=3, base=0.001, cap=0.01)

    def run(self, name: str = "run", **policy: Any) -> Run:
        """A run whose steps are called one by one."""
        options = SyncPolicy(**{"delete": True, "trash": "all", "concurrency": 4, **policy})
        spec = SyncSpec.of(self.source.location, self.destination.location, name="pair", policy=options)
        gate = Gate(concurrency=options.concurrency, clock=self.clock)
        return Run(
            spec=spec,
            run=name,
            source=RetryingStore(self.source, self.retries(gate)),
            destination=RetryingStore(self.destination, self.retries(gate)),
            workspace=Workspace(RetryingStore(self.workspace, self.retries()), pair="pair", run=name),
            gate=gate,
            clock=self.clock,
        )

    def outcomes(self, report: Report) -> dict[str, Outcome]:
        """What a run's page says of each key."""
        if report.objects is None:
            return {}
        place = Workspace(self.workspace, pair=report.pair, run=report.run)
        found = list(place.read_page(page_ref(place, report.objects), "outcomes", Outcome.from_json))
        keyed = {outcome.key: outcome for outcome in found}
        assert len(keyed) == len(found), "a key has two records"
        return keyed


def page_ref(place: Workspace, name: str) -> PageRef:
    """A page as somebody would name it who reads it whole."""
    data = read(place.store, place.run_folder + name)
    lines = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read().splitlines()
    return PageRef(name=name, count=len(lines) - 1, size=len(data), digest=hashlib.sha256(data).hexdigest())


def listed(store: ObjectStore) -> list[ObjectInfo]:
    """Everything in a listing."""
    found: list[ObjectInfo] = []
    after = ""
    while True:
        page = store.list_page(after=after)
        found += page.items
        if page.next_after is None:
            return found
        after = page.next_after


def read(store: ObjectStore, key: str) -> bytes:
    """The bytes of an object."""
    with store.open(key) as body:
        buffer = bytearray(body.details.info.size)
        done = 0
        while done < len(buffer):
            done += body.readinto(memoryview(buffer)[done:])
    return bytes(buffer)


def make(kind: str, folder: Path, stack: ExitStack, servers: Mapping[str, S3Server | OSSServer]) -> Ground:
    """Ground of a kind: a service, and what is special there (`apart` = the source is on another server)."""
    service, _, special = kind.partition(" ")
    if service == "local":
        stores = [
            LocalStore(Location(scheme="file", bucket=str(folder / name)), may_be_missing=True) for name in _SIDES
        ]
        for store in stores:
            stack.callback(store.close)
        return Ground(kind, *stores)
    if service == "memory":
        clock = FakeClock(tick=0.001)
        able = replace(MEMORY_CAPABILITIES, max_copy=MOST) if special == "parts" else MEMORY_CAPABILITIES
        server = MemoryServer(clock=clock, versions="versions" in special)
        apart = MemoryServer(clock=clock) if "apart" in special else server
        at = {"source": apart, "destination": server, "workspace": MemoryServer(clock=clock)}
        made = [
            MemoryStore(Location.parse(f"memory://{name}/data/"), server=at[name], capabilities=able) for name in _SIDES
        ]
        return Ground(kind, *made, clock=clock)
    running, number = servers[service], next(_NUMBERS)
    places = []
    for name in _SIDES:
        bucket = f"{name}-{number:05d}"
        versioning = {"versions": "Enabled", "suspended": "Suspended"}.get(special, "") if name == "destination" else ""
        running.core.create_bucket(bucket, region=running.region, versioning=versioning)
        places.append(remote(running, bucket, "data/", parts=special == "parts"))
        stack.callback(places[-1].close)
    return Ground(kind, *places, server=running)


_SIDES = ("source", "destination", "workspace")


def remote(server: S3Server | OSSServer, bucket: str, prefix: str, *, parts: bool = False) -> Any:
    """A store in a bucket of a strict server."""
    if isinstance(server, S3Server):
        location = Location(scheme="s3", conn_id="c", bucket=bucket, prefix=prefix)
        s3 = replace(AWS, min_part=1, **({"max_copy": MOST} if parts else {}))
        return S3Store(location, server.client(config=client_config(path_style=True)), capabilities=s3)
    known = next(iter(server.credentials.values()))
    client = make_client(server.url, bucket, (known.access_key, known.secret_key), server.region)
    oss = replace(OSS, min_part=1, **({"max_copy": MOST} if parts else {}))
    return OSSStore(Location(scheme="oss", conn_id="c", bucket=bucket, prefix=prefix), client, capabilities=oss)
