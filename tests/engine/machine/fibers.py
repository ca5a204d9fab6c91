"""How do several tasks take turns, request by request, the same way every time?

Every task of the engine is an `Atom`. It runs in a thread of its own, but only one thread runs at any time: it holds
the baton, and hands it on at its next request, where the machine may park it, kill it, or leave it for late.
Inside one atom the engine's own threads (`concurrency` above 1) take turns in the same manner.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from airflow_bucketsync.engine.stores import bulk

_idle: list[_Worker] = []
_running: list[Atom] = []


class Killed(BaseException):
    """The process is gone; nothing of it runs any more."""


def _closed() -> threading.Lock:
    """A gate through which one thread goes for each time it is opened."""
    lock = threading.Lock()
    lock.acquire()
    return lock


class _Worker(threading.Thread):
    """A thread that waits for fibers to run."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.baton = _closed()
        self.fiber: Fiber | None = None
        self.start()

    def run(self) -> None:
        while True:
            self.baton.acquire()
            fiber, self.fiber = self.fiber, None
            assert fiber is not None
            hand_on = fiber.run()
            del fiber
            _idle.append(self)
            hand_on()


class Fiber:
    """Work of one atom that goes on only while it holds the baton. To the engine it is a `Future`."""

    def __init__(self, atom: Atom, work: Callable[[], Any]) -> None:
        self.atom = atom
        self.number = len(atom.fibers)
        self.worker: _Worker | None = None
        self.done = False
        self.waits_for: list[Fiber] | None = None
        self._work: Callable[[], Any] | None = work
        self._value: Any = None
        self.error: BaseException | None = None
        atom.fibers.append(self)

    @property
    def ready(self) -> bool:
        """Whether it can go on."""
        return not self.done and (self.waits_for is None or any(fiber.done for fiber in self.waits_for))

    def go_on(self) -> None:
        """Hand the baton to it."""
        if self.worker is None:
            self.worker = _idle.pop() if _idle else _Worker()
            self.worker.fiber = self
        self.worker.baton.release()

    def wait(self) -> None:
        """Go on when somebody hands the baton back."""
        assert self.worker is not None
        self.worker.baton.acquire()

    def run(self) -> Callable[[], None]:
        """Do the work; returns what hands the baton on."""
        work, self._work = self._work, None
        try:
            assert work is not None
            self._value = work()
        except BaseException as error:  # a Future keeps it for whoever asks
            self.error = error if self is not self.atom.main else error.with_traceback(None)
        self.done = True
        return self.atom.next_after(self)

    def result(self) -> Any:
        """What it returned, or its error."""
        if self.error is not None:
            raise self.error
        return self._value

    def cancel(self) -> bool:
        """Drop it, if it has not begun."""
        if self.worker is None and not self.done:
            self.done = True
            self.error = Killed()
        return self.done


class Atom:
    """One task in one try, under the machine's hand.

    :param number: tells it apart, and decides in which order its fibers take turns
    """

    def __init__(self, name: str, number: int, work: Callable[[Atom], Any]) -> None:
        self.name = name
        self.number = number
        self.fibers: list[Fiber] = []
        self.dead = False
        self.doom: str | None = None
        self.sent = 0
        self.asks = ""
        self._left = 0
        self._until = ""
        self._parked = _closed()
        self._turns = random.Random(number)
        self.main = Fiber(self, lambda: work(self))
        self.holds = self.main

    @property
    def alive(self) -> bool:
        """Whether it has not ended; threads that its end left behind still send what they had begun."""
        return not all(fiber.done for fiber in self.fibers)

    @property
    def error(self) -> BaseException | None:
        """What it ended with."""
        return self.main.error

    # the machine's side -----------------------------------------------------------------------------------------

    def go(self, requests: int, until: str = "") -> int:
        """Let it send so many requests; returns how many it sent until it was parked or ended.

        :param until: park it before that, when it is about to send a request whose name begins with this
        """
        before, self._left, self._until = self.sent, requests, until
        self._switch_to(self.holds)
        return self.sent - before

    def kill(self, when: str) -> None:
        """End it before or after the request it is about to send; whatever else was in the air is not applied."""
        if self.main.worker is None:
            self.main.cancel()
            return
        self.doom, self._left, self._until = when, 1, ""
        self._switch_to(self.holds)
        self.dead = True
        for fiber in self.fibers:
            if fiber.worker is None:
                fiber.cancel()
        while waiting := [fiber for fiber in self.fibers if not fiber.done]:
            self._switch_to(waiting[-1])

    def _switch_to(self, fiber: Fiber) -> None:
        _running.append(self)
        self.holds = fiber
        fiber.go_on()
        self._parked.acquire()
        _running.pop()

    # the engine's side ------------------------------------------------------------------------------------------

    def before_request(self, name: str) -> None:
        """A point at which the atom may be parked or killed: nothing was sent yet."""
        if self.dead:
            raise Killed
        me = self.holds
        self._let_others(me)
        self.asks = name
        if self._until and name.startswith(self._until):
            self._left = 0
        while self._left <= 0 and not self.dead:
            self._parked.release()
            me.wait()
        if self.doom == "before":
            self.dead = True
        if self.dead:
            raise Killed
        self._left -= 1
        self.sent += 1

    def after_request(self) -> None:
        """A point at which it may be killed: the request was applied, its answer not read."""
        if self.doom == "after":
            self.dead = True
        if self.dead:
            raise Killed

    def wait_for(self, fibers: list[Fiber]) -> list[Fiber]:
        """Wait in the holding fiber until one of these is done."""
        me = self.holds
        me.waits_for = fibers
        while not me.ready:
            self._let_others(me)
            if self.dead:
                raise Killed
        me.waits_for = None
        return [fiber for fiber in fibers if fiber.done]

    def next_after(self, fiber: Fiber) -> Callable[[], None]:
        """What goes on once a fiber has ended."""
        if fiber is self.main:
            for other in self.fibers:
                other.cancel()
        if self.dead or not self.alive:
            return self._parked.release
        self.holds = self._choose()
        return self.holds.go_on

    def _let_others(self, me: Fiber) -> None:
        chosen = self._choose()
        if chosen is not me:
            self.holds = chosen
            chosen.go_on()
            me.wait()

    def _choose(self) -> Fiber:
        ready = [fiber for fiber in self.fibers if fiber.ready]
        return ready[0] if len(ready) == 1 else self._turns.choice(ready)


class _Pool:
    """Stands in for `ThreadPoolExecutor`: its threads are fibers of the running atom, or nothing but calls."""

    def __init__(self, max_workers: int, thread_name_prefix: str = "") -> None:
        self._atom = _running[-1] if _running else None
        self._in_turn = max_workers == 1 or self._atom is None
        self._fibers: list[_Call | Fiber] = []

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *error: object) -> None:
        if self._atom is None or self._atom.dead:
            return  # whoever kills an atom ends its fibers
        for fiber in self._fibers:
            if isinstance(fiber, Fiber) and not fiber.done:
                self._atom.wait_for([fiber])

    def submit(self, function: Callable[[Any], Any], item: Any) -> _Call | Fiber:
        """Begin a call."""
        if self._in_turn or self._atom is None:
            made: _Call | Fiber = _Call(lambda: function(item))
        else:
            made = Fiber(self._atom, lambda: function(item))
            self._fibers.append(made)
        return made


class _Call:
    """A call that is made when somebody waits for it, in whose thread it then runs."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.result = work

    def cancel(self) -> bool:
        """Never make it."""
        return True


def _wait(calls: Iterable[Any], timeout: float, return_when: str) -> tuple[list[Any], set[Any]]:
    """Stands in for `concurrent.futures.wait`."""
    waiting = list(calls)
    if isinstance(waiting[0], _Call):
        return waiting, set()
    waiting.sort(key=lambda fiber: fiber.number)
    done = waiting[0].atom.wait_for(waiting)
    return done, {fiber for fiber in waiting if not fiber.done}


@contextmanager
def taking_turns() -> Iterator[None]:
    """The engine's threads take turns."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "ThreadPoolExecutor", _Pool)
        patch.setattr(bulk, "wait", _wait)
        yield
