"""What a task did so far, line by line, kept so that its next try goes on behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from airflow_bucketsync.engine.errors import BucketsyncError, PlanMismatch
from airflow_bucketsync.engine.model.pages import PageRef, Schema
from airflow_bucketsync.engine.steps.run import Progress, Run

EVERY = 4.0
"""Seconds after which what was done is kept, at the next look: Airflow may kill a task 5 s after asking it to stop."""
SAVED = 1.0
"""Seconds between two looks whether that is due."""
SEGMENTS = 60
"""Segment pages after which they are written together as one, so that the kept value stays below 32 KiB."""


class Line(Protocol):
    """What can stand in a page."""

    def to_json(self) -> dict[str, Any]:
        """As one line."""
        ...


T = TypeVar("T", bound=Line)


class Segments(Generic[T]):
    """New lines are written as a page of their own (a segment) within 5 seconds, which the task's progress then names.

    :param name: of the task's segments, its try apart
    :param plan: digest; lines that belong to another plan are not taken over
    :param everything: all lines so far, for when segments are written together
    :param figures: how far the task came, for people
    """

    def __init__(
        self,
        run: Run,
        *,
        name: str,
        attempt: int,
        schema: Schema,
        plan: str,
        progress: Progress,
        everything: Callable[[], Iterable[T]],
        figures: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._run = run
        self._name = f"segments/{name}-try{attempt:02d}"
        self._schema = schema
        self._plan = plan
        self._progress = progress
        self._everything = everything
        self._figures = figures
        self._pages: list[PageRef] = []
        self._written = 0
        self._new: list[T] = []
        self._last = run.clock.monotonic()

    def load(self, from_json: Callable[[dict[str, Any]], T]) -> list[T]:
        """What earlier tries kept; what is of another plan, or damaged, is done anew."""
        value = self._progress.load()
        if value is None or value.get("plan") != self._plan:
            return []
        try:
            pages = [PageRef.from_json(page) for page in value["segments"]]
            kept = [line for page in pages for line in self._run.workspace.read_page(page, self._schema, from_json)]
        except (PlanMismatch, KeyError, TypeError, ValueError):
            return []
        self._pages = pages
        return kept

    def add(self, line: T) -> None:
        """One more line; everything so far is kept when that is due."""
        self._new.append(line)
        self.save_when_due()

    def save_when_due(self) -> None:
        """Keep everything so far, if that is due."""
        if self._new and self._run.clock.monotonic() - self._last >= EVERY:
            self.save()

    def save(self) -> None:
        """Write the new lines as a segment and name it in the task's progress."""
        replaced: list[PageRef] = []
        if self._new:
            if len(self._pages) >= SEGMENTS:
                replaced, self._pages = self._pages, []
                self._new = list(self._everything())
            lines = (line.to_json() for line in self._new)
            name = f"{self._name}-{self._written:04d}"
            self._pages.append(self._run.workspace.write_page(name, self._schema, lines))
            self._written += 1
            self._new = []
        self._keep()
        self._delete(replaced)
        self._last = self._run.clock.monotonic()

    def forget(self) -> None:
        """Drop the segments: the task's page holds everything."""
        dropped, self._pages = self._pages, []
        self._keep()
        self._delete(dropped)

    def _keep(self) -> None:
        segments = [page.to_json() for page in self._pages]
        self._progress.save({"plan": self._plan, "segments": segments, "progress": dict(self._figures())})

    def _delete(self, pages: list[PageRef]) -> None:
        """Delete pages that the progress names no more; one that stays does no harm."""
        with suppress(BucketsyncError):
            for page in pages:
                self._run.workspace.delete(page.name)
