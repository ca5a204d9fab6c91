"""The limits and the stop flag that everything in one task shares."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from airflow_bucketsync.engine.errors import TransientError
from airflow_bucketsync.engine.stores.clock import Clock, SystemClock

DEFAULT_BUFFER_SIZE = 128 * 1024 * 1024


class Stopped(TransientError):
    """The task was asked to stop; what was finished is recorded, the rest is left for the next try."""

    reason = "stopped"


class Gate:
    """Concurrency, memory for bodies, and the stop flag of one task.

    :param concurrency: requests in flight
    :param buffer_size: bytes of object data held in memory at once
    :param clock: where waits happen
    """

    def __init__(
        self, *, concurrency: int = 16, buffer_size: int = DEFAULT_BUFFER_SIZE, clock: Clock | None = None
    ) -> None:
        self.concurrency = concurrency
        self.buffer_size = buffer_size
        self.clock: Clock = clock or SystemClock()
        self.stop_event = threading.Event()
        self._free = buffer_size
        self._returned = threading.Condition()

    def stop(self) -> None:
        """Let no new request begin. Safe in a signal handler."""
        self.stop_event.set()

    @property
    def stopped(self) -> bool:
        """Whether stop was asked for."""
        return self.stop_event.is_set()

    def check(self) -> None:
        """Go on only when stop was not asked for.

        :raises Stopped: when it was
        """
        if self.stop_event.is_set():
            raise Stopped("the task was asked to stop")

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
