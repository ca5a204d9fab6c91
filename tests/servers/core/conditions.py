"""Does a precondition hold for this object?"""

from __future__ import annotations

from dataclasses import dataclass

from tests.servers.core.errors import ConditionFailed, KeyMissing, NotModified
from tests.servers.core.model import ObjectVersion


@dataclass(frozen=True, slots=True)
class Conditions:
    """ETags without quotes (``*`` is any object) and times in epoch seconds; None is absent."""

    if_match: tuple[str, ...] | None = None
    if_none_match: tuple[str, ...] | None = None
    modified_since: float | None = None
    unmodified_since: float | None = None


NO_CONDITIONS = Conditions()


def _matches(tags: tuple[str, ...], version: ObjectVersion) -> bool:
    return "*" in tags or version.etag in tags


def check_read(version: ObjectVersion, wanted: Conditions) -> None:
    """Raise ConditionFailed or NotModified in the precedence of RFC 9110 section 13.2.2."""
    modified = int(version.modified)
    if wanted.if_match is not None:
        if not _matches(wanted.if_match, version):
            raise ConditionFailed("If-Match")
    elif wanted.unmodified_since is not None and modified > wanted.unmodified_since:
        raise ConditionFailed("If-Unmodified-Since")
    if wanted.if_none_match is not None:
        if _matches(wanted.if_none_match, version):
            raise NotModified(version)
    elif wanted.modified_since is not None and modified <= wanted.modified_since:
        raise NotModified(version)


def check_copy_source(version: ObjectVersion, wanted: Conditions) -> None:
    """As ``check_read``, but an unchanged source is a failed condition too."""
    try:
        check_read(version, wanted)
    except NotModified as error:
        name = "x-amz-copy-source-If-None-Match" if wanted.if_none_match else "x-amz-copy-source-If-Modified-Since"
        raise ConditionFailed(name) from error
    except ConditionFailed as error:
        raise ConditionFailed(f"x-amz-copy-source-{error.condition}") from error


def check_write(key: str, current: ObjectVersion | None, wanted: Conditions) -> None:
    """Raise unless the destination is as the writer expects; If-Match on nothing is KeyMissing."""
    if wanted.if_none_match is not None and current is not None and _matches(wanted.if_none_match, current):
        raise ConditionFailed("If-None-Match")
    if wanted.if_match is not None:
        if current is None:
            raise KeyMissing(key)
        if not _matches(wanted.if_match, current):
            raise ConditionFailed("If-Match")
