"""Which names below a location are bucketsync's own, and never data."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

TEMPORARY_PREFIX = ".bucketsync-"
TEMPORARY_SUFFIX = ".tmp"
STATE_PREFIX = "_bucketsync/"
TRASH_PREFIX = "trash/"
"""Below `STATE_PREFIX`."""


def is_temporary_name(segment: str) -> bool:
    """Whether the last segment of a key is that of a file which a write to a folder has not finished."""
    return segment.startswith(TEMPORARY_PREFIX) and segment.endswith(TEMPORARY_SUFFIX)


def is_state_name(key: str) -> bool:
    """Whether a key (relative to its location) is bucketsync's own.

    Buckets list such keys: they are passed over, but for unfinished files at a source, which are refused; and no store
    takes an object of such a name. A folder does not list them at all.
    The bare `_bucketsync` is an ordinary key of a bucket; only a folder can't hold it, and says so itself.
    """
    return key.startswith(STATE_PREFIX) or is_temporary_name(key.rpartition("/")[2])


def trash_folder(started: datetime, run: str) -> str:
    """The folder below `_bucketsync/` where a run keeps what it takes away; its name begins with the time."""
    return f"{TRASH_PREFIX}{started.astimezone(UTC):%Y%m%dT%H%M%S}-{hashlib.sha256(run.encode()).hexdigest()[:12]}/"


def temporary_name(token: str) -> str:
    """The name of an unfinished file; `token` makes it unique."""
    return f"{TEMPORARY_PREFIX}{token}{TEMPORARY_SUFFIX}"
