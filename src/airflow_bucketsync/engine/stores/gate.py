"""The limits and the stop flag that everything in one task shares."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    BucketsyncError,
    ObjectChanged,
    ObjectNotFound,
    ServerError,
    Throttled,
    TransientError,
    Unreachable,
)
from airflow_bucketsync.engine.stores.clock import Clock, SystemClock
from airflow_bucketsync.engine.stores.pace import Pace
from airflow_bucketsync.engine.stores.reach import Reach

DEFAULT_BUFFER_SIZE = 128 * 1024 * 1024
LONGEST_WAIT = 1.0
"""Seconds after which the thread that has ticks to call looks at them, whatever it waits for."""

_ANSWERS = (Throttled, ServerError, AccessDenied, ObjectNotFound, ObjectChanged)
"""Errors that only a store that was reached can cause."""


class Stopped(TransientError):
    """The task was asked to stop; what was finished is recorded, the rest is left for the next try."""

    reason = "stopped"


class Gate:
    """Concurrency, pace, memory for bodies, ticks, and the stop flag of one task.

    :param concurrency: requests in flight, at most
    :param buffer_size: bytes of object data held in memory at once
    :param clock: where waits happen
    :param requests_per_second: to each store, of all tasks of a run together; None = no limit
    :param bandwidth: bytes of bodies read a second, of all tasks of a run together; None = no limit
    """

    def __init__(
        self,
        *,
        concurrency: int = 16,
        buffer_size: int = DEFAULT_BUFFER_SIZE,
        clock: Clock | None = None,
        requests_per_second: float | None = None,
        bandwidth: float | None = None,
    ) -> None:
        self.concurrency = concurrency
        self.buffer_size = buffer_size
        self.clock: Clock = clock or SystemClock()
        self.pace = Pace(
            self.clock, concurrency=concurrency, requests_per_second=requests_per_second, bandwidth=bandwidth
        )
        self.stop_event = threading.Event()
        self._free = buffer_size
        self._returned = threading.Condition()
        self._reach = Reach()
        self._given_up: Unreachable | None = None
        self._ticks: list[_Tick] = []

    # stopping

    def stop(self) -> None:
        """Let no new request begin. Safe in a signal handler."""
        self.stop_event.set()

    @property
    def stopped(self) -> bool:
        """Whether no new request may begin: stop was asked for, or an endpoint is out of reach."""
        return self.stop_event.is_set()

    def check(self) -> None:
        """Go on only when new requests may begin.

        :raises Stopped: stop was asked for
        :raises Unreachable: an endpoint is out of reach
        """
        if not self.stop_event.is_set():
            return
        given_up = self._given_up
        if given_up is not None:  # a new one for each thread that raises it
            raise Unreachable(given_up.message, location=given_up.location, code=given_up.code)
        raise Stopped("the task was asked to stop")

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass; a stop ends them at once, and ticks are called meanwhile.

        :raises Stopped: stop was asked for
        :raises Unreachable: an endpoint is out of reach
        """
        left = seconds
        while self._has_ticks() and left > LONGEST_WAIT and not self.stopped:
            self.tick()
            self.clock.wait(LONGEST_WAIT, self.stop_event)
            left -= LONGEST_WAIT
        self.tick()
        if self.clock.wait(left, self.stop_event):
            self.check()

    # pace

    @property
    def width(self) -> int:
        """Requests in flight that are allowed now, at most `concurrency`."""
        return self.pace.width

    def turn(self, place: str) -> None:
        """Wait until a request to this place may begin.

        :raises Stopped: none may
        """
        self.check()
        seconds = self.pace.request(place)
        if seconds > 0:
            self.wait(seconds)

    def read(self, count: int) -> None:
        """Wait as long as the limit asks for after so many bytes of a body were read."""
        seconds = self.pace.read(count)
        if seconds > 0:
            self.wait(seconds)

    def heard(self, place: str, error: BucketsyncError | None = None, *, last: bool = False) -> None:
        """Learn from how a request ended; `place` is where it went, unless the error says another.

        :param last: the request has used up its tries
        """
        if error is None:
            self._reach.answered(place)
            self.pace.answered()
            return
        place = error.location or place
        if isinstance(error, Unreachable):
            given_up = self._reach.failed(place, error, self.clock.monotonic(), last=last)
            if given_up is not None and not self.stopped:
                self._given_up = given_up
                self.stop_event.set()
        elif isinstance(error, _ANSWERS):
            self._reach.answered(place)
        if isinstance(error, Throttled):
            self.pace.refused(place)

    # ticks

    @contextmanager
    def every(self, seconds: float, function: Callable[[], object], *, first: float | None = None) -> Iterator[None]:
        """Have `function` called every so many seconds while this thread waits for requests; its errors end the work.

        It is called in this thread, between two results or while none comes, and in every wait for a turn or a retry,
        at most a second late. The seconds are counted from its last end.

        :param first: seconds before the first call; None = as all
        """
        tick = _Tick(seconds, function, self.clock.monotonic() + (seconds if first is None else first))
        self._ticks = [*self._ticks, tick]
        try:
            yield
        finally:
            self._ticks = [other for other in self._ticks if other is not tick]

    def tick(self) -> None:
        """Call what is due of this thread's ticks."""
        if not self._has_ticks():
            return
        now = self.clock.monotonic()
        for tick in self._ticks:
            if tick.due <= now and not tick.running and tick.thread == threading.get_ident():
                tick.running = True
                try:
                    tick.function()
                finally:
                    tick.running = False
                    tick.due = self.clock.monotonic() + tick.seconds

    def _has_ticks(self) -> bool:
        return bool(self._ticks) and any(tick.thread == threading.get_ident() for tick in self._ticks)

    # memory

    @contextmanager
    def buffer(self, size: int) -> Iterator[None]:
        """Hold `size` bytes of the memory budget; a body larger than the whole budget waits until it is alone."""
        share = min(size, self.buffer_size)
        with self._returned:
            while self._free < share:
                self.check()
                self._returned.wait(0.2)
            self._free -= share
        try:
            yield
        finally:
            with self._returned:
                self._free += share
                self._returned.notify_all()


class _Tick:
    """A function, how often it is called, and by which thread."""

    def __init__(self, seconds: float, function: Callable[[], object], due: float) -> None:
        self.seconds = seconds
        self.function = function
        self.due = due
        self.thread = threading.get_ident()
        self.running = False
