"""List one key range in several parts at once: whoever has nothing left takes half of what another has."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.steps.listing import Listing
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.bulk import in_threads
from airflow_bucketsync.engine.stores.gate import Gate

PAGE_OBJECTS = 250_000
"""Objects of one page file: some 5 MB compressed, so that a temporary file stays small."""
AT_ONCE = 8
"""Parts that are listed at once, at most; S3 and OSS answer a page of 1,000 keys in 50 to 100 ms."""
LOOK_EVERY = 0.02
"""Seconds after which a part that was given away is taken up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPart:
    """The pages of one part.

    :param start: its keys come after this one
    """

    start: str
    pages: tuple[PageRef, ...]
    objects: int
    bytes: int
    refused: tuple[tuple[str, str], ...]
    refused_count: int


def listed_in_parts(listing: Listing, workspace: Workspace, name: str, *, gate: Gate) -> Iterator[ListedPart]:
    """Write a listing into pages; each key stands in one part, and the parts, by their starts, in order.

    A folder is listed by one thread: what it costs is our own CPU.

    :param name: which the pages begin with
    """
    alone = listing.store.capabilities.keeps_mtime
    work = _Work(listing, 1 if alone else min(AT_ONCE, gate.concurrency))

    def listed(part: tuple[int, Listing]) -> ListedPart:
        number, listing = part
        try:
            return _listed(listing, work, workspace, f"{name}-{number:03d}", gate)
        except BaseException:
            work.failed = True
            raise
        finally:
            work.ended()

    if alone:
        yield listed(next(work))
        return
    with closing(in_threads(listed, work, gate=gate, look_every=LOOK_EVERY)) as parts:
        yield from parts
    gate.check()  # a stop leaves parts behind


class _Work:
    """The parts that nobody has begun."""

    def __init__(self, listing: Listing, width: int) -> None:
        self.failed = False
        self._width = width
        self._running = 0
        self._count = 1
        self._waiting = deque([(0, listing)])
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[tuple[int, Listing]]:
        return self

    def __next__(self) -> tuple[int, Listing]:
        """The next part; there may be more after an end."""
        with self._lock:
            if self.failed or not self._waiting:
                raise StopIteration
            self._running += 1
            return self._waiting.popleft()

    def ended(self) -> None:
        """A part is listed, or failed."""
        with self._lock:
            self._running -= 1

    def share(self, listing: Listing) -> None:
        """Take half of what this one has left, if somebody has nothing to do."""
        with self._lock:
            if self._waiting or self._running >= self._width:
                return
            part = listing.parted()
            if part is not None:
                self._waiting.append((self._count, part))
                self._count += 1


def _listed(listing: Listing, work: _Work, workspace: Workspace, name: str, gate: Gate) -> ListedPart:
    pages: list[PageRef] = []
    writer, asked = None, 0
    for info in listing:
        gate.check()
        if writer is None:
            writer = workspace.page_writer(f"{name}-{len(pages):05d}", "listing")
        writer.write(info.to_json())
        if writer.count >= PAGE_OBJECTS:
            pages.append(writer.finish())
            writer = None
        if listing.pages != asked:
            asked = listing.pages
            if work.failed:
                break  # another part ends this task
            work.share(listing)
    if writer is not None:
        pages.append(writer.finish())
    return ListedPart(
        start=listing.start,
        pages=tuple(pages),
        objects=listing.objects,
        bytes=listing.bytes,
        refused=tuple(listing.refused),
        refused_count=listing.refused_count,
    )
