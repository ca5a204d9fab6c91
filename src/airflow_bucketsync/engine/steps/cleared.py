"""What became of the objects that a clean-up chose? Looked at, kept, deleted, some at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_bucketsync.engine.errors import BucketsyncError, ObjectChanged
from airflow_bucketsync.engine.model.cleaning import DRY_RUN
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.outcome import REMOVED, Outcome
from airflow_bucketsync.engine.rules.guards import Guard
from airflow_bucketsync.engine.rules.selection import Selector
from airflow_bucketsync.engine.steps.changing import STOPS_THE_TASK
from airflow_bucketsync.engine.steps.protection import LOCKED, refused_as_protected
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.trash import keep_many
from airflow_bucketsync.engine.stores.items import Deletion

SELECTED = "selected"
"""The reason of what was deleted."""
GONE = "not_there"
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
        self.run = run
        self.selector = selector
        self.trash = trash
        self.too_many: Guard | None = None
        self._errors = 0

    def clear(self, chunk: Sequence[ObjectInfo]) -> list[Outcome]:
        """Delete these versions; one outcome of each, in the order asked.

        :raises Stopped: the task was asked to stop
        """
        left = {there.key: there for there in chunk}
        found: dict[str, Outcome] = {}
        kept: dict[str, str] = {}
        steps = (self._unprotected(left), self._keep(left, kept), self._delete(left, kept))
        for step in steps:
            for outcome in step:
                left.pop(outcome.key, None)
                found[outcome.key] = outcome
            self.run.gate.check()
        for there in left.values():
            found[there.key] = withheld(there, Guard("not_answered_for", "the store's answer did not speak of it"))
        if self._errors > MAX_ERRORS and self.too_many is None:
            words = f"{self._errors} objects could not be deleted, so no further one was begun"
            self.too_many = Guard("too_many_errors", words)
        return [found[there.key] for there in chunk]

    def _unprotected(self, left: Mapping[str, ObjectInfo]) -> Iterator[Outcome]:
        """What is no longer the version that was listed, or may not be deleted."""
        for answer in self.run.destination.head_many(list(left), gate=self.run.gate, checksum=False):
            there = left[answer.key]
            if answer.error is not None:
                yield self._failed(there, answer.error)
            elif answer.details is None:
                if not self.trash:  # else an earlier try may have kept it before it deleted it: `_keep` knows
                    yield _outcome(there, "deleted", GONE)
            elif not self._is_still(there, answer.details.info):
                yield _changed(there)
            elif answer.details.locked:
                yield withheld(there, Guard(LOCKED, f"it is protected: {answer.details.locked}"))

    def _is_still(self, there: ObjectInfo, found: ObjectInfo) -> bool:
        return Condition.replacing(there).holds(found) and self.selector.admits(found) is None

    def _keep(self, left: Mapping[str, ObjectInfo], kept: dict[str, str]) -> Iterator[Outcome]:
        """Put the objects into the trash; what can't be kept is not deleted."""
        if not left or not self.trash:
            return
        for answer in keep_many(self.run, list(left.values()), self.trash, name="clean"):
            there = left[answer.key]
            if answer.kept is not None:
                kept[answer.key] = answer.kept
            elif answer.error is None:
                yield _outcome(there, "deleted", GONE)
            elif isinstance(answer.error, ObjectChanged):
                yield _changed(there)
            else:
                self._errors += 1
                yield withheld(there, Guard("not_kept", f"it could not be kept in the trash: {answer.error}"))

    def _delete(self, left: Mapping[str, ObjectInfo], kept: Mapping[str, str]) -> Iterator[Outcome]:
        deletions = [Deletion(key=key, destination=Condition.replacing(there)) for key, there in left.items()]
        for answer in self.run.destination.delete_many(deletions, gate=self.run.gate):
            there = left[answer.key]
            if isinstance(answer.error, ObjectChanged):
                yield _changed(there)
            elif answer.error is not None:
                yield self._failed(there, answer.error)
            elif answer.key in kept:
                yield _outcome(there, "trashed", SELECTED, kept=kept[answer.key])
            else:
                yield _outcome(there, "deleted", SELECTED)

    def _failed(self, there: ObjectInfo, error: BucketsyncError) -> Outcome:
        if isinstance(error, STOPS_THE_TASK):
            raise error
        if refused_as_protected(error):
            return withheld(there, Guard(LOCKED, f"it is protected: {error}"))
        self._errors += 1
        return withheld(there, Guard(error.reason, f"it could not be deleted: {error}"))


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


def withheld(there: ObjectInfo, why: Guard) -> Outcome:
    """An object that is selected, and not deleted."""
    return Outcome(
        key=there.key, status="withheld", reason=why.reason, message=why.words, destination=Fingerprint.of(there)
    )


def _changed(there: ObjectInfo) -> Outcome:
    return Outcome(
        key=there.key,
        status="changed",
        reason="destination_changed",
        message="somebody wrote it since it was listed; it stays",
        destination=Fingerprint.of(there),
    )


def _outcome(there: ObjectInfo, status: Any, reason: str, *, kept: str | None = None) -> Outcome:
    return Outcome(key=there.key, status=status, reason=reason, destination=Fingerprint.of(there), kept=kept)
