"""Which preconditions do HTTP headers carry?"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from tests.servers.core.conditions import NO_CONDITIONS, Conditions


def etags(value: str | None) -> tuple[str, ...] | None:
    """Return the ETags of a header without their quotes, None if it is absent."""
    if value is None:
        return None
    return tuple(item.strip().removeprefix("W/").strip('"') for item in value.split(","))


def _time(value: str | None) -> float | None:
    if value is None:
        return None
    try:
        return parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError):
        return None


def read_conditions(headers: Mapping[str, str], prefix: str = "") -> Conditions:
    """Return the conditions of a read, or with a prefix those of a copy's source."""
    found = [headers.get(prefix + name) for name in ("if-match", "if-none-match")]
    times = [headers.get(prefix + name) for name in ("if-modified-since", "if-unmodified-since")]
    if found == [None, None] and times == [None, None]:
        return NO_CONDITIONS
    return Conditions(etags(found[0]), etags(found[1]), _time(times[0]), _time(times[1]))
