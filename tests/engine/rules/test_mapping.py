from __future__ import annotations

import sys
import unicodedata
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_bucketsync.engine.rules.mapping import TreeConflicts, collisions, folded

quick = settings(deadline=None, max_examples=300)
KEYS = st.text(st.sampled_from("ab/!-é\U0001f600\n"), min_size=1, max_size=8)


def directories(keys):
    conflicts = TreeConflicts()
    return [directory for key in keys for directory in conflicts.see(key)]


@pytest.mark.parametrize(
    ("keys", "refused"),
    [
        (["a", "a/b", "a/b/c/d.txt"], ["a", "a/b"]),
        (["a", "a!", "a-1", "a/b"], ["a"]),
        (["a", "a!", "a!/x", "a-1", "a/b", "a0"], ["a!", "a"]),
        (["a", "a/b", "a/c"], ["a"]),
        (["a", "a/"], ["a"]),
        (["a/", "a/b"], []),  # a folder marker is a directory already
        (["a/", "a//b"], ["a/"]),
        (["sort", "sort-a", "sort/x", "sort0"], ["sort"]),
        (["a", "ab", "ab/c"], ["ab"]),
        (["a", "b/a", "b/a/c"], ["b/a"]),
        (["a", "a/b", "b", "c"], ["a"]),
        (["/", "//"], ["/"]),
        ([], []),
        (["a"], []),
        (["é", "é/x"], ["é"]),
    ],
)
def test_directories(keys, refused):
    assert directories(keys) == refused


@settings(deadline=None, max_examples=800)
@given(st.sets(KEYS, max_size=30))
def test_directories_are_what_the_definition_says(keys):
    naive = {key for key in keys if any(other.startswith(key + "/") for other in keys)}
    found = directories(sorted(keys, key=str.encode))
    assert len(found) == len(set(found))
    assert set(found) == naive


@quick
@given(st.sets(KEYS, max_size=30))
def test_a_directory_is_named_by_the_first_key_below_it(keys):
    conflicts = TreeConflicts()
    seen: list[str] = []
    for key in sorted(keys):
        for directory in conflicts.see(key):
            assert key.startswith(directory + "/")
            assert not [earlier for earlier in seen if earlier.startswith(directory + "/")]
        seen.append(key)


def held(conflicts):
    slots = [getattr(conflicts, name) for name in conflicts.__slots__]
    return sum(sys.getsizeof(slot) for slot in slots)


def test_memory_depends_on_the_key_alone():
    """A stream in which every key stays a candidate as long as it can, and one of a million unrelated keys."""
    conflicts = TreeConflicts()
    for length in range(1, 1025):
        assert conflicts.see("a" * length) == []
    assert held(conflicts) < 20_000
    assert conflicts.see("a" * 1024 + "/x") == ["a" * 1024]
    for number in range(50_000):
        assert conflicts.see(f"b{number:05}") == []
    assert held(conflicts) < 600


@pytest.mark.parametrize("keys", [("b", "a"), ("a", "a"), ("a/b", "a"), ("\U0001f600", "\uffee")])
def test_keys_that_dont_ascend_are_no_stream(keys):
    with pytest.raises(ValueError, match="must ascend"):
        directories(keys)


@pytest.mark.parametrize(
    ("left", "right", "one"),
    [
        ("case.txt", "CASE.TXT", True),
        ("caf\u00e9", "cafe\u0301", True),
        ("CAF\u00c9", "cafe\u0301", True),
        ("stra\u00dfe", "STRASSE", True),
        ("\u00c5ngstrom", "\u212bngstrom", True),  # letter and unit sign
        ("\u1fb3", "\u03b1\u0345", True),
        ("\u03b1\u0345\u0301", "\u03b1\u0301\u0345", True),  # one text; casefold alone tears the two apart
        ("\ufb01le", "file", True),
        ("a/B", "A/b", True),
        ("\u03c3", "\u03c2", True),
        ("i", "\u0131", False),
        ("a", "b", False),
        ("a ", "a", False),
    ],
)
def test_folded(left, right, one):
    assert (folded(left, "case") == folded(right, "case")) == one
    assert folded(left, "none") == left
    assert folded(right, "none") == right


@quick
@given(st.text())
def test_every_unicode_form_and_case_folds_alike(name):
    names = {folded(unicodedata.normalize(form, name), "case") for form in ("NFC", "NFD")}
    assert names == {folded(name, "case")}
    assert folded(folded(name, "case"), "case") == folded(name, "case")
    assert folded(name.casefold(), "case") == folded(name, "case")


def test_every_character_folds_to_what_its_cases_fold_to():
    apart = [
        char
        for char in map(chr, range(0x110000))
        if char.isalpha() and folded(char.lower(), "case") != folded(char, "case") and char != "\u0130"
    ]
    assert apart == []


@quick
@given(st.lists(st.text("aAbBé", max_size=3), unique=True, max_size=30))
def test_collisions_are_all_keys_that_share_a_name(keys):
    pairs = sorted((folded(key, "case"), key) for key in keys)
    naive = {}
    for name, key in pairs:
        naive.setdefault(name, []).append(key)
    assert [list(group) for group in collisions(pairs)] == [group for group in naive.values() if len(group) > 1]


def test_collisions_take_one_pair_at_a_time():
    drawn = []

    def pairs():
        for pair in [("a", "a"), ("b", "B"), ("b", "b"), ("c", "c"), ("d", "d")]:
            drawn.append(pair[1])
            yield pair

    found = collisions(pairs())
    assert next(found) == ("B", "b")
    assert drawn == ["a", "B", "b", "c"]
    assert list(found) == []


def test_names_out_of_order_are_no_stream():
    pairs = [("b", "B"), ("a", "a"), ("b", "b")]
    assert len(list(groupby(pairs, key=lambda pair: pair[0]))) == 3  # the group is torn apart
    with pytest.raises(ValueError, match="must ascend"):
        list(collisions(pairs))
