"""What if the source goes, or changes, between two requests that look at one object?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from airflow_bucketsync.engine.steps.report import make_report
from tests.engine.steps.pairs import Pair
from tests.engine.steps.test_verify import copied, found_by


def meanwhile(pair: Pair, monkeypatch: pytest.MonkeyPatch, key: str, *, gone: bool) -> None:
    """Delete or overwrite the source's object after its HEAD, before its tags are read."""
    tags = pair.source.tags

    def asked(name: str, **more: Any) -> Mapping[str, str]:
        if name == key and gone:
            pair.source.delete(key)
        elif name == key:
            pair.put({key: b"later"})
        return tags(name, **more)

    monkeypatch.setattr(pair.source, "tags", asked)


@pytest.mark.parametrize("level", ["metadata", "content"])
@pytest.mark.parametrize("gone", [True, False], ids=["gone", "other"])
def test_row_F2_between_the_requests_of_verify(level, gone, monkeypatch):
    pair = Pair()
    run, plan = copied(pair, level)
    meanwhile(pair, monkeypatch, "damaged", gone=gone)
    outcome = found_by(run, plan)["damaged"]
    assert (outcome.status, outcome.reason) == ("changed", "source_changed_after_copy")
    assert make_report(run, plan_digest=plan.digest).report.green


@pytest.mark.parametrize("shared", [True, False], ids=["server", "stream"])
@pytest.mark.parametrize("gone", [True, False], ids=["gone", "other"])
def test_row_F2_between_the_requests_of_a_copy(shared, gone, monkeypatch):
    pair = Pair(shared=shared)
    pair.put({"a": b"1", "b": b"2"}, tags={"t": "1"})
    meanwhile(pair, monkeypatch, "a", gone=gone)
    report = pair.sync().report
    assert report.green
    assert report.counts["copied"] == 1
    assert set(report.counts) <= {"copied", "changed", "gone"}


@pytest.mark.parametrize("policy", [{"mode": "incremental"}, {"compare": "metadata"}], ids=["incremental", "metadata"])
@pytest.mark.parametrize("gone", [True, False], ids=["gone", "other"])
def test_row_F2_between_the_requests_of_a_plan(policy, gone, monkeypatch):
    """One object that goes meanwhile is no reason not to plan the others."""
    pair = Pair()
    pair.put({"a": b"1", "b": b"2"}, tags={"t": "1"})
    pair.sync(check=True)
    pair.clock.advance(60)
    pair.put({"a": b"1", "b": b"2"}, tags={"t": "2"})
    meanwhile(pair, monkeypatch, "a", gone=gone)
    report = pair.sync(**policy).report
    assert report.green
    assert report.counts["updated"] == 1
