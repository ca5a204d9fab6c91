"""How many requests at once and a second, and how many bytes a second, may a task send for now?

Two things decide: the limits of the pair, of which each task of a run has a share, and what the stores say. A task
begins with few requests at once; when a store asks for fewer, it sends half as many, at once and a second, and comes
back step by step when the store is quiet again.
"""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from airflow_bucketsync.engine.stores.clock import Clock

START = 4
"""Requests in flight that a task begins with; doubled every second, or earlier by answers."""
ROUNDS = 4
"""Answers for each request in flight after which a task has no reason to wait for the second to end: small tasks would
be over before they went at full width."""
STEP = 1.0
"""Seconds from one step up to the next."""
QUIET = 5.0
"""Seconds without a refusal after which a task comes back."""
REFUSALS_COUNT_ONCE_IN = 2.0
"""Seconds: what was on its way when a task slowed down says nothing about its new pace."""
MEASURED = 3.0
"""Seconds over which requests are counted to know their rate."""
SLOWEST = 16
"""The part of its rate before the first refusal that a task never goes below: a store that refuses a share of all
requests, however few they are, would bring it to a standstill."""
FASTER = 1.5
"""Factor of a step back, after a refusal."""
BURST = 0.1
"""Seconds of a limit that may be caught up with: threads wake up late."""
SLICES = 8
"""Pieces a second in which bytes pass a limit, so that they flow and a stop is noticed."""
LEAST_PIECE = 4096


class RequestCount(Counter[str]):
    """Requests of one store by operation, and the gate that each of them passes before it is made."""

    def __init__(self, *counted: Any) -> None:
        super().__init__(*counted)
        self.turn: Callable[[], None] = _at_once
        """Called before each request; raises when no more may begin."""


def _at_once() -> None:
    """No gate: the request may begin."""


class _Line:
    """Amounts that pass one behind the other at a rate."""

    def __init__(self) -> None:
        self._next = -math.inf

    def enter(self, amount: float, rate: float, now: float) -> tuple[float, float]:
        """Seconds until this amount begins to pass, and until all of it has; what comes later waits behind it."""
        start = max(self._next, now - BURST)
        self._next = start + amount / rate
        return max(0.0, start - now), max(0.0, self._next - now)


class _Side:
    """The requests to one store, and what that store said of them."""

    def __init__(self) -> None:
        self.line = _Line()
        self.cap: float | None = None
        self._begun: deque[float] = deque()
        self._before = 0.0

    def begun(self, moment: float, now: float) -> None:
        self._begun.append(moment)
        while self._begun[0] <= now - MEASURED:
            self._begun.popleft()

    def slow_down(self, now: float) -> None:
        """Half of the rate that was too much."""
        recent = [moment for moment in self._begun if now - MEASURED < moment <= now]
        if not recent:
            return  # its requests are not counted here
        rate = len(recent) / max(now - recent[0], STEP)
        self._before = max(self._before, rate)
        self.cap = max(1.0, self._before / SLOWEST, (rate if self.cap is None else min(rate, self.cap)) / 2)

    def step_up(self) -> bool:
        """A little faster; whether there is still a limit to come back from."""
        if self.cap is not None:
            self.cap = max(self.cap * FASTER, self.cap + 1.0)
            if self.cap >= 2 * self._before:
                self.cap, self._before = None, 0.0
        return self.cap is not None


class Pace:
    """How fast a task may go now.

    :param concurrency: requests in flight, at most
    :param requests_per_second: of all tasks of the run together, to each store; None = no limit
    :param bandwidth: bytes of bodies a second that all tasks of the run together read; None = no limit
    """

    def __init__(
        self, clock: Clock, *, concurrency: int, requests_per_second: float | None, bandwidth: float | None
    ) -> None:
        self.concurrency = concurrency
        self.requests_per_second = requests_per_second
        self.bandwidth = bandwidth
        self.share = 1.0
        """What part of the pair's limits is this task's."""
        self._clock = clock
        self._lock = threading.Lock()
        self._width = min(START, concurrency)
        self._factor = 2.0
        self._answers = 0
        self._stepped: float | None = None
        self._refused = -math.inf
        self._sides: dict[str, _Side] = {}
        self._bytes = _Line()
        self._complete = False

    @property
    def limited(self) -> bool:
        """Whether the pair has limits of which this task has a share."""
        return self.requests_per_second is not None or self.bandwidth is not None

    @property
    def width(self) -> int:
        """Requests in flight that are allowed now."""
        if self._complete:
            return self.concurrency
        with self._lock:
            self._step_up(self._clock.monotonic())
            return self._width

    def request(self, place: str) -> float:
        """Seconds until a request to this place may begin; it is counted as begun then."""
        now = self._clock.monotonic()
        with self._lock:
            self._step_up(now)
            side = self._sides.setdefault(place, _Side())
            limit = None if self.requests_per_second is None else self.requests_per_second * self.share
            rates = [rate for rate in (limit, side.cap) if rate is not None]
            seconds, _ = side.line.enter(1.0, min(rates), now) if rates else (0.0, 0.0)
            side.begun(now + seconds, now)
            return seconds

    def piece(self, size: int) -> int:
        """How much of a body to read at once, when that much is wanted."""
        if self.bandwidth is None:
            return size
        return min(size, max(LEAST_PIECE, int(self.bandwidth * self.share / SLICES)))

    def read(self, size: int) -> float:
        """Seconds to wait after so many bytes of a body were read."""
        if self.bandwidth is None:
            return 0.0
        now = self._clock.monotonic()
        with self._lock:
            _, seconds = self._bytes.enter(size, self.bandwidth * self.share, now)
            return seconds

    def answered(self) -> None:
        """A request got through, which lets a task that begins go on faster."""
        if self._complete or self._factor == FASTER:
            return
        with self._lock:
            self._answers += 1
            if self._answers >= ROUNDS * self._width:
                self._answers = 0
                self._stepped = self._clock.monotonic()
                self._widen()

    def refused(self, place: str) -> None:
        """A store asked for fewer requests: send half as many, at once and a second."""
        now = self._clock.monotonic()
        with self._lock:
            if now - self._refused >= REFUSALS_COUNT_ONCE_IN:
                self._step_up(now)
                self._refused = now
                self._width = max(1, self._width // 2)
                self._factor = FASTER
                self._complete = False
                if place in self._sides:
                    self._sides[place].slow_down(now)
            self._stepped = now + QUIET - STEP

    def _step_up(self, now: float) -> None:
        if self._complete:
            return
        if self._stepped is None:
            self._stepped = now
        while now - self._stepped >= STEP and not self._complete:
            self._stepped += STEP
            self._widen()

    def _widen(self) -> None:
        self._width = min(self.concurrency, math.ceil(self._width * self._factor))
        capped = [side for side in self._sides.values() if side.step_up()]
        self._complete = self._width == self.concurrency and not capped
