"""Rows D13, D14: limits on requests and bytes, the start of a task, and how it slows down and comes back."""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.stores import pace as module
from airflow_bucketsync.engine.stores.pace import Pace, RequestCount
from tests.engine.clocks import FakeClock


class Sender:
    """One thread that sends requests as fast as it may, each of which takes a while."""

    def __init__(self, *, concurrency: int = 64, takes: float = 0.01, **limits: float | None) -> None:
        self.clock = FakeClock()
        options = {"requests_per_second": None, "bandwidth": None, **limits}
        self.pace = Pace(self.clock, concurrency=concurrency, **options)  # type: ignore[arg-type]
        self.takes = takes

    def send(self, seconds: float, *, refused: float | None = None, place: str = "s3://a/") -> float:
        """Requests a second over so many seconds; at one point, one is refused."""
        started, count = self.clock.monotonic(), 0
        while (passed := self.clock.monotonic() - started) < seconds:
            self.clock.advance(self.pace.request(place))
            self.clock.advance(self.takes)
            count += 1
            if refused is not None and passed >= refused:
                self.pace.refused(place)
                refused = None
        return count / (self.clock.monotonic() - started)


# limits --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0.5, 3, 50])
@pytest.mark.parametrize("share", [1.0, 0.25])
def test_row_D13_requests_pass_at_the_limit_and_no_faster(limit, share):
    sender = Sender(requests_per_second=limit)
    sender.pace.share = share
    assert sender.send(400) == pytest.approx(limit * share, rel=0.03)


def test_row_D13_without_a_limit_nothing_waits():
    sender = Sender()
    assert [sender.pace.request("a") for _ in range(100)] == [0.0] * 100
    assert sender.pace.read(10**12) == 0.0
    assert sender.pace.piece(10**9) == 10**9
    assert not sender.pace.limited


def test_row_D13_each_store_has_the_whole_limit():
    sender = Sender(requests_per_second=10, takes=0.0)
    waits = {place: [sender.pace.request(place) for _ in range(11)] for place in ("a", "b")}
    assert waits["a"] == waits["b"]
    assert max(waits["a"]) == pytest.approx(1.0, abs=0.11)
    assert sender.pace.limited


def test_row_D13_threads_that_wait_are_told_different_times():
    sender = Sender(requests_per_second=4)
    waits = [sender.pace.request("a") for _ in range(16)]
    assert len(set(waits)) == 16
    assert max(waits) == pytest.approx(15 / 4, abs=0.11)


def test_row_D13_time_without_requests_is_not_saved_up():
    sender = Sender(requests_per_second=10)
    sender.clock.advance(3600)
    assert sum(sender.pace.request("a") == 0.0 for _ in range(50)) <= 2


@pytest.mark.parametrize("limit", [64 * 1024, 10 * 1024 * 1024])
def test_row_D13_bytes_pass_at_the_limit_and_no_faster(limit):
    sender = Sender(bandwidth=limit)
    total, started = 0, sender.clock.monotonic()
    while (passed := sender.clock.monotonic() - started) < 60:
        piece = sender.pace.piece(1024 * 1024)
        sender.clock.advance(0.001)
        sender.clock.advance(sender.pace.read(piece))
        total += piece
    assert total / passed == pytest.approx(limit, rel=0.03)


def test_row_D13_bytes_are_read_in_pieces_of_a_fraction_of_a_second():
    sender = Sender(bandwidth=800_000)
    assert sender.pace.piece(10**9) == 100_000
    assert sender.pace.piece(10) == 10
    sender.pace.share = 0.0001
    assert sender.pace.piece(10**9) == module.LEAST_PIECE


def test_row_D13_a_share_that_grows_counts_at_once():
    sender = Sender(requests_per_second=100)
    sender.pace.share = 0.1
    slow = sender.send(20)
    sender.pace.share = 1.0
    assert (slow, sender.send(20)) == (pytest.approx(10, rel=0.1), pytest.approx(100, rel=0.1))


# the start -----------------------------------------------------------------------------------------------------------


def widths(pace: Pace, clock: FakeClock, seconds: int) -> list[int]:
    """The width at each second."""
    found = []
    for _ in range(seconds):
        found.append(pace.width)
        clock.advance(1.0)
    return found


@pytest.mark.parametrize(
    ("concurrency", "expected"),
    [(64, [4, 8, 16, 32, 64, 64]), (16, [4, 8, 16, 16]), (10, [4, 8, 10]), (3, [3, 3]), (1, [1, 1])],
)
def test_row_D14_a_task_begins_with_four_requests_and_doubles_each_second(concurrency, expected):
    sender = Sender(concurrency=concurrency)
    sender.clock.advance(1000)  # counted from the first look
    assert widths(sender.pace, sender.clock, len(expected)) == expected


def test_row_D14_answers_shorten_the_start():
    """Four for each request in flight; a refusal ends that."""
    sender = Sender(concurrency=64)
    found = []
    for _ in range(7):
        found.append(sender.pace.width)
        for _ in range(4 * found[-1] - 1):
            sender.pace.answered()
        assert sender.pace.width == found[-1]
        sender.pace.answered()
    assert found == [4, 8, 16, 32, 64, 64, 64]
    sender.pace.refused("s3://a/")
    for _ in range(1000):
        sender.pace.answered()
    assert sender.pace.width == 32


# throttling ----------------------------------------------------------------------------------------------------------


def test_row_D14_a_refusal_halves_requests_in_flight_and_their_rate():
    sender = Sender(concurrency=16)
    before = sender.send(20)
    assert sender.pace.width == 16
    sender.pace.refused("s3://a/")
    assert sender.pace.width == 8
    assert sender.send(3) == pytest.approx(before / 2, rel=0.1)


def test_row_D14_refusals_of_one_moment_count_once():
    sender = Sender(concurrency=64)
    sender.send(20)
    assert sender.pace.width == 64
    for _ in range(30):
        sender.pace.refused("s3://a/")
    assert sender.pace.width == 32
    sender.send(1.9)
    sender.pace.refused("s3://a/")
    assert sender.pace.width == 32
    sender.send(0.2)
    sender.pace.refused("s3://a/")
    assert sender.pace.width == 16


def test_row_D14_the_floor_is_one_request_at_once_and_a_sixteenth_of_the_rate():
    sender = Sender(concurrency=16)
    for _ in range(20):
        sender.send(4, refused=2.5)
    assert sender.pace.width == 1
    sender.pace.refused("s3://a/")
    assert sender.send(4) == pytest.approx(100 / module.SLOWEST, rel=0.3)


def test_row_D14_the_floor_of_a_slow_task_is_one_request_a_second():
    sender = Sender(concurrency=16, takes=0.2)
    for _ in range(20):
        sender.send(4, refused=2.5)
    assert sender.send(4, refused=0.0) == pytest.approx(1.0, rel=0.3)


def test_row_D14_a_task_comes_back_step_by_step_when_it_was_quiet():
    sender = Sender(concurrency=16)
    before = sender.send(20)
    sender.pace.refused("s3://a/")
    slow = sender.send(4.5)
    assert sender.pace.width == 8
    step = sender.send(1.2)
    assert sender.pace.width == 12
    sender.send(2)
    assert sender.pace.width == 16
    assert before / 2 * 0.9 < slow < step < before
    sender.send(10)
    assert sender.send(5) == pytest.approx(before, rel=0.01), "the cap is lifted"


def test_row_D14_a_refusal_puts_off_the_way_back():
    sender = Sender(concurrency=16)
    sender.send(20)
    for _ in range(6):
        sender.pace.refused("s3://a/")
        sender.clock.advance(1.0)  # refused again and again, within the two seconds in which that counts once
    assert sender.pace.width <= 4
    sender.clock.advance(3.5)
    low = sender.pace.width
    assert low <= 4
    sender.clock.advance(0.6)
    assert sender.pace.width > low


def test_row_D14_only_the_store_that_refuses_is_asked_less_often():
    sender = Sender(concurrency=16)
    for _ in range(300):
        sender.send(0.01, place="s3://a/")
        sender.send(0.01, place="s3://b/")
    sender.pace.refused("s3://a/")
    waits = {place: max(sender.pace.request(place) for _ in range(20)) for place in ("s3://a/", "s3://b/")}
    assert waits["s3://a/"] > 0.1
    assert waits["s3://b/"] == 0.0


def test_row_D14_a_store_whose_requests_are_not_counted_slows_down_by_width():
    sender = Sender(concurrency=16)
    widths(sender.pace, sender.clock, 5)
    sender.pace.refused("memory://a/")
    assert sender.pace.width == 8


def test_row_D13_a_cap_never_lifts_the_limit():
    sender = Sender(requests_per_second=20)
    assert sender.send(10) == pytest.approx(20, rel=0.05)
    sender.pace.refused("s3://a/")
    assert sender.send(4) == pytest.approx(10, rel=0.15)
    sender.send(20)
    assert sender.send(20) == pytest.approx(20, rel=0.05)


def test_counting_is_that_of_a_counter():
    count = RequestCount()
    count.turn()
    count["a"] += 2
    assert dict(count) == {"a": 2}
    assert count.copy() == count
    assert count + count == {"a": 4}
