"""Are the parts of large objects cut into groups that leave none out, send none twice, and are alike in size?"""

from __future__ import annotations

import time
from itertools import repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.plan import PartGroup
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.units import GIB, KIB, MIB, TIB
from airflow_bucketsync.engine.rules.parts import approach, group_count, is_large, part_groups, part_size_for

quick = settings(deadline=None, max_examples=400)
S3 = Capabilities()
S3_TODAY = Capabilities(max_object=10_000 * 5 * GIB)
OSS = Capabilities(min_part=100 * KIB, max_copy=1 * GIB, max_object=10_000 * 5 * GIB)
POLICY = SyncPolicy()
LARGE = POLICY.large_threshold


def cut(sizes, count):
    return list(part_groups(sizes, count=count, total_bytes=sum(size for size, _ in sizes)))


def parts_of(group: PartGroup, sizes):
    """The parts of a group, as the task that sends them finds them."""
    for upload, (size, part_size) in enumerate(sizes):
        span = group.within(upload, -(-size // part_size))
        for part in () if span is None else range(span[0], span[1] + 1):
            yield upload, part


def every_part(sizes):
    return [(upload, part) for upload, (size, each) in enumerate(sizes) for part in range(1, -(-size // each) + 1)]


def bytes_of(part, sizes):
    size, part_size = sizes[part[0]]
    return min(part_size, size - (part[1] - 1) * part_size)


@quick
@given(
    sizes=st.lists(st.tuples(st.integers(1, 400), st.integers(1, 90)), min_size=1, max_size=12),
    count=st.integers(1, 60),
)
def test_C6_every_part_is_in_exactly_one_group(sizes, count):
    groups = cut(sizes, count)
    inside = [list(parts_of(group, sizes)) for group in groups]
    assert [part for parts in inside for part in parts] == every_part(sizes), "each once, in order"
    assert [group.number for group in groups] == list(range(len(groups)))
    assert 1 <= len(groups) <= count
    mean, largest = sum(size for size, _ in sizes) / count, max(min(size, each) for size, each in sizes)
    for group, parts in zip(groups, inside, strict=True):
        assert parts, "an empty group"
        assert (parts[0], parts[-1]) == (group.first, group.last)
        assert group.parts == len(parts)
        assert group.bytes == sum(bytes_of(part, sizes) for part in parts)
        assert mean - largest <= group.bytes <= mean + largest


@quick
@given(parts=st.integers(1, 50), each=st.integers(1, 90), count=st.integers(1, 50))
def test_C6_as_many_groups_as_asked_for_where_parts_are_alike(parts, each, count):
    groups = cut([(parts * each, each)], min(count, parts))
    assert len(groups) == min(count, parts)
    assert max(group.parts for group in groups) - min(group.parts for group in groups) <= 1


@pytest.mark.parametrize(
    ("sizes", "count", "expected"),
    [
        ([(1, 10)], 1, [((0, 1), (0, 1))]),
        ([(100, 10)], 1, [((0, 1), (0, 10))]),
        ([(100, 10)], 4, [((0, 1), (0, 3)), ((0, 4), (0, 5)), ((0, 6), (0, 8)), ((0, 9), (0, 10))]),
        ([(101, 10)], 2, [((0, 1), (0, 6)), ((0, 7), (0, 11))]),
        ([(99, 10)], 2, [((0, 1), (0, 5)), ((0, 6), (0, 10))]),
        ([(30, 10), (30, 10)], 3, [((0, 1), (0, 2)), ((0, 3), (1, 1)), ((1, 2), (1, 3))]),
        ([(30, 10), (30, 10)], 2, [((0, 1), (0, 3)), ((1, 1), (1, 3))]),
        ([(10, 10)] * 5, 2, [((0, 1), (2, 1)), ((3, 1), (4, 1))]),
        ([(20, 10), (1, 10), (20, 10)], 2, [((0, 1), (1, 1)), ((2, 1), (2, 2))]),
        ([(40, 20), (40, 10)], 2, [((0, 1), (0, 2)), ((1, 1), (1, 4))]),
        ([(20, 10)], 4, [((0, 1), (0, 1)), ((0, 2), (0, 2))]),
        ([(100, 100), (10, 10)], 5, [((0, 1), (0, 1)), ((1, 1), (1, 1))]),
    ],
)
def test_C6_groups(sizes, count, expected):
    assert [(group.first, group.last) for group in cut(sizes, count)] == expected


def test_C6_no_uploads_no_groups():
    assert list(part_groups([], count=3, total_bytes=0)) == []


def test_C6_a_thousand_uploads_of_10_000_parts_are_cut_in_no_time():
    size = 5 * TIB
    part_size = part_size_for(size, wanted=POLICY.part_size, destination=S3)
    parts = 1000 * -(-size // part_size)
    count = group_count(parts=parts, bytes=1000 * size, policy=SyncPolicy(max_batches=1024))
    began = time.process_time()
    groups = list(part_groups(repeat((size, part_size), 1000), count=count, total_bytes=1000 * size))
    assert time.process_time() - began < 0.5, "it must not go through the parts one by one"
    assert (len(groups), sum(group.parts for group in groups)) == (1024, parts)
    assert sum(group.bytes for group in groups) == 1000 * size
    assert max(group.bytes for group in groups) - min(group.bytes for group in groups) <= 2 * part_size


@pytest.mark.parametrize(
    ("sizes", "options", "count"),
    [
        ([LARGE + 1], {}, 1),
        ([10 * GIB], {}, 1),
        ([10 * GIB + 1], {}, 2),
        ([1 * TIB], {}, 103),
        ([5 * TIB], {}, 128),
        ([5 * TIB], {"max_batches": 7}, 7),
        ([LARGE + 1] * 9, {}, 1),
        ([LARGE + 1] * 10, {}, 2),
        ([5 * TIB] * 50, {}, 128),
        ([10 * GIB], {"group_bytes": 1}, 128),
        ([10 * GIB], {"group_bytes": 1, "max_batches": 1024}, 205),
        ([10 * GIB], {"part_size": 5 * MIB}, 1),
        ([10 * GIB], {"part_size": 5 * MIB, "batch_objects": 2047}, 2),
        ([10 * GIB], {"batch_objects": 1}, 128),
        ([LARGE + 1], {"group_bytes": 1, "part_size": 5 * GIB}, 1),
    ],
)
def test_C6_group_count(sizes, options, count):
    policy = SyncPolicy(**options)
    cuts = [(size, part_size_for(size, wanted=policy.part_size, destination=S3)) for size in sizes]
    parts = sum(-(-size // part_size) for size, part_size in cuts)
    found = group_count(parts=parts, bytes=sum(sizes), policy=policy)
    assert found == count <= policy.max_batches
    groups = cut(cuts, found)
    assert len(groups) == count, "all parts are alike, so no group is empty"


@quick
@given(
    parts=st.integers(1, 10**7),
    size=st.integers(1, 2**53),
    policy=st.builds(
        SyncPolicy,
        max_batches=st.integers(1, 1024),
        batch_objects=st.integers(1, 10**6),
        group_bytes=st.integers(1, 2**40),
    ),
)
def test_C6_group_count_keeps_its_bounds(parts, size, policy):
    count = group_count(parts=parts, bytes=size, policy=policy)
    assert 1 <= count <= min(policy.max_batches, parts)
    if count < min(policy.max_batches, parts):
        assert size <= count * policy.group_bytes
        assert parts <= count * policy.batch_objects


@pytest.mark.parametrize("transport", ["server", "stream"])
@pytest.mark.parametrize("destination", [S3, OSS, Capabilities(part_copy=False), Capabilities(multipart=False)])
@pytest.mark.parametrize("size", [0, 1, LARGE - 1, LARGE, LARGE + 1, 5 * GIB - 1, 5 * GIB, 5 * GIB + 1, 5 * TIB])
def test_C2_large_is_what_goes_in_parts_and_is_above_the_threshold(size, destination, transport):
    way = approach(size, transport=transport, policy=POLICY, destination=destination)
    assert is_large(size, way, policy=POLICY) == (way in ("part_copy", "stream_parts") and size > LARGE)


@pytest.mark.parametrize(
    ("small", "large", "size", "way", "large_one"),
    [
        (10, 100, 10, "stream", False),
        (10, 100, 11, "stream_parts", False),
        (10, 100, 100, "stream_parts", False),
        (10, 100, 101, "stream_parts", True),
        (10, 10, 10, "stream", False),
        (10, 10, 11, "stream_parts", True),
        (0, 0, 0, "stream", False),
        (0, 0, 1, "stream_parts", True),
    ],
)
def test_C2_the_tiers_end_at_their_thresholds(small, large, size, way, large_one):
    policy = SyncPolicy(small_threshold=small, large_threshold=large)
    found = approach(size, transport="stream", policy=policy, destination=S3)
    assert (found, is_large(size, found, policy=policy)) == (way, large_one)


PART = POLICY.part_size


@pytest.mark.parametrize(
    ("size", "wanted", "destination", "part_size", "parts"),
    [
        pytest.param(5 * MIB - 1, 1, S3, 5 * MIB, 1, id="s12"),
        pytest.param(5 * MIB, 1, S3, 5 * MIB, 1, id="s13"),
        pytest.param(5 * MIB + 1, 1, S3, 5 * MIB, 2, id="s13+1"),
        pytest.param(5 * GIB - 1, PART, S3, PART, 103, id="s14"),
        pytest.param(5 * GIB, PART, S3, PART, 103, id="s15"),
        pytest.param(5 * GIB + 1, 6 * GIB, S3, 5 * GIB, 2, id="s16"),
        pytest.param(10_000 * PART - 1, PART, S3, PART, 10_000, id="s17"),
        pytest.param(10_000 * PART, PART, S3, PART, 10_000, id="s18"),
        pytest.param(10_000 * PART + 1, PART, S3, PART + MIB, 9804, id="s19"),
        pytest.param(10_000 * PART + 1, PART, OSS, PART + MIB, 9804, id="s19-oss"),
        pytest.param(5 * TIB, PART, S3, 525 * MIB, 9987, id="s20"),
        pytest.param(10_000 * 5 * GIB, PART, S3_TODAY, 5 * GIB, 10_000, id="s20-today"),
        pytest.param(100 * KIB - 1, 1, OSS, 100 * KIB, 1, id="s26-less"),
        pytest.param(100 * KIB, 1, OSS, 100 * KIB, 1, id="s26-least"),
        pytest.param(100 * KIB + 1, 1, OSS, 100 * KIB, 2, id="s26-more"),
        pytest.param(10_000 * 100 * KIB, 1, OSS, 100 * KIB, 10_000, id="s26-10000"),
        pytest.param(10_000 * 100 * KIB + 1, 1, OSS, MIB, 977, id="s26-10001"),
        pytest.param(10_000 * 5 * GIB, PART, OSS, 5 * GIB, 10_000, id="s26-48.8TiB"),
    ],
)
def test_C5_part_plan(size, wanted, destination, part_size, parts):
    assert part_size_for(size, wanted=wanted, destination=destination) == part_size
    assert -(-size // part_size) == parts <= destination.max_parts
