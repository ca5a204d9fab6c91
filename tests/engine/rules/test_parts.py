from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.units import GIB, KIB, MIB, TIB
from airflow_bucketsync.engine.rules.parts import (
    TooLarge,
    approach,
    check_object,
    part_ranges,
    part_size_for,
)

quick = settings(deadline=None, max_examples=300)
S3 = Capabilities()
S3_TODAY = Capabilities(max_object=10_000 * 5 * GIB)
OSS = Capabilities(min_part=100 * KIB, max_copy=1 * GIB, max_object=10_000 * 5 * GIB)
WHOLE_ONLY = Capabilities(multipart=False, part_copy=False)
POLICY = SyncPolicy()
WANTED = POLICY.part_size


def way(size, transport, *, policy=POLICY, destination=S3):
    return approach(size, transport=transport, policy=policy, destination=destination)


# The sizes of the torture list: s01 to s11 and s17 to s19 are boundaries of thresholds and part sizes.


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        (1, [1]),
        (WANTED - 1, [WANTED - 1]),
        (WANTED, [WANTED]),
        (WANTED + 1, [WANTED, 1]),
        (2 * WANTED - 1, [WANTED, WANTED - 1]),
        (2 * WANTED, [WANTED, WANTED]),
        (2 * WANTED + 1, [WANTED, WANTED, 1]),
        (5 * MIB - 1, [5 * MIB - 1]),
        (5 * MIB, [5 * MIB]),
    ],
)
def test_parts_of_small_sizes(size, sizes):
    part_size = part_size_for(size, wanted=WANTED, destination=S3)
    assert part_size == WANTED
    assert [length for _, _, length in part_ranges(size, part_size)] == sizes


@pytest.mark.parametrize(
    ("size", "part_size", "count", "destination"),
    [
        (10_000 * WANTED - 1, WANTED, 10_000, S3),
        (10_000 * WANTED, WANTED, 10_000, S3),
        (10_000 * WANTED + 1, WANTED + MIB, 9804, S3),
        (2**31 - 1, WANTED, 41, S3),
        (2**31, WANTED, 41, S3),
        (2**32, WANTED, 82, S3),
        (5 * TIB, 525 * MIB, 9987, S3),
        (10_000 * 5 * GIB - 1, 5 * GIB, 10_000, S3_TODAY),
        (10_000 * 5 * GIB, 5 * GIB, 10_000, S3_TODAY),
        (48 * TIB + 8 * TIB // 10, 5118 * MIB, 9999, OSS),
        (2**53 + 1, 2**53 // 8192 + 1, 8192, Capabilities(max_parts=8192, max_part=2**53 // 8192 + 1)),
    ],
)
def test_parts_of_large_sizes(size, part_size, count, destination):
    assert part_size_for(size, wanted=WANTED, destination=destination) == part_size
    assert -(-size // part_size) == count
    ranges = list(part_ranges(size, part_size))
    assert len(ranges) == count <= destination.max_parts
    assert ranges[-1][1] + ranges[-1][2] == size


@pytest.mark.parametrize(
    ("wanted", "destination", "part_size"),
    [
        (1, S3, 5 * MIB),
        (5 * MIB - 1, S3, 5 * MIB),
        (5 * MIB + 1, S3, 5 * MIB + 1),
        (1, OSS, 100 * KIB),
        (6 * GIB, S3, 5 * GIB),
    ],
)
def test_a_wanted_size_is_kept_within_the_limits(wanted, destination, part_size):
    assert part_size_for(10 * MIB, wanted=wanted, destination=destination) == part_size


STORES = st.builds(
    lambda min_part, more, max_parts: Capabilities(min_part=min_part, max_part=min_part + more, max_parts=max_parts),
    min_part=st.integers(1, 2 * MIB),
    more=st.integers(0, 8 * MIB),
    max_parts=st.integers(1, 50),
)


@quick
@given(size=st.integers(1, 200 * MIB), wanted=st.integers(1, 20 * MIB), store=STORES)
def test_part_sizes_keep_the_limits(size, wanted, store):
    if size > store.max_part * store.max_parts:
        with pytest.raises(ValueError, match="don't fit"):
            part_size_for(size, wanted=wanted, destination=store)
        return
    part_size = part_size_for(size, wanted=wanted, destination=store)
    assert store.min_part <= part_size <= store.max_part
    assert -(-size // part_size) <= store.max_parts
    needed = max(store.min_part, -(-size // store.max_parts))
    if wanted >= needed:
        assert part_size == min(wanted, store.max_part)
    else:
        assert needed <= part_size < needed + MIB
        assert part_size % MIB == 0 or part_size == needed
        assert part_size == needed or needed > store.min_part


@quick
@given(size=st.integers(1, 500), part_size=st.integers(1, 120))
def test_parts_cover_every_byte_once(size, part_size):
    ranges = list(part_ranges(size, part_size))
    assert [number for number, _, _ in ranges] == list(range(1, -(-size // part_size) + 1))
    assert [byte for _, start, length in ranges for byte in range(start, start + length)] == list(range(size))
    assert {length for _, _, length in ranges[:-1]} <= {part_size}
    assert 0 < ranges[-1][2] <= part_size


@pytest.mark.parametrize(("size", "part_size"), [(0, 1), (-1, 1), (1, 0)])
def test_nothing_is_cut_into_no_parts(size, part_size):
    with pytest.raises(ValueError, match="can't be cut"):
        part_ranges(size, part_size)


@pytest.mark.parametrize(
    ("size", "destination", "words"),
    [
        (0, S3, None),
        (5 * TIB, S3, None),
        (5 * TIB + 1, S3, "5.0 TiB (5,497,558,138,881 bytes) is more than the 5.0 TiB (5,497,558,138,880 bytes)"),
        (10_000 * 5 * GIB, S3_TODAY, None),
        (10_000 * 5 * GIB + 1, S3_TODAY, "an object may have"),
        (10_000 * 5 * GIB + 1, Capabilities(max_object=2**60), "10,000 parts of 5.0 GiB"),
        (2**53 + 1, S3_TODAY, "9,007,199,254,740,993 bytes"),
        (2**53 + 1, Capabilities(max_object=2**53 + 1, max_part=2**40), None),
        (5 * GIB, WHOLE_ONLY, None),
        (5 * GIB + 1, WHOLE_ONLY, "without parts"),
        (2 * GIB, Capabilities(multipart=False, max_put=1 * GIB, max_copy=2 * GIB), None),
    ],
)
def test_check_object(size, destination, words):
    reason = check_object(size, destination)
    assert (reason is None) == (words is None)
    assert words is None or words in reason


SMALL, LARGE = POLICY.small_threshold, POLICY.large_threshold


@pytest.mark.parametrize(
    ("size", "destination", "server", "stream"),
    [
        (0, S3, "server_copy", "stream"),
        (1, S3, "server_copy", "stream"),
        (SMALL - 1, S3, "server_copy", "stream"),
        (SMALL, S3, "server_copy", "stream"),
        (SMALL + 1, S3, "server_copy", "stream_parts"),
        (LARGE, S3, "server_copy", "stream_parts"),
        (LARGE + 1, S3, "part_copy", "stream_parts"),
        (5 * GIB, S3, "part_copy", "stream_parts"),
        (5 * TIB, S3, "part_copy", "stream_parts"),
        (LARGE, OSS, "server_copy", "stream_parts"),
        (48 * TIB, OSS, "part_copy", "stream_parts"),
        (LARGE + 1, Capabilities(part_copy=False), "server_copy", "stream_parts"),
        (5 * GIB, Capabilities(part_copy=False), "server_copy", "stream_parts"),
        (5 * GIB + 1, Capabilities(part_copy=False), "stream_parts", "stream_parts"),
        (5 * GIB, WHOLE_ONLY, "server_copy", "stream"),
        (2 * GIB, Capabilities(multipart=False, max_copy=1 * GIB), "stream", "stream"),
        (0, Capabilities(max_put=0), "server_copy", "stream"),
        (MIB, Capabilities(max_put=MIB), "server_copy", "stream"),
        (MIB + 1, Capabilities(max_put=MIB), "server_copy", "stream_parts"),
        (2 * MIB, Capabilities(max_copy=MIB), "part_copy", "stream"),
        (60 * MIB, Capabilities(max_parts=1, max_part=8 * MIB), "server_copy", "stream"),
    ],
)
def test_approach(size, destination, server, stream):
    assert way(size, "server", destination=destination) == server
    assert way(size, "stream", destination=destination) == stream


@pytest.mark.parametrize("size", [5 * GIB - 1, 5 * GIB, 5 * GIB + 1])
def test_a_single_copy_up_to_the_limit_of_the_store(size):
    policy = SyncPolicy(large_threshold=100 * GIB)
    assert way(size, "server", policy=policy) == ("server_copy" if size <= 5 * GIB else "part_copy")


def test_a_body_is_held_only_within_the_buffer():
    policy = SyncPolicy(buffer_size=8 * MIB)
    assert way(8 * MIB, "stream", policy=policy) == "stream"
    assert way(8 * MIB + 1, "stream", policy=policy) == "stream_parts"


@pytest.mark.parametrize(
    ("transport", "size", "destination"),
    [
        ("server", 5 * TIB + 1, S3),
        ("stream", 5 * TIB + 1, S3),
        ("server", 5 * GIB + 1, WHOLE_ONLY),
        ("stream", 5 * GIB + 1, WHOLE_ONLY),
        ("stream", 2 * GIB, Capabilities(multipart=False, max_put=1 * GIB)),
    ],
)
def test_too_large_is_said_with_the_size(transport, size, destination):
    refusal = way(size, transport, destination=destination)
    assert isinstance(refusal, TooLarge)
    assert f"{size:,} bytes" in refusal.message


@settings(deadline=None, max_examples=600)
@given(
    size=st.integers(0, 64 * MIB),
    transport=st.sampled_from(["server", "stream"]),
    small=st.integers(0, 16 * MIB),
    more=st.integers(0, 16 * MIB),
    store=st.builds(
        Capabilities,
        multipart=st.booleans(),
        part_copy=st.booleans(),
        max_put=st.integers(1, 32 * MIB),
        max_copy=st.integers(1, 32 * MIB),
        max_part=st.integers(5 * MIB, 8 * MIB),
        max_parts=st.integers(1, 8),
        max_object=st.integers(1, 64 * MIB),
    ),
)
def test_every_approach_can_be_carried_out(size, transport, small, more, store):
    policy = SyncPolicy(small_threshold=small, large_threshold=small + more)
    answer = way(size, transport, policy=policy, destination=store)
    if isinstance(answer, TooLarge):
        assert size > min(store.max_object, store.max_put)
        assert not store.multipart or size > min(store.max_object, store.max_part * store.max_parts)
        return
    assert size <= store.max_object
    if answer == "server_copy":
        assert size <= store.max_copy
    elif answer == "stream":
        assert size <= store.max_put
    else:
        assert size > 0
        assert store.multipart
        assert answer != "part_copy" or store.part_copy
        part_size = part_size_for(size, wanted=policy.part_size, destination=store)
        assert -(-size // part_size) <= store.max_parts
    assert transport == "server" or answer in ("stream", "stream_parts")
    assume(transport == "server")
    if size <= min(store.max_copy, policy.large_threshold):
        assert answer == "server_copy"
