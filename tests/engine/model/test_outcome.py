from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.outcome import RED, STATUSES, WRITTEN, Outcome, Report
from tests.engine.model.nouns import (
    counts,
    digests,
    drifts,
    fingerprints,
    keys,
    per_side,
    quick,
    sizes,
    text,
    through_json,
    times,
    warnings,
    words,
)

outcomes = st.builds(
    Outcome,
    key=keys,
    status=st.sampled_from(STATUSES),
    reason=st.one_of(st.none(), words),
    message=st.one_of(st.none(), text),
    bytes=sizes,
    seconds=st.integers(0, 10**12).map(lambda micros: micros / 10**6),
    mode=st.sampled_from([None, "server_copy", "stream_parts"]),
    attempts=st.integers(0, 9),
    lost=st.lists(words, max_size=3).map(tuple),
    source=st.one_of(st.none(), fingerprints),
    destination=st.one_of(st.none(), fingerprints),
    verified=st.sampled_from([None, True, False]),
)
reports = st.builds(
    Report,
    pair=words,
    run=text,
    mode=st.sampled_from(["full", "dry_run"]),
    source=text,
    destination=text,
    started=times,
    ended=times,
    seconds=st.integers(0, 10**9).map(lambda millis: millis / 10**3),
    counts=counts,
    reasons=counts,
    bytes=sizes,
    requests=per_side,
    verify=words,
    verified=st.booleans(),
    changed_anything=st.booleans(),
    red=warnings,
    tolerated=warnings,
    incomplete=warnings,
    lost=counts,
    warnings=warnings,
    failures=st.lists(st.fixed_dictionaries({"key": keys, "reason": words}), max_size=2).map(tuple),
    plan_digest=st.one_of(st.none(), digests),
    objects=st.one_of(st.none(), text),
    drift=st.one_of(st.none(), drifts),
)


@quick
@given(outcomes)
def test_outcome_round_trip(outcome):
    assert through_json(outcome) == outcome


@quick
@given(reports)
def test_report_round_trip(report):
    assert through_json(report) == report


def test_a_plain_outcome_is_a_short_line():
    assert Outcome(key="a", status="same").to_json() == {"key": "a", "status": "same"}
    assert Outcome(key="a", status="copied", verified=False).to_json()["verified"] is False


def test_seconds_are_written_to_the_microsecond():
    assert Outcome(key="a", status="copied", seconds=0.12345678).to_json()["seconds"] == 0.123457


def test_the_words():
    assert STATUSES == (
        "copied", "updated", "moved", "same", "changed", "gone", "refused", "skipped", "failed", "unverified",
        "deleted", "trashed", "withheld", "extra",
    )  # fmt: skip
    assert {"failed", "unverified", "refused", "withheld"} == RED
    assert {"copied", "updated", "moved"} == WRITTEN
    assert not RED & WRITTEN


REPORT = Report(
    pair="p", run="r", mode="full", source="s", destination="d", started=datetime(2026, 3, 1, tzinfo=UTC),
    ended=datetime(2026, 3, 1, tzinfo=UTC), seconds=0.0, counts={}, reasons={}, bytes=0, requests={}, verify="none",
    verified=False, changed_anything=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("red", "incomplete", "green"),
    [((), (), True), (("failed",), (), False), ((), ("copy 3",), False), (("failed",), ("copy 3",), False)],
)
def test_green_is_never_said_with_something_missing(red, incomplete, green):
    report = replace(REPORT, red=red, incomplete=incomplete)
    assert report.green is green
    assert report.to_json()["green"] is green


def test_every_field_is_written():
    assert set(REPORT.to_json()) == {item.name for item in fields(Report)} | {"green"}
