"""When two versions are surely the same bytes."""

from __future__ import annotations

import re

from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.objects import Checksum, ObjectInfo

_MD5 = re.compile(r"[0-9a-fA-F]{32}(-\d+)?")


def equal_checksums(left: Checksum | None, right: Checksum | None) -> bool | None:
    """Whether two checksums prove equality or difference; None = they can't be compared.

    Checksums over parts prove equality when they are equal, but nothing when they differ: the parts may be others.
    """
    if left is None or right is None or left.algorithm != right.algorithm:
        return None
    if left.value == right.value and left.parts == right.parts:
        return True
    if left.parts is None and right.parts is None:
        return False
    return None


def etags_comparable(source: Capabilities, destination: Capabilities) -> bool:
    """Whether equal ETags of both stores mean equal bytes."""
    return source.etag_meaning == destination.etag_meaning == "md5"


def equal_etags(left: str | None, right: str | None) -> bool:
    """Whether two MD5-like ETags are equal; unequal ones prove nothing (encryption and parts change them)."""
    return left is not None and left == right and _MD5.fullmatch(left) is not None


def equal_content(source: ObjectInfo, destination: ObjectInfo, *, etags: bool) -> bool | None:
    """Whether both are the same bytes; None = what is known can't tell.

    :param etags: `etags_comparable` of both stores
    """
    if source.size != destination.size:
        return False
    by_checksum = equal_checksums(source.checksum, destination.checksum)
    if by_checksum is not None:
        return by_checksum
    if etags and equal_etags(source.etag, destination.etag):
        return True
    return True if source.size == 0 else None
