"""How often, and after which waits, is a request tried again?"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from airflow_bucketsync.engine.errors import BucketsyncError, TransientError
from airflow_bucketsync.engine.stores.gate import Gate, Stopped

T = TypeVar("T")


class Retries:
    """How often and how long to try again: exponential backoff with full jitter.

    :param attempts: tries of one request, the first included
    :param base: seconds; the n-th wait is drawn from 0 to `base * 2**n`
    :param cap: seconds no wait is longer than, unless the store asked for more
    :param gate: where waits happen; a stop ends them
    """

    def __init__(
        self,
        *,
        gate: Gate,
        attempts: int = 8,
        base: float = 0.2,
        cap: float = 20.0,
        draw: Callable[[float], float] | None = None,
    ) -> None:
        self.gate = gate
        self.attempts = attempts
        self.base = base
        self.cap = cap
        self._draw = draw or (lambda longest: random.uniform(0.0, longest))  # noqa: S311 - jitter is no secret

    def at(self, gate: Gate) -> Retries:
        """The same tries and waits behind another gate."""
        return Retries(gate=gate, attempts=self.attempts, base=self.base, cap=self.cap, draw=self._draw)

    def pause(self, attempt: int, error: BucketsyncError) -> None:
        """Wait before the try after `attempt` (from 1).

        :raises Stopped: when the task is asked to stop meanwhile
        :raises Unreachable: when an endpoint turns out to be out of reach meanwhile
        """
        seconds = self._draw(min(self.cap, self.base * 2 ** (attempt - 1)))
        if error.retry_after is not None:
            seconds = max(seconds, min(error.retry_after, 60.0))
        try:
            self.gate.wait(seconds)
        except TransientError as stopped:
            raise stopped from error

    def call(self, function: Callable[[], T], *, place: str = "") -> T:
        """Call until it works, a final error comes, or the tries are used up.

        :param place: where the requests go, for the gate to learn from how they end; "" = `function` may send none
        """
        attempt = 1
        while True:
            self.gate.check()
            try:
                result = function()
            except BucketsyncError as error:
                last = attempt >= self.attempts
                self.gate.heard(place, error, last=last)
                if last or not isinstance(error, TransientError) or isinstance(error, Stopped):
                    raise
                self.pause(attempt, error)
            else:
                if place:
                    self.gate.heard(place)
                return result
            attempt += 1
