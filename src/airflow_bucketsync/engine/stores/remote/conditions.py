"""Is what stands there what a condition asks for?"""

from __future__ import annotations

from collections.abc import Callable

from airflow_bucketsync.engine.errors import BodyCorrupted, ObjectChanged, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import Checksum, ObjectInfo
from airflow_bucketsync.engine.stores.remote.place import Placed

Look = Callable[[], ObjectInfo]
"""Asks what stands there; raises ObjectNotFound where nothing does."""


def require_state(place: Placed, key: str, destination: Condition, look: Look) -> ObjectInfo | None:
    """Go on only when the object is in this state now; returns what stands there. Another writer can come between.

    :raises ObjectChanged: it is in another state
    """
    found = state_of(place, key, destination, look)
    if found is None and not destination.absent:
        raise changed(place, key, "nothing stands there any more")
    return found


def state_of(place: Placed, key: str, destination: Condition, look: Look) -> ObjectInfo | None:
    """What stands there, in the state asked for; None = nothing.

    :raises ObjectChanged: it stands there in another state
    """
    try:
        found = look()
    except ObjectNotFound:
        return None
    if destination.absent:
        raise changed(place, key, "an object stands there, and nothing should")
    require_version(place, key, destination, found)
    return found


def require_version(place: Placed, key: str, condition: Condition, found: ObjectInfo) -> None:
    """Go on only when `found` is the version that `condition` names.

    :raises ObjectChanged: it is another one
    """
    if condition.etag is not None and condition.etag != found.etag:
        raise changed(place, key, f"its ETag is {found.etag}, not {condition.etag}")
    if condition.size is not None and condition.size != found.size:
        raise changed(place, key, f"it has {found.size} bytes, not {condition.size}")


def changed(place: Placed, key: str, words: str) -> ObjectChanged:
    """The error for an object in another state than asked for."""
    return ObjectChanged(
        f"the object is not in the state that was asked for: {words}", location=place.location.url, key=key
    )


def require_equal(place: Placed, key: str, found: Checksum, expected: Checksum) -> None:
    """Go on only when both checksums are one.

    :raises BodyCorrupted: they differ
    """
    if found != expected:
        raise BodyCorrupted(
            f"the body has {found.to_json()} and must have {expected.to_json()}",
            location=place.location.url,
            key=key,
        )
