"""Sizes and durations as people write them."""

from __future__ import annotations

import re

from airflow_bucketsync.engine.errors import InvalidConfiguration

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
TIB = 1024 * GIB

_SIZE = re.compile(r"([0-9]{1,30})(?:\.([0-9]{1,30}))?\s*([a-zA-Z]*)")
_SIZE_UNITS = {
    "": 1, "b": 1,
    "k": KIB, "kib": KIB, "m": MIB, "mib": MIB, "g": GIB, "gib": GIB, "t": TIB, "tib": TIB,
    "kb": 1000, "mb": 1000**2, "gb": 1000**3, "tb": 1000**4,
}  # fmt: skip


def parse_size(value: int | str, *, name: str = "size") -> int:
    """Bytes from `50 MiB`, `1.5GiB`, `10 MB` (decimal) or a whole number of bytes.

    :raises InvalidConfiguration: names the option, what was wrong and the form to use
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise InvalidConfiguration(f"{name}: a size can't be negative, got {value}")
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    factor = _SIZE_UNITS.get(match[3].lower()) if match else None
    if match is None or factor is None:
        raise InvalidConfiguration(
            f"{name}: {value!r:.80} is no size; write bytes, or a number with KiB, MiB, GiB, TiB"
        )
    fraction = match[2] or ""
    scale: int = 10 ** len(fraction)
    return int(match[1] + fraction) * factor // scale  # no float: it would round above 8 PiB


def format_size(size: int) -> str:
    """Bytes for people: `0 B`, `12.3 KiB`, `1.0 GiB`."""
    if size < KIB:
        return f"{size} B"
    amount = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 1023.95:  # above, it would show as 1024.0
            return f"{amount:.1f} {unit}"
    return f"{amount / 1024:.1f} TiB"


def format_age(seconds: float) -> str:
    """An age as it is asked for: `30 days`, `36 hours`."""
    hours = int(seconds) // 3600
    return f"{hours // 24} days" if hours % 24 == 0 else f"{hours} hours"


def format_seconds(seconds: float) -> str:
    """A duration for people: `40 s`, `16 min`, `2 h 5 min`, `3 d 4 h`."""
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours = round(seconds / 3600)
    if hours < 48:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"
