"""Which preconditions does a request carry?"""

from __future__ import annotations

from collections.abc import Mapping

from tests.servers.core.conditions import NO_CONDITIONS, Conditions
from tests.servers.s3.errors import S3Error
from tests.servers.web.conditions import etags, read_conditions

__all__ = ["COPY_SOURCE", "delete_conditions", "read_conditions", "write_conditions"]

COPY_SOURCE = "x-amz-copy-source-"
NOT_IMPLEMENTED = "A header you provided implies functionality that is not implemented"


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
    return Conditions(etags(match), etags(none_match))


def delete_conditions(headers: Mapping[str, str]) -> Conditions:
    """Return the conditions of a delete: If-Match an ETag or ``*``."""
    match = headers.get("if-match")
    return NO_CONDITIONS if match is None else Conditions(etags(match))
