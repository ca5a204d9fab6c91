"""A clock that a test moves."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class FakeClock:
    """Time that passes only by waits, by `advance`, and by `tick` at each look at it.

    :param tick: seconds that pass whenever somebody asks for the time
    """

    def __init__(self, *, tick: float = 0.0) -> None:
        self.tick = tick
        self.waits: list[float] = []
        self._passed = 0.0
        self._lock = threading.Lock()

    def advance(self, seconds: float) -> float:
        """Let time pass; returns what has passed altogether."""
        with self._lock:
            self._passed += seconds
            return self._passed

    def now(self) -> datetime:
        """The time of day."""
        return START + timedelta(seconds=self.advance(self.tick))

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.advance(self.tick)

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Let the seconds pass at once; True when `stop` is set."""
        if stop.is_set():
            return True
        self.waits.append(seconds)
        self.advance(seconds)
        return stop.is_set()
