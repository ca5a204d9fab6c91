"""Where can a listing be cut into key ranges of about the same size, told by the last one?"""

from __future__ import annotations

SAMPLES = 512
"""Keys kept while a listing goes by; when they are too many, every other one is dropped."""
UNIT_OBJECTS = 250_000
"""Objects of one range: 250 pages, some 30 to 60 s of a store's time, which is worth a task of its own."""
MAX_SPLITS = 15
"""So a side is listed by at most 16 tasks."""
LONGEST = 64
"""Characters of a split point: 15 of them fit the checkpoint however they are escaped."""


class SplitPoints:
    """Sees every key of an ascending listing, keeps a few of them, evenly spread."""

    __slots__ = ("_count", "_every", "_samples")

    def __init__(self) -> None:
        self._samples: list[str] = []
        self._every = 1_000
        self._count = 0

    def see(self, key: str) -> None:
        """The next key."""
        self._count += 1
        if self._count % self._every:
            return
        self._samples.append(key)
        if len(self._samples) > SAMPLES:
            self._samples = self._samples[1::2]
            self._every *= 2

    def points(self, *, unit_objects: int = UNIT_OBJECTS) -> tuple[str, ...]:
        """The keys that cut what was seen into ranges of about `unit_objects`; () = one range is enough.

        A point need not be a key: of a long one its beginning serves.
        """
        ranges = min(-(-self._count // unit_objects), MAX_SPLITS + 1, len(self._samples) + 1)
        places = (len(self._samples) * number // ranges for number in range(1, ranges))
        return tuple(sorted({self._samples[place][:LONGEST] for place in places}))
