"""Which names have the most objects or bytes, whatever the number of names?"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from airflow_bucketsync.engine.model.analysis import Row, Table

HELD = 2_000
"""Names that are counted at a time."""
KEPT = 500
"""Of these, the ones with the most objects, and those with the most bytes, that go on when all are too many."""
SHOWN = 25
"""Names of which a table has a row."""
LONGEST = 64
"""Characters of a name that can have a row."""

_Counts = list[int]  # objects, bytes, missed


class Most:
    """Counts names that come in any order, in memory that does not grow with them.

    Up to `held` names all counts are exact. Then the smaller ones are merged into the others; a name that comes (again)
    afterwards has a row that says how many objects it may miss at most. The sum of all rows and the others is exact.
    """

    def __init__(self, *, held: int = HELD, kept: int = KEPT) -> None:
        self._held, self._kept = held, kept
        self._counts: dict[str, _Counts] = {}
        self._others = [0, 0]
        self._floor = 0
        self._merged = False

    def add(self, name: str, size: int) -> None:
        """One more object of this name."""
        if len(name) > LONGEST:
            self._merged = True
            self._others[0] += 1
            self._others[1] += size
            return
        counts = self._counts.get(name)
        if counts is None:
            if len(self._counts) >= self._held:
                self._merge()
            counts = self._counts[name] = [0, 0, self._floor]
        counts[0] += 1
        counts[1] += size

    def _merge(self) -> None:
        self._merged = True
        ranked = self._counts.items()
        many = heapq.nlargest(self._kept, ranked, key=lambda item: item[1][0] + item[1][2])
        heavy = heapq.nlargest(self._kept, ranked, key=lambda item: item[1][1])
        stay = dict(many) | dict(heavy)
        for name, (objects, size, missed) in ranked:
            if name not in stay:
                self._others[0] += objects
                self._others[1] += size
                self._floor = max(self._floor, objects + missed)
        self._counts = stay

    def table(self, *, shown: int = SHOWN) -> Table:
        """The names with the most objects."""
        rows = [Row(name=name, objects=one, bytes=two, missed=gone) for name, (one, two, gone) in self._counts.items()]
        first = heapq.nsmallest(shown, rows, key=lambda row: (-row.objects, row.name))
        return _table(first, rows, *self._others, names=None if self._merged else len(rows))


class MostInOrder:
    """Counts names of which each comes once, in one go: all counts are exact, whatever their number.

    What has no name ("") may come at any time, and has a row of its own, the last.
    """

    def __init__(self, *, shown: int = SHOWN) -> None:
        self._shown = shown
        self._best: list[tuple[int, int, str]] = []
        self._others = [0, 0]
        self._names = 0
        self._name = ""
        self._counts = [0, 0]
        self._unnamed = [0, 0]

    def add(self, name: str, size: int) -> None:
        """One more object; of this name, of the next one, or without a name."""
        if name and name != self._name:
            self._settle()
            self._name, self._counts = name, [0, 0]
        counts = self._counts if name else self._unnamed
        counts[0] += 1
        counts[1] += size

    def _settle(self) -> None:
        if not self._name:
            return
        self._names += 1
        heapq.heappush(self._best, (self._counts[1], self._counts[0], self._name))
        if len(self._best) > self._shown:
            size, objects, _ = heapq.heappop(self._best)
            self._others[0] += objects
            self._others[1] += size

    def table(self) -> Table:
        """The names with the most bytes; nothing can be added afterwards."""
        self._settle()
        self._name = ""
        best = sorted(self._best, key=lambda item: (-item[0], -item[1], item[2]))
        rows = [Row(name=name, objects=objects, bytes=size) for size, objects, name in best]
        if self._unnamed[0]:
            rows.append(Row(name="", objects=self._unnamed[0], bytes=self._unnamed[1]))
        return _table(rows, rows, *self._others, names=self._names + bool(self._unnamed[0]))


def _table(first: list[Row], rows: Iterable[Row], objects: int, size: int, *, names: int | None) -> Table:
    others = Row(
        name="others",
        objects=objects + sum(row.objects for row in rows) - sum(row.objects for row in first),
        bytes=size + sum(row.bytes for row in rows) - sum(row.bytes for row in first),
    )
    return Table(rows=tuple(first), others=others, names=names)
