"""What does a plan take from the list of its run, in place of listings?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from airflow_bucketsync.engine.errors import BucketsyncError, NotSupported
from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.steps.lists.listed import read_source_list
from airflow_bucketsync.engine.steps.lists.lookups import CHUNK, looked_up
from airflow_bucketsync.engine.steps.merging import merged
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.sources import Item, Named
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.gate import Gate


class PlannedList:
    """What the list of a run says besides its objects.

    :param warn: told what a person should know of the list
    """

    def __init__(self, run: Run, *, warn: Callable[[str], None]) -> None:
        self._workspace = run.workspace
        self._found = read_source_list(run.workspace)
        for words in self._found.warnings:
            warn(words)

    @property
    def missing(self) -> Iterator[Outcome]:
        """What it names and is not at the source."""
        for page in self._found.missing:
            yield from self._workspace.read_page(page, "outcomes", Outcome.from_json)

    @property
    def names(self) -> Iterator[tuple[str, str]] | None:
        """Keys to which it gives another one at the destination, ascending, with that one; None = to none."""
        return self._read_names() if self._found.names else None

    def _read_names(self) -> Iterator[tuple[str, str]]:
        for page in self._found.names:
            yield from self._workspace.read_page(page, "names", lambda line: (line["key"], line["name"]))


class Sought:
    """What stands at the destination under the names of the source's objects, in place of a listing; totals once
    iterated.

    :param blind: nothing may be asked there, and nothing is found
    """

    def __init__(self, store: ObjectStore, *, gate: Gate, blind: bool) -> None:
        self._store = store
        self._gate = gate
        self._blind = blind
        self.objects = 0
        self.bytes = 0
        self.requests: dict[str, int] = {}

    def merged(
        self, source: Iterator[Item], known: Iterator[KnownObject]
    ) -> Iterator[tuple[str, Item | None, ObjectInfo | None, KnownObject | None]]:
        """Each of the source's ascending items, with what stands there and what is remembered of it.

        :raises BucketsyncError: it can't be asked what stands there; unknown is not absent
        """
        memory = _Ascending(known)
        while chunk := list(islice(source, CHUNK)):
            keys = [item.key for item in chunk if not isinstance(item, Named) or item.source is not None]
            there = () if self._blind else self._chunk(keys)
            for row in merged(iter(chunk), iter(there), memory.until(chunk[-1].key)):
                if row[1] is not None:  # what a list does not name, it says nothing of
                    yield row

    def _chunk(self, keys: Sequence[str]) -> Iterator[ObjectInfo]:
        found = looked_up(self._store, keys, gate=self._gate, prove_absence=False)
        for key in keys:
            there = found.get(key)
            if isinstance(there, BucketsyncError):
                if isinstance(there, NotSupported):
                    continue  # a key that can't stand there, which the plan refuses
                raise there
            if there is not None:
                self.objects += 1
                self.bytes += there.size
                yield there


class _Ascending:
    """A stream of records that is read piece by piece."""

    def __init__(self, records: Iterator[KnownObject]) -> None:
        self._records = records
        self._next = next(records, None)

    def until(self, key: str) -> Iterator[KnownObject]:
        """The next ones, up to this key."""
        while self._next is not None and self._next.key <= key:
            yield self._next
            self._next = next(self._records, None)
