"""A place of each kind with open uploads, journals of pairs, and time that a test lets pass."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import zstandard

from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import Fingerprint
from airflow_bucketsync.engine.model.sweep import SweepReport, SweptUpload
from airflow_bucketsync.engine.model.upload import OpenEntry
from airflow_bucketsync.engine.steps.journal import UploadJournal, entry_name
from airflow_bucketsync.engine.steps.sweep import sweep_uploads
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.memory import MemoryServer, MemoryStore
from airflow_bucketsync.engine.stores.oss.client import make_client
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.profiles import AWS
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.engine.clocks import FakeClock
from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server

KINDS = ("memory", "local", "s3", "oss")
BODY = b"a part of an object"


@dataclass
class Grounds:
    """Uploads at a destination, pairs in a workspace, and one clock for both.

    :param away: beside the destination, outside its location
    """

    destination: Any
    away: Any
    workspace: Any
    runs: int = 0
    server: Any = field(default=None)
    clock: FakeClock = field(default_factory=FakeClock)
    folder: Path | None = None

    def now(self) -> datetime:
        """By the clock of the store."""
        if self.folder is not None:
            return datetime.now(UTC)
        return self.clock.now() if self.server is None else datetime.fromtimestamp(self.server.core.now(), UTC)

    def pass_time(self, **time: float) -> None:
        """Let everything that is there become older."""
        passed = timedelta(**time)
        if self.folder is not None:
            _age(self.folder, passed)
        elif self.server is not None:
            self.server.core.clock.shift(passed.total_seconds())
        else:
            self.clock.advance(passed.total_seconds())

    def journal(self, pair: str = "pair", run: str = "run") -> UploadJournal:
        """Of one pair."""
        return UploadJournal(Workspace(self.workspace, pair=pair, run=run))

    def entry(self, key: str, upload_id: str | None = None, *, pair: str = "pair", **fields: Any) -> OpenEntry:
        """Write an entry down."""
        known: dict[str, Any] = {"destination": self.destination.location.url, "run": "run", "begun": self.now()}
        return self.journal(pair).keep(
            OpenEntry(
                name=entry_name(key),
                key=key,
                source=Fingerprint(size=len(BODY), etag="e"),
                mode="stream_parts",
                part_size=1,
                attributes="a",
                upload_id=upload_id,
                **known | fields,
            )
        )

    def upload(self, key: str, *, parts: int = 0, at: ObjectStore | None = None) -> str:
        """Begin an upload, and send some of it."""
        store = at or self.destination
        upload_id = store.begin_upload(key)
        for number in range(1, parts + 1):
            store.upload_part(key, upload_id, number, BODY)
        return str(upload_id)

    def ours(self, key: str, *, parts: int = 1, **fields: Any) -> str:
        """An upload that the journal names."""
        upload_id = self.upload(key, parts=parts)
        self.entry(key, upload_id, **fields)
        return upload_id

    def page(self, name: str = "result-0", *, pair: str = "pair", run: str = "run") -> None:
        """A run writes something."""
        self.workspace.put(f"{pair}/{run}/{name}", b"page")

    def open(self) -> list[str]:
        """Keys of the uploads that are open."""
        return sorted(upload.key for upload in self.destination.list_uploads())

    def entries(self, pair: str = "pair") -> list[str]:
        """Keys of the entries of a journal."""
        journal = self.journal(pair)
        found = [journal.read(name) for name in journal.names()]
        return sorted(entry.key for entry in found if entry is not None)

    def sweep(self, **options: Any) -> Swept:
        """One sweep; it does what it finds unless it is told not to."""
        self.runs += 1
        run = f"sweep-{self.runs}"
        settings: dict[str, Any] = {"dry_run": False, "gate": Gate(concurrency=2, clock=self.clock), "run": run}
        report = sweep_uploads(self.destination, self.workspace, **settings | options)
        assert Workspace(self.workspace, pair="sweeps", run=run).read_document("sweep.json", "sweep")
        return Swept(report, self.records(run))

    def records(self, run: str) -> dict[str, SweptUpload]:
        """What the page of a sweep says, by key."""
        place = Workspace(self.workspace, pair="sweeps", run=run)
        document = place.read_document("sweep.json", "sweep")
        if document["uploads"] is None:
            return {}
        lines = _lines(place, document["uploads"])
        found = [SweptUpload.from_json(line) for line in lines]
        assert [item.to_json() for item in found] == lines
        return {item.key: item for item in found}


@dataclass(frozen=True)
class Swept:
    """A report, and the record of each upload by key."""

    report: SweepReport
    records: dict[str, SweptUpload]

    @property
    def done(self) -> dict[str, str]:
        """What was done, by key."""
        return {key: item.done for key, item in self.records.items()}

    @property
    def owners(self) -> dict[str, str]:
        """Whose, by key."""
        return {key: item.owner for key, item in self.records.items()}


def _lines(place: Workspace, name: str) -> list[dict[str, Any]]:
    key = f"{place.run_folder}{name}"
    size = place.store.head(key).info.size
    buffer = bytearray(size)
    with place.store.open(key) as body:
        done = 0
        while done < size:
            done += body.readinto(memoryview(buffer)[done:])
    text = zstandard.ZstdDecompressor().stream_reader(bytes(buffer), read_across_frames=True).read()
    header, *lines = [json.loads(line) for line in text.splitlines()]
    assert header["schema"] == "bucketsync/swept"
    return lines


def _age(folder: Path, passed: timedelta) -> None:
    """Set back the times of a folder's files, and those that open uploads and journals tell."""
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        state = path.stat()
        if path.name == "upload.json" or path.parent.name == "uploads":
            value = json.loads(path.read_text())
            value["begun"] = (datetime.fromisoformat(value["begun"]) - passed).isoformat()
            path.write_text(json.dumps(value))
        back = int(passed.total_seconds() * 1e9)
        os.utime(path, ns=(state.st_atime_ns - back, state.st_mtime_ns - back))


def in_memory() -> Grounds:
    """Everything in memory, on one server."""
    clock = FakeClock()
    server = MemoryServer(clock=clock)
    stores = [MemoryStore(Location.parse(url), server=server) for url in _places("memory")]
    return Grounds(*stores, clock=clock)


def make(kind: str, folder: Path, stack: ExitStack, servers: dict[str, S3Server | OSSServer], name: str) -> Grounds:
    """Grounds of a kind."""
    if kind == "memory":
        return in_memory()
    if kind == "local":
        places = [folder / "out", folder / "other", folder / "pages"]
        stores = [LocalStore(Location(scheme="file", bucket=str(path)), may_be_missing=True) for path in places]
        for store in stores:
            stack.callback(store.close)
        return Grounds(*stores, folder=folder)
    server = servers[kind]
    server.core.create_bucket(name, region=server.region)
    stores = [_remote(server, name, prefix) for prefix in ("out/", "other/", "pages/")]
    for store in stores:
        stack.callback(store.close)
    return Grounds(*stores, server=server)


def _remote(server: S3Server | OSSServer, bucket: str, prefix: str) -> Any:
    if isinstance(server, S3Server):
        location = Location(scheme="s3", conn_id="c", bucket=bucket, prefix=prefix)
        return S3Store(location, server.client(config=client_config(AWS, path_style=True)), profile=AWS)
    known = next(iter(server.credentials.values()))
    client = make_client(server.url, bucket, (known.access_key, known.secret_key), server.region)
    return OSSStore(Location(scheme="oss", conn_id="c", bucket=bucket, prefix=prefix), client)


def _places(scheme: str) -> list[str]:
    return [f"{scheme}://bucket/out/", f"{scheme}://bucket/other/", f"{scheme}://pages/"]
