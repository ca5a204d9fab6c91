"""What do objects come to that go by one after the other: by size, age, class, depth, extension and folder?"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow_bucketsync.engine.model.analysis import AGES, DEEPEST, SIZES, ClassRow, Found, Readable, Row
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.storage_classes import MAYBE_ARCHIVED
from airflow_bucketsync.engine.rules.extensions import extension_of
from airflow_bucketsync.engine.rules.largest import Largest
from airflow_bucketsync.engine.rules.most import Most, MostInOrder
from airflow_bucketsync.engine.rules.selection import STANDARD

CLOCKS_APART = timedelta(minutes=15)
"""As much as a store's clock may be off; what was modified later than that is worth a word."""
TOP = ""
"""The folder of keys that have none."""
_LEAST_BYTES = [least for _, least in SIZES]


class Counting:
    """Takes objects in key order and counts them, in memory that does not grow with them.

    :param started: ages are counted from it
    """

    def __init__(self, started: datetime) -> None:
        self._limits = [started - timedelta(days=days) for _, days in reversed(AGES[1:])]
        self._ahead_from = started + CLOCKS_APART
        self.objects = self.bytes = self.empty = self.markers = self.marker_bytes = self.ahead = 0
        self._sizes = [[0, 0] for _ in SIZES]
        self._ages = [[0, 0] for _ in AGES]
        self._depths = [[0, 0] for _ in range(DEEPEST + 1)]
        self._classes = Most()
        self._extensions = Most()
        self._folders = MostInOrder()
        self._largest = Largest()
        self._oldest: ObjectInfo | None = None
        self._newest: ObjectInfo | None = None

    def see(self, info: ObjectInfo) -> None:
        """The next object."""
        key, size, modified = info.key, info.size, info.last_modified
        self.objects += 1
        self.bytes += size
        self.empty += not size
        if key.endswith("/"):
            self.markers += 1
            self.marker_bytes += size
        self.ahead += modified > self._ahead_from
        # An age at a bound belongs to the older class: the limits are the latest times of each.
        age = len(self._limits) - bisect_left(self._limits, modified)
        depth = min(key.count("/"), DEEPEST)
        for counts in (self._sizes[bisect_right(_LEAST_BYTES, size) - 1], self._ages[age], self._depths[depth]):
            counts[0] += 1
            counts[1] += size
        self._classes.add(info.storage_class or STANDARD, size)
        self._extensions.add(extension_of(key), size)
        self._folders.add(key.partition("/")[0] + "/" if depth else TOP, size)
        self._largest.see(info)
        if self._oldest is None or modified < self._oldest.last_modified:
            self._oldest = info
        if self._newest is None or modified > self._newest.last_modified:
            self._newest = info

    def tables(self) -> dict[str, Any]:
        """Everything that was counted, by the names of `Analysis`; nothing can be seen afterwards."""
        deepest = max((at for at, (objects, _) in enumerate(self._depths) if objects), default=-1)
        depths = [str(at) if at < DEEPEST else f"{DEEPEST}+" for at in range(deepest + 1)]
        classes = self._classes.table()
        rows = (*classes.rows, *((classes.others,) if classes.others.objects else ()))
        return {
            "objects": self.objects,
            "bytes": self.bytes,
            "empty": self.empty,
            "markers": self.markers,
            "marker_bytes": self.marker_bytes,
            "ahead": self.ahead,
            "sizes": _rows([name for name, _ in SIZES], self._sizes),
            "ages": _rows([name for name, _ in AGES], self._ages),
            "depths": _rows(depths, self._depths),
            "classes": tuple(
                ClassRow(name=row.name, objects=row.objects, bytes=row.bytes, readable=readable(row.name))
                for row in rows
            ),
            "extensions": self._extensions.table(),
            "folders": self._folders.table(),
            "largest": self._largest.found(),
            "oldest": None if self._oldest is None else Found.of(self._oldest),
            "newest": None if self._newest is None else Found.of(self._newest),
        }


def readable(storage_class: str) -> Readable:
    """Whether objects of a storage class can be read without restoring them."""
    if storage_class not in MAYBE_ARCHIVED:
        return "yes"
    return "maybe" if storage_class == "INTELLIGENT_TIERING" else "restored"


def _rows(names: Sequence[str], counts: Sequence[Sequence[int]]) -> tuple[Row, ...]:
    return tuple(
        Row(name=name, objects=objects, bytes=size) for name, (objects, size) in zip(names, counts, strict=False)
    )
