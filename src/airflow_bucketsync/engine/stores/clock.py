"""Time as a parameter: the real clock here, a fake one in the tests."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from typing import Protocol

import pendulum


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """The time of day, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        ...

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait; True at once when `stop` is (or gets) set."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time of day, aware UTC."""
        return pendulum.now("UTC")

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        return time.monotonic()

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait; True at once when `stop` is (or gets) set."""
        return stop.wait(seconds)
