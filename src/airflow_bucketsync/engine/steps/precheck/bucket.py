"""Does the destination's bucket keep versions, and whose is what is written there?"""

from __future__ import annotations

from collections.abc import Iterator

from airflow_bucketsync.engine.model.precheck import Check
from airflow_bucketsync.engine.steps.precheck.asking import PROBE, Asking, done, not_asked, warned
from airflow_bucketsync.engine.stores.telling import Telling, telling

VERSIONS, OWNER = "destination versions", "destination owner"
_STATES = {
    "on": "on: what is overwritten or deleted stays as a version, and is paid for until a rule of the bucket ends it",
    "suspended": "suspended: what is overwritten or deleted now is gone, older versions stay",
    "off": "off: what is overwritten or deleted is gone, but for what `trash` keeps",
}
_UNTOLD = "the store does not tell these credentials"


def versions(asking: Asking) -> Iterator[Check]:
    """Whether it keeps versions."""
    store = asking.run.destination
    if telling(store) is None:
        yield not_asked(VERSIONS, "there is no bucket that could keep any")
        return
    found = asking.told(store, lambda tells: tells.versioning())
    yield not_asked(VERSIONS, f"{_UNTOLD} (GetBucketVersioning)") if found is None else done(VERSIONS, _STATES[found])


def owner(asking: Asking) -> Iterator[Check]:
    """Whether the bucket's owner owns what this run writes."""
    if telling(asking.run.destination) is None:
        yield not_asked(OWNER, "there is no bucket that could be of another account")
        return
    if asking.policy.acl == "bucket-owner-full-control":
        yield done(OWNER, "given to the bucket's owner by the option `acl`")
        return
    if not asking.stands:
        yield not_asked(OWNER, asking.unasked)
        return

    def ask(tells: Telling) -> str | None:
        return tells.ownership(PROBE)

    found = asking.told(asking.state, ask)
    if found == "bucket":
        yield done(OWNER, "the bucket's owner owns what is written")
    elif found is None:
        yield not_asked(OWNER, f"{_UNTOLD} (GetBucketOwnershipControls, or GetBucketAcl and GetObjectAcl)")
    else:
        yield warned(
            OWNER,
            "what these credentials write belongs to their account, and the bucket to another one, which may not even "
            "read it",
            "set `acl: bucket-owner-full-control`, or let the bucket's owner set its Object Ownership to "
            "BucketOwnerEnforced",
        )
