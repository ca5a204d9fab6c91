"""Delete versions of the destination that may go: each looked at, kept if it is to be, and deleted as no other one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from airflow_bucketsync.engine.errors import BucketsyncError, ObjectChanged, TransientError
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.steps.absence import NOT_ANSWERED
from airflow_bucketsync.engine.steps.changing import NOT_KEPT, STOPS_THE_TASK
from airflow_bucketsync.engine.steps.protection import LOCKED, refused_as_protected
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.trash import Keeping
from airflow_bucketsync.engine.stores.items import Deletion

GONE = "not_there"
"""The reason of an object that somebody else had deleted already."""

Left = dict[str, ObjectInfo]
"""The versions that are still to be deleted, by key; every step takes out what it says an outcome of."""


class Discarding:
    """How one task deletes: `unprotected`, `keep` and `delete`, in this order, each with what the one before left.

    :param trash: the folder where objects are kept first; "" = nowhere
    :param name: of the task's records in the run's folder, the same for all its tries
    :param reason: of what was deleted
    :param may_go: asked of what stands there right before; the version is asked about anyway
    """

    def __init__(
        self, run: Run, *, trash: str, name: str, reason: str, may_go: Callable[[ObjectInfo], bool] | None = None
    ) -> None:
        self.run = run
        self.reason = reason
        self.may_go = may_go
        self._keeping = Keeping(run, trash, name=name) if trash else None
        self._kept: dict[str, str] = {}
        self._gone: set[str] = set()

    @property
    def keeps(self) -> bool:
        """Whether `keep` keeps anything, which takes its time."""
        return self._keeping is not None

    def unprotected(self, left: Left) -> Iterator[Outcome]:
        """What is no longer the version that was listed, or may not be deleted; `delete` says what is not there."""
        unanswered = set(left)
        self._gone = set()
        for answer in self.run.destination.head_many(list(left), gate=self.run.gate, checksum=False):
            unanswered.discard(answer.key)
            there = left[answer.key]
            if answer.error is not None:
                yield _not_deleted(left.pop(answer.key), answer.error)
            elif answer.details is None:
                if self._keeping is None:  # else an earlier try of ours may have kept it
                    self._gone.add(answer.key)
            elif not Condition.replacing(there).holds(answer.details.info) or not self._may_go(answer.details.info):
                yield _changed(left.pop(answer.key))
            elif answer.details.locked:
                left.pop(answer.key)
                yield withheld(there, LOCKED, f"it is protected: {answer.details.locked}")
        self.run.gate.check()
        for key in sorted(unanswered):
            yield withheld(left.pop(key), NOT_ANSWERED, "the destination's answers did not speak of it")

    def keep(self, left: Left) -> Iterator[Outcome]:
        """Put the objects into the trash; what can't be kept is not deleted."""
        self._kept = {}
        if self._keeping is None or not left:
            return
        for answer in self._keeping.keep(list(left.values())):
            if answer.kept is not None:
                self._kept[answer.key] = answer.kept
                continue
            there = left.pop(answer.key)
            if answer.error is None:
                yield _gone(there)
            elif isinstance(answer.error, ObjectChanged):
                yield _changed(there)
            else:
                yield withheld(there, NOT_KEPT, f"it could not be kept in the trash: {answer.error}")

    def delete(self, left: Left) -> Iterator[Outcome]:
        """Delete these versions."""
        for key in sorted(self._gone & left.keys()):
            yield _gone(left.pop(key))
        deletions = [Deletion(key=key, destination=Condition.replacing(there)) for key, there in left.items()]
        for answer in self.run.destination.delete_many(deletions, gate=self.run.gate):
            there = left.pop(answer.key)
            if isinstance(answer.error, ObjectChanged):
                yield _changed(there)
            elif answer.error is not None:
                yield _not_deleted(there, answer.error)
            else:
                yield Outcome(
                    key=there.key,
                    status="trashed" if there.key in self._kept else "deleted",
                    reason=self.reason,
                    destination=Fingerprint.of(there),
                    kept=self._kept.get(there.key),
                )
        self.run.gate.check()
        for key in list(left):
            yield withheld(left.pop(key), NOT_ANSWERED, "the store's answer did not speak of it")

    def _may_go(self, found: ObjectInfo) -> bool:
        return self.may_go is None or self.may_go(found)


def withheld(there: ObjectInfo, reason: str, words: str) -> Outcome:
    """An object of the destination that was to be deleted, and is not."""
    return Outcome(key=there.key, status="withheld", reason=reason, message=words, destination=Fingerprint.of(there))


def _gone(there: ObjectInfo) -> Outcome:
    return Outcome(key=there.key, status="deleted", reason=GONE, destination=Fingerprint.of(there))


def _changed(there: ObjectInfo) -> Outcome:
    return Outcome(
        key=there.key,
        status="changed",
        reason="destination_changed",
        message="somebody wrote it since it was listed; it stays",
        destination=Fingerprint.of(there),
    )


def _not_deleted(there: ObjectInfo, error: BucketsyncError) -> Outcome:
    if isinstance(error, STOPS_THE_TASK):
        raise error
    if refused_as_protected(error):
        return withheld(there, LOCKED, f"it is protected: {error}")
    kind = "transient" if isinstance(error, TransientError) else error.reason
    return withheld(there, kind, f"it could not be deleted: {error}")
