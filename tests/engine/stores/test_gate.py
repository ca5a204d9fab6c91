"""Do the limits of a task hold, whatever its threads do?"""

from __future__ import annotations

import threading
import time

import pytest

from airflow_bucketsync.engine.errors import Throttled, TransientError
from airflow_bucketsync.engine.stores.bulk import in_threads
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from tests.engine.clocks import FakeClock


def test_check_passes_until_stopped():
    gate = Gate()
    gate.check()
    assert not gate.stopped
    gate.stop()
    assert gate.stopped
    with pytest.raises(Stopped):
        gate.check()
    assert issubclass(Stopped, TransientError), "another try can finish the work"


def test_the_buffer_budget_is_never_exceeded():
    gate, lock = Gate(buffer_size=100), threading.Lock()
    held, peaks, done = [0], [0], [0]

    def work(size: int) -> None:
        for _ in range(20):
            with gate.buffer(size):
                with lock:
                    held[0] += size
                    peaks[0] = max(peaks[0], held[0])
                time.sleep(0.0002)
                with lock:
                    held[0] -= size
                    done[0] += 1

    threads = [threading.Thread(target=work, args=(size,)) for size in (10, 30, 30, 45, 60, 99, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done[0] == 140
    assert 60 < peaks[0] <= 100


def test_an_oversized_body_waits_until_it_is_alone():
    gate, inside, order = Gate(buffer_size=100), threading.Event(), []

    def oversized() -> None:
        with gate.buffer(1000):
            order.append("oversized")
            inside.set()

    with gate.buffer(1):
        thread = threading.Thread(target=oversized)
        thread.start()
        assert not inside.wait(0.05)
        order.append("small")
    thread.join(5)
    assert order == ["small", "oversized"]
    with gate.buffer(100):
        order.append("free again")
    assert len(order) == 3


def test_nothing_else_runs_beside_an_oversized_body():
    gate, inside = Gate(buffer_size=100), threading.Event()

    def small() -> None:
        with gate.buffer(1):
            inside.set()

    with gate.buffer(1000):
        thread = threading.Thread(target=small)
        thread.start()
        assert not inside.wait(0.05)
    thread.join(5)
    assert inside.is_set()


def test_a_stop_ends_the_wait_for_memory():
    gate, errors = Gate(buffer_size=100), []

    def wait() -> None:
        try:
            with gate.buffer(50):
                errors.append(None)
        except Stopped as error:
            errors.append(error)

    with gate.buffer(100):
        thread = threading.Thread(target=wait)
        thread.start()
        gate.stop()
        thread.join(5)
    assert [type(error) for error in errors] == [Stopped]


def test_an_error_gives_the_memory_back():
    gate = Gate(buffer_size=10)
    for _ in range(3):
        with pytest.raises(KeyError), gate.buffer(10):
            raise KeyError
    with gate.buffer(10):
        pass


def test_nothing_takes_no_memory():
    gate = Gate(buffer_size=10)
    with gate.buffer(10), gate.buffer(0):
        pass


# ticks ---------------------------------------------------------------------------------------------------------------


def test_row_D15_ticks_are_called_while_no_result_comes():
    """In the thread that asked for them, at least every second."""
    gate, called = Gate(concurrency=2), []
    with gate.every(0.5, lambda: called.append((time.monotonic(), threading.get_ident()))):
        started = time.monotonic()
        assert sorted(in_threads(lambda seconds: time.sleep(seconds) or seconds, [2.6, 2.5], gate=gate)) == [2.5, 2.6]
    assert 2 <= len(called) <= 5
    assert called[0][0] - started < 1.4
    assert {thread for _, thread in called} == {threading.get_ident()}
    before = len(called)
    list(in_threads(lambda _: time.sleep(0.6), [1], gate=gate))
    assert len(called) == before, "it ends with its block"


def test_row_D15_ticks_are_called_between_results():
    clock = FakeClock()
    gate, called = Gate(concurrency=1, clock=clock), []
    with gate.every(5.0, lambda: called.append(clock.monotonic()), first=2.0):
        for _ in in_threads(lambda _: clock.advance(1.0), range(13), gate=gate):
            pass
    assert called == [2.0, 7.0, 12.0]


def test_row_D15_a_tick_that_raises_ends_the_work():
    clock = FakeClock()
    gate, done = Gate(concurrency=1, clock=clock), []

    def refuse() -> None:
        raise KeyError("enough")

    with gate.every(5.0, refuse), pytest.raises(KeyError, match="enough"):
        done.extend(in_threads(lambda number: clock.advance(1.0) and number, range(100), gate=gate))
    assert done == [0, 1, 2, 3]


def test_row_D15_ticks_are_called_in_waits_of_their_thread_only():
    clock = FakeClock()
    gate, called = Gate(clock=clock), []
    thread = threading.Thread(target=gate.wait, args=(30.0,))
    with gate.every(2.0, lambda: called.append(clock.monotonic())):
        thread.start()
        thread.join(5)
        assert called == []
        gate.wait(7.5)
    assert len(called) == 4  # that of the thread's 30 s at once
    assert sum(clock.waits) == 37.5


def test_a_tick_that_waits_is_not_called_within_itself():
    clock = FakeClock()
    gate, depth, deepest = Gate(clock=clock), [0], [0]

    def tick() -> None:
        depth[0] += 1
        deepest[0] = max(depth)
        gate.wait(10)
        depth[0] -= 1

    with gate.every(1.0, tick):
        gate.wait(5)
    assert deepest == [1]


# width ---------------------------------------------------------------------------------------------------------------


def test_row_D14_no_more_run_at_once_than_the_pace_allows():
    clock = FakeClock()
    gate, lock = Gate(concurrency=16, clock=clock), threading.Lock()
    running, peaks = [0], []

    def work(number: int) -> None:
        with lock:
            running[0] += 1
            peaks.append(running[0])
        time.sleep(0.02)
        with lock:
            running[0] -= 1

    list(in_threads(work, range(30), gate=gate))
    assert max(peaks) == 4
    clock.advance(1.0)
    peaks.clear()
    list(in_threads(work, range(40), gate=gate))
    assert 4 < max(peaks) <= 8
    clock.advance(10.0)
    gate.heard("s3://a/", Throttled("slow"))
    peaks.clear()
    list(in_threads(work, range(30), gate=gate))
    assert max(peaks) <= 8


# waiting -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["turn", "read", "wait"])
def test_row_D15_a_stop_ends_every_wait_at_once(what):
    gate, errors = Gate(requests_per_second=0.001, bandwidth=1), []
    gate.turn("a")

    def wait() -> None:
        try:
            {"turn": lambda: gate.turn("a"), "read": lambda: gate.read(1000), "wait": lambda: gate.wait(1000)}[what]()
        except Stopped as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    gate.stop()
    thread.join(1)
    assert not thread.is_alive()
    assert len(errors) == 1


def test_row_D15_after_a_stop_no_request_has_its_turn():
    gate = Gate()
    gate.turn("a")
    gate.stop()
    with pytest.raises(Stopped):
        gate.turn("a")


def test_row_D13_ticks_are_called_in_short_waits_too():
    """One thread that lists waits a little for each of its requests."""
    clock = FakeClock()
    gate, called = Gate(clock=clock, requests_per_second=10), []
    with gate.every(2.0, lambda: called.append(clock.monotonic())):
        for _ in range(100):
            gate.turn("a")
    assert len(called) == 4
