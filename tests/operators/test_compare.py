"""Does comparing a pair name what differs, write to neither side, and turn red? (H3)"""

from __future__ import annotations

import json
import os
import re
import runpy

import pytest
from airflow.sdk import DAG

from airflow_bucketsync.engine.errors import InvalidConfiguration, SyncIncomplete
from airflow_bucketsync.engine.model.comparison import ComparisonReport
from airflow_bucketsync.engine.model.objects import EPOCH
from airflow_bucketsync.operators.base import MAX_XCOM
from airflow_bucketsync.operators.compare import (
    ComparePairByHandOperator,
    ComparePairOperator,
    comparison_text,
    for_xcom,
)
from tests.house import ROOT
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


def test_where_everything_is(folders, pair):
    (folders / "out" / "b").write_text("2X")
    with DAG("dag", schedule=None) as dag:
        task = ComparePairOperator(task_id="compare", **pair, options={"verify": "content"})
    run = FlowRun(dag, state=Store())
    with pytest.raises(SyncIncomplete):
        task.execute(run.context("compare"))
    summary = run.xcoms["compare", -1, "summary"]
    folder = folders / "work" / summary["folder"]
    assert summary["workspace"] == f"file://{folders}/work/"
    assert json.loads((folder / summary["report"]).read_text())["differences"] == summary["differences"]
    assert '"b","b","content","","1"' in (folder / summary["table"]).read_text()
    assert (folder / summary["objects"]).exists()


def test_row_H5_extra_objects_are_named_and_red_where_the_author_says_so(folders, pair):
    (folders / "out" / "more").write_text("extra")
    report = compare(folders, **pair)
    assert (report["counts"], report["first_extra"]) == ({"extra": 1, "same": 2}, ["more"])
    with pytest.raises(SyncIncomplete, match="not in step"):
        compare(folders, **pair, fail_on_extra=True)
    with pytest.raises(InvalidConfiguration, match="fail_on_extra: expected true or false, got 'yes'"):
        compare(folders, **pair, fail_on_extra="yes")


def test_places_may_be_templates(folders, pair):
    with DAG("dag", schedule=None, user_defined_macros={"side": "out"}) as dag:
        task = ComparePairOperator(
            task_id="compare",
            source=f"file://{folders}/{{{{ params.here }}}}/",
            destination=f"file://{folders}/{{{{ side }}}}/",
            options={"verify": "content", "exclude": ["{{ side }}"]},
            workspace=f"file://{folders}/{{{{ side }}}}-pages/",
        )
    context = FlowRun(dag, state=Store(), params={"here": "in"}).context("compare")
    task.render_template_fields(context, jinja_env=dag.get_template_env())
    report = task.execute(context)
    assert (report["source"], report["destination"]) == (f"file://{folders}/in/", f"file://{folders}/out/")
    assert report["counts"] == {"same": 2}
    assert (folders / "out-pages" / report["folder"] / report["report"]).exists()


def test_a_list_says_which_objects_are_compared(folders, pair):
    (folders / "lists").mkdir()
    (folders / "lists" / "a.csv").write_text(",a\n")
    (folders / "out" / "b").write_text("other")
    report = compare(folders, **pair, source_list=f"file://{folders}/lists/a.csv")
    assert report["counts"] == {"same": 1}


def test_what_a_log_says():
    report = ComparisonReport(
        pair="p",
        run="r",
        source="s3://a@in/",
        destination="s3://a@out/",
        level="content",
        started=EPOCH,
        ended=EPOCH,
        counts={"differ": 1, "extra": 3},
        differences={"content": 1},
        first=({"key": "k\n", "reason": "content", "message": "first difference at byte 4"},),
        first_extra=("x", "y\r"),
        selected_out={"exclude": 7},
        warnings=("beware",),
        objects="compare/objects.jsonl.zst",
        table="compare/findings.csv",
    )
    assert comparison_text(report, folder="s3://a@work/p/r/").splitlines() == [
        "NOT IN STEP: s3://a@in/ and s3://a@out/",
        "  pair      p, looked at by content",
        "  objects   1 differ, 3 extra",
        "  differ in content (1)",
        "  left out  7 exclude",
        "  warning   beware",
        "  'k\\n': content: first difference at byte 4",
        "  extra     'x', 'y\\r', …",
        "  report    s3://a@work/p/r/compare/report.json",
        "  as CSV    s3://a@work/p/r/compare/findings.csv",
        "  all       s3://a@work/p/r/compare/objects.jsonl.zst",
    ]


# by hand ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def by_hand(folders, pair, monkeypatch):
    """Runs of the DAG as it stands in `dags/`, with these parameters over those of its form."""
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS", f"file://{folders}/in/, file://{folders}/out/")
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS", "delete, verify, exclude, min_size")

    def run(**given):
        dag = runpy.run_path(str(ROOT / "dags" / "compare_buckets.py"))["dag"]
        form = {name: param.value for name, param in dag.params.items() if name not in pair}
        (task,) = dag.tasks
        return task.execute(FlowRun(dag, state=Store(), params={**form, **pair, **given}).context(task.task_id))

    return run


def test_the_form_offers_what_means_something(folders, pair, by_hand):
    dag = runpy.run_path(str(ROOT / "dags" / "compare_buckets.py"))["dag"]
    assert list(dag.params) == ["source", "destination", "exclude", "min_size", "verify", "fail_on_extra"]
    assert dag.params.get_param("verify").schema["enum"] == ["listing", "metadata", "content"]
    assert dag.params["fail_on_extra"] is False
    (task,) = dag.tasks
    assert task.execution_timeout.total_seconds() == 12 * 3600


def test_row_H3_the_dag_as_its_form_stands(folders, by_hand):
    assert by_hand()["counts"] == {"same": 2}
    (folders / "out" / "more").write_text("extra")
    assert by_hand(verify="content")["counts"] == {"extra": 1, "same": 2}
    with pytest.raises(SyncIncomplete):
        by_hand(fail_on_extra=True)
    assert by_hand(fail_on_extra=True, exclude=["more"])["counts"] == {"same": 2}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"delete": True}, "'delete' means nothing where two places are compared; there are source, destination"),
        ({"max_size": 1}, "'max_size' may not be set by hand"),
        ({"endpoint_url": "http://169.254.169.254"}, "'endpoint_url' is no option of a sync"),
        ({"fail_on_extra": "true"}, "fail_on_extra: expected true or false, got 'true'"),
        ({"verify": "none"}, "verify: none looks at nothing"),
        ({"verify": "everything"}, "verify"),
        ({"exclude": ["regex:(a+)+"]}, "is no pattern for a run by hand"),
        ({"source": "file:///etc/"}, "below none of the allowed"),
    ],
)
def test_row_J11_a_run_by_hand_asks_for_nothing_else(by_hand, given, words):
    with pytest.raises(InvalidConfiguration, match=re.escape(words)):
        by_hand(**given)
