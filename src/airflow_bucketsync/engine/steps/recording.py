"""What a task did with objects so far, kept so that its next try goes on behind it."""

from __future__ import annotations

from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.rules.figures import Figures
from airflow_bucketsync.engine.steps.run import Progress, Run
from airflow_bucketsync.engine.steps.segments import Segments
from airflow_bucketsync.engine.steps.units import Outcomes


class Recording:
    """The outcomes of one try: taken over from earlier tries, added to, and kept every 5 seconds.

    :param name: of the task
    :param objects: how many there will be
    :param total_bytes: of these objects together
    """

    def __init__(
        self,
        run: Run,
        *,
        name: str,
        attempt: int,
        plan: str,
        progress: Progress,
        objects: int = 0,
        total_bytes: int = 0,
    ) -> None:
        self.outcomes = Outcomes()
        self._segments = Segments(
            run,
            name=name,
            attempt=attempt,
            schema="result",
            plan=plan,
            progress=progress,
            everything=lambda: (Outcome.from_json(line) for line in self.outcomes.lines()),
            figures=lambda: self._figures.at(run.clock.monotonic()),
        )
        for outcome in self._segments.load(Outcome.from_json):
            if outcome.key not in self.outcomes:
                self.outcomes.add(outcome)
        earlier = (len(self.outcomes), self.outcomes.bytes)
        self._figures = Figures(objects=objects, bytes=total_bytes, earlier=earlier, at=run.clock.monotonic())

    def add(self, outcome: Outcome) -> None:
        """Record an outcome, and keep everything so far when that is due."""
        self.outcomes.add(outcome)
        self._figures.add(objects=1, bytes=outcome.bytes)
        self._segments.add(outcome)

    def save_when_due(self) -> None:
        """Keep everything so far, if that is due."""
        self._segments.save_when_due()

    def save(self) -> None:
        """Keep everything so far."""
        self._segments.save()

    def forget(self) -> None:
        """Drop what was kept: the result page holds everything."""
        self._segments.forget()
