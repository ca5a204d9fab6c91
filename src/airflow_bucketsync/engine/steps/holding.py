"""Is the lock still this run's while one of its tasks writes?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

from airflow_bucketsync.engine.errors import (
    BucketsyncError,
    LockLost,
    ObjectChanged,
    ObjectNotFound,
    PlanMismatch,
    TransientError,
)
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.lock import LONGEST, Strength
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.lock import acquire, locks
from airflow_bucketsync.engine.steps.lock_object import LockObject, strength_of
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.stores.retrying import unwrapped

RENEWED = 1 / 3
"""Share of its lease after which the lock is renewed."""
LOOKED = 1 / 12
"""Share of the lease between two looks at the clock: a renewal that fails is tried again so soon."""
GIVEN_UP = 5 / 6
"""Share of the lease after which work stops that could not renew it: what is left is for requests in the air."""
REPORT = "report.json"
"""What a run leaves when it has ended, and released its lock."""


def under_lock(run: Run, plan: Plan) -> AbstractContextManager[object]:
    """Work under the lock, where the plan took one; every step that writes or deletes does so in here.

    :raises PlanMismatch: it is a dry run, or a plan that nobody approved
    """
    if plan.dry or run.spec.policy.dry_run:
        why, remedy = "a dry run is only looked at", "run without `dry_run`"
        if plan.withheld and not run.spec.policy.dry_run:
            why, remedy = "nobody said yes to this run", "run again, and approve it"
        raise PlanMismatch(
            f"{why}, and nothing of its plan is carried out; to do what it says, {remedy}",
            location=run.spec.destination.url,
        )
    return held(run) if plan.lock else nullcontext()


@contextmanager
def held(run: Run) -> Iterator[Strength]:
    """Work under the lock: it is this run's at the beginning, and renewed while the work goes on.

    When it is lost, or can't be renewed before its lease is over, the run's gate is stopped, so that no request begins
    any more, and the error is raised at the end. Gives how strong the lock is; "none" = there is none.

    :raises LockLost: the lock is not this run's any more
    :raises Locked: a task of a run that had ended runs again, and another run is at work
    """
    strength = strength_of(run)
    if not locks(run):
        yield strength
        return
    keeper = _Keeper(run)
    keeper.begin()
    try:
        with run.gate.every(keeper.lease * LOOKED, keeper.look):
            yield strength
    except Exception as error:
        if keeper.lost is not None:
            raise keeper.lost from error
        raise
    keeper.end()


class _Keeper:
    """The lock as one task sees it.

    Several tasks of a run renew it at the same time: who comes late to a write finds that it was renewed.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.lock = LockObject(run)
        # Without retries: nothing waits for a renewal, the next look tries again.
        self.at_once = LockObject(run, unwrapped(run.destination.below(STATE_PREFIX)))
        self.lease = min(float(run.spec.policy.lock_lease), LONGEST.total_seconds())
        self.since = 0.0
        self.lost: BucketsyncError | None = None

    def begin(self) -> None:
        """Renew the lock, or take it again where this run had ended already, and is at work again."""
        try:
            self._renew(self.lock)
        except LockLost:
            if not self._had_ended():
                raise
            acquire(self.run)
            self._renew(self.lock)

    def look(self) -> None:
        """Renew the lock if it is time, and stop the work when it is lost. Raises nothing."""
        if self.lost is not None or self.run.gate.stopped or self._idle() < self.lease * RENEWED:
            return
        try:
            self._renew(self.at_once)
        except LockLost as error:
            self._give_up(error)
        except BucketsyncError as error:
            if self._idle() >= self.lease * GIVEN_UP:  # soon another run may have it
                words = f"the lock of the pair could not be renewed before its lease is over, work was stopped: {error}"
                self._give_up(self.lock.error(TransientError, words))

    def end(self) -> None:
        """What was done since the lock was last seen to be ours was done under it, or an error says no."""
        if self.lost is None and self._idle() >= self.lease:
            self._renew(self.lock)
        if self.lost is not None:
            raise self.lost

    def _renew(self, lock: LockObject) -> None:
        begun = self.run.clock.monotonic()
        seen = lock.read()
        if seen is None or seen.document is None or not seen.is_of(self.run):
            raise lock.lost_to(seen)
        try:
            lock.write(lock.renewed(seen.document), Condition.replacing(seen.info))
        except ObjectChanged:
            # It changed after it was read: another task of this run renewed it then, or it is lost.
            seen = lock.read()
            if seen is None or not seen.is_of(self.run):
                raise lock.lost_to(seen) from None
        self.since = begun

    def _give_up(self, error: BucketsyncError) -> None:
        self.lost = error
        self.run.gate.stop()

    def _idle(self) -> float:
        return self.run.clock.monotonic() - self.since

    def _had_ended(self) -> bool:
        with suppress(ObjectNotFound, PlanMismatch):
            self.run.workspace.read_document(REPORT, "report")
            return True
        return False
