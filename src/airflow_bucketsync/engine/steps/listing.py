"""List one key range of one side into ordered pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from airflow_bucketsync.engine.errors import ListingUntrusted, ObjectNotFound
from airflow_bucketsync.engine.model.listing import ListingIndex, ListUnit, Side
from airflow_bucketsync.engine.model.names import STATE_PREFIX, is_state_name
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.prefixes import outermost
from airflow_bucketsync.engine.rules.ranges import LAST_CHARACTER, KeyRange, fits, key_ranges
from airflow_bucketsync.engine.steps.lists.listed import take_list
from airflow_bucketsync.engine.steps.prepare import read_run
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.shared_listing import SHARED_DOCUMENT, SharedListing, SharedRef, ways_of
from airflow_bucketsync.engine.steps.ways import way_to
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.clock import Clock, SystemClock
from airflow_bucketsync.engine.stores.gate import Gate

PAGE_OBJECTS = 250_000
"""Objects of one page file: some 5 MB compressed, so that a temporary file stays small."""
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


def store_of(run: Run, side: Side) -> ObjectStore:
    """The store of one side."""
    return run.source if side == "source" else run.destination


def listing_of(run: Run, unit: ListUnit) -> Listing:
    """A unit's listing, of what the selection of the run looks at."""
    selection = run.spec.selection
    return Listing(
        store_of(run, unit.side),
        unit.side,
        after=unit.after,
        until=unit.until,
        flat=selection.flat,
        prefixes=selection.listed_below(unit.side),
    )


def list_unit(run: Run, number: int) -> ListingIndex:
    """List one unit into pages and write its index last, so that an index means a complete listing.

    :raises ListingUntrusted: a page lacked its proof, again and again
    :raises InvalidList: the objects come from a list, and it breaks its rules
    """
    unit = read_run(run.workspace).units[number]
    if run.spec.selection.source_list:
        return _list_from_list(run, unit)
    index = _written(listing_of(run, unit), unit, run.workspace, f"list/{unit.side}-{number:04d}", gate=run.gate)
    run.workspace.write_document(unit.index_name, "listing_index", index.to_json())
    return index


def share_listing(
    source: ObjectStore,
    workspace: Workspace,
    *,
    policy: SyncPolicy,
    gate: Gate,
    prefixes: Sequence[str] = (),
    clock: Clock | None = None,
) -> tuple[SharedListing, SharedRef]:
    """List a source for several syncs; its document is written last, so that it means a complete listing.

    :param policy: with which the source was opened
    :param prefixes: folders that are listed; () = the source as a whole
    :raises ListingUntrusted: a page lacked its proof, again and again
    """
    started = (clock or SystemClock()).now()
    unit = ListUnit(number=0, side="source")
    index = _written(Listing(source, "source", prefixes=prefixes), unit, workspace, "list/shared", gate=gate)
    shared = SharedListing(
        source=source.location.url, ways=ways_of(policy), prefixes=outermost(prefixes), started=started, index=index
    )
    digest = workspace.write_document(SHARED_DOCUMENT, "shared_listing", shared.to_json())
    return shared, SharedRef(folder=workspace.run_folder, digest=digest)


def _written(listing: Listing, unit: ListUnit, workspace: Workspace, name: str, *, gate: Gate) -> ListingIndex:
    """Write a listing into pages.

    :param name: which they begin with
    """
    before = dict(listing.store.requests)
    pages: list[PageRef] = []
    writer = None
    for info in listing:
        gate.check()
        if writer is None:
            writer = workspace.page_writer(f"{name}-{len(pages):05d}", "listing")
        writer.write(info.to_json())
        if writer.count >= PAGE_OBJECTS:
            pages.append(writer.finish())
            writer = None
    if writer is not None:
        pages.append(writer.finish())
    return ListingIndex(
        unit=unit,
        pages=tuple(pages),
        objects=listing.objects,
        bytes=listing.bytes,
        requests=dict(Counter(listing.store.requests) - Counter(before)),
        refused=tuple(listing.refused),
        refused_count=listing.refused_count,
    )


def _list_from_list(run: Run, unit: ListUnit) -> ListingIndex:
    """The same from the list of the run, in place of a listing."""
    before = run.requests()
    found = take_list(run, f"list/{unit.side}-{unit.number:04d}")
    index = ListingIndex(
        unit=unit,
        pages=found.pages,
        objects=found.objects,
        bytes=found.bytes,
        requests=run.requests_since(before)[unit.side],
    )
    run.workspace.write_document(unit.index_name, "listing_index", index.to_json())
    return index
