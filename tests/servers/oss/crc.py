"""What is the CRC-64 of a content, and what is it once two contents are joined?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import anycrc
from fastcrc import crc64

from tests.servers.core.body import Body, body_chunks, has_exact_digest
from tests.servers.core.model import Checksum, ObjectVersion, Part

ALGORITHM = "CRC64"
HEADER = "x-oss-hash-crc64ecma"


@lru_cache(maxsize=1)
def _model() -> anycrc.CRC:
    return anycrc.Model("CRC64-XZ")


def crc_of(body: Body) -> Checksum | None:
    """Return the checksum; None for synthetic bodies too large to read for it."""
    if not has_exact_digest(body):
        return None
    value = 0
    for chunk in body_chunks(body):
        value = crc64.xz(chunk, value)
    return Checksum(ALGORITHM, str(value))


def joined(first: Checksum | None, second: Checksum | None, second_size: int) -> Checksum | None:
    """Return the checksum of two contents one after the other; None if either is unknown."""
    if first is None or second is None:
        return None
    return Checksum(ALGORITHM, str(_model().combine(int(first.value), int(second.value), second_size)))


def whole(parts: Sequence[Part]) -> Checksum | None:
    """Return the checksum of all the parts; None if one has none."""
    found: Checksum | None = Checksum(ALGORITHM, "0")
    for part in parts:
        found = joined(found, part.checksum, part.size)
    return found


def crc_headers(found: Checksum | ObjectVersion | None) -> dict[str, str]:
    """Return the header that shows a checksum, if there is one."""
    checksum = found.checksum if isinstance(found, ObjectVersion) else found
    return {} if checksum is None else {HEADER: checksum.value}
