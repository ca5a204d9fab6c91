"""Which objects does a store hold? Its keys in order, proven page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_bucketsync.engine.errors import ListingUntrusted, ObjectNotFound
from airflow_bucketsync.engine.model.listing import Side
from airflow_bucketsync.engine.model.names import STATE_PREFIX, is_state_name
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.rules.ranges import LAST_CHARACTER, KeyRange, fits, key_ranges
from airflow_bucketsync.engine.steps.ways import way_to
from airflow_bucketsync.engine.stores.base import ObjectStore

KEPT_REFUSALS = 1_000


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
        self._flat = flat
        self._prefixes = prefixes
        self.store = store
        self._side = side
        self._after = after
        self._until = until
        self.objects = 0
        self.bytes = 0
        self.refused: list[tuple[str, str]] = []
        self.refused_count = 0

    def __iter__(self) -> Iterator[ObjectInfo]:
        for part in key_ranges(self._prefixes, self.store.location, after=self._after, until=self._until):
            if part.after < part.below:  # else the unit before has asked
                self._refuse(way_to(self.store, self._side, part.below))
            yield from self._listed(part)

    def _refuse(self, names: Sequence[tuple[str, str]]) -> None:
        self.refused_count += len(names)
        self.refused += names[: max(0, KEPT_REFUSALS - len(self.refused))]

    def _listed(self, part: KeyRange) -> Iterator[ObjectInfo]:
        last, below = part.after, part.below
        limit = self.store.capabilities.page_limit
        while True:
            try:
                page = self.store.list_page(after=last, until=part.until, limit=limit)
            except ObjectNotFound:
                if self._side == "destination" and self.store.capabilities.keeps_mtime:
                    return  # a folder that the first copy makes
                raise
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
                if part.until is not None and last >= part.until:
                    return

    def _behind(self, key: str) -> str:
        """A key that comes after everything in the folder of this one, or the key itself where there is no room."""
        behind = key.partition("/")[0] + "/" + LAST_CHARACTER
        return behind if fits(behind, self.store.location) else key
