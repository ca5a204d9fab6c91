"""What one run takes (row C7), and where a listing is cut (row G1)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_bucketsync.engine.rules.bounds import Bounds
from airflow_bucketsync.engine.rules.splits import LONGEST, MAX_SPLITS, SplitPoints

limits = st.none() | st.integers(1, 30)


@given(st.lists(st.integers(0, 12), max_size=20), limits, limits)
def test_row_C7_bounds_hold_and_the_first_is_always_taken(loads, objects, size):
    bounds = Bounds(objects, size)
    taken = [bounds.take(f"{n:02}", load) for n, load in enumerate(loads)]
    count = sum(taken)
    assert taken == [True] * count + [False] * (len(loads) - count), "after the first that is left, none is taken"
    assert bounds.cut == (count < len(loads))
    assert bounds.last == (f"{count - 1:02}" if count else None)
    assert count >= min(1, len(loads))
    assert objects is None or count <= objects
    assert size is None or count <= 1 or sum(loads[:count]) <= size
    if bounds.cut:  # one more would have been too much
        assert (objects is not None and count == objects) or (size is not None and sum(loads[: count + 1]) > size)


def test_row_C7_an_object_larger_than_the_bound_is_taken_alone():
    bounds = Bounds(None, 10)
    assert [bounds.take("a", 50), bounds.take("b", 1)] == [True, False]
    other = Bounds(None, 10)
    assert [other.take("a", 1), other.take("b", 50)] == [True, False]


@given(st.integers(0, 30_000), st.integers(1, 12_000))
def test_row_G1_split_points_cut_into_even_ranges(count, unit):
    points = SplitPoints()
    for number in range(count):
        points.see(f"{number:08}")
    cuts = [int(point) for point in points.points(unit_objects=unit)]
    assert cuts == sorted(set(cuts))
    assert len(cuts) <= MAX_SPLITS
    assert len(cuts) == min(max(0, -(-count // unit) - 1), MAX_SPLITS, count // 1_000)
    ranges = [end - start for start, end in zip([-1, *cuts], [*cuts, count - 1], strict=True)]
    mean = count / len(ranges) if count else 0
    assert all(abs(length - mean) <= 2_000 for length in ranges)


def test_row_G1_a_million_keys_leave_a_few_short_points():
    points = SplitPoints()
    for number in range(1_000_000):
        points.see(f"{number:07}" + "x" * 900)
    cuts = points.points()
    assert len(cuts) == 3
    assert all(len(cut) == LONGEST for cut in cuts)
    assert [round(int(cut[:7]) / 250_000) for cut in cuts] == [1, 2, 3]


def test_row_G1_points_that_begin_alike_are_one():
    points = SplitPoints()
    for number in range(20_000):
        points.see("p" * 200 + f"{number:08}")
    assert points.points(unit_objects=1_000) == ("p" * LONGEST,)
