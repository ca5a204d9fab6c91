"""Is an object protected from being deleted? A look may tell, or how the store refuses."""

from __future__ import annotations

import re

from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError

LOCKED = "locked"
"""The reason of an object that a retention rule or a legal hold protects."""
_CODES = ("FileImmutable", "ObjectLocked")
_WORDS = re.compile(r"\bobject lock\b|\blegal hold\b|WORM protected", re.I)
"""How stores say it; no word of it fits into the name of a bucket."""


def refused_as_protected(error: BucketsyncError) -> bool:
    """Whether the store refused to delete an object because it is protected."""
    return isinstance(error, AccessDenied) and (error.code in _CODES or _WORDS.search(error.message) is not None)
