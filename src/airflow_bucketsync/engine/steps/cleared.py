"""What became of the objects that a clean-up chose? Looked at, kept, deleted, some at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_bucketsync.engine.model.cleaning import DRY_RUN
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.outcome import REMOVED, Outcome
from airflow_bucketsync.engine.rules.guards import Guard
from airflow_bucketsync.engine.rules.selection import Selector
from airflow_bucketsync.engine.steps.discarding import Discarding
from airflow_bucketsync.engine.steps.protection import LOCKED
from airflow_bucketsync.engine.steps.run import Run

SELECTED = "selected"
"""The reason of what was deleted."""
MAX_ERRORS = 100
"""Errors of single objects after which no further one is begun: a right that is missing is missing for all."""
SHOWN = 20


class Clearing:
    """The deletions of one clean-up.

    :param selector: asked again of what stands there right before: the same bytes, written anew, may be too young
    :param trash: the folder where objects are kept first; "" = nowhere
    :ivar too_many: set when so many objects failed that no further one is begun
    """

    def __init__(self, run: Run, selector: Selector, trash: str) -> None:
        self._discarding = Discarding(
            run,
            trash=trash,
            name="clean",
            reason=SELECTED,
            may_go=lambda found: selector.admits(found) is None,
        )
        self.too_many: Guard | None = None
        self._errors = 0

    def clear(self, chunk: Sequence[ObjectInfo]) -> list[Outcome]:
        """Delete these versions; one outcome of each, in the order asked.

        :raises Stopped: the task was asked to stop
        """
        left = {there.key: there for there in chunk}
        found: dict[str, Outcome] = {}
        # Keeping takes its time, in which the same bytes may have been written anew: they are looked at once more.
        kept = (self._discarding.keep, self._discarding.unprotected) if self._discarding.keeps else ()
        for step in (self._discarding.unprotected, *kept, self._discarding.delete):
            for outcome in step(left):
                found[outcome.key] = outcome
                self._errors += outcome.status == "withheld" and outcome.reason != LOCKED
        if self._errors > MAX_ERRORS and self.too_many is None:
            words = f"{self._errors} objects could not be deleted, so no further one was begun"
            self.too_many = Guard("too_many_errors", words)
        return [found[there.key] for there in chunk]


class Tally:
    """Counts of what became of the objects, and the first of them."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.sizes: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self._stayed: list[Mapping[str, Any]] = []
        self._others: list[Mapping[str, Any]] = []

    def add(self, outcome: Outcome) -> None:
        """Count one."""
        self.counts[outcome.status] += 1
        self.sizes[outcome.status] += 0 if outcome.destination is None else outcome.destination.size
        self.reasons[f"{outcome.status}: {outcome.reason}"] += 1
        stays = outcome.status not in REMOVED and outcome.reason != DRY_RUN
        lines = self._stayed if stays else self._others
        if len(lines) < SHOWN:
            lines.append(outcome.to_json())

    @property
    def removed(self) -> int:
        """Objects that are no longer there."""
        return sum(self.counts[word] for word in REMOVED)

    def first(self) -> list[Mapping[str, Any]]:
        """The first objects; what was not deleted before all others."""
        return [*self._stayed, *self._others][:SHOWN]
