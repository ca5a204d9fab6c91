"""What stands where a run changed an object, and what is to be done there to undo it?"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from airflow_bucketsync.engine.errors import BucketsyncError, ObjectNotFound
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectDetails, ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome, Status
from airflow_bucketsync.engine.model.undo import Done, UndoneObject
from airflow_bucketsync.engine.steps.changing import STOPS_THE_TASK
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.trash import VERSION
from airflow_bucketsync.engine.steps.undone import NEW, Wish
from airflow_bucketsync.engine.steps.within import between, is_same
from airflow_bucketsync.engine.stores.gate import Stopped

RESTORED = "restored"
"""The reason of an object that was brought back over what the run had written."""
ADDED = "added"
"""The reason of an object that was removed because the run had added it."""
_STATUSES: Mapping[Done, Status] = {"same": "same", "changed": "changed", "failed": "failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoStep:
    """One object that was looked at: what is to be done to it, or what became of it.

    :param there: what stands at its key, and is removed or overwritten; None = nothing
    :param back: what is to come back
    """

    wish: Wish
    outcome: Outcome
    there: ObjectInfo | None = None
    back: ObjectInfo | None = None
    result: UndoneObject | None = None


class UndoLooks:
    """Looks at single keys of a destination.

    :param begun: what earlier tries of this undo were about to do, by key, with where they kept what stood there
    """

    def __init__(self, run: Run, begun: Mapping[str, str | None]) -> None:
        self._run = run
        self._begun = begun
        self._sides: dict[str, Run] = {}

    def look(self, item: tuple[Wish, Outcome]) -> UndoStep:
        """What stands there, and what is to be done about it; an error is a result."""
        wish, outcome = item
        step = UndoStep(wish=wish, outcome=outcome)
        try:
            if wish == "moved":
                return _ended(step, "moved", "it was moved, so its source is gone; it is left")
            if wish == "not_kept":
                return _ended(step, "not_kept", "nothing was kept of what stood there before")
            there = self._head(outcome.key)
            return self._removing(step, there) if wish == "remove" else self._bringing_back(step, there)
        except STOPS_THE_TASK:
            raise
        except BucketsyncError as error:
            if self._run.gate.stopped:
                raise Stopped("the task was asked to stop") from None
            return _ended(step, "failed", str(error))

    def _removing(self, step: UndoStep, there: ObjectDetails | None) -> UndoStep:
        if there is None:
            return self._same(step)
        if not _is_ours(step.outcome.destination, there.info):
            return _ended(step, "changed", "somebody wrote it since the run did; it stays")
        return replace(step, there=there.info)

    def _bringing_back(self, step: UndoStep, there: ObjectDetails | None) -> UndoStep:
        """A step for what was deleted (nothing may stand there) or overwritten (only what the run wrote may)."""
        side = self.side(step.outcome.kept or "")
        back = self._kept(side, step.outcome)
        if back is None:
            return _ended(step, "not_kept", f"it is kept no more ({step.outcome.kept}): swept, or expired")
        step = replace(step, back=back.info)
        if there is None:
            if step.wish == "restore":
                return step
            return _ended(step, "changed", "somebody deleted what the run wrote; it stays deleted")
        ours = step.wish == "replace" and _is_ours(step.outcome.destination, there.info)
        if ours and not _is_ours(Fingerprint.of(back.info), there.info):
            return replace(step, there=there.info)
        if is_same(side, back, there):
            return self._same(replace(step, there=there.info))
        if ours:  # equal bytes, other attributes: the run changed only these
            return replace(step, there=there.info)
        return _ended(step, "changed", "somebody wrote it since the run; it stays")

    def side(self, kept: str) -> Run:
        """The run with where something is kept as its source."""
        folder = "" if kept.startswith(VERSION) else STATE_PREFIX + kept
        if folder not in self._sides:
            destination = self._run.destination
            source = destination.below(folder) if folder else destination
            self._sides[folder] = between(self._run, source, destination)
        return self._sides[folder]

    def _kept(self, side: Run, outcome: Outcome) -> ObjectDetails | None:
        kept = outcome.kept or ""
        version = kept.removeprefix(VERSION) if kept.startswith(VERSION) else None
        with suppress(ObjectNotFound):
            found = side.source.head(outcome.key, version_id=version)
            return replace(found, info=replace(found.info, version_id=version))
        return None

    def _head(self, key: str) -> ObjectDetails | None:
        try:
            return self._run.destination.head(key)
        except ObjectNotFound as error:
            if error.code == "NoSuchBucket":
                raise
            return None

    def _same(self, step: UndoStep) -> UndoStep:
        """It is as it was before the run: by an earlier try of this undo, which tells what it kept, or by others."""
        key = step.outcome.key
        if key not in self._begun:
            return _ended(step, "same", "it is as it was before the run")
        kept = self._begun[key]
        if step.wish == "remove":
            return replace(step, result=removed(step, kept))
        made = None if step.there is None else Fingerprint.of(step.there)
        return replace(step, result=None if made is None else restored(step, kept, made))


def removed(step: UndoStep, kept: str | None) -> UndoneObject:
    """What the run added is gone, and kept."""
    size = 0 if step.outcome.destination is None else step.outcome.destination.size
    outcome = Outcome(
        key=step.outcome.key,
        status="trashed",
        reason=ADDED,
        bytes=size,
        destination=step.outcome.destination,
        kept=kept,
    )
    return UndoneObject(done="removed", outcome=outcome)


def restored(step: UndoStep, kept: str | None, made: Fingerprint) -> UndoneObject:
    """What the run deleted or overwrote is back, and what it wrote there is kept."""
    outcome = Outcome(
        key=step.outcome.key,
        status="copied",
        reason=NEW if kept is None else RESTORED,
        bytes=made.size,
        mode="server_copy",
        destination=made,
        kept=kept,
    )
    return UndoneObject(done="restored", outcome=outcome)


def _ended(step: UndoStep, done: Done, message: str) -> UndoStep:
    return replace(step, result=said(step, done, message))


def said(step: UndoStep, done: Done, message: str | None = None) -> UndoneObject:
    """What became of an object that was not changed."""
    info = step.back or step.there
    outcome = Outcome(
        key=step.outcome.key,
        status=_STATUSES.get(done, "skipped"),
        reason=done,
        message=message,
        bytes=0 if info is None else info.size,
    )
    return UndoneObject(done=done, outcome=outcome)


def _is_ours(ours: Fingerprint | None, found: ObjectInfo) -> bool:
    """Whether what stands there is the version that was written: by its ETag, and its id where both are known."""
    if ours is None or not ours.same_content(found):
        return False
    return None in (ours.version_id, found.version_id) or ours.version_id == found.version_id
