"""Which run may write to a pair's destination now? One object below it says so, as far as the store lets it."""

from __future__ import annotations

from collections.abc import Callable

from airflow_bucketsync.engine.errors import BucketsyncError, Locked, ObjectChanged, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.lock import LockDocument, believed_lease, is_over
from airflow_bucketsync.engine.steps.lock_object import LockObject, Seen, strength_of
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.stores.clock import Clock

Finished = Callable[[LockDocument], bool]
"""Whether the run that a lock names is known to have ended. Only asked of runs of this Airflow."""

SETTLE = 5.0
"""Seconds after which a lock is read again that the store may have let two runs take at once."""
POLL = 15.0
"""Seconds between two looks of a run that waits in its process."""
_TRIES = 5


class Watch:
    """Since when was a lock not seen to change? By a clock that nobody sets; for runs that wait in their process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: tuple[str | None, float] | None = None

    def unchanged(self, etag: str | None) -> float:
        """Seconds since this ETag was seen first, and no other one after it."""
        now = self._clock.monotonic()
        if etag is None or self._seen is None or self._seen[0] != etag:
            self._seen = (etag, now)
        return now - self._seen[1]


def locks(run: Run) -> bool:
    """Whether this run takes the lock: it writes, and the store can hold one."""
    return not run.spec.policy.dry_run and strength_of(run) != "none"


def withholds_removals(run: Run) -> bool:
    """Whether nothing may be deleted or moved, because no lock keeps other runs away and nobody said to do without."""
    return strength_of(run) == "none" and not run.spec.policy.unsafe_deletes


def peek(run: Run, *, finished: Finished | None = None, watch: Watch | None = None) -> None:
    """Go on only when this run could take the lock now; takes nothing. Cheap: for before the work begins.

    :param finished: whether the run of a lock has ended, where Airflow can be asked
    :raises Locked: another run is at work, as far as can be told
    """
    if locks(run):
        lock = LockObject(run)
        seen = lock.read()
        if seen is not None and not seen.is_of(run):
            _why_take_over(lock, seen, finished, watch)


def acquire(run: Run, *, finished: Finished | None = None, watch: Watch | None = None) -> tuple[str, ...]:
    """Take the lock, or keep it where it is this run's already; returns what a person should know of it.

    :raises Locked: another run is at work, as far as can be told
    """
    if run.spec.policy.dry_run:
        return ()
    if strength_of(run) == "none":
        return (_unlocked(run),)
    lock, words = LockObject(run), ""
    for _ in range(_TRIES):
        seen = lock.read()
        try:
            if seen is not None and seen.document is not None and seen.is_of(run):
                lock.write(lock.renewed(seen.document), Condition.replacing(seen.info))
                return (words,) if words else ()
            if seen is None:
                certain = _create(lock)
            else:
                words = f"the lock of {seen} was taken over: {_why_take_over(lock, seen, finished, watch)}"
                lock.write(lock.taken(seen), Condition.replacing(seen.info))
                certain = False
        except (ObjectChanged, ObjectNotFound):
            continue  # another was faster, the answer to our own write was lost, or a folder was removed: look again
        if certain:
            return ()
        run.gate.wait(SETTLE)  # now it is ours, or that of one who wrote at the same moment: look again
    raise lock.error(Locked, f"the lock of the pair changed hands {_TRIES} times while this run tried to take it")


def wait_for_lock(run: Run, watch: Watch, *, finished: Finished | None = None) -> None:
    """Return when this run could take the lock; for a run that waits in its process.

    :raises Stopped: the task was asked to stop
    """
    while True:
        try:
            return peek(run, finished=finished, watch=watch)
        except Locked:
            run.gate.wait(POLL)


def release(run: Run) -> tuple[str, ...]:
    """Give the lock back if it is this run's, never another's; returns what a person should know of it."""
    if not locks(run):
        return ()
    lock = LockObject(run)
    try:
        for _ in range(_TRIES):
            seen = lock.read()
            if seen is None or not seen.is_of(run):
                return ()
            try:
                lock.store.delete(lock.key, destination=Condition.replacing(seen.info))
                return ()
            except ObjectChanged:
                continue  # renewed by a task that was still at work, or taken over: look again
        trouble = "it changed all the time"
    except BucketsyncError as error:
        trouble = str(error)
    return (
        f"the lock of the pair could not be released: {trouble}. The next run of this Airflow takes it over at once, "
        f"others when its lease is over; or delete {lock.store.location.url}{lock.key} (docs/locks.md)",
    )


def _create(lock: LockObject) -> bool:
    """Take a lock that nobody holds; False = the store did not promise that no other run did so too.

    :raises ObjectChanged: another was faster
    """
    stored = lock.write(lock.taken(None), Condition.ABSENT)
    # Where OSS keeps versions, it does not hold a write to what must not stand there.
    return strength_of(lock.run) == "lease" or stored.version_id is None


def _why_take_over(lock: LockObject, seen: Seen, finished: Finished | None, watch: Watch | None) -> str:
    """In words, why the lock of another run may be taken over.

    :raises Locked: it may not
    """
    document, run = seen.document, lock.run
    unchanged = 0.0 if watch is None else watch.unchanged(seen.info.etag)
    ours = document is not None and document.owner.airflow != "" and document.owner.airflow == run.owner.airflow
    if document is not None and ours and finished is not None and finished(document):
        return "that run has ended"
    if strength_of(run) == "lease":
        if is_over(document, written=seen.info.last_modified, now=run.clock.now()):
            return "its lease was over, and one more"
        if unchanged >= believed_lease(document).total_seconds():
            return "it was seen not to be renewed for its whole lease"
    raise lock.held_by(seen)


def _unlocked(run: Run) -> str:
    words = "this destination can't hold a lock (no conditional writes): only one run of the pair may be active"
    if run.spec.policy.removes and withholds_removals(run):
        words += "; nothing is deleted, unless unsafe_deletes says to do without"
    return words
