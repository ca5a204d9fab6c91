"""May an object be written at the destination, read back, and deleted again?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError, FinalError, NotSupported
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.precheck import Check
from airflow_bucketsync.engine.steps.precheck.asking import (
    DRY,
    PROBE,
    RIGHTS,
    Asking,
    again,
    done,
    failed,
    judged,
    not_asked,
    warned,
)
from airflow_bucketsync.engine.steps.precheck.reading import needs_key, told
from airflow_bucketsync.engine.steps.protection import refused_as_protected
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.local.made import missing_folders, remove_empty

WRITE, READ, DELETE, KEYS = "destination write", "destination read", "destination delete", "destination keys"
PLACE = f"{STATE_PREFIX}{PROBE}"


def write(asking: Asking) -> Iterator[Check]:
    """Write the probe. It has one fixed name, so that at most one is ever left."""
    if asking.policy.dry_run:
        yield from (not_asked(name, DRY) for name in (WRITE, KEYS))
        return
    settings = asking.policy.write_settings
    key = settings.encryption_key or "the key that the bucket encrypts with"
    there = asking.run.destination.location
    asking.made = missing_folders(there.bucket) if there.scheme == "file" else ()
    try:
        asking.state.put(PROBE, asking.body)
    except FinalError as error:
        if refused_as_protected(error):
            asking.unasked = f"{PLACE} of an earlier run is protected, and can't be written again"
            yield done(WRITE, f"{PLACE} of an earlier run stands there, and is protected")
            yield not_asked(KEYS, asking.unasked)
        elif isinstance(error, AccessDenied) and needs_key(error):
            yield not_asked(WRITE, f"{KEYS} failed")
            yield failed(
                KEYS,
                told(error),
                f"allow kms:GenerateDataKey and kms:Decrypt on {key} to the user or role of the destination's "
                "connection (in the key's own policy too, where the key is of another account), or choose another with "
                "`encryption_key`",
            )
        else:
            yield failed(WRITE, error.message, f"let the credentials write to the destination: {RIGHTS}")
            yield not_asked(KEYS, asking.unasked)
        return
    asking.stands = asking.writable = True
    yield done(WRITE, PLACE)
    yield done(KEYS, f"may encrypt with {key}" if settings.encryption_key else "the bucket's own encryption")


def read(asking: Asking) -> Iterator[Check]:
    """Read the probe back."""
    if not asking.stands:
        yield not_asked(READ, asking.unasked)
        return
    try:
        found = content(asking.state, limit=len(asking.body) + 1)
    except AccessDenied as error:
        if asking.must_read_back:
            remedy = f"let the credentials read the destination, or set `verify: none` and do not delete: {RIGHTS}"
            yield failed(READ, error.message, remedy)
        else:
            yield done(READ, "these credentials may not, and `verify: none` does without")
        return
    if found == asking.body:
        yield done(READ)
    else:
        yield failed(
            READ,
            f"other bytes came back than were written to {PLACE} right before",
            "see whether something stands between this worker and the store, and whether another precheck runs there",
        )


def delete(asking: Asking) -> Iterator[Check]:
    """Delete the probe."""
    if not asking.stands:
        yield not_asked(DELETE, asking.unasked)
        return
    try:
        asking.state.delete(PROBE)
    except (AccessDenied, NotSupported) as error:
        if refused_as_protected(error):
            why = "objects are protected there: what is to be deleted stays, and so does the probe"
            yield warned(DELETE, f"{why}: {error.message}", f"nothing, where that is meant; {PLACE} is only ever one")
            return
        remedy = f"let the credentials delete below {STATE_PREFIX}, where the pair's lock stands too: {RIGHTS}"
        yield judged(DELETE, error, remedy, needed=asking.policy.delete)
        return
    asking.stands = False
    remove_empty(asking.made)
    yield done(DELETE)


def clear(asking: Asking) -> None:
    """Remove the probe, where something broke off."""
    if asking.stands:
        with suppress(BucketsyncError):
            asking.state.delete(PROBE)
            remove_empty(asking.made)


def content(store: ObjectStore, *, limit: int) -> bytes:
    """The first bytes of the probe in a folder of a store."""

    def fetch(bare: ObjectStore) -> bytes:
        buffer, size = bytearray(limit), 0
        with bare.open(PROBE) as body:
            while size < limit and (count := body.readinto(memoryview(buffer)[size:])):
                size += count
        return bytes(buffer[:size])

    return again(store, fetch)
