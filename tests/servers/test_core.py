"""The store without HTTP: bodies, clock, sorted keys."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.core import ConcatBody, ObjectStore, SyntheticBody
from tests.servers.core.body import BLOCK, body_bytes, body_slice, concat
from tests.servers.core.listing import list_page, past_prefix

SIZE = 3 * BLOCK + 17
WHOLE = body_bytes(SyntheticBody(SIZE, seed=1))


def test_synthetic_content_tells_blocks_and_seeds_apart() -> None:
    assert len(WHOLE) == SIZE
    assert WHOLE[:BLOCK] != WHOLE[BLOCK : 2 * BLOCK]
    assert body_bytes(SyntheticBody(SIZE, seed=2)) != WHOLE
    assert SyntheticBody(2**42).slice(2**41, 2**41 + 10) == SyntheticBody(10, 0, 2**41)


@given(st.lists(st.integers(0, SIZE), min_size=2, max_size=6).map(sorted))
def test_slices_of_synthetic_bodies(cuts: list[int]) -> None:
    body = SyntheticBody(SIZE, seed=1)
    pieces = [body_slice(body, start, stop) for start, stop in pairwise(cuts)]
    joined = concat(pieces)
    assert body_bytes(joined) == WHOLE[cuts[0] : cuts[-1]]
    if cuts[0] < cuts[-1]:
        assert joined == SyntheticBody(cuts[-1] - cuts[0], 1, cuts[0])


@given(st.lists(st.binary(max_size=9), max_size=4), st.integers(0, 60), st.integers(0, 60))
def test_mixed_bodies(parts: list[bytes], start: int, stop: int) -> None:
    body = concat([SyntheticBody(7, 1), *parts, SyntheticBody(5, 2)])
    flat = body_bytes(body)
    start, stop = sorted((min(start, len(flat)), min(stop, len(flat))))
    assert isinstance(body, ConcatBody)
    assert len(body) == len(flat)
    assert body_bytes(body_slice(body, start, stop)) == flat[start:stop]


@given(st.text(min_size=1, max_size=4), st.text(max_size=4))
def test_past_prefix(prefix: str, rest: str) -> None:
    beyond = past_prefix(prefix)
    assert beyond == "" or prefix + rest < beyond


KEYS = st.lists(st.text("ab/\u00e9\U0001f600", min_size=1, max_size=5), unique=True, max_size=12)


@given(KEYS, st.text("ab/", max_size=2), st.sampled_from(["", "/", "a"]), st.integers(1, 4))
def test_pages_hold_every_key_once(keys: list[str], prefix: str, delimiter: str, size: int) -> None:
    store = ObjectStore()
    bucket = store.create_bucket("b")
    store.put_many("b", ((key, b"") for key in keys))
    found: list[str] = []
    after = ""
    for _ in range(100):
        page = list_page(bucket, prefix, delimiter, after, size)
        assert page.count <= size
        found += sorted([entry.key for entry in page.entries] + page.prefixes)
        if page.last is None:
            break
        after = page.last
    expected = set()
    for key in keys:
        if key.startswith(prefix):
            at = key.find(delimiter, len(prefix)) if delimiter else -1
            expected.add(key if at < 0 else key[: at + len(delimiter)])
    assert found == sorted(expected)


def test_clock() -> None:
    store = ObjectStore()
    store.create_bucket("b")
    store.clock.freeze(1000.0)
    assert store.put("b", "k", b"").modified == 1000.0
    store.clock.shift(5)
    assert store.put("b", "k", b"").modified == 1005.0


@pytest.mark.parametrize("versioning", ["", "Enabled"])
def test_replaced_state_is_remembered(versioning: str) -> None:
    store = ObjectStore()
    bucket = store.create_bucket("b", versioning=versioning)
    store.put("b", "k", b"1")
    assert bucket.replaced["k"] is None
    store.put("b", "k", b"2")
    assert bucket.replaced["k"].body == b"1"
    store.delete("b", "k")
    assert bucket.replaced["k"].body == b"2"
    assert not store.exists("b", "k")
