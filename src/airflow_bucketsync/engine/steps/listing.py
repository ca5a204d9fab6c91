"""Which objects does a store hold? Its keys in order, proven page by page."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace

from airflow_bucketsync.engine.errors import ListingUntrusted, ObjectNotFound
from airflow_bucketsync.engine.model.listing import Side
from airflow_bucketsync.engine.model.names import STATE_PREFIX, is_state_name
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.rules.middle import between
from airflow_bucketsync.engine.rules.ranges import LAST_CHARACTER, KeyRange, fits, key_ranges
from airflow_bucketsync.engine.steps.ways import way_to
from airflow_bucketsync.engine.stores.base import ObjectStore

KEPT_REFUSALS = 1_000
WORTH_PARTING = 20_000
"""Keys that a listing comes past before it gives half of the rest away: a second's worth of pages, so that cuts cost
few requests more."""
AGAIN = 1_000
"""The same where the half that was given away had turned out empty."""
SAMPLED = 50
"""Of so many keys of a page one is looked at for the letters that keys are made of."""


class Listing:
    """The objects of a store in key order, proven page by page, with totals and refused names on the way.

    :param side: what is our own is no data and is left out: at both sides the lock and the trash, which a source has
        that is another pair's destination; at a destination unfinished files too
    :param flat: only keys without `/`; what lies in folders is jumped over
    :param prefixes: folders; only what lies below one of them, and no page between them; () = everything
    """

    def __init__(
        self,
        store: ObjectStore,
        side: Side,
        *,
        after: str = "",
        until: str | None = None,
        flat: bool = False,
        prefixes: Sequence[str] = (),
    ) -> None:
        self.store = store
        self._side = side
        self._flat = flat
        self._ranges = deque(key_ranges(prefixes, store.location, after=after, until=until))
        self._letters: set[str] = set()
        self._begin(self._ranges[0].after if self._ranges else after)

    def _begin(self, start: str) -> None:
        self.start = start
        self._range = KeyRange()
        self._asked: str | None = None
        self.pages = self._passed = self._parted_at = 0
        self._given: Listing | None = None
        self._empty = False
        self.objects = 0
        self.bytes = 0
        self.refused: list[tuple[str, str]] = []
        self.refused_count = 0

    def __iter__(self) -> Iterator[ObjectInfo]:
        while self._ranges:
            self._range = self._ranges.popleft()
            if self._range.after < self._range.below:  # else the unit before has asked
                self._refuse(way_to(self.store, self._side, self._range.below))
            yield from self._listed()
        self._empty = not self.objects

    def parted(self) -> Listing | None:
        """A listing of the later half of what this one has not asked for yet, which leaves it; None = too little.

        Called while this one is iterated, by the same thread.
        """
        in_vain = self._given is not None and self._given._empty
        if self._passed - self._parted_at < (AGAIN if in_vain else WORTH_PARTING):
            return None
        given = self._later_half()
        if not given:
            return None
        self._parted_at = self._passed
        other = copy(self)
        other._letters = set(self._letters)
        other._ranges = deque(given)
        other._begin(given[0].after)
        self._given = other
        return other

    def _later_half(self) -> Sequence[KeyRange]:
        if self._ranges:
            count = -(-len(self._ranges) // 2)
            return [self._ranges.pop() for _ in range(count)][::-1]
        here = self._range
        if self._asked is None or not self._asked.startswith(here.below):
            return ()
        middle = between(self._asked, here.until, sorted(self._letters))
        if middle is None or not fits(middle, self.store.location):
            return ()
        self._range = replace(here, until=middle)
        return (replace(here, after=middle),)

    def _refuse(self, names: Sequence[tuple[str, str]]) -> None:
        self.refused_count += len(names)
        self.refused += names[: max(0, KEPT_REFUSALS - len(self.refused))]

    def _listed(self) -> Iterator[ObjectInfo]:
        last, below = self._range.after, self._range.below
        limit = self.store.capabilities.page_limit
        while True:
            try:
                page = self.store.list_page(after=last, until=self._range.until, limit=limit)
            except ObjectNotFound:
                if self._side == "destination" and self.store.capabilities.keeps_mtime:
                    return  # a folder that the first copy makes
                raise
            self.pages += 1
            self._passed += len(page.items)
            self._asked = page.next_after
            self._letters.update(*[info.key for info in page.items[::SAMPLED]])
            names = [item for item in page.refused if item[0].startswith(below)]
            self._refuse([item for item in names if not self._flat or "/" not in item[0]])
            for info in page.items:
                if info.key <= last:
                    raise ListingUntrusted(
                        f"the listing is out of order: after {last!r}", location=self.store.location.url, key=info.key
                    )
                last = info.key
                if info.key.startswith(STATE_PREFIX) or (self._side == "destination" and is_state_name(info.key)):
                    continue
                if (self._flat and "/" in info.key) or not info.key.startswith(below):
                    continue
                self.objects += 1
                self.bytes += info.size
                yield info
            if page.next_after is None:
                return
            if page.next_after < last or (not page.items and page.next_after == last and not page.refused):
                raise ListingUntrusted("the listing does not get on", location=self.store.location.url, key=last)
            last = page.next_after
            if self._flat and "/" in last:
                last = max(last, self._behind(last))
            if self._range.until is not None and last >= self._range.until:
                return

    def _behind(self, key: str) -> str:
        """A key that comes after everything in the folder of this one, or the key itself where there is no room."""
        behind = key.partition("/")[0] + "/" + LAST_CHARACTER
        return behind if fits(behind, self.store.location) else key
