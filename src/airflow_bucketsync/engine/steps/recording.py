"""What a batch did so far, kept so that the next try goes on behind it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from airflow_bucketsync.engine.errors import BucketsyncError, PlanMismatch
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.steps.run import Progress, Run
from airflow_bucketsync.engine.steps.units import Outcomes

EVERY = 5.0
"""Seconds after which what was done is kept: Airflow may kill a task 5 s after asking it to stop."""
SEGMENTS = 60
"""Segment pages after which they are written together as one, so that the kept value stays below 32 KiB."""


class Recording:
    """The outcomes of one try of a batch: taken over from earlier tries, added to, and kept every 5 seconds.

    Each save writes the new outcomes as a page of their own (a segment), then names it in the task's progress.
    """

    def __init__(self, run: Run, *, number: int, attempt: int, plan: str, progress: Progress) -> None:
        self._run = run
        self._plan = plan
        self._progress = progress
        self._name = f"segments/{number:04d}-try{attempt:02d}"
        self._segments: list[PageRef] = []
        self._uploads: list[tuple[str, str]] = []
        self._written = 0
        self._new: list[Outcome] = []
        self._last = run.clock.monotonic()
        self.outcomes = Outcomes()
        self._take_over(progress.load())

    def _take_over(self, value: Mapping[str, Any] | None) -> None:
        """Go on from what earlier tries kept; what is of another plan, or damaged, is done anew."""
        if value is None:
            return
        self._uploads = _uploads_of(value)
        for key, upload_id in self._uploads.copy():
            with suppress(BucketsyncError):  # it stays named, so that another try can abort it
                self._run.destination.abort_upload(key, upload_id)
                self._uploads.remove((key, upload_id))
        if value.get("plan") != self._plan:
            return
        try:
            segments = [PageRef.from_json(segment) for segment in value["segments"]]
            kept = [
                outcome
                for segment in segments
                for outcome in self._run.workspace.read_page(segment, "result", Outcome.from_json)
            ]
        except (PlanMismatch, KeyError, TypeError, ValueError):
            return
        self._segments = segments
        for outcome in kept:
            if outcome.key not in self.outcomes:
                self.outcomes.add(outcome)

    def add(self, outcome: Outcome) -> None:
        """Record an outcome, and keep everything so far when that is due."""
        self.outcomes.add(outcome)
        self._new.append(outcome)
        if self._run.clock.monotonic() - self._last >= EVERY:
            self.save()

    def begun(self, key: str, upload_id: str) -> None:
        """Keep the id of an upload that was begun, so that a later try can abort it."""
        self._uploads.append((key, upload_id))
        self._keep()  # at once, and before any page: an id that is lost is an upload nobody aborts

    def ended(self, key: str, upload_id: str) -> None:
        """Forget an upload that was completed or aborted."""
        self._uploads.remove((key, upload_id))

    def save(self) -> None:
        """Write the new outcomes as a segment and name it in the task's progress."""
        replaced: list[PageRef] = []
        if self._new:
            if len(self._segments) >= SEGMENTS:
                replaced, self._segments = self._segments, []
                self._new = [Outcome.from_json(line) for line in self.outcomes.lines()]
            lines = (outcome.to_json() for outcome in self._new)
            self._segments.append(self._run.workspace.write_page(f"{self._name}-{self._written:04d}", "result", lines))
            self._written += 1
            self._new = []
        self._keep()
        self._delete(replaced)
        self._last = self._run.clock.monotonic()

    def forget(self) -> None:
        """Drop the segments: the result page holds everything."""
        dropped, self._segments = self._segments, []
        self._keep()
        self._delete(dropped)

    def _keep(self) -> None:
        self._progress.save(
            {
                "plan": self._plan,
                "segments": [segment.to_json() for segment in self._segments],
                "uploads": [list(upload) for upload in self._uploads],
                "done": len(self.outcomes),
            }
        )

    def _delete(self, segments: list[PageRef]) -> None:
        """Delete pages that the progress names no more; one that stays does no harm."""
        with suppress(BucketsyncError):
            for segment in segments:
                self._run.workspace.delete(segment.name)


def _uploads_of(value: Mapping[str, Any]) -> list[tuple[str, str]]:
    try:
        return [(str(key), str(upload_id)) for key, upload_id in value.get("uploads", [])]
    except (TypeError, ValueError):
        return []
