"""Runs of two Airflows that meet at one destination, and what stands in their lock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson

from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.lock import Owner
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.lock_object import LockObject
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.clock import Clock
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.memory import MemoryStore
from airflow_bucketsync.engine.stores.retrying import Retries, RetryingStore
from tests.engine.clocks import FakeClock

LEASE = 600


class Skewed:
    """A clock that shows another time of day than the one it stands on, and the same seconds."""

    def __init__(self, clock: Clock, **by: float) -> None:
        self._clock = clock
        self._by = timedelta(**by)
        self.monotonic, self.wait = clock.monotonic, clock.wait

    def now(self) -> Any:
        """The time of day, early or late."""
        return self._clock.now() + self._by


def lock_run(
    source: ObjectStore,
    destination: ObjectStore,
    name: str,
    *,
    clock: Clock,
    airflow: str = "here",
    pages: ObjectStore | None = None,
    pair: str = "pair",
    **policy: Any,
) -> Run:
    """One task's view of a run; call it again for another task of the same run."""
    options = SyncPolicy(**{"concurrency": 1, "lock_lease": LEASE, **policy})
    spec = SyncSpec.of(source.location, destination.location, name=pair, policy=options)
    gate = Gate(concurrency=options.concurrency, clock=clock)
    retries = Retries(gate=gate, attempts=3, base=0.01)
    return Run(
        spec=spec,
        run=name,
        source=RetryingStore(source, retries),
        destination=RetryingStore(destination, retries),
        workspace=Workspace(pages or source, pair=pair, run=name),
        gate=gate,
        clock=clock,
        owner=Owner(airflow=airflow, dag_id="dag", run_id=name),
    )


class Meeting:
    """A source and a destination in memory, or any others, and runs between them.

    :param clock: of the servers, and of runs that bring no other one
    """

    def __init__(
        self,
        source: ObjectStore | None = None,
        destination: ObjectStore | None = None,
        *,
        clock: Any = None,
        **can: Any,
    ) -> None:
        self.clock = clock or FakeClock()
        self.source = source or MemoryStore(Location.parse("memory://source/in/"), clock=self.clock)
        self.destination = destination or MemoryStore(Location.parse("memory://there/out/"), clock=self.clock)
        if isinstance(self.destination, MemoryStore):
            self.destination._capabilities = replace(self.destination.capabilities, **can)
        self.pages = MemoryStore(Location.parse("memory://pages/"), clock=self.clock)

    def run(self, name: str = "one", *, clock: Clock | None = None, **more: Any) -> Run:
        """A run, or another task of it."""
        return lock_run(self.source, self.destination, name, clock=clock or self.clock, pages=self.pages, **more)

    def lock(self) -> dict[str, Any] | None:
        """What stands in the lock; None = there is none."""
        seen = LockObject(self.run()).read()
        return None if seen is None else {"etag": seen.info.etag, **(seen.document.to_json() if seen.document else {})}

    def holder(self) -> str | None:
        """The run that the lock names."""
        lock = self.lock()
        return None if lock is None else lock["run"]

    def write(self, **fields: Any) -> None:
        """Put a lock there as somebody could who may write there; other fields as of a run that took it now."""
        lock = LockObject(self.run("stranger", airflow="elsewhere"))
        value = {"schema": "bucketsync/lock", "version": 1, **lock.taken(None).to_json(), **fields}
        self.write_bytes(orjson.dumps({name: field for name, field in value.items() if field is not ...}))

    def write_bytes(self, body: bytes) -> None:
        """Put anything there."""
        lock = LockObject(self.run())
        lock.store.put(lock.key, body)

    def delete(self) -> None:
        """Break the glass."""
        lock = LockObject(self.run())
        lock.store.delete(lock.key)
