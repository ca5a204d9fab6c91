"""Checksums of bytes, and of parts put together."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterable

import anycrc  # type: ignore[import-untyped]
import awscrt.checksums

from airflow_bucketsync.engine.model.objects import Checksum, ChecksumAlgorithm
from airflow_bucketsync.engine.stores.base import Body

COMBINABLE: tuple[ChecksumAlgorithm, ...] = ("crc64nvme", "crc64xz", "crc32c", "crc32")
"""Algorithms whose part values give the value of the whole without reading it again."""
COMPUTABLE: tuple[ChecksumAlgorithm, ...] = (*COMBINABLE, "sha256", "sha1", "md5")

_WIDTH = {"crc64nvme": 16, "crc64xz": 16, "crc32c": 8, "crc32": 8}
_CRC64XZ = anycrc.Model("CRC64-XZ")
"""Not to be confused with CRC-64/NVME: another polynomial. It keeps no state between calls."""


def checksum_of(algorithm: ChecksumAlgorithm, body: Body) -> Checksum:
    """The checksum of some bytes."""
    if algorithm == "crc64nvme":
        value = f"{awscrt.checksums.crc64nvme(body):016x}"
    elif algorithm == "crc64xz":
        value = f"{_CRC64XZ.calc(body):016x}"
    elif algorithm == "crc32c":
        value = f"{awscrt.checksums.crc32c(body):08x}"
    elif algorithm == "crc32":
        value = f"{zlib.crc32(body):08x}"
    elif algorithm in ("sha256", "sha1", "md5"):
        value = hashlib.new(algorithm, body, usedforsecurity=False).hexdigest()
    else:
        raise ValueError(f"no way to compute {algorithm}")
    return Checksum(algorithm=algorithm, value=value)


def combined(algorithm: ChecksumAlgorithm, parts: Iterable[tuple[Checksum, int]]) -> Checksum:
    """The checksum of a whole object from the checksums and lengths of its parts, in order."""
    combine = {
        "crc64nvme": awscrt.checksums.combine_crc64nvme,
        "crc64xz": _CRC64XZ.combine,
        "crc32c": awscrt.checksums.combine_crc32c,
        "crc32": awscrt.checksums.combine_crc32,
    }[algorithm]
    total = 0
    for part, length in parts:
        total = combine(total, int(part.value, 16), length)
    return Checksum(algorithm=algorithm, value=f"{total:0{_WIDTH[algorithm]}x}")


def to_base64(checksum: Checksum) -> str:
    """As HTTP headers of S3 spell it."""
    return base64.b64encode(bytes.fromhex(checksum.value)).decode()


class RunningCrc64:
    """The CRC-64/XZ of bytes that come piece by piece."""

    def __init__(self) -> None:
        self._value = 0

    def add(self, piece: Body) -> None:
        """Go on with these bytes."""
        self._value = _CRC64XZ.calc(piece, self._value)

    @property
    def checksum(self) -> Checksum:
        """Of all bytes so far."""
        return Checksum(algorithm="crc64xz", value=f"{self._value:016x}")
