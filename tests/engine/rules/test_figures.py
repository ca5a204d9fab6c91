"""Do the figures of a task tell what it did, never go back, and follow the pace of the last minute?"""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.units import GIB, MIB
from airflow_bucketsync.engine.rules.figures import SPACING, WINDOW, Figures


def test_I5_the_figures_and_their_text():
    figures = Figures(objects=10_000, bytes=10 * GIB, at=1_000.0)
    figures.add(objects=1_200, bytes=3 * GIB)
    assert figures.at(1_060.0) == {
        "objects": [1_200, 10_000],
        "bytes": [3 * GIB, 10 * GIB],
        "share": 0.211,  # (3 GiB + 1,200 MiB) of (10 GiB + 10,000 MiB)
        "rate": 53_687_091,
        "objects_rate": 20.0,
        "seconds_left": 224,
        "text": "1,200 of 10,000 objects, 3.0 of 10.0 GiB, 21 %, 51.2 MiB/s, 20.0 objects/s, about 4 min left",
    }


def test_I5_the_end():
    figures = Figures(objects=2, bytes=2 * MIB)
    figures.add(objects=2, bytes=2 * MIB)
    found = figures.at(4.0)
    assert (found["share"], found["seconds_left"]) == (1.0, 0)
    assert found["text"] == "2 of 2 objects, 2.0 of 2.0 MiB, 100 %, 512.0 KiB/s, 0.5 objects/s"


def test_I5_parts_and_units():
    figures = Figures(objects=100, bytes=GIB, noun="parts")
    figures.add(objects=1, bytes=10 * MIB)
    found = figures.at(10.0)
    assert found["parts"] == [1, 100]
    assert found["parts_rate"] == 0.1
    assert found["text"].startswith("1 of 100 parts, 10.0 MiB of 1.0 GiB, 0 %, 1.0 MiB/s, 0.1 parts/s, about ")


def test_I5_attributes_only():
    """No byte is moved: no word about bytes, and the share is that of the objects."""
    figures = Figures(objects=8, bytes=0)
    figures.add(objects=2)
    found = figures.at(10.0)
    assert found["text"] == "2 of 8 objects, 25 %, 0.2 objects/s, about 30 s left"
    assert (found["share"], found["rate"]) == (0.25, 0)


def test_I5_nothing_to_do():
    found = Figures(objects=0, bytes=0).at(0.0)
    assert (found["share"], found["seconds_left"]) == (1.0, 0)
    assert found["text"] == "0 of 0 objects, 100 %, 0.0 objects/s"


def test_I5_what_earlier_tries_did_counts_but_not_as_pace():
    figures = Figures(objects=10, bytes=0, earlier=(6, 0), at=50.0)
    found = figures.at(50.0)
    assert (found["objects"], found["share"], found["objects_rate"]) == ([6, 10], 0.6, 0.0)
    assert found["seconds_left"] is None
    assert found["text"].endswith("time left unknown")
    figures.add(objects=1)
    found = figures.at(60.0)
    assert (found["share"], found["objects_rate"], found["seconds_left"]) == (0.7, 0.1, 30)


def test_I5_no_guess_from_the_first_seconds():
    figures = Figures(objects=10, bytes=0)
    figures.add(objects=1)
    assert figures.at(4.9)["seconds_left"] is None
    assert figures.at(5.0)["seconds_left"] == 45


def test_I5_rates_are_those_of_the_last_minute():
    """100 objects per second for five minutes, then 10: after a minute only the new pace is seen."""
    figures = Figures(objects=100_000, bytes=0)
    for second in range(5, 301, 5):
        figures.add(objects=500)
        found = figures.at(float(second))
    assert found["objects_rate"] == 100.0
    for second in range(305, 361, 5):
        figures.add(objects=50)
        found = figures.at(float(second))
    assert found["objects_rate"] == 10.0
    assert found["seconds_left"] == (100_000 - 30_600) // 10


def test_I5_a_task_that_stands_still():
    figures = Figures(objects=10, bytes=0)
    figures.add(objects=1)
    for second in range(0, 200, 5):
        found = figures.at(float(second))
    assert found["objects_rate"] == 0.0
    assert found["seconds_left"] is None
    assert found["share"] == 0.1


@settings(deadline=None, max_examples=200)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 3 * GIB), st.floats(-1.0, 100.0, allow_nan=False)), max_size=40
    ),
    objects=st.integers(0, 1_000),
    size=st.integers(0, 100 * GIB),
    earlier=st.tuples(st.integers(0, 2_000), st.integers(0, 200 * GIB)),
)
def test_I5_the_share_never_falls(steps, objects, size, earlier):
    """Whatever is counted, too much of it too (a part that was sent twice), and if the clock stands still."""
    figures, now, before = Figures(objects=objects, bytes=size, earlier=earlier), 0.0, 0.0
    for more_objects, more_bytes, seconds in steps:
        figures.add(objects=more_objects, bytes=more_bytes)
        now += seconds
        found = figures.at(now)
        assert before <= found["share"] <= 1.0
        assert found["share"] < 1.0 or found["seconds_left"] == 0
        assert found["rate"] >= 0
        assert len(json.dumps(found, allow_nan=False)) < 500
        before = found["share"]


def test_I5_a_moment_before_the_last_one_is_taken_for_it():
    figures = Figures(objects=100, bytes=0)
    figures.add(objects=10)
    assert figures.at(10.0) == figures.at(5.0)


def test_I5_memory_is_bounded():
    figures = Figures(objects=10**6, bytes=0)
    for step in range(50_000):
        figures.at(step / 100)
    assert len(figures._marks) <= WINDOW / SPACING + 2


def test_I5_nothing_is_undone():
    figures = Figures(objects=1, bytes=1)
    with pytest.raises(ValueError, match="stays done"):
        figures.add(objects=-1)
    with pytest.raises(ValueError, match="stays done"):
        figures.add(bytes=-1)


def test_I5_what_is_found_finished_counts_but_not_as_pace():
    """A later try finds part after part that arrived before, while it sends others."""
    figures = Figures(objects=100, bytes=100 * MIB, noun="parts")
    figures.add(objects=60, bytes=60 * MIB, earlier=True)
    figures.add(objects=10, bytes=10 * MIB)
    found = figures.at(10.0)
    assert found["parts"] == [70, 100]
    assert (found["rate"], found["parts_rate"]) == (MIB, 1.0)
    assert found["seconds_left"] == 30
