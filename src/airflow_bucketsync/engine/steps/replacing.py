"""What stood at the destination before a run overwrote it: is it kept, and where?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_bucketsync.engine.errors import BucketsyncError, InvalidConfiguration, ObjectChanged
from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.trash import Keeping, Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A change that may be written now, or the error that forbids it.

    :param kept: where that is kept; None = nothing stands there, or nothing is kept
    """

    change: Change
    kept: str | None = None
    error: BucketsyncError | None = None


class Replacing:
    """Keeps what the changes of one task overwrite, before they are written.

    :param name: of the task's records, the same for all its tries
    :raises InvalidConfiguration: the plan does not know what stands at the destination
    """

    def __init__(self, run: Run, plan: Plan, *, name: str) -> None:
        self.on = bool(plan.trash) and plan.spec.policy.trash == "all"
        self._run = run
        if self.on and plan.blind:
            raise InvalidConfiguration(
                "trash: all keeps what is overwritten, and the destination may not be listed, so what stands there is "
                "not known: allow ListBucket and GetObject there, or leave trash at `deleted`",
                location=run.destination.location.url,
            )
        self._keeping = Keeping(run, plan.trash, name=name) if self.on else None

    def ready(self, changes: Sequence[Change]) -> list[Ready]:
        """These changes, each with where what it replaces is kept."""
        if self._keeping is None:
            return [Ready(change=change) for change in changes]
        there = [change.destination for change in changes if change.destination is not None]
        kept = {answer.key: answer for answer in self._keeping.keep(there)}
        return [self._with(change, kept.get(change.key)) for change in changes]

    def _with(self, change: Change, answer: Kept | None) -> Ready:
        if answer is None:
            return Ready(change=change)
        error = answer.error
        if error is None and answer.kept is None:
            location = self._run.destination.location.url
            error = ObjectChanged("nothing stands there any more", location=location, key=answer.key)
        return Ready(change=change, kept=answer.kept, error=error)
