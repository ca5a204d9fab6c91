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
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.clock import SystemClock
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.oss.client import make_client
from airflow_bucketsync.engine.stores.oss.store import OSS, OSSStore
from airflow_bucketsync.engine.stores.retrying import Retries
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.store import AWS, S3Store
from tests.engine.ways import ALL_WAYS, LOCK, PART, WAYS, Pair
from tests.servers.core.model import ObjectVersion
from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server
from tests.servers.web.credentials import Credential
from tests.servers.web.faults import Fault
from tests.servers.web.log import Entry

__all__ = [
    "ALL_WAYS",
    "ATTEMPTS",
    "PART",
    "READS",
    "SMALL_OSS_PARTS",
    "SMALL_PARTS",
    "WAYS",
    "Pair",
    "QuickClock",
    "Ran",
    "Server",
    "Stand",
    "any_pair",
    "copied",
    "one_server",
    "other",
    "pair",
    "quick_retries",
    "server",
    "stand",
    "streamed",
    "two_oss",
    "two_servers",
]

SMALL_PARTS: Capabilities = replace(AWS, min_part=1)
SMALL_OSS_PARTS: Capabilities = replace(OSS, min_part=1)
"""Amazon S3, and OSS, but for the least size of a part, so that objects in parts are small enough for tests."""

Server = S3Server | OSSServer

ATTEMPTS = 4
READS = frozenset(
    {
        "HeadBucket",
        "GetBucketLocation",
        "ListObjectsV2",
        "HeadObject",
        "GetObject",
        "GetObjectTagging",
        "GetBucketVersioning",
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
    """The requests, those about the lock of the pair apart."""
    lock: tuple[Entry, ...] = ()

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
    """Makes stores and runs syncs between them.

    :param server: the S3 where things are unless said otherwise
    :param oss_servers: two more, of OSS, that know nothing of each other
    """

    def __init__(
        self, server: S3Server, folder: Path, stack: ExitStack, oss_servers: tuple[OSSServer, OSSServer]
    ) -> None:
        self.server = server
        self.oss_server, self.other_oss = oss_servers
        self.folder = folder
        self._stack = stack
        self._made: dict[tuple[object, ...], Any] = {}
        self.servers: list[Server] = [server, *oss_servers]
        self.workspace = self.local("workspace")

    def bucket(self, *, at: Server | None = None, name: str | None = None, **settings: Any) -> str:
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
        provider: Any = None,
        capabilities: Capabilities = SMALL_PARTS,
        read_timeout: float = 5.0,
        **settings: Any,
    ) -> S3Store:
        """A store in a bucket, with a client of its own; the same one when asked for the same again.

        :param provider: credentials that change, instead of `credential`
        """
        server = at or self.server
        asked = (
            server.port,
            bucket,
            prefix,
            conn_id,
            credential,
            provider,
            capabilities,
            read_timeout,
            *sorted(settings.items()),
        )
        if asked in self._made:
            found: S3Store = self._made[asked]
            return found
        config = client_config(path_style=True, read_timeout=read_timeout, connect_timeout=2)
        client = server.client(config=config, credential=credential)
        if provider is not None:
            client._request_signer._credentials = provider
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

    def oss(
        self,
        bucket: str,
        prefix: str = "",
        *,
        at: OSSServer | None = None,
        conn_id: str | None = None,
        credential: Credential | None = None,
        provider: Any = None,
        capabilities: Capabilities = SMALL_OSS_PARTS,
        read_timeout: float = 5.0,
        **settings: Any,
    ) -> OSSStore:
        """A store in a bucket of OSS, with a client of its own; the same one when asked for the same again.

        :param provider: credentials that change, instead of `credential`
        """
        server = at or self.oss_server
        key = credential or next(iter(server.credentials.values()))
        asked = ("oss", server.port, bucket, prefix, conn_id, key, provider, capabilities, read_timeout)
        asked = (*asked, *sorted(settings.items()))
        if asked in self._made:
            found: OSSStore = self._made[asked]
            return found
        keys = (key.access_key, key.secret_key, *([key.session_token] if key.session_token else []))
        client = make_client(
            server.url, bucket, provider or keys, server.region, connect_timeout=2, read_timeout=read_timeout
        )
        store = OSSStore(
            Location(scheme="oss", conn_id=conn_id or f"at_{server.port}", bucket=bucket, prefix=prefix),
            client,
            capabilities=capabilities,
            **settings,
        )
        self._stack.callback(store.close)
        self._made[asked] = store
        return store

    def remote(self, bucket: str, prefix: str = "", *, at: Server | None = None, **settings: Any) -> ObjectStore:
        """A store in a bucket of whatever kind the server is."""
        if isinstance(at, OSSServer):
            return self.oss(bucket, prefix, at=at, **settings)
        return self.s3(bucket, prefix, at=at, **settings)

    def local(self, name: str, **settings: Any) -> LocalStore:
        """A store in a folder, which need not be there."""
        store = LocalStore(
            Location(scheme="file", bucket=str(self.folder / name)), **{"may_be_missing": True, **settings}
        )
        self._stack.callback(store.close)
        return store

    def put(self, bucket: str, objects: Mapping[str, bytes], *, at: Server | None = None) -> None:
        """Seed plain objects."""
        (at or self.server).core.put_many(bucket, objects.items())

    def contents(self, bucket: str, *, at: Server | None = None) -> dict[str, bytes]:
        """Key and bytes of everything in a bucket, locks apart."""
        core = (at or self.server).core
        return {key: core.body(bucket, key) for key in core.keys(bucket) if LOCK not in key}

    def version(self, bucket: str, key: str, *, at: Server | None = None) -> ObjectVersion:
        """The current object."""
        return (at or self.server).core.find(bucket, key)

    def fault(self, action: str, *, server: Server | None = None, **rule: Any) -> Fault:
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
        lists: ObjectStore | None = None,
        **policy: Any,
    ) -> Ran:
        """One run of every step; a red run is returned like any other."""
        before = {id(server): server.log.last_index for server in self.servers}
        report = sync(
            source,
            destination,
            workspace=self.workspace,
            lists=lists,
            selection=selection,
            policy=SyncPolicy(**{"concurrency": 4, **policy}),
            name=name,
            run=run,
            clock=QuickClock(),
            retries=quick_retries(),
            check=False,
        )
        entries = [entry for server in self.servers for entry in server.log.since(before[id(server)])]
        lock = tuple(entry for entry in entries if LOCK in entry.key)
        return Ran(report, self.outcomes(report), tuple(entry for entry in entries if LOCK not in entry.key), lock)

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


@pytest.fixture(scope="package")
def two_oss() -> Iterator[tuple[OSSServer, OSSServer]]:
    """Two servers of OSS that know nothing of each other."""
    with OSSServer(min_part_size=1) as one, OSSServer(min_part_size=1) as another:
        yield one, another


@pytest.fixture
def server(one_server: S3Server) -> Iterator[S3Server]:
    """The server, as good as new; a bug of its own fails the test."""
    one_server.reset()
    yield one_server
    assert one_server.failures == []


@pytest.fixture
def stand(
    server: S3Server, two_oss: tuple[OSSServer, OSSServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stand]:
    """Everything a run needs, around one server; no power failure is simulated, so nothing waits for the disk."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    for running in two_oss:
        running.reset()
    with ExitStack() as stack:
        yield Stand(server, tmp_path, stack, two_oss)
    assert [failure for running in two_oss for failure in running.failures] == []


@pytest.fixture
def other(two_servers: tuple[S3Server, S3Server], stand: Stand) -> Iterator[S3Server]:
    """A second server beside that of the stand, as good as new."""
    server = two_servers[1]
    server.reset()
    stand.servers.append(server)
    yield server
    assert server.failures == []


@pytest.fixture(params=WAYS)
def pair(request: pytest.FixtureRequest, stand: Stand, other: S3Server) -> Pair:
    """A pair for each way from bucket to bucket of S3."""
    return Pair.make(request.param, stand, other)


@pytest.fixture(params=ALL_WAYS)
def any_pair(request: pytest.FixtureRequest, stand: Stand, other: S3Server) -> Pair:
    """A pair for each way from bucket to bucket of S3 or OSS."""
    return Pair.make(request.param, stand, other)


@pytest.fixture
def streamed(stand: Stand, other: S3Server) -> Pair:
    """A pair on two servers, objects sent whole."""
    return Pair.make("stream", stand, other)


@pytest.fixture
def copied(stand: Stand, other: S3Server) -> Pair:
    """A pair on one server, which copies by itself."""
    return Pair.make("server_copy", stand, other)
