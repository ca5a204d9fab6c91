"""What does the plan itself say of an object, without a task to follow?"""

from __future__ import annotations

from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.plan import Change


def refused(info: ObjectInfo, reason: str, words: str) -> Outcome:
    """A source object that can't stand at the destination."""
    return Outcome(key=info.key, status="refused", reason=reason, message=words, source=Fingerprint.of(info))


def archived(info: ObjectInfo) -> Outcome:
    """A source object whose body can't be read before it is restored."""
    return Outcome(
        key=info.key,
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


def withheld(change: Change) -> Outcome:
    """A change that a dry run does not carry out."""
    return Outcome(
        key=change.source.key,
        status="withheld",
        reason="dry_run",
        message=f"would {change.kind}: {change.reason}",
        bytes=change.load,
        source=Fingerprint.of(change.source),
    )
