"""How many objects of the run failed so far, here and in the tasks beside this one, and is that too many?"""

from __future__ import annotations

from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.units import UnitCounts

LOOKED = 5.0
"""Seconds between two looks at what the other tasks of the run left."""
MAX_ERRORS = "max_errors"
"""The reason of an object that was not begun, since too many others failed."""


class Errors:
    """Failed objects of a run, as one of its tasks sees them.

    :param number: of the task's own results, which it counts itself; None = it has none
    """

    def __init__(self, run: Run, plan: Plan, *, number: int | None) -> None:
        policy = plan.spec.policy
        self.here = 0
        self._own = number
        self._finished = UnitCounts(run.workspace, "result", plan=plan.digest)
        self._words = f"max_errors ({policy.max_errors})"
        self._most: float = policy.max_errors
        share = policy.max_error_share * plan.counts.get("planned", 0)
        if policy.max_error_share < 1.0 and share < self._most:
            self._words, self._most = f"max_error_share ({policy.max_error_share:g})", share
        self._elsewhere = 0
        self.look()

    def look(self) -> None:
        """Count again what the other tasks of the run left."""
        try:
            found = self._finished.read()
        except BucketsyncError:
            return  # the count of last time holds
        self._elsewhere = sum(counts.get("failed", 0) for other, counts in found.items() if other != self._own)

    def count(self, outcome: Outcome) -> None:
        """One more outcome of this task."""
        self.here += outcome.status == "failed" and outcome.reason != MAX_ERRORS

    @property
    def too_many(self) -> str | None:
        """The message of an object that is not begun any more; None = go on."""
        if self.here + self._elsewhere <= self._most:
            return None
        return f"not tried: more than {self._words} objects failed"
