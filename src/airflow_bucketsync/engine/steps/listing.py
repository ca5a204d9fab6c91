"""List one key range of one side into ordered pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from airflow_bucketsync.engine.errors import ListingUntrusted, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.listing import ListingIndex, ListUnit, Side
from airflow_bucketsync.engine.model.names import STATE_PREFIX, is_state_name
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.rules.ranges import LAST_CHARACTER, KeyRange, fits, key_ranges
from airflow_bucketsync.engine.steps.lists.listed import take_list
from airflow_bucketsync.engine.steps.prepare import RunDocument, read_run
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.ways import way_to
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore

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
        self._store = store
        self._side = side
        self._after = after
        self._until = until
        self.objects = 0
        self.bytes = 0
        self.refused: list[tuple[str, str]] = []
        self.refused_count = 0

    def __iter__(self) -> Iterator[ObjectInfo]:
        for part in key_ranges(self._prefixes, self._store.location, after=self._after, until=self._until):
            if part.after < part.below:  # else the unit before has asked
                self._refuse(way_to(self._store, self._side, part.below))
            yield from self._listed(part)

    def _refuse(self, names: Sequence[tuple[str, str]]) -> None:
        self.refused_count += len(names)
        self.refused += names[: max(0, KEPT_REFUSALS - len(self.refused))]

    def _listed(self, part: KeyRange) -> Iterator[ObjectInfo]:
        last, below = part.after, part.below
        limit = self._store.capabilities.page_limit
        while True:
            try:
                page = self._store.list_page(after=last, until=part.until, limit=limit)
            except ObjectNotFound:
                if self._side == "destination" and self._store.capabilities.keeps_mtime:
                    return  # a folder that the first copy makes
                raise
            names = [item for item in page.refused if item[0].startswith(below)]
            self._refuse([item for item in names if not self._flat or "/" not in item[0]])
            for info in page.items:
                if info.key <= last:
                    raise ListingUntrusted(
                        f"the listing is out of order: after {last!r}", location=self._store.location.url, key=info.key
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
                raise ListingUntrusted("the listing does not get on", location=self._store.location.url, key=last)
            last = page.next_after
            if self._flat and "/" in last:
                last = max(last, self._behind(last))
                if part.until is not None and last >= part.until:
                    return

    def _behind(self, key: str) -> str:
        """A key that comes after everything in the folder of this one, or the key itself where there is no room."""
        behind = key.partition("/")[0] + "/" + LAST_CHARACTER
        return behind if fits(behind, self._store.location) else key


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
    before = run.requests()
    listing = listing_of(run, unit)
    pages: list[PageRef] = []
    writer = None
    for info in listing:
        run.gate.check()
        if writer is None:
            writer = run.workspace.page_writer(f"list/{unit.side}-{number:04d}-{len(pages):05d}", "listing")
        writer.write(info.to_json())
        if writer.count >= PAGE_OBJECTS:
            pages.append(writer.finish())
            writer = None
    if writer is not None:
        pages.append(writer.finish())
    index = ListingIndex(
        unit=unit,
        pages=tuple(pages),
        objects=listing.objects,
        bytes=listing.bytes,
        requests=run.requests_since(before)[unit.side],
        refused=tuple(listing.refused),
        refused_count=listing.refused_count,
    )
    run.workspace.write_document(_index_name(unit), "listing_index", index.to_json())
    return index


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
    run.workspace.write_document(_index_name(unit), "listing_index", index.to_json())
    return index


def _index_name(unit: ListUnit) -> str:
    return f"list/{unit.side}-{unit.number:04d}.json"


def read_index(workspace: Workspace, unit: ListUnit) -> ListingIndex:
    """The finished listing of a unit.

    :raises PlanMismatch: it is missing; nothing may be planned without it
    """
    try:
        index = ListingIndex.from_json(workspace.read_document(_index_name(unit), "listing_index"))
    except ObjectNotFound:
        raise PlanMismatch(
            f"the listing of {unit.side} unit {unit.number} is missing", location=workspace.store.location.url
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PlanMismatch(f"{_index_name(unit)} is damaged: {type(error).__name__}: {error}") from None
    if index.unit != unit:
        raise PlanMismatch(f"{_index_name(unit)} is the listing of something else")
    return index


class Listed:
    """One side's objects for the plan: from the pages of its units, or listed here and now.

    Iterate once; the totals speak of what went by so far.
    """

    def __init__(self, run: Run, document: RunDocument, side: Side) -> None:
        self._run = run
        self._document = document
        self._side: Side = side
        self._finished: list[Listing | ListingIndex] = []
        self._listing: Listing | None = None
        self._no_objects: set[str] = set()

    @property
    def objects(self) -> int:
        """Objects listed so far."""
        return sum(part.objects for part in self._parts)

    @property
    def bytes(self) -> int:
        """Their sizes together."""
        return sum(part.bytes for part in self._parts)

    @property
    def refused(self) -> list[tuple[str, str]]:
        """Names that can't be keys, with the reason; of each unit the first 1,000."""
        return [name for part in self._parts for name in part.refused]

    @property
    def refused_count(self) -> int:
        """How many there were."""
        return sum(part.refused_count for part in self._parts)

    @property
    def requests(self) -> dict[str, int]:
        """Requests of the tasks that listed."""
        total: Counter[str] = Counter()
        for part in self._finished:
            total.update(part.requests if isinstance(part, ListingIndex) else {})
        return dict(total)

    @property
    def _parts(self) -> list[Listing | ListingIndex]:
        return [*self._finished, *([] if self._listing is None else [self._listing])]

    def in_the_way(self, key: str) -> str | None:
        """The name that can't be an object and stands in this key's place, or in that of a folder above it.

        What there is behind it is not known, so nothing may be concluded from the key's absence. Speaks of keys up to
        where the iteration is.
        """
        if self._listing is not None:
            self._no_objects.update(name for name, _ in self._listing.refused)
        if not self._no_objects:
            return None
        # A folder that can't be read is named with its slash, a link to one without.
        above = (key[:end] for at in range(len(key)) if key[at] == "/" for end in (at, at + 1))
        return next((name for name in (key, f"{key}/", *above) if name in self._no_objects), None)

    def __iter__(self) -> Iterator[ObjectInfo]:
        for unit in self._document.units:
            if unit.side != self._side:
                continue
            if self._document.mapped and unit.number not in self._document.unlisted:
                yield from self._from_pages(unit)
            else:
                listing = listing_of(self._run, unit)
                self._listing = listing
                yield from listing
                self._listing = None
                self._finish(listing)

    def _from_pages(self, unit: ListUnit) -> Iterator[ObjectInfo]:
        index = read_index(self._run.workspace, unit)
        self._no_objects.update(name for name, _ in index.refused)
        for page in index.pages:
            yield from self._run.workspace.read_page(page, "listing", ObjectInfo.from_json)
        self._finish(index)

    def _finish(self, part: Listing | ListingIndex) -> None:
        self._finished.append(part)
        self._no_objects.update(name for name, _ in part.refused)
