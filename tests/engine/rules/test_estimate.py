"""Is the estimate of a run what was measured, and does it follow what changes a run?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.checkpoint import RunCounters
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.units import GIB, MIB, TIB
from airflow_bucketsync.engine.rules.batching import OBJECT_COST
from airflow_bucketsync.engine.rules.estimate import TASK_START, Estimate, estimate

POLICY = SyncPolicy()


def past(seconds, *, written=1_000, size=0):
    return RunCounters(
        folder="x", started=datetime(2026, 1, 1, tzinfo=UTC), seconds=seconds, mode="full", green=True,
        written=written, failed=0, bytes=size,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("objects", "size", "transport", "seconds"),
    [(1_500, 4096, "server", 16.8), (1_500, 4096, "stream", 28.9), (64, 8 * MIB, "server", 1.8),
     (64, 8 * MIB, "stream", 7.9)],
)  # fmt: skip
def test_C15_near_what_was_measured(objects, size, transport, seconds):
    """Wall seconds of the engine against the strict S3 server, answers after 50 ms, both on two busy cores."""
    found = estimate([(objects, objects * size)], transport=transport, policy=POLICY).seconds - TASK_START
    assert seconds / 2.5 <= found <= seconds * 1.2


def test_C15_tasks_and_their_text():
    found = estimate([(5_000, 20 * MIB)] * 24, transport="server", policy=POLICY)
    assert found.tasks == 24
    assert found.seconds == pytest.approx(24 * found.longest)
    assert str(found) == "about 24 tasks of 53 s each, 21 min of work"


@pytest.mark.parametrize(
    ("estimate_", "text"),
    [
        (Estimate(tasks=0, seconds=0.0, longest=0.0), "nothing to move"),
        (Estimate(tasks=1, seconds=40.0, longest=40.0), "about 1 task of 40 s"),
        (Estimate(tasks=2, seconds=60.0, longest=50.0), "about 2 tasks of 30 s each (the longest 50 s), 60 s of work"),
        (
            Estimate(tasks=2, seconds=60.0, longest=30.0, at_least=7200.0),
            "about 2 tasks of 30 s each, 60 s of work; the limits of the pair make it 2 h 0 min at least",
        ),
        (Estimate(tasks=2, seconds=60.0, longest=30.0, at_least=29.0), "about 2 tasks of 30 s each, 60 s of work"),
        (
            Estimate(tasks=1, seconds=40.0, longest=40.0, run=300.0),
            "about 1 task of 40 s; at the pace of the last runs 5 min from start to end",
        ),
    ],
)
def test_C15_text(estimate_, text):
    assert str(estimate_) == text
    assert Estimate.from_json(estimate_.to_json()) == estimate_


def test_C15_a_large_object_in_groups():
    """5 TiB by the store itself, in 512 groups of 205 parts: half an hour in all means nothing, a day of work does."""
    found = estimate([(20, 10 * GIB)] * 512, transport="server", policy=POLICY)
    assert found.seconds == pytest.approx(5 * TIB / (80 * MIB * 16) + 512 * (TASK_START + 20 * 2 * (0.002 + 0.05 / 16)))
    streamed = estimate([(205, 10 * GIB)] * 512, transport="stream", policy=POLICY)
    assert streamed.seconds > 5 * found.seconds, "memory for two parts at a time"


def test_C15_memory_bounds_what_is_in_flight():
    narrow, wide = (
        estimate([(100, 5 * GIB)], transport="stream", policy=SyncPolicy(buffer_size=size)).seconds
        for size in (64 * MIB, GIB)
    )
    assert narrow > 2 * wide


def test_C15_objects_in_parts_inside_a_task_are_not_one_request():
    one = estimate([(1, GIB)], transport="stream", policy=SyncPolicy(buffer_size=GIB)).seconds
    assert one < estimate([(1, GIB)], transport="stream", policy=SyncPolicy(part_size=GIB, buffer_size=GIB)).seconds / 2


def test_C15_limits_of_the_pair():
    work = [(1_000, GIB)] * 4
    free = estimate(work, transport="stream", policy=POLICY)
    assert free.at_least == 0.0
    assert estimate(work, transport="stream", policy=SyncPolicy(bandwidth=MIB)).at_least == 4_096.0
    assert estimate(work, transport="server", policy=SyncPolicy(bandwidth=MIB)).at_least == 0.0, "no byte is read"
    assert estimate(work, transport="server", policy=SyncPolicy(requests_per_second=10)).at_least == 800.0


def test_C15_the_pace_of_the_last_runs():
    def of(*history):
        return estimate([(1_000, 0)], transport="server", policy=POLICY, history=history).run

    assert of() is None
    assert of(past(60.0)) == pytest.approx(60.0)
    assert of(past(30.0, written=500)) == pytest.approx(60.0)
    assert of(past(60.0, written=0, size=1_000 * OBJECT_COST)) == pytest.approx(60.0)
    assert of(past(60.0, written=99), past(60.0, written=10_001), past(60.0, written=0), past(0.0)) is None
    assert of(past(9_000.0), past(9_000.0), past(60.0), past(50.0), past(600.0)) == pytest.approx(60.0), (
        "the middle of the last three"
    )


def test_C15_nothing_to_do():
    found = estimate([], transport="stream", policy=SyncPolicy(bandwidth=MIB), history=[past(60.0)])
    assert found == Estimate(tasks=0, seconds=0.0, longest=0.0)
    assert str(found) == "nothing to move"


@settings(deadline=None, max_examples=200)
@given(
    tasks=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 5 * TIB)), max_size=20),
    more=st.tuples(st.integers(1, 10_000), st.integers(0, 5 * TIB)),
    transport=st.sampled_from(["server", "stream"]),
    history=st.lists(st.builds(past, st.floats(0, 1e6), written=st.integers(0, 10**6), size=st.integers(0, TIB))),
)
def test_C15_more_work_never_takes_less(tasks, more, transport, history):
    less = estimate(tasks, transport=transport, policy=POLICY, history=history)
    found = estimate([*tasks, more], transport=transport, policy=POLICY, history=history)
    assert found.tasks == less.tasks + 1
    assert found.seconds > less.seconds
    assert less.longest <= found.longest <= found.seconds
    assert str(found)
