"""Does a cut lie between, for any keys, and near the middle of those that are spelled alike?"""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_bucketsync.engine.rules.middle import between

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
DIGITS = "0123456789"


@given(TEXTS, st.none() | TEXTS, st.sets(st.characters(exclude_categories=["Cs"]), max_size=12))
@example("a", "a\x00", {"\x00"})
@example("", None, {"x"})
@example("ab", "b", {"a"})
def test_a_cut_lies_between(low, high, letters):
    found = between(low, high, sorted(letters))
    if found is not None:
        assert low < found
        assert high is None or found < high
        assert low.encode() < found.encode()


@pytest.mark.parametrize(
    ("low", "high", "letters", "expected"),
    [
        ("000123", None, DIGITS, "5"),
        ("000123", "5", DIGITS, "3"),
        ("000123", "1", DIGITS, "05"),
        ("000123", "01", DIGITS, "005"),
        ("log/2026", "log/2027", DIGITS, "log/20265"),
        ("9", "91", DIGITS, "90"),
        ("a9", "b0", "0", "a90"),
        ("a9", "b5", "0123456789", "a95"),
        ("zz", None, "az", "zzz"),
        ("b", "b", "abc", None),
        ("b", "ba", "a", None),
        ("b", None, "", None),
    ],
)
def test_cuts(low, high, letters, expected):
    assert between(low, high, letters) == expected


def test_keys_of_digits_are_cut_in_halves_after_a_few_tries():
    """A half in which nothing lies costs one request."""
    low, high = "000000999", None
    tries = 1
    while (middle := between(low, high, DIGITS)) is not None and middle > "000999999":
        high, tries = middle, tries + 1
    assert tries <= 16
    assert middle is not None
    assert "000200000" < middle < "000800000"
