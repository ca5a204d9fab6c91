"""Sizes and durations as people write them."""

from __future__ import annotations

import re

from airflow_bucketsync.engine.errors import InvalidConfiguration

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
TIB = 1024 * GIB

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)")
_SIZE_UNITS = {
    "": 1, "b": 1,
    "k": KIB, "kib": KIB, "m": MIB, "mib": MIB, "g": GIB, "gib": GIB, "t": TIB, "tib": TIB,
    "kb": 1000, "mb": 1000**2, "gb": 1000**3, "tb": 1000**4,
}  # fmt: skip


def parse_size(value: int | str, *, name: str = "size") -> int:
    """Bytes from `50 MiB`, `1.5GiB`, `10 MB` (decimal) or a whole number of bytes.

    :raises InvalidConfiguration: names the option, what was wrong and the form to use
    """
    if isinstance(value, bool):
        raise InvalidConfiguration(f"{name}: {value!r} is no size; write bytes, or a number with KiB, MiB, GiB, TiB")
    if isinstance(value, int):
        number, unit = str(value), ""
    else:
        match = _SIZE.fullmatch(value.strip())
        number, unit = match.groups() if match else ("", "?")
    factor = _SIZE_UNITS.get(unit.lower())
    if not number or factor is None:
        raise InvalidConfiguration(f"{name}: {value!r} is no size; write bytes, or a number with KiB, MiB, GiB, TiB")
    size = int(number) * factor if number.isdigit() else int(float(number) * factor)
    if size < 0:
        raise InvalidConfiguration(f"{name}: a size can't be negative, got {value!r}")
    return size


def format_size(size: int) -> str:
    """Bytes for people: `0 B`, `12.3 KiB`, `1.0 GiB`."""
    if size < KIB:
        return f"{size} B"
    amount = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 1024:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1024:.1f} TiB"
