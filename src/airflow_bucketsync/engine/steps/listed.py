"""One side's objects as the plan reads them: from the pages of its units, or listed here and now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from airflow_bucketsync.engine.errors import ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.listing import ListingIndex, ListUnit, Side
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.steps.list_units import listing_of
from airflow_bucketsync.engine.steps.listing import Listing
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.run_document import RunDocument
from airflow_bucketsync.engine.steps.workspace import Workspace


def read_index(workspace: Workspace, unit: ListUnit) -> ListingIndex:
    """The finished listing of a unit.

    :raises PlanMismatch: it is missing; nothing may be planned without it
    """
    try:
        index = ListingIndex.from_json(workspace.read_document(unit.index_name, "listing_index"))
    except ObjectNotFound:
        raise PlanMismatch(
            f"the listing of {unit.side} unit {unit.number} is missing", location=workspace.store.location.url
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PlanMismatch(f"{unit.index_name} is damaged: {type(error).__name__}: {error}") from None
    if index.unit != unit:
        raise PlanMismatch(f"{unit.index_name} is the listing of something else")
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
        workspace = self._run.workspace if index.folder is None else self._run.workspace.at(index.folder)
        prefixes = self._run.spec.selection.listed_below(self._side)
        objects = size = 0
        for page in index.pages:
            infos = workspace.read_page(page, "listing", ObjectInfo.from_json)
            if index.folder is None:
                yield from infos
                continue
            for info in infos:  # what is shared was listed from the beginning, and maybe beside the folders too
                if not prefixes or info.key.startswith(prefixes):
                    objects, size = objects + 1, size + info.size
                    if info.key > unit.after:
                        yield info
        self._finish(index if index.folder is None else replace(index, objects=objects, bytes=size))

    def _finish(self, part: Listing | ListingIndex) -> None:
        self._finished.append(part)
        self._no_objects.update(name for name, _ in part.refused)
