"""Do the operators undo the run they were asked to, say so, and reach nothing that is not allowed? (F10, J11)"""

from __future__ import annotations

import json
import os

import pytest
from airflow.sdk import DAG

from airflow_bucketsync.engine.errors import AccessDenied, InvalidConfiguration, SyncIncomplete
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.undo import UndoneObject, UndoReport
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.operators.base import MAX_XCOM
from airflow_bucketsync.operators.undo import UndoSyncByHandOperator, UndoSyncOperator, for_xcom, undo_text
from tests.engine.clocks import START
from tests.operators.fakes import FlowRun


@pytest.fixture
def done(flow, put, folders):
    """A run that deleted `gone`, overwrote `both` and added `new`; returns its folder in the workspace."""
    (folders / "out").mkdir()
    for name in ("gone", "both"):
        (folders / "out" / name).write_text(f"{name} before")
    put(both="the new one", new="x")
    run = flow(delete=True, trash="all", max_delete_share=1.0, name="pair").run()
    assert run.errors == {}
    assert contents(folders) == {"both": "the new one", "new": "x"}
    return run.summary("report")["report"]


def contents(folders):
    return {path.name: path.read_text() for path in (folders / "out").iterdir() if path.is_file()}


BEFORE = {"gone": "gone before", "both": "both before"}


def undo(flow, operator=UndoSyncOperator, params=None, run_id="undo-1", **arguments):
    with DAG("dag", schedule=None) as dag:
        task = operator(task_id="undo", **arguments)
    run = FlowRun(dag, state=flow.state, params=params, run_id=run_id)
    return task.execute(run.context(task.task_id)), run


def test_row_F10_a_dry_run_by_default(flow, folders, done):
    after = contents(folders)
    value, run = undo(flow, folder=done)
    assert value["counts"] == {"would_remove": 1, "would_restore": 2}
    assert value["dry_run"] is True
    assert value["destination"] == f"file://{folders}/out/"
    assert contents(folders) == after
    assert run.xcoms["undo", -1, "summary"] == value


def test_row_F10_a_run_is_undone_and_the_undo_by_its_own_folder(flow, folders, done):
    after = contents(folders)
    value, _ = undo(flow, folder=done, dry_run=False)
    assert value["counts"] == {"removed": 1, "restored": 2}
    assert contents(folders) == BEFORE
    assert value["folder"] == "pair/dag__undo__undo-1/"
    assert os.path.exists(folders / "work" / value["folder"] / value["objects"])
    assert not list((folders / "out" / "_bucketsync").glob("lock-*")), "the lock was given back"
    back, _ = undo(flow, folder=value["folder"], dry_run=False, run_id="undo-2")
    assert back["counts"] == {"removed": 1, "restored": 2}
    assert contents(folders) == after


def test_the_workspace_may_stand_before_the_folder(flow, folders, done):
    assert done == "pair/dag__bucket_sync__run-1/report.json"
    for folder in (done, done.removesuffix("report.json"), done.removesuffix("/report.json")):
        assert undo(flow, folder=f"file://{folders}/work/{folder}")[0]["counts"]["would_restore"] == 2


def test_by_hand_within_what_is_allowed(flow, folders, done, monkeypatch):
    asked = {"folder": done, "dry_run": False}
    after = contents(folders)
    with pytest.raises(InvalidConfiguration, match="no location is allowed"):
        undo(flow, UndoSyncByHandOperator, params=asked)
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS", f"file://{folders}/in/")
    with pytest.raises(InvalidConfiguration, match="below none of the allowed"):
        undo(flow, UndoSyncByHandOperator, params=asked)
    assert contents(folders) == after
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS", f"file://{folders}/out/")
    assert undo(flow, UndoSyncByHandOperator, params={"folder": done})[0]["dry_run"] is True
    assert undo(flow, UndoSyncByHandOperator, params=asked)[0]["counts"] == {"removed": 1, "restored": 2}
    assert contents(folders) == BEFORE


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "copy it from the report"),
        ({"folder": ""}, "copy it from the report"),
        ({"folder": 7}, "copy it from the report"),
        ({"folder": "pair"}, "no folder of a run"),
        ({"folder": "pair/../other/run/"}, "no folder of a run"),
        ({"folder": "../run/"}, "no folder of a run"),
        ({"folder": "pair/./"}, "no folder of a run"),
        ({"folder": "/pair/run/"}, "no folder of a run"),
        ({"folder": "s3://c@b/pair/run/"}, "no folder of a run"),
        ({"folder": "pair/run/", "dry_run": "false"}, "expected true or false"),
        ({"folder": "pair/run/", "destination": "file:///x/"}, "is no field of an undo"),
        ({"folder": "pair/run/"}, "holds no report"),
    ],
)
def test_row_J11_what_a_run_asks_for_is_checked(flow, folders, given, words):
    with pytest.raises(InvalidConfiguration, match=words):
        undo(flow, UndoSyncByHandOperator, params=given)


def test_what_fails_turns_it_red(flow, folders, done, monkeypatch):
    allowed = LocalStore.delete

    def denied(self, key, **others):
        if key == "new":
            raise AccessDenied("no right to delete", location=self.location.url, key=key)
        allowed(self, key, **others)

    monkeypatch.setattr(LocalStore, "delete", denied)
    with pytest.raises(SyncIncomplete, match="1 objects could not"):
        undo(flow, folder=done, dry_run=False)
    assert contents(folders) == {**BEFORE, "new": "x"}


def test_dry_run_must_be_a_truth_value(flow, done):
    with pytest.raises(InvalidConfiguration, match="dry_run"):
        undo(flow, folder=done, dry_run="no")


def report(**fields):
    first = (
        UndoneObject(done="failed", outcome=Outcome(key="a\nb", status="failed", message="denied\nforged")),
        UndoneObject(done="changed", outcome=Outcome(key="c", status="changed")),
    )
    known = {
        "of": "pair/run/",
        "spec": {"destination": "s3://c@b/"},
        "run": "r",
        "dry_run": False,
        "started": START,
        "counts": {"changed": 1, "failed": 1, "restored": 1_000},
        "sizes": {"restored": 2**30},
        "trash": "trash/x/",
        "warnings": ("mind",),
        "first": first,
        "objects": "undo/objects.jsonl.zst",
    }
    return UndoReport(**known | fields)


def test_how_it_reads():
    assert undo_text(report()).splitlines() == [
        "UNDONE: pair/run/ at s3://c@b/",
        "          1 changed by others since, left",
        "          1 failed",
        "      1,000 restored (1.0 GiB)",
        "  failed        'a\\nb': denied\\nforged",
        "  changed       'c'",
        "  warning: mind",
        "  all of them stand in undo/objects.jsonl.zst of the undo's folder",
        "  the pair's next run brings its changes again, unless the pair is paused",
    ]
    assert "changed nothing" in undo_text(report(counts={}, first=(), objects=None))


def test_what_is_handed_over_fits_an_xcom():
    item = UndoneObject(done="failed", outcome=Outcome(key="😀" * 1000, status="failed", message="😀" * 1000))
    value = for_xcom(report(first=(item,) * 20))
    assert 0 < len(value["first"]) < 20
    assert len(json.dumps(value)) < MAX_XCOM
