"""Do the operators sweep the trash they were asked to, say so, and turn red when something failed? (F10, J11)"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import DAG

from airflow_bucketsync.engine.errors import AccessDenied, InvalidConfiguration, SyncIncomplete
from airflow_bucketsync.engine.model.trash_sweep import SweptFolder, TrashSweepReport
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.operators.base import MAX_XCOM
from airflow_bucketsync.operators.sweep_trash import (
    SweepTrashByHandOperator,
    SweepTrashOperator,
    for_xcom,
    trash_sweep_text,
)
from tests.operators.fakes import FlowRun, Store


@pytest.fixture
def trash(folders):
    """The trash of `out` with what runs of 40, 31 and 3 days ago kept."""
    for days in (40, 31, 3):
        made = datetime.now(UTC) - timedelta(days=days)
        folder = folders / "out" / "_bucketsync" / "trash" / f"{made:%Y%m%dT%H%M%S}-{'a' * 12}"
        folder.mkdir(parents=True)
        (folder / "a").write_text("kept")
        os.utime(folder / "a", (made.timestamp(), made.timestamp()))
    return folders / "out" / "_bucketsync" / "trash"


def kept(trash):
    return len(list(trash.rglob("a")))


def sweep(operator=SweepTrashOperator, params=None, **arguments):
    with DAG("dag", schedule=None) as dag:
        task = operator(task_id="sweep", **arguments)
    run = FlowRun(dag, state=Store(), params=params)
    return task.execute(run.context(task.task_id)), run


def test_row_F10_a_dry_run_by_default(folders, trash):
    value, run = sweep(location=f"file://{folders}/out/")
    assert value["counts"] == {"would_delete": 2, "young": 1}
    assert (value["objects"]["would_delete"], value["sizes"]["would_delete"]) == (2, 8)
    assert kept(trash) == 3
    assert run.xcoms["sweep", -1, "summary"] == value
    assert value["folder"] == "trash-sweeps/dag__sweep__run-1/"
    assert os.path.exists(folders / "work" / value["folder"] / value["folders"])


def test_row_F10_what_is_old_goes(folders, trash):
    place = f"file://{folders}/out/"
    assert sweep(location=place, dry_run=False, older_than="35 days")[0]["counts"] == {"deleted": 1, "young": 2}
    assert kept(trash) == 2
    assert sweep(location=place, dry_run=False)[0]["counts"] == {"deleted": 1, "young": 1}
    assert kept(trash) == 1


def test_by_hand_within_what_is_allowed(folders, trash, monkeypatch):
    asked = {"location": f"file://{folders}/out/", "dry_run": False}
    with pytest.raises(InvalidConfiguration, match="no location is allowed"):
        sweep(SweepTrashByHandOperator, params=asked)
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS", f"file://{folders}/out/")
    with pytest.raises(InvalidConfiguration, match="not ask for less"):
        sweep(SweepTrashByHandOperator, params={**asked, "older_than": "2 days"})
    assert kept(trash) == 3
    assert sweep(SweepTrashByHandOperator, params={"location": asked["location"]})[0]["dry_run"] is True
    assert sweep(SweepTrashByHandOperator, params=asked)[0]["counts"]["deleted"] == 2
    assert sweep(SweepTrashByHandOperator, params={**asked, "older_than": "2 days"}, older_than="2 days")[0][
        "counts"
    ] == {"deleted": 1}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"location": "file:///elsewhere/"}, "below none of the allowed"),
        ({"older_than": "1 hour"}, "less than a day"),
        ({"older_than": "30"}, "is no age"),
        ({"older_than": 30}, "is no age"),
        ({"dry_run": 0}, "expected true or false"),
        ({"prefix": "x/"}, "is no field of a sweep"),
    ],
)
def test_row_J11_a_run_narrows_and_never_widens(folders, monkeypatch, given, words):
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS", f"file://{folders}/out/")
    with pytest.raises(InvalidConfiguration, match=words):
        sweep(SweepTrashByHandOperator, params={"location": f"file://{folders}/out/", **given})


def test_what_can_not_be_deleted_turns_it_red(folders, trash, monkeypatch):
    def denied(self, key, **others):
        raise AccessDenied("no right to delete", key=key)

    monkeypatch.setattr(LocalStore, "delete", denied)
    with pytest.raises(SyncIncomplete, match="of 2 folders"):
        sweep(location=f"file://{folders}/out/", dry_run=False)


@pytest.mark.parametrize("wrong", ["30", "5 hours", "a month"])
def test_what_the_author_wrote_wrong_is_said_at_once(wrong):
    with DAG("dag", schedule=None), pytest.raises(InvalidConfiguration):
        SweepTrashOperator(task_id="sweep", location="file:///data/", older_than=wrong)


def test_dry_run_must_be_a_truth_value(folders):
    with pytest.raises(InvalidConfiguration, match="dry_run"):
        sweep(location=f"file://{folders}/out/", dry_run="no")


def report(**fields):
    first = (
        SweptFolder(folder="b", objects=2, bytes=10, age=40 * 86400, done="failed", message="denied\nforged"),
        SweptFolder(folder="c", objects=1, bytes=1, age=None, done="left"),
    )
    known = {
        "location": "s3://c@b/",
        "run": "r",
        "older_than": 30 * 86400,
        "dry_run": False,
        "clock": "worker",
        "counts": {"failed": 1, "left": 1},
        "objects": {"failed": 2, "left": 1},
        "sizes": {"failed": 10, "left": 1},
        "first": first,
        "folders": "folders.jsonl.zst",
    }
    return TrashSweepReport(**known | fields)


def test_how_it_reads():
    assert trash_sweep_text(report()).splitlines() == [
        "SWEPT: the trash of s3://c@b/, 2 folders",
        "          1 failed (2 objects, 10 B)",
        "          1 not ours, left alone (1 objects, 1 B)",
        "  older than 30 days, by the clock of the worker",
        "  failed       'b' (2 objects, 40 days old): denied\\nforged",
        "  left         'c' (1 objects)",
        "  all of them stand in folders.jsonl.zst of the sweep's folder",
    ]


def test_what_is_handed_over_fits_an_xcom():
    item = SweptFolder(folder="😀" * 1000, objects=1, bytes=1, age=1, done="failed", message="😀" * 1000)
    value = for_xcom(report(first=(item,) * 20))
    assert 0 < len(value["first"]) < 20
    assert len(json.dumps(value)) < MAX_XCOM
