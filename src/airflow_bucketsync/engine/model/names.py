"""Which names below a location are bucketsync's own, and never data."""

from __future__ import annotations

TEMPORARY_PREFIX = ".bucketsync-"
TEMPORARY_SUFFIX = ".tmp"
STATE_PREFIX = "_bucketsync/"


def is_temporary_name(segment: str) -> bool:
    """Whether the last segment of a key is that of a file which a write to a folder has not finished."""
    return segment.startswith(TEMPORARY_PREFIX) and segment.endswith(TEMPORARY_SUFFIX)


def is_state_name(key: str) -> bool:
    """Whether a key (relative to its location) is bucketsync's own.

    Buckets list such keys: at a destination they are passed over, at a source they are refused, and no store takes an
    object of such a name. A folder does not list them at all.
    The bare `_bucketsync` is an ordinary key of a bucket; only a folder can't hold it, and says so itself.
    """
    return key.startswith(STATE_PREFIX) or is_temporary_name(key.rpartition("/")[2])


def temporary_name(token: str) -> str:
    """The name of an unfinished file; `token` makes it unique."""
    return f"{TEMPORARY_PREFIX}{token}{TEMPORARY_SUFFIX}"
