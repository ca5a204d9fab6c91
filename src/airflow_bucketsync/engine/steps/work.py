"""The second pass of a plan: what all changes come to, and their pages."""

from __future__ import annotations

from collections.abc import Container, Iterator

from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.rules.reviewing import Reviewing
from airflow_bucketsync.engine.steps.conflicts import Conflicts
from airflow_bucketsync.engine.steps.decided import refused
from airflow_bucketsync.engine.steps.decisions import Decisions
from airflow_bucketsync.engine.steps.dividing import Divided, Totals, divide
from airflow_bucketsync.engine.steps.route import NOTHING, choose_route
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.spool import Spool


class Work:
    """What is to be done of the changes that no other key is in the way of.

    :param decisions: is told of each what becomes of it; those in the way are refused
    :param reviewing: is shown each of them
    """

    def __init__(self, run: Run, decisions: Decisions, conflicts: Conflicts, reviewing: Reviewing) -> None:
        self._run = run
        self._decisions = decisions
        self._conflicts = conflicts
        self._reviewing = reviewing
        self.route = NOTHING
        self.objects = 0
        self.bytes = 0
        self.largest = 0

    def take(self, changes: Spool) -> None:
        """Count all changes, and find the way of their bytes."""
        route = choose_route(self._run, next(self._workable(changes, quiet=True), None))
        self._reviewing.transport = route.transport
        for change in self._workable(changes):
            self._decisions.count("planned", change.reason)
            self._reviewing.take(change)
            self.objects += 1
            self.bytes += change.load
            self.largest = max(self.largest, change.load)
        self.route = route.with_bytes(self.bytes)

    def divided(self, changes: Spool, *, first: Container[str]) -> Divided:
        """The pages of the mapped tasks.

        :param first: keys that stand at the head of the batches
        """
        totals = Totals(objects=self.objects, bytes=self.bytes, largest=self.largest)
        return divide(self._run, self.route.transport, lambda: self._workable(changes, quiet=True), totals, first=first)

    def _workable(self, changes: Spool, *, quiet: bool = False) -> Iterator[Change]:
        """The changes but for those that another key is in the way of; these are refused (once, unless `quiet`)."""
        for line in changes:
            change = Change.from_json(line)
            reason = self._conflicts.reason(change.key)
            if reason is None:
                yield change
            elif not quiet:
                words = "another key is in its way at the destination"
                self._decisions.decide(refused(change.source, reason, words, key=change.key))
