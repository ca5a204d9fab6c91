"""Which preconditions does a request carry?"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from tests.servers.core.conditions import NO_CONDITIONS, Conditions
from tests.servers.s3.errors import S3Error

COPY_SOURCE = "x-amz-copy-source-"
NOT_IMPLEMENTED = "A header you provided implies functionality that is not implemented"


def _tags(value: str | None) -> tuple[str, ...] | None:
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
    return Conditions(_tags(found[0]), _tags(found[1]), _time(times[0]), _time(times[1]))


def write_conditions(headers: Mapping[str, str]) -> Conditions:
    """Return the conditions of a write: If-Match an ETag, or If-None-Match ``*``."""
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if match is None and none_match is None:
        return NO_CONDITIONS
    if none_match is not None and (none_match != "*" or match is not None):
        details = {
            "Header": "If-None-Match",
            "additionalMessage": "We don't accept the provided value of If-None-Match",
        }
        raise S3Error("NotImplemented", NOT_IMPLEMENTED, details)
    if match == "*":
        raise S3Error("NotImplemented", NOT_IMPLEMENTED, {"Header": "If-Match"})
    return Conditions(_tags(match), _tags(none_match))


def delete_conditions(headers: Mapping[str, str]) -> Conditions:
    """Return the conditions of a delete: If-Match an ETag or ``*``."""
    match = headers.get("if-match")
    return NO_CONDITIONS if match is None else Conditions(_tags(match))
