"""How far a reviewed plan still holds: words, counts and the share. (C16)"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.drift import DRIFTED, Drift
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.rules.drift import Step, word_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
VERSIONS = st.sampled_from(["1", "2"])
THEN = st.none() | st.tuples(st.sampled_from(["copy", "update", "delete"]), VERSIONS, VERSIONS | st.none())


def info(etag):
    return ObjectInfo(key="a", size=1, etag=etag, last_modified=NOON)


def step(kind, source, destination):
    if kind == "delete":
        return Step.deleting(info(destination or "1"))
    there = None if destination is None else info(destination)
    return Step.of(Change(kind=kind, source=info(source), destination=there, reason="new"))


def made(asked):
    return None if asked is None else step(*asked)


@given(then=THEN, now=THEN, equal=st.booleans())
def test_row_C16_only_the_very_same_step_is_carried_out(then, now, equal):
    one, other = made(then), made(now)
    word = word_of(one, other, equal=equal and other is None)
    assert (word == "agreed") == (one is not None and one == other)
    assert (word is None) == (one is None and other is None)
    assert (word == "new") == (one is None and other is not None)
    if word == "in_step":
        assert other is None


@given(then=THEN.filter(bool), version=VERSIONS)
def test_row_C16_each_version_counts(then, version):
    one = made(then)
    for side in ("source", "destination"):
        there = getattr(one, side)
        if there is not None and there.etag != version:
            kind, source, destination = then
            other = step(
                kind,
                version if side == "source" else source,
                version if side == "destination" else destination,
            )
            assert word_of(one, other) == "changed"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"version_id": "v1"}, "agreed"),  # a HEAD says it, a listing does not
        ({"last_modified": NOON.replace(microsecond=0)}, "agreed"),
        ({"last_modified": NOON + timedelta(seconds=1)}, "changed"),
        ({"size": 2}, "changed"),
        ({"etag": None}, "changed"),
    ],
)
def test_row_C16_the_same_version_told_by_another_request(change, word):
    listed = replace(info("1"), last_modified=NOON.replace(microsecond=500_000))
    then = Step.deleting(listed)
    assert word_of(then, Step.deleting(replace(listed, **change))) == word


def test_row_C16_two_versions_of_one_content():
    one, other = (Step.deleting(replace(info("1"), version_id=version)) for version in ("v1", "v2"))
    assert word_of(one, other) == "changed"


def test_row_C16_what_vanished_and_what_came_back():
    copy, delete = step("copy", "1", None), step("delete", "", "1")
    assert word_of(copy, None) == "gone"
    assert word_of(copy, None, equal=True) == "in_step"
    assert word_of(delete, None) == "in_step", "somebody deleted it"
    assert word_of(delete, None, equal=True) == "changed", "the source has it again"


WORDS = st.lists(st.sampled_from(["agreed", "in_step", "changed", "gone", "new"]), max_size=60)


@given(words=WORDS, same=st.integers(0, 100))
def test_row_C16_the_share_is_of_all_that_the_plan_spoke_of(words, same):
    drift = Drift(same=same)
    for number, word in enumerate(words):
        drift.take(word, f"key-{number}")
    drifted = sum(word in DRIFTED for word in words)
    planned = sum(word != "new" for word in words)
    assert (drift.drifted, drift.planned) == (drifted, planned)
    assert drift.share == drifted / max(1, planned + same)
    assert (drift.share == 0) == (drifted == 0)
    for word in ("changed", "gone"):
        assert drift.counts.get(word, 0) <= drift.planned
    assert all(len(keys) <= 5 for keys in drift.first.values())
    assert set(drift.first) == {word for word in words if word in DRIFTED}
    assert Drift.from_json(drift.to_json()) == drift


@given(words=WORDS, same=st.integers(0, 100), word=st.sampled_from(["agreed", "in_step", "changed", "gone", "new"]))
def test_row_C16_what_holds_lowers_the_share_and_what_drifted_raises_it(words, same, word):
    drift = Drift(same=same)
    for number, each in enumerate(words):
        drift.take(each, f"key-{number}")
    before = drift.share
    drift.take(word, "one more")
    assert drift.share >= before if word in DRIFTED and before <= 1 else drift.share <= before or word in DRIFTED


def test_row_C16_in_words():
    drift = Drift()
    assert str(drift) == "nothing changed"
    for number in range(7):
        drift.take("changed", f"k{number}")
    drift.take("new", "n\n")
    assert str(drift) == "7 changed ('k0', 'k1', 'k2', 'k3', 'k4', …); 1 new ('n\\n')"
