"""What time is it for the store?"""

from __future__ import annotations

import time


class Clock:
    """Wall clock in epoch seconds that tests may shift or freeze."""

    def __init__(self) -> None:
        self.offset = 0.0
        self.frozen: float | None = None

    def now(self) -> float:
        """Return the store's idea of the current time in epoch seconds."""
        return (time.time() if self.frozen is None else self.frozen) + self.offset

    def shift(self, seconds: float) -> None:
        """Move the clock forwards (or backwards) by ``seconds``."""
        self.offset += seconds

    def freeze(self, at: float | None = None) -> None:
        """Stop the clock at ``at`` (default: now); only ``shift`` moves it afterwards."""
        self.frozen = time.time() if at is None else at
