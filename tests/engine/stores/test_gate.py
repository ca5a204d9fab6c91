"""Do the limits of a task hold, whatever its threads do?"""

from __future__ import annotations

import threading
import time

import pytest

from airflow_bucketsync.engine.errors import TransientError
from airflow_bucketsync.engine.stores.gate import Gate, Stopped


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
