"""Do the ranges of some folders hold everything below them, once, in order, and hardly anything else?"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.rules.ranges import LAST_CHARACTER, KeyRange, cuts, key_ranges, right_before
from airflow_bucketsync.engine.rules.splits import MAX_SPLITS

PLACE = Location.parse("s3://c@bucket/in/")
texts = st.text(
    st.sampled_from(["a", "b", "0", ".", "/", "-", "!", "\0", LAST_CHARACTER, "\ue000", "\ud7ff"]), max_size=6
)
folders = texts.map(lambda text: text.strip("/") + "/").filter(lambda text: text != "/")


def held(part: KeyRange, key: str) -> bool:
    """Whether a key is asked for with a range."""
    return part.after < key and (part.until is None or key <= part.until)


@given(
    prefixes=st.lists(folders, min_size=1, max_size=5),
    keys=st.lists(texts, max_size=20),
    after=texts,
    until=st.none() | texts,
)
def test_ranges_ascend_and_hold_what_lies_below_once(prefixes, keys, after, until):
    parts = list(key_ranges(prefixes, PLACE, after=after, until=until))
    for part in parts:
        assert part.until is not None
        assert after <= part.after < part.until
        assert until is None or part.until <= until
    assert all(one.until <= two.after for one, two in pairwise(parts))
    for key in {*keys, *prefixes, *(f"{prefix}{key}" for prefix in prefixes for key in keys)}:
        taken = [part for part in parts if held(part, key) and key.startswith(part.below)]
        wanted = key > after and (until is None or key <= until) and key.startswith(tuple(prefixes))
        assert len(taken) == wanted


def test_without_folders_there_is_one_range():
    assert list(key_ranges((), PLACE)) == [KeyRange()]
    assert list(key_ranges((), PLACE, after="a", until="b")) == [KeyRange(after="a", until="b")]


def test_neighbours_lie_outside():
    (part,) = key_ranges(("a/",), PLACE)
    others = ("a", "a!", "a!/x", "a-b/x", "a.", "a.b", "a.b/x", f"a.{LAST_CHARACTER}", "a00", "a0/x", "aa/x", "b")
    assert not [key for key in others if held(part, key)]
    assert all(held(part, key) for key in ("a/", "a/\0", "a//", f"a/{LAST_CHARACTER}{LAST_CHARACTER}"))


@pytest.mark.parametrize("room", range(1, 8))
def test_a_range_of_a_long_folder_can_be_asked_for(room):
    prefix = "x" * (1024 - len(PLACE.prefix) - room - 1) + "/"
    (part,) = key_ranges((prefix,), PLACE)
    for key in (prefix, f"{prefix}k"):
        assert held(part, key)
    for bound in (part.after, part.until):
        assert len(PLACE.full_key(bound).encode()) <= 1024


@given(texts.filter(bool))
def test_right_before(key):
    assert right_before(key) < key
    right_before(key).encode()


@pytest.mark.parametrize("number", [1, 2, 3, 16, 17, 40, 100])
def test_a_first_listing_is_cut_between_folders(number):
    prefixes = tuple(f"{letter}{end}/" for letter in map(chr, range(0x100, 0x132)) for end in ("", "."))[:number]
    found = cuts(prefixes, PLACE, Location.parse("s3://c@bucket/" + "y" * 900 + "/"))
    assert found == tuple(sorted(set(found)))
    assert len(found) == max(0, min(number, MAX_SPLITS + 1) - 1)
    units = pairwise(("", *found, None))
    taken = [part.below for start, end in units for part in key_ranges(prefixes, PLACE, after=start, until=end)]
    assert taken == sorted(prefixes), "no folder is cut in two, and none is lost"
