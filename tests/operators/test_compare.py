"""Does comparing a pair name what differs, write to neither side, and turn red? (H3)"""

from __future__ import annotations

import json
import os

import pytest
from airflow.sdk import DAG

from airflow_bucketsync.engine.errors import InvalidConfiguration, SyncIncomplete
from airflow_bucketsync.engine.model.comparison import ComparisonReport
from airflow_bucketsync.engine.model.objects import EPOCH
from airflow_bucketsync.operators.base import MAX_XCOM
from airflow_bucketsync.operators.compare import ComparePairByHandOperator, ComparePairOperator, for_xcom
from tests.operators.fakes import FlowRun, Store


def compare(folders, operator=ComparePairOperator, params=None, **arguments):
    with DAG("dag", schedule=None) as dag:
        task = operator(task_id="compare", **arguments)
    return task.execute(FlowRun(dag, state=Store(), params=params).context(task.task_id))


@pytest.fixture
def pair(folders, put):
    """Two folders, and their URLs as arguments."""
    put(a="1", b="22")
    (folders / "out").mkdir()
    for name in ("a", "b"):
        (folders / "out" / name).write_text((folders / "in" / name).read_text())
        stamp = os.stat(folders / "in" / name).st_mtime_ns // 1000 * 1000
        for side in ("in", "out"):
            os.utime(folders / side / name, ns=(stamp, stamp))
    return {"source": f"file://{folders}/in/", "destination": f"file://{folders}/out/"}


def test_in_step(folders, pair):
    report = compare(folders, **pair, options={"verify": "content"})
    assert report["in_step"]
    assert report["counts"] == {"same": 2}
    assert report["first"] == []


def test_what_differs_is_named_and_nothing_is_written(folders, pair):
    os.unlink(folders / "out" / "a")
    (folders / "out" / "b").write_text("2X")
    (folders / "out" / "more").write_text("extra")
    before = {name: (folders / "out" / name).read_bytes() for name in os.listdir(folders / "out")}
    with pytest.raises(SyncIncomplete, match="not in step"):
        compare(folders, **pair, options={"verify": "content"})
    assert {name: (folders / "out" / name).read_bytes() for name in os.listdir(folders / "out")} == before


def test_what_is_handed_over_fits_an_xcom():
    first = tuple({"key": "😀" * 200, "reason": "missing", "message": "😀" * 200} for _ in range(20))
    report = ComparisonReport(
        pair="p",
        run="r",
        source="s3://a@in/",
        destination="s3://a@out/",
        level="metadata",
        started=EPOCH,
        ended=EPOCH,
        counts={"missing": 20},
        first=first,
        first_extra=("😀" * 200,) * 20,
    )
    assert 0 < len(for_xcom(report)["first"]) < 20
    assert len(json.dumps(for_xcom(report))) < MAX_XCOM


def test_by_hand_only_where_it_is_allowed(folders, pair, monkeypatch):
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS", f"file://{folders}/in/")
    with pytest.raises(InvalidConfiguration, match="below none of the allowed"):
        compare(folders, ComparePairByHandOperator, params=pair)
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS", f"file://{folders}/in/, file://{folders}/out/")
    assert compare(folders, ComparePairByHandOperator, params={**pair, "verify": "content"})["in_step"]


def test_the_workspace_may_not_lie_in_a_side(folders, pair):
    with pytest.raises(InvalidConfiguration):
        compare(folders, **pair, workspace=f"file://{folders}/in/pages/")
