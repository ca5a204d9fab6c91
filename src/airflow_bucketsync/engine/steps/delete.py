"""Delete what is not at the source: each object is proven absent right before, and kept first if it is to be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_bucketsync.engine.errors import BucketsyncError, ObjectChanged, TransientError
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome, Status
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.rules.guards import Guard
from airflow_bucketsync.engine.steps.absence import APPEARED, BULK, DISAGREES, NOT_ANSWERED, present
from airflow_bucketsync.engine.steps.changing import STOPS_THE_TASK
from airflow_bucketsync.engine.steps.prepare import read_run
from airflow_bucketsync.engine.steps.protection import LOCKED, refused_as_protected
from airflow_bucketsync.engine.steps.removing import NOT_AT_SOURCE, withheld
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.trash import Keeping
from airflow_bucketsync.engine.stores.items import Deletion

FRESH = 10.0
"""Seconds after which a proof of absence is made again, because keeping the objects took so long."""
GONE = "not_there"
"""The reason of an object that somebody else had deleted already."""


class Deleting:
    """The deletions of one run, page by page; what one page learns of the source holds for those after it.

    :param forbids: why nothing may be deleted; None = what is proven absent may be
    """

    def __init__(self, run: Run, plan: Plan, forbids: Guard | None) -> None:
        self.run = run
        self.plan = plan
        self.forbids = forbids
        self.keeping = Keeping(run, plan.trash, name="delete") if plan.trash else None
        self.started = read_run(run.workspace).started
        self.bulk = plan.removal is not None and plan.removal.objects > BULK
        self.last = ""
        """The candidate before those that are looked at now."""
        self.distrust: str | None = None

    def delete(self, chunk: Sequence[ObjectInfo]) -> Iterator[Outcome]:
        """Delete those of these objects that may be; what became of each."""
        if self.forbids is not None:
            yield from (withheld(there, self.forbids.reason, self.forbids.words) for there in chunk)
            return
        left = {there.key: there for there in chunk}
        yield from self._still_absent(left)
        yield from self._unprotected(left)
        kept: dict[str, str] = {}
        if left and self.keeping is not None:
            since = self.run.clock.monotonic()
            yield from self._keep(self.keeping, left, kept)
            if self.run.clock.monotonic() - since > FRESH:
                yield from self._still_absent(left)
        yield from self._delete(left, kept)
        self.last = chunk[-1].key if chunk else self.last

    def _still_absent(self, left: dict[str, ObjectInfo]) -> Iterator[Outcome]:
        """Put aside what is at the source, or of which that can't be told; everything where listings are wrong."""
        after = self.last if self.bulk else None
        found = {} if self.distrust else present(self.run, list(left), started=self.started, after=after)
        for key, presence in found.items():
            if presence.reason == DISAGREES:
                self.distrust = f"{key!r}: {presence.words}"
            status: Status = "changed" if presence.reason == APPEARED else "withheld"
            there = left.pop(key)
            yield Outcome(
                key=key,
                status=status,
                reason=presence.reason,
                message=presence.words,
                destination=Fingerprint.of(there),
            )
        if self.distrust:
            for there in left.values():
                yield withheld(there, DISAGREES, f"another object proved the source's listing wrong: {self.distrust}")
            left.clear()

    def _unprotected(self, left: dict[str, ObjectInfo]) -> Iterator[Outcome]:
        """Put aside what is no longer the planned version, or may not be deleted."""
        unanswered = set(left)
        for answer in self.run.destination.head_many(list(left), gate=self.run.gate, checksum=False):
            unanswered.discard(answer.key)
            there = left[answer.key]
            if answer.error is not None:
                yield _not_deleted(left.pop(answer.key), answer.error)
            elif answer.details is None:
                if self.keeping is None:  # else an earlier try of ours may have kept it
                    yield _gone(left.pop(answer.key))
            elif not Condition.replacing(there).holds(answer.details.info):
                yield _changed(left.pop(answer.key))
            elif answer.details.locked:
                left.pop(answer.key)
                yield withheld(there, LOCKED, f"it is protected: {answer.details.locked}")
        self.run.gate.check()
        for key in unanswered:
            yield withheld(left.pop(key), NOT_ANSWERED, "the destination's answers did not speak of it")

    def _keep(self, keeping: Keeping, left: dict[str, ObjectInfo], kept: dict[str, str]) -> Iterator[Outcome]:
        """Put the objects into the trash; what can't be kept is not deleted."""
        for answer in keeping.keep(list(left.values())):
            if answer.kept is not None:
                kept[answer.key] = answer.kept
                continue
            there = left.pop(answer.key)
            if answer.error is None:
                yield _gone(there)
            elif isinstance(answer.error, ObjectChanged):
                yield _changed(there)
            else:
                yield withheld(there, "not_kept", f"it could not be kept in the trash: {answer.error}")

    def _delete(self, left: dict[str, ObjectInfo], kept: dict[str, str]) -> Iterator[Outcome]:
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
                    status="trashed" if answer.key in kept else "deleted",
                    reason=NOT_AT_SOURCE,
                    destination=Fingerprint.of(there),
                    kept=kept.get(answer.key),
                )
        self.run.gate.check()
        for there in left.values():
            yield withheld(there, NOT_ANSWERED, "the store's answer did not speak of it")


def _gone(there: ObjectInfo) -> Outcome:
    return Outcome(key=there.key, status="deleted", reason=GONE, destination=Fingerprint.of(there))


def _changed(there: ObjectInfo) -> Outcome:
    return Outcome(
        key=there.key,
        status="changed",
        reason="destination_changed",
        message="somebody wrote it since it was planned to be deleted; it stays",
        destination=Fingerprint.of(there),
    )


def _not_deleted(there: ObjectInfo, error: BucketsyncError) -> Outcome:
    if isinstance(error, STOPS_THE_TASK):
        raise error
    if refused_as_protected(error):
        return withheld(there, LOCKED, f"it is protected: {error}")
    kind = "transient" if isinstance(error, TransientError) else error.reason
    return withheld(there, kind, f"it could not be deleted: {error}")
