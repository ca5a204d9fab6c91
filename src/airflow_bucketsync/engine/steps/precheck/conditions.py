"""Does the destination hold a write to what must stand there, so that the pair's lock is one?"""

from __future__ import annotations

from collections.abc import Iterator

from airflow_bucketsync.engine.errors import FinalError, ObjectChanged
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.precheck import Check
from airflow_bucketsync.engine.steps.lock import withholds_removals
from airflow_bucketsync.engine.steps.lock_object import strength_of
from airflow_bucketsync.engine.steps.precheck.asking import (
    DRY,
    PROBE,
    Asking,
    done,
    failed,
    not_asked,
    refused,
    warned,
)
from airflow_bucketsync.engine.stores.base import ObjectStore

CONDITIONS, LOCK = "destination conditions", "destination lock"
IGNORED = "it overwrote an object by a write that may only make a new one, or replace another version"
_OTHER = Condition(etag="0123456789abcdef0123456789abcdef")
_UNSAFE = "set `unsafe_deletes` where surely only one run of the pair is ever active, or do not delete"


def ask(asking: Asking) -> Iterator[Check]:
    """Write what must not be written; then what that means for the lock."""
    able = asking.run.destination.capabilities.conditional_put
    if able == "none":
        yield not_asked(CONDITIONS, "this kind of store is taken to have none")
    elif not asking.writable:
        yield not_asked(CONDITIONS, asking.unasked)
    else:
        yield _conditions(asking, both=able == "full")
    yield _lock(asking)


def _conditions(asking: Asking, *, both: bool) -> Check:
    try:
        held = _held(asking, Condition.ABSENT) and (not both or _held(asking, _OTHER))
    except FinalError as error:
        return not_asked(CONDITIONS, error.message)
    if held:
        return done(CONDITIONS, "held" if both else "held where nothing stands")
    asking.honours_conditions = False
    remedy = "choose the store profile that says so (bucketsync_profile in the connection's extra)"
    if asking.policy.removes and not asking.policy.unsafe_deletes:
        return failed(CONDITIONS, f"{IGNORED}, so no lock keeps a second run away while objects are deleted", remedy)
    return warned(CONDITIONS, f"{IGNORED}, so no lock keeps a second run of the pair away", remedy)


def _held(asking: Asking, condition: Condition) -> bool:
    def call(bare: ObjectStore) -> None:
        bare.put(PROBE, asking.body, destination=condition)

    return refused(asking.state, ObjectChanged, call)


def _lock(asking: Asking) -> Check:
    strength = strength_of(asking.run)
    if strength == "none":
        why = "it has no conditional writes, so no lock keeps a second run of the pair away"
        if asking.policy.removes and withholds_removals(asking.run):
            return failed(LOCK, f"{why}, and nothing would be deleted", _UNSAFE)
        return not_asked(LOCK, f"{why}; only one may be active")
    if asking.policy.dry_run:
        return not_asked(LOCK, DRY)
    if not asking.honours_conditions:
        return not_asked(LOCK, f"{CONDITIONS} are not held")
    if strength == "no_take_over":
        return done(LOCK, "held; that of a run of another Airflow that died is deleted by hand")
    return done(LOCK, f"held, and taken over when it was not renewed for {asking.policy.lock_lease:,} s")
