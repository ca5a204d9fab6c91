"""Which are the largest of objects that go by one after the other?"""

from __future__ import annotations

import heapq

from airflow_bucketsync.engine.model.analysis import Found
from airflow_bucketsync.engine.model.objects import ObjectInfo

LARGEST = 20
"""Objects that are named for their size."""


class Largest:
    """Keeps the largest of any number of objects; of those of one size, the first."""

    def __init__(self, limit: int = LARGEST) -> None:
        self._limit = limit
        self._seen = 0
        self._heap: list[tuple[int, int, str, ObjectInfo]] = []

    def see(self, info: ObjectInfo, *, key: str | None = None) -> None:
        """The next object.

        :param key: that it is named by; None = its own
        """
        self._seen += 1
        if len(self._heap) < self._limit or info.size > self._heap[0][0]:
            heapq.heappush(self._heap, (info.size, -self._seen, key or info.key, info))
            if len(self._heap) > self._limit:
                heapq.heappop(self._heap)

    def found(self) -> tuple[Found, ...]:
        """The largest ones, largest first."""
        return tuple(Found.of(info, key=key) for _, _, key, info in sorted(self._heap, reverse=True))
