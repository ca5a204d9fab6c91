"""How do people write how long something takes?"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from airflow_bucketsync.engine.errors import InvalidConfiguration

HOW = "write a number with its unit: 90 seconds, 15 minutes, 2 hours, 1 day 12 hours"
LONGEST = timedelta(days=366)

_UNITS = {"s": "seconds", "second": "seconds", "min": "minutes", "minute": "minutes", "h": "hours", "hour": "hours",
          "d": "days", "day": "days", "week": "weeks"}  # fmt: skip
_ONE = r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*(second|s|minute|min|hour|h|day|d|week)s?"
_ALL = re.compile(rf"{_ONE}(?:\s+{_ONE})*")


def read_duration(value: Any) -> timedelta:
    """A duration as people write it: `90 seconds`, `15 min`, `1.5 hours`, `1 day 12 hours`.

    :raises InvalidConfiguration: it is none, is nothing, or more than 366 days
    """
    if isinstance(value, str) and _ALL.fullmatch(text := value.strip().lower()):
        parts = re.findall(_ONE, text)
        value = sum((timedelta(**{_UNITS[unit]: float(number)}) for number, unit in parts), timedelta())
    if not isinstance(value, timedelta):
        raise InvalidConfiguration(f"{value!r:.40} is no duration: {HOW}")
    if not timedelta() < value <= LONGEST:
        raise InvalidConfiguration(f"{value} is {'nothing' if not value else 'out of range'}: {HOW}")
    return value
