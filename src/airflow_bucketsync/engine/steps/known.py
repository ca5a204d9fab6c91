"""The memory of a pair: which two versions were proven equal, one ordered line per object."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter

from airflow_bucketsync.engine.errors import CheckpointMismatch, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.objects import EPOCH, ObjectInfo
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.workspace import Workspace

POINTER = "known.json"
PAGE_OBJECTS = 250_000


class Known:
    """The pair's memory as it stands; empty when there is none.

    :param warning: why it was ignored, for people
    """

    def __init__(self, workspace: Workspace, pages: tuple[PageRef, ...] = (), *, warning: str | None = None) -> None:
        self._workspace = workspace
        self.pages = pages
        self.warning = warning

    def __iter__(self) -> Iterator[KnownObject]:
        """Its lines, ascending.

        :raises CheckpointMismatch: it is damaged; plan again without it
        """
        last: str | None = None
        try:
            for page in self.pages:
                for record in self._workspace.read_page(page, "known", KnownObject.from_json, of_pair=True):
                    if last is not None and record.key <= last:
                        raise PlanMismatch(f"page {page.name} is out of order", key=record.key)
                    last = record.key
                    yield record
        except PlanMismatch as error:
            raise CheckpointMismatch(f"the memory of earlier runs is damaged: {error}") from error


class Remembered:
    """The destination's objects as they are remembered, in place of a listing; totals once iterated.

    :param after: only keys after this one
    :param takes: only keys of which it says yes
    """

    def __init__(self, known: Known, *, after: str, takes: Callable[[str], bool] = bool) -> None:
        self._known = known
        self._takes = takes
        self._after = after
        self.objects = 0
        self.bytes = 0
        self.requests: dict[str, int] = {}

    def __iter__(self) -> Iterator[ObjectInfo]:
        for record in self._known:
            there = record.destination
            if there is not None and record.key > self._after and self._takes(record.key):
                self.objects += 1
                self.bytes += there.size
                yield ObjectInfo(
                    key=record.key,
                    size=there.size,
                    last_modified=there.last_modified or EPOCH,
                    etag=there.etag,
                    version_id=there.version_id,
                )


def open_known(workspace: Workspace, spec: SyncSpec) -> Known:
    """The memory of the pair, or an empty one where it is missing, damaged, or of other locations."""
    try:
        value = workspace.read_document(POINTER, "known_pointer", of_pair=True)
        fingerprint = value["fingerprint"]
        pages = tuple(PageRef.from_json(page) for page in value["pages"])
    except ObjectNotFound:
        return Known(workspace)
    except (PlanMismatch, KeyError, TypeError, AttributeError) as error:
        return Known(workspace, warning=f"the memory of earlier runs is unreadable and was ignored: {error}")
    if fingerprint != spec.pair_fingerprint():
        return Known(workspace, warning="the memory of earlier runs is of other locations or names and was ignored")
    return Known(workspace, pages)


def update_known(
    workspace: Workspace, spec: SyncSpec, *, known: Known, deltas: Iterable[Iterable[KnownObject]], version: str
) -> int:
    """Write the pair's memory anew: what was known, overlaid by ascending deltas; returns its number of lines.

    The pages come first and the pointer last, so that a kill leaves the old memory whole. Of two deltas that speak of
    one key the later one holds.

    :param version: part of the new pages' names, never used before
    :raises CheckpointMismatch: the old memory is damaged; nothing was replaced
    """
    old = [page.name for page in known.pages]
    streams: list[Iterator[tuple[str, int, KnownObject]]] = [_ranked(known, 0)]
    streams += [_ranked(delta, rank) for rank, delta in enumerate(deltas, start=1)]
    pages: list[PageRef] = []
    writer = None
    count = 0
    for record in _latest(heapq.merge(*streams, key=itemgetter(0, 1))):
        if record.source is None:
            continue
        if writer is None:
            writer = workspace.page_writer(f"known/{version}-{len(pages):05d}", "known", of_pair=True)
        writer.write(record.to_json())
        count += 1
        if writer.count >= PAGE_OBJECTS:
            pages.append(writer.finish())
            writer = None
    if writer is not None:
        pages.append(writer.finish())
    workspace.write_document(
        POINTER,
        "known_pointer",
        {
            "fingerprint": spec.pair_fingerprint(),
            "objects": count,
            "pages": [page.to_json() for page in pages],
        },
        of_pair=True,
    )
    for name in old:
        if name not in {page.name for page in pages}:
            workspace.delete(name, of_pair=True)
    return count


def _ranked(records: Iterable[KnownObject], rank: int) -> Iterator[tuple[str, int, KnownObject]]:
    for record in records:
        yield record.key, rank, record


def _latest(ranked: Iterable[tuple[str, int, KnownObject]]) -> Iterator[KnownObject]:
    previous: KnownObject | None = None
    for key, _, record in ranked:
        if previous is not None and previous.key != key:
            yield previous
        previous = record
    if previous is not None:
        yield previous
