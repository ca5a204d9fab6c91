"""A pair of stores in memory, and the steps between them, whole or one by one."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
import zstandard

from airflow_bucketsync.engine.in_process import sync
from airflow_bucketsync.engine.model.by_hand import ByHand
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.objects import ObjectAttributes, PutResult
from airflow_bucketsync.engine.model.outcome import Outcome, Report
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.rules.mapping import SAME_NAME
from airflow_bucketsync.engine.rules.renaming import NO_NAME, OUTSIDE_ROOT
from airflow_bucketsync.engine.steps.list_units import list_unit
from airflow_bucketsync.engine.steps.prepare import prepare
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.run_document import RUN_DOCUMENT, read_run
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES, Hook, MemoryServer, MemoryStore
from airflow_bucketsync.engine.stores.retrying import Retries, RetryingStore
from tests.engine.clocks import FakeClock

WRITES = frozenset({"put", "copy", "begin_upload", "upload_part", "copy_part", "complete_upload", "delete"})
PART = 10
IN_PARTS: Mapping[str, int] = {"small_threshold": PART, "large_threshold": PART, "part_size": PART}
"""Everything above one part is large: begun, sent in groups, and completed by tasks of their own."""
MEDIUM: Mapping[str, int] = {"small_threshold": PART, "large_threshold": 1000 * PART, "part_size": PART}
"""The same, inside a batch; for server-side copies, with a store of `SMALL_COPIES`."""
SMALL_COPIES = replace(MEMORY_CAPABILITIES, max_copy=PART)
NO_CHECKSUMS = replace(MEMORY_CAPABILITIES, checksums=())
OPAQUE = replace(MEMORY_CAPABILITIES, etag_meaning="opaque")
LOCK = "_bucketsync/lock-"
_RUNS = itertools.count(1)


@dataclass(frozen=True)
class Ran:
    """A finished run: its report, and the record of every object that is not `same`."""

    report: Report
    outcomes: Mapping[str, Outcome]

    def status(self, key: str) -> tuple[str, str | None]:
        """Word and reason of a key."""
        return self.outcomes[key].status, self.outcomes[key].reason


class Pair:
    """A source, a destination and a workspace.

    :param shared: whether both are on one server, which then copies by itself
    :param quiet_lock: whether hooks and counts of the destination pass over the requests of the pair's lock
    """

    def __init__(
        self,
        *,
        shared: bool = True,
        versions: bool = False,
        source: Capabilities = MEMORY_CAPABILITIES,
        destination: Capabilities = MEMORY_CAPABILITIES,
        store: Callable[..., MemoryStore] = MemoryStore,
        tick: float = 0.001,
        quiet_lock: bool = True,
    ) -> None:
        self.clock = FakeClock(tick=tick)
        server = MemoryServer(versions=versions, clock=self.clock)
        other = server if shared else MemoryServer(versions=versions, clock=self.clock)
        self.source = MemoryStore(Location.parse("memory://source/in/"), server=server, capabilities=source)
        self.destination = store(Location.parse("memory://destination/out/"), server=other, capabilities=destination)
        self.pages = MemoryStore(Location.parse("memory://pages/"), clock=self.clock)
        if quiet_lock:
            self._hush(self.destination)

    def _hush(self, destination: MemoryStore) -> None:
        below = destination.below

        def quiet(folder: str) -> MemoryStore:
            other = below(folder)
            if folder == STATE_PREFIX:
                other.requests, other.hooks = Counter(), []
            return other

        destination.below = quiet  # type: ignore[method-assign]

    # objects --------------------------------------------------------------------------------------------------

    def put(self, objects: Mapping[str, bytes], **attributes: Any) -> None:
        """Seed the source."""
        for key, body in objects.items():
            self.source.put(key, body, attributes=ObjectAttributes(**attributes))

    def put_there(self, objects: Mapping[str, bytes], **attributes: Any) -> None:
        """Seed the destination."""
        for key, body in objects.items():
            self.destination.put(key, body, attributes=ObjectAttributes(**attributes))

    def put_in_parts(self, key: str, *parts: bytes, store: MemoryStore | None = None, **attributes: Any) -> PutResult:
        """Seed an object in parts, so that its ETag is no MD5."""
        store = store or self.source
        upload = store.begin_upload(key, attributes=ObjectAttributes(**attributes))
        receipts = [store.upload_part(key, upload, number, part) for number, part in enumerate(parts, start=1)]
        return store.complete_upload(key, upload, receipts, size=sum(map(len, parts)))

    def tamper(self, key: str, *, store: MemoryStore | None = None, **attributes: Any) -> None:
        """Change attributes at the destination behind the store's back: ETag and time stay."""
        store = store or self.destination
        bucket = store.server.bucket(store.location.bucket)
        item = bucket.objects[store.location.full_key(key)]
        bucket.place(replace(item, attributes=replace(item.attributes, **attributes)))

    def contents(self, store: MemoryStore | None = None) -> dict[str, bytes]:
        """Keys and bytes at the destination, below its prefix, the lock apart."""
        store = store or self.destination
        objects = store.server.bucket(store.location.bucket).objects
        prefix = store.location.prefix
        lock = f"{prefix}{LOCK}"
        return {
            key[len(prefix) :]: item.body
            for key, item in objects.items()
            if key.startswith(prefix) and not key.startswith(lock)
        }

    def unlock(self, *, but: str | None = None) -> None:
        """Let the run that holds the lock have ended, unless it is this one."""
        bucket = self.destination.server.bucket(self.destination.location.bucket)
        lock = self.destination.location.full_key(LOCK)
        for key, item in list(bucket.objects.items()):
            if key.startswith(lock) and orjson.loads(item.body)["run"] != but:
                bucket.remove(key)

    def uploads(self) -> int:
        """Open uploads at the destination."""
        return len(self.destination.server.bucket(self.destination.location.bucket).uploads)

    def writes(self) -> Counter[str]:
        """What was written to the destination so far."""
        return Counter({verb: n for verb, n in self.destination.requests.items() if verb in WRITES})

    def at_destination(self, hook: Hook) -> None:
        """Let a hook see every request to the destination."""
        self.destination.hooks.append(hook)

    # runs -----------------------------------------------------------------------------------------------------

    def sync(
        self,
        selection: Selection | None = None,
        *,
        run: str | None = None,
        check: bool = False,
        unlock: bool = True,
        by_hand: ByHand | None = None,
        **policy: Any,
    ) -> Ran:
        """One run of every step.

        :param unlock: whether every other run has ended
        """
        if unlock:
            self.unlock(but=run)
        report = sync(
            self.source,
            self.destination,
            workspace=self.pages,
            selection=selection,
            policy=SyncPolicy(**{"concurrency": 1, **policy}),
            by_hand=by_hand,
            name="pair",
            run=run or f"run-{next(_RUNS)}",
            clock=self.clock,
            retries=self.retries(),
            check=check,
        )
        return Ran(report, self.outcomes(report))

    def retries(self, gate: Gate | None = None) -> Retries:
        """Few tries, no waits."""
        return Retries(gate=gate or Gate(clock=self.clock), attempts=3)

    def run(
        self,
        name: str = "run",
        *,
        selection: Selection | None = None,
        prepared: bool = True,
        mapped: bool | None = None,
        pages: ObjectStore | None = None,
        unlock: bool = True,
        **policy: Any,
    ) -> Run:
        """A run whose steps are called one by one, up to the plan.

        :param unlock: whether every other run has ended
        :param prepared: whether `prepare` was done, and what `list` does
        :param mapped: whether the plan finds the listings as pages; None = as `prepare` decides
        """
        if unlock:
            self.unlock(but=name)
        options = SyncPolicy(**{"concurrency": 1, **policy})
        spec = SyncSpec.of(
            self.source.location, self.destination.location, name="pair", selection=selection, policy=options
        )
        gate = Gate(concurrency=options.concurrency, buffer_size=options.buffer_size, clock=self.clock)
        made = Run(
            spec=spec,
            run=name,
            source=RetryingStore(self.source, self.retries(gate)),
            destination=RetryingStore(self.destination, self.retries(gate)),
            # A gate of its own: what was done is still recorded after the run was asked to stop.
            workspace=Workspace(RetryingStore(pages or self.pages, self.retries()), pair=spec.pair, run=name),
            gate=gate,
            clock=self.clock,
        )
        if prepared:
            prepare(made)
            document = read_run(made.workspace)
            if mapped is not None:
                document = replace(document, mapped=mapped)
                made.workspace.write_document(RUN_DOCUMENT, "run", document.to_json())
            for unit in document.units if document.mapped else ():
                list_unit(made, unit.number)
        return made

    # pages ----------------------------------------------------------------------------------------------------

    def outcomes(self, report: Report) -> dict[str, Outcome]:
        """The records of a run by key, each key once."""
        if report.objects is None:
            return {}
        found = [Outcome.from_json(line) for line in self.lines(f"{report.pair}/{report.run}/{report.objects}")[1:]]
        assert len({(outcome.key, outcome.source_key) for outcome in found}) == len(found), "an object has two records"
        sharing = [
            outcome for outcome in found if outcome.source_key and outcome.reason in (SAME_NAME, OUTSIDE_ROOT, NO_NAME)
        ]
        others = [outcome for outcome in found if outcome not in sharing]
        keyed = {outcome.key: outcome for outcome in others}
        assert len(keyed) == len(others), "a key has two records"
        return {outcome.key: outcome for outcome in sharing} | keyed

    def lines(self, name: str) -> list[Any]:
        """The lines of a page, its header first."""
        packed = self.contents(self.pages)[name]
        reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
        return [orjson.loads(line) for line in reader.read().splitlines()]


def rewrite(pair: Pair, name: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Edit the lines of a page as somebody could who reaches the workspace."""
    packed = pair.contents(pair.pages)[name]
    lines = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True).read().splitlines()
    pair.pages.put(name, zstandard.ZstdCompressor().compress(b"\n".join(change(lines)) + b"\n"))


def kill_at(pair: Pair, at: int, when: str) -> None:
    """Let the process die before or after one request to either side, counted from 1."""
    counted = itertools.count(1)

    def kill(moment: str, verb: str, key: str) -> None:
        if moment == when and next(counted) == at:
            raise KeyboardInterrupt

    for store in (pair.source, pair.destination):
        store.hooks.append(kill)
