"""Fault F36: an endpoint out of reach fails the task soon and once; one key's bad luck does not."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, ConnectionLost, ServerError, Throttled, Unreachable
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.base import Transfer
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.memory import MemoryServer, MemoryStore
from airflow_bucketsync.engine.stores.retrying import Retries, RetryingStore
from tests.engine.clocks import FakeClock

HERE, THERE = "s3://c@here/", "s3://c@there/"
DOWN = Unreachable("HeadObject: the endpoint can't be reached", location=HERE, code="X")


def gate() -> tuple[Gate, FakeClock]:
    clock = FakeClock()
    return Gate(clock=clock, concurrency=2), clock


def test_fault_F36_silence_for_a_minute_closes_the_gate():
    closing, clock = gate()
    for _ in range(6):
        closing.heard(THERE, DOWN)
        clock.advance(11)
        closing.check()
    closing.heard(THERE, DOWN)
    with pytest.raises(Unreachable, match=r"nothing was heard from there for 66 s.*HeadObject.*\[s3://c@here/\]"):
        closing.check()
    assert closing.stopped


@pytest.mark.parametrize("heard", [None, Throttled("503"), ServerError("500"), AccessDenied("403")])
def test_fault_F36_an_answer_in_between_begins_anew(heard):
    closing, clock = gate()
    for _ in range(20):
        closing.heard(HERE, DOWN)
        clock.advance(30)
        closing.heard(HERE, heard)
    closing.check()


@pytest.mark.parametrize("heard", [ConnectionLost("reset"), None])
def test_fault_F36_what_proves_nothing_does_not_count_as_an_answer(heard):
    """A connection that broke, or an answer of another endpoint."""
    closing, clock = gate()
    for _ in range(8):
        closing.heard(HERE, DOWN)
        clock.advance(10)
        closing.heard(HERE if heard else THERE, heard)
    assert closing.stopped


def test_fault_F36_a_request_out_of_tries_closes_the_gate_unless_others_get_through():
    closing, clock = gate()
    closing.heard(HERE, DOWN, last=True)
    closing.check()
    clock.advance(3)
    closing.heard(HERE)
    closing.heard(HERE, DOWN, last=True)
    closing.check()
    clock.advance(3)
    closing.heard(HERE, DOWN, last=True)
    with pytest.raises(Unreachable, match="for 3 s"):
        closing.check()


def test_fault_F36_a_stop_stays_a_stop():
    closing, clock = gate()
    closing.stop()
    closing.heard(HERE, DOWN)
    clock.advance(100)
    closing.heard(HERE, DOWN)
    with pytest.raises(Stopped):
        closing.check()


# through the wrappers ------------------------------------------------------------------------------------------------


def store(**options: Any) -> tuple[MemoryStore, RetryingStore, FakeClock]:
    inner, clock = MemoryStore(Location.parse("memory://bucket/")), FakeClock()
    retries = Retries(gate=Gate(clock=clock, concurrency=2), **options)
    return inner, RetryingStore(inner, retries), clock


def down(inner: MemoryStore) -> None:
    def fail(when: str, verb: str, key: str) -> None:
        if when == "before":
            raise Unreachable("no connection", location=inner.location.url)

    inner.hooks.append(fail)


def test_fault_F36_no_key_after_the_first_is_tried_to_the_end():
    inner, wrapped, clock = store(draw=lambda longest: longest)
    down(inner)
    for key in "abc":
        with pytest.raises(Unreachable):
            wrapped.head(key)
    assert inner.requests["head"] == wrapped.retries.attempts
    assert clock.monotonic() < 120


def test_fault_F36_many_keys_take_no_longer_than_one():
    """Were each tried as often as it may, with ten seconds for each try, it would take hours."""
    inner, wrapped, clock = store()
    down(inner)
    inner.hooks.insert(0, lambda when, verb, key: clock.advance(10.0) and None)
    keys = [f"{number:04d}" for number in range(1000)]
    with pytest.raises(Unreachable, match="so the task gives up"):
        list(wrapped.head_many(keys, gate=wrapped.retries.gate))
    assert inner.requests["head"] <= 8
    assert clock.monotonic() < 120


def test_fault_F36_both_sides_of_a_transfer_are_heard():
    server = MemoryServer()
    inner, clock = MemoryStore(Location.parse("memory://out/"), server=server), FakeClock()
    source = MemoryStore(Location.parse("memory://in/"), server=server)
    source.put("a", b"1")
    retries = Retries(gate=Gate(clock=clock, concurrency=1))
    destination, readable = RetryingStore(inner, retries), RetryingStore(source, retries)
    silent = Unreachable("no connection", location=source.location.url)
    item = Transfer(
        source_store=readable,
        source=source.head("a").info,
        key="a",
        destination=Condition.ANY,
        mode="stream",
    )
    for _ in range(4):
        retries.gate.heard("", silent)
        clock.advance(50)
        assert [answer.error for answer in destination.transfer_many([item], gate=retries.gate)] == [None]
    retries.gate.check()


def test_fault_F36_a_task_that_gives_up_ends_its_waits():
    inner, wrapped, clock = store(draw=lambda longest: longest, cap=50.0, base=50.0)
    down(inner)
    with pytest.raises(Unreachable, match="so the task gives up"):
        wrapped.head("a")
    assert clock.waits == [50.0, 50.0]


def test_fault_F36_a_request_that_gets_through_begins_anew():
    inner, wrapped, clock = store()
    inner.put("a", b"1")
    for _ in range(10):
        wrapped.retries.gate.heard(wrapped.location.url, Unreachable("no", location=wrapped.location.url))
        clock.advance(40)
        wrapped.head("a")
        clock.advance(40)
    wrapped.retries.gate.check()
