"""Which checksums must an object have that a list says something of?"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, cast

from airflow_bucketsync.engine.model.objects import Checksum, ChecksumAlgorithm
from airflow_bucketsync.engine.rules.list_records import BrokenRule

DIGITS: Mapping[str, int] = {
    "crc64nvme": 16, "crc64xz": 16, "crc32c": 8, "crc32": 8, "sha256": 64, "sha1": 40, "md5": 32,
}  # fmt: skip
"""Algorithms, and the hexadecimal digits of a value."""
_FORM = 'write "sha256:<digest>", several with commas between, or an object {"sha256": "<digest>"}'


def read_sums(value: Any) -> tuple[Checksum, ...]:
    """The checksums of a record: a text `md5:0123…,sha256:4567…`, or an object by algorithm; hexadecimal or Base64.

    :raises BrokenRule: `bad_sums`
    """
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise BrokenRule("bad_sums", f"sums: {value!r:.80} is no JSON: {_FORM}") from None
    if isinstance(value, str):
        parts = (item.strip().partition(":") for item in value.split(","))
        pairs: list[tuple[Any, Any]] = [(name, digest) for name, _, digest in parts]
    elif isinstance(value, dict):
        pairs = list(value.items())
    else:
        raise BrokenRule("bad_sums", f"sums: {value!r:.80} is neither a text nor an object: {_FORM}")
    if not pairs:
        raise BrokenRule("bad_sums", f"sums: names no checksum: leave it out, or {_FORM}")
    found = {item.algorithm: item for item in (_sum(name, digest) for name, digest in pairs)}
    if len(found) < len(pairs):
        raise BrokenRule("bad_sums", f"sums: names an algorithm twice: {_FORM}")
    return tuple(found[name] for name in sorted(found))


def _sum(name: Any, digest: Any) -> Checksum:
    algorithm = name.lower().replace("-", "") if isinstance(name, str) else ""
    if algorithm not in DIGITS:
        raise BrokenRule("bad_sums", f"sums: {name!r:.40} is no algorithm we know; there are {', '.join(DIGITS)}")
    digits = DIGITS[algorithm]
    value = _hexadecimal(digest, digits) if isinstance(digest, str) else None
    if value is None:
        raise BrokenRule(
            "bad_sums", f"sums: {digest!r:.80} is no {algorithm}: write {digits} hexadecimal digits, or Base64"
        )
    return Checksum(algorithm=cast(ChecksumAlgorithm, algorithm), value=value)


def _hexadecimal(digest: str, digits: int) -> str | None:
    if re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", digest):
        return digest.lower()
    try:
        found = base64.b64decode(digest, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found.hex() if len(found) * 2 == digits else None
