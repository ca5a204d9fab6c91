"""What every step of one run shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow_bucketsync.engine.model.lock import Owner
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.clock import Clock, SystemClock
from airflow_bucketsync.engine.stores.gate import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one pair, with its stores open.

    :param run: the run's id
    :param workspace: the pages of this run
    :param owner: whose run it is, for the lock of the pair
    :param lists: the store of the selection's `source_list`; None = it has none
    """

    spec: SyncSpec
    run: str
    source: ObjectStore
    destination: ObjectStore
    workspace: Workspace
    gate: Gate = field(default_factory=Gate)
    clock: Clock = field(default_factory=SystemClock)
    owner: Owner = field(default_factory=Owner)
    lists: ObjectStore | None = None

    def requests(self) -> dict[str, dict[str, int]]:
        """Requests sent so far by this process, per side and operation."""
        return {"source": dict(self.source.requests), "destination": dict(self.destination.requests)}

    def requests_since(self, before: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
        """Requests sent by this process since `before` was taken by `requests`."""
        return {
            side: {
                operation: count - before[side].get(operation, 0)
                for operation, count in counts.items()
                if count > before[side].get(operation, 0)
            }
            for side, counts in self.requests().items()
        }


class Progress(Protocol):
    """Where a task keeps how far it came, so that its next try goes on there (small JSON, at most 32 KiB)."""

    def load(self) -> Mapping[str, Any] | None:
        """What the last try saved; None = nothing, or lost."""
        ...

    def save(self, value: Mapping[str, Any]) -> None:
        """Keep this for the next try."""
        ...


class MemoryProgress:
    """Progress for runs inside one process."""

    def __init__(self) -> None:
        self.value: Mapping[str, Any] | None = None

    def load(self) -> Mapping[str, Any] | None:
        """What was saved last."""
        return self.value

    def save(self, value: Mapping[str, Any]) -> None:
        """Keep this."""
        self.value = dict(value)
