"""Real stores against the strict server, and runs of the whole engine between them."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard

from airflow_bucketsync.engine import sync
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.outcome import Outcome, Report
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.spec import Selection
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.clock import SystemClock
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.retrying import Retries
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.store import AWS, S3Store
from tests.servers.core.model import ObjectVersion
from tests.servers.s3 import Credential, S3Server
from tests.servers.web.faults import Fault
from tests.servers.web.log import Entry

__all__ = [
    "PART",
    "SMALL_PARTS",
    "WAYS",
    "Pair",
    "Ran",
    "Stand",
    "copied",
    "one_server",
    "other",
    "pair",
    "server",
    "stand",
    "streamed",
    "two_servers",
]

SMALL_PARTS: Capabilities = replace(AWS, min_part=1)
"""Amazon S3 but for the least size of a part, so that objects in parts are small enough for tests."""

ATTEMPTS = 4
READS = frozenset(
    {
        "HeadBucket",
        "GetBucketLocation",
        "ListObjectsV2",
        "HeadObject",
        "GetObject",
        "GetObjectTagging",
        "ListParts",
    }
)
_NUMBERS = itertools.count(1)


class QuickClock(SystemClock):
    """The machine's clock, on which waits take a fiftieth of the time."""

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait a little."""
        return stop.wait(seconds / 50)


def quick_retries() -> Retries:
    """Few tries, hardly any waiting."""
    return Retries(gate=Gate(clock=QuickClock()), attempts=ATTEMPTS, base=0.01, cap=0.05)


@dataclass(frozen=True)
class Ran:
    """One finished run: its report, its outcomes by key, and what the servers were asked."""

    report: Report
    outcomes: Mapping[str, Outcome]
    entries: tuple[Entry, ...]

    def status(self, key: str) -> tuple[str, str | None]:
        """Word and reason of one key."""
        outcome = self.outcomes[key]
        return outcome.status, outcome.reason

    def operations(self, bucket: str | None = None) -> dict[str, int]:
        """Requests by operation."""
        found: dict[str, int] = {}
        for entry in self.entries:
            if bucket in (None, entry.bucket):
                found[entry.operation] = found.get(entry.operation, 0) + 1
        return found

    def writes(self, bucket: str | None = None) -> list[Entry]:
        """Requests that asked for a change."""
        return [entry for entry in self.entries if entry.is_write() and bucket in (None, entry.bucket)]


class Stand:
    """Makes stores and runs syncs between them."""

    def __init__(self, server: S3Server, folder: Path, stack: ExitStack) -> None:
        self.server = server
        self.folder = folder
        self._stack = stack
        self._made: dict[tuple[object, ...], S3Store] = {}
        self.servers = [server]
        self.workspace = self.local("workspace")

    def bucket(self, *, at: S3Server | None = None, name: str | None = None, **settings: Any) -> str:
        """A fresh bucket."""
        server = at or self.server
        name = name or f"bucket-{next(_NUMBERS):05d}"
        server.core.create_bucket(name, **{"region": server.region, **settings})
        return name

    def s3(
        self,
        bucket: str,
        prefix: str = "",
        *,
        at: S3Server | None = None,
        conn_id: str | None = None,
        credential: Credential | None = None,
        capabilities: Capabilities = SMALL_PARTS,
        read_timeout: float = 5.0,
        **settings: Any,
    ) -> S3Store:
        """A store in a bucket, with a client of its own; the same one when asked for the same again."""
        server = at or self.server
        asked = (
            server.port,
            bucket,
            prefix,
            conn_id,
            credential,
            capabilities,
            read_timeout,
            *sorted(settings.items()),
        )
        if asked in self._made:
            return self._made[asked]
        config = client_config(path_style=True, read_timeout=read_timeout, connect_timeout=2)
        client = server.client(config=config, credential=credential)
        name = conn_id or f"at_{server.port}"
        store = S3Store(
            Location(scheme="s3", conn_id=name, bucket=bucket, prefix=prefix),
            client,
            capabilities=capabilities,
            **settings,
        )
        self._stack.callback(store.close)
        self._made[asked] = store
        return store

    def local(self, name: str, **settings: Any) -> LocalStore:
        """A store in a folder, which need not be there."""
        store = LocalStore(
            Location(scheme="file", bucket=str(self.folder / name)), **{"may_be_missing": True, **settings}
        )
        self._stack.callback(store.close)
        return store

    def put(self, bucket: str, objects: Mapping[str, bytes], *, at: S3Server | None = None) -> None:
        """Seed plain objects."""
        (at or self.server).core.put_many(bucket, objects.items())

    def contents(self, bucket: str, *, at: S3Server | None = None) -> dict[str, bytes]:
        """Key and bytes of everything in a bucket."""
        core = (at or self.server).core
        return {key: core.body(bucket, key) for key in core.keys(bucket)}

    def version(self, bucket: str, key: str, *, at: S3Server | None = None) -> ObjectVersion:
        """The current object."""
        return (at or self.server).core.find(bucket, key)

    def fault(self, action: str, *, server: S3Server | None = None, **rule: Any) -> Fault:
        """Put a fault in force."""
        return (server or self.server).faults.add(Fault(action, **rule))

    def sync(
        self,
        source: ObjectStore,
        destination: ObjectStore,
        *,
        selection: Selection | None = None,
        name: str | None = None,
        run: str | None = None,
        **policy: Any,
    ) -> Ran:
        """One run of every step; a red run is returned like any other."""
        before = {id(server): server.log.last_index for server in self.servers}
        report = sync(
            source,
            destination,
            workspace=self.workspace,
            selection=selection,
            policy=SyncPolicy(**{"concurrency": 4, **policy}),
            name=name,
            run=run,
            clock=QuickClock(),
            retries=quick_retries(),
            check=False,
        )
        entries = [entry for server in self.servers for entry in server.log.since(before[id(server)])]
        return Ran(report, self.outcomes(report), tuple(entries))

    def outcomes(self, report: Report) -> dict[str, Outcome]:
        """The records of a run's page of objects that are not `same`."""
        if report.objects is None:
            return {}
        lines = self.page(f"{report.pair}/{report.run}/{report.objects}")
        found = [Outcome.from_json(line) for line in lines[1:]]
        keyed = {outcome.key: outcome for outcome in found}
        assert len(keyed) == len(found), "a key has two records"
        return keyed

    def page(self, path: str) -> list[Any]:
        """The lines of a page in the workspace."""
        packed = (Path(self.workspace.location.bucket) / path).read_bytes()
        reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
        return [orjson.loads(line) for line in reader.read().splitlines()]


@pytest.fixture(scope="package")
def one_server() -> Iterator[S3Server]:
    """One server for all tests of the package."""
    with S3Server(min_part_size=1) as running:
        yield running


@pytest.fixture(scope="package")
def two_servers(one_server: S3Server) -> Iterator[tuple[S3Server, S3Server]]:
    """Two servers that know nothing of each other."""
    with S3Server(min_part_size=1) as other:
        yield one_server, other


@pytest.fixture
def server(one_server: S3Server) -> Iterator[S3Server]:
    """The server, as good as new; a bug of its own fails the test."""
    one_server.reset()
    yield one_server
    assert one_server.failures == []


@pytest.fixture
def stand(server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    """Everything a run needs, around one server; no power failure is simulated, so nothing waits for the disk."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    with ExitStack() as stack:
        yield Stand(server, tmp_path, stack)


@pytest.fixture
def other(two_servers: tuple[S3Server, S3Server], stand: Stand) -> Iterator[S3Server]:
    """A second server beside that of the stand, as good as new."""
    server = two_servers[1]
    server.reset()
    stand.servers.append(server)
    yield server
    assert server.failures == []


WAYS = ("server_copy", "part_copy", "stream", "stream_parts")
"""How an object gets from bucket to bucket: by the store itself (whole, in parts), or through us (whole, in parts)."""

PART = 1000


@dataclass(frozen=True)
class Pair:
    """A source and a destination bucket, and what brings objects over in one of the `WAYS`.

    :param write: the operation that makes the object visible
    :param carry: the operation that brings its bytes (or each part of them) over
    """

    way: str
    stand: Stand
    source: str
    destination: str
    source_at: S3Server
    destination_at: S3Server
    policy: Mapping[str, Any]
    write: str
    carry: str
    reads_with: str

    def source_store(self, **settings: Any) -> S3Store:
        """The source, pinned to its server."""
        return self.stand.s3(self.source, at=self.source_at, **settings)

    def destination_store(self, **settings: Any) -> S3Store:
        """The destination."""
        return self.stand.s3(self.destination, at=self.destination_at, **settings)

    def put(self, objects: Mapping[str, bytes], **settings: Any) -> None:
        """Seed the source."""
        for key, body in objects.items():
            self.source_at.core.put(self.source, key, body, **settings)

    def put_destination(self, objects: Mapping[str, bytes], **settings: Any) -> None:
        """Seed the destination."""
        for key, body in objects.items():
            self.destination_at.core.put(self.destination, key, body, **settings)

    def contents(self) -> dict[str, bytes]:
        """What the destination holds."""
        return self.stand.contents(self.destination, at=self.destination_at)

    def uploads(self) -> int:
        """Uploads that were left open at the destination."""
        return len(self.destination_at.core.uploads(self.destination))

    def at_source(self, action: str, **rule: Any) -> Fault:
        """A fault of the source."""
        return self.stand.fault(action, server=self.source_at, **rule)

    def at_destination(self, action: str, **rule: Any) -> Fault:
        """A fault of the destination."""
        return self.stand.fault(action, server=self.destination_at, bucket=self.destination, **rule)

    def sync(self, **options: Any) -> Ran:
        """One run from source to destination."""
        policy = SyncPolicy(**{**self.policy, **options})
        destination = self.destination_store(settings=policy.write_settings)
        return self.stand.sync(self.source_store(), destination, **{**self.policy, **options})

    @classmethod
    def make(cls, way: str, stand: Stand, other: S3Server, **settings: Any) -> Pair:
        """Fresh buckets for this way, on one server or on two."""
        streams, parts = way.startswith("stream"), way in ("part_copy", "stream_parts")
        at = other if streams else stand.server
        policy = {"small_threshold": PART, "large_threshold": PART, "part_size": PART} if parts else {}
        carry = {"server_copy": "CopyObject", "part_copy": "UploadPartCopy", "stream": "PutObject"}
        return cls(
            way,
            stand,
            stand.bucket(**settings),
            stand.bucket(at=at, **settings),
            stand.server,
            at,
            policy,
            "CompleteMultipartUpload" if parts else carry[way],
            carry.get(way, "UploadPart"),
            "GetObject" if streams else carry[way],
        )


@pytest.fixture(params=WAYS)
def pair(request: pytest.FixtureRequest, stand: Stand, other: S3Server) -> Pair:
    """A pair for each way from bucket to bucket."""
    return Pair.make(request.param, stand, other)


@pytest.fixture
def streamed(stand: Stand, other: S3Server) -> Pair:
    """A pair on two servers, objects sent whole."""
    return Pair.make("stream", stand, other)


@pytest.fixture
def copied(stand: Stand, other: S3Server) -> Pair:
    """A pair on one server, which copies by itself."""
    return Pair.make("server_copy", stand, other)
