"""What does the plan itself say of an object, without a task to follow?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airflow_bucketsync.engine.model.names import is_state_name
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome, Status
from airflow_bucketsync.engine.rules.parts import check_object
from airflow_bucketsync.engine.steps.run import Run

SKIPPED_NAMES = frozenset({"symlink", "fifo", "socket", "device"})
"""Things in a folder that are no objects: left out and said so, without making the run red."""


def refused(info: ObjectInfo, reason: str, words: str, *, key: str | None = None) -> Outcome:
    """A source object that can't stand at the destination.

    :param key: that it would have there; None = the source's own
    """
    return Outcome(
        key=key or info.key,
        source_key=None if key in (None, info.key) else info.key,
        status="refused",
        reason=reason,
        message=words,
        source=Fingerprint.of(info),
    )


def archived(info: ObjectInfo, *, key: str) -> Outcome:
    """A source object whose body can't be read before it is restored.

    :param key: at the destination
    """
    return Outcome(
        key=key,
        source_key=None if key == info.key else info.key,
        status="failed",
        reason="archived",
        message=f"it is in storage class {info.storage_class} and not restored: restore it, or leave its class out",
        source=Fingerprint.of(info),
    )


def hidden(there: ObjectInfo, obstacle: str) -> Outcome:
    """An object at the destination whose key the source can't tell of."""
    message = f"at the source {obstacle!r} is no object, so what there is behind it is not known"
    return Outcome(
        key=there.key, status="skipped", reason="not_listed", message=message, destination=Fingerprint.of(there)
    )


def refusal_of(run: Run, info: ObjectInfo, key: str) -> tuple[str, str] | None:
    """Why this source object can't stand at the destination under a key, as a word and in words; None = it can."""
    if is_state_name(key):
        return "state_name", "a name of our own state: leave it out with `exclude`, or rename it"
    words = run.destination.refusal(key)
    if words is not None:
        return "name", words
    words = check_object(info.size, run.destination.capabilities)
    return None if words is None else ("too_large", words)


def names_refused(names: Iterable[tuple[str, str]]) -> Iterator[Outcome]:
    """What becomes of names at the source that can't be keys.

    :param names: with the reason of each
    """
    for name, reason in names:
        status: Status = "skipped" if reason in SKIPPED_NAMES else "refused"
        yield Outcome(key=name, status=status, reason=reason, message="no object of a local tree")
