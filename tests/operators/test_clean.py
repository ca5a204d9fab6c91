"""Do the operators clean up what they were asked to, say so, and turn red when something stays? (F11)"""

from __future__ import annotations

import json
import os
import time

import pytest
from airflow.sdk import DAG

from airflow_bucketsync.engine.errors import AccessDenied, FinalError, InvalidConfiguration, SyncIncomplete
from airflow_bucketsync.engine.model.cleaning import CleanReport
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.operators.base import MAX_XCOM
from airflow_bucketsync.operators.clean import (
    CleanBucketByHandOperator,
    CleanBucketOperator,
    clean_text,
    for_xcom,
)
from tests.engine.clocks import START
from tests.operators.fakes import FlowRun, Store

TMP = {"include": ["*.tmp"]}


@pytest.fixture
def out(folders):
    """Folder `out` with two files to go and two to stay."""
    folder = folders / "out"
    folder.mkdir()
    for name in ("a.tmp", "b.tmp", "c.txt", "d.txt"):
        (folder / name).write_text(name)
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def clean(operator=CleanBucketOperator, params=None, **arguments):
    with DAG("dag", schedule=None) as dag:
        task = operator(task_id="clean", **arguments)
    run = FlowRun(dag, state=Store(), params=params)
    return task.execute(run.context(task.task_id)), run


def test_row_F11_a_dry_run_by_default(folders, out):
    value, run = clean(location=f"file://{out}/", rules=TMP)
    assert (value["selected"], value["listed"], value["dry_run"]) == (2, 4, True)
    assert names(out) == ["a.tmp", "b.tmp", "c.txt", "d.txt"]
    assert run.xcoms["clean", -1, "summary"] == value
    assert value["folder"] == "cleans/dag__clean__run-1/"
    assert os.path.exists(folders / "work" / value["folder"] / value["objects"])


def test_row_F11_what_the_rules_take_goes_into_the_trash(folders, out):
    value, _ = clean(location=f"file://{out}/", rules=TMP, dry_run=False)
    assert value["counts"] == {"trashed": 2}
    assert names(out) == ["c.txt", "d.txt"]
    assert names(out / "_bucketsync" / value["trash"]) == ["a.tmp", "b.tmp"]
    gone, _ = clean(location=f"file://{out}/", rules={"include": ["c.*"]}, dry_run=False, trash="none")
    assert gone["counts"] == {"deleted": 1}
    assert names(out) == ["d.txt"]


def test_row_F11_by_age(folders, out):
    month_ago = time.time() - 31 * 86400
    os.utime(out / "c.txt", (month_ago, month_ago))
    clean(location=f"file://{out}/", rules={"older_than": "30 days"}, dry_run=False)
    assert names(out) == ["a.tmp", "b.tmp", "d.txt"]


def test_by_hand_within_what_is_allowed(folders, out, monkeypatch):
    asked = {"location": f"file://{out}/", **TMP}
    with pytest.raises(InvalidConfiguration, match="no location is allowed"):
        clean(CleanBucketByHandOperator, params=asked)
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS", f"file://{out}/")
    dry, _ = clean(CleanBucketByHandOperator, params=asked)
    assert dry["dry_run"]
    with pytest.raises(InvalidConfiguration, match="run dry first"):
        clean(CleanBucketByHandOperator, params={**asked, "dry_run": False})
    with pytest.raises(SyncIncomplete, match="expected_objects says 1"):
        clean(CleanBucketByHandOperator, params={**asked, "dry_run": False, "expected_objects": 1})
    with pytest.raises(InvalidConfiguration, match="below none of the allowed"):
        clean(CleanBucketByHandOperator, params=asked, locations=[f"file://{folders}/other/"])
    assert names(out) == ["a.tmp", "b.tmp", "c.txt", "d.txt"]
    clean(CleanBucketByHandOperator, params={**asked, "dry_run": False, "expected_objects": dry["selected"]})
    assert names(out) == ["c.txt", "d.txt"]


def test_row_F11_the_authors_limits_hold(folders, out):
    with pytest.raises(SyncIncomplete, match="max_deletes is 1"):
        clean(location=f"file://{out}/", rules=TMP, dry_run=False, max_deletes=1)
    with pytest.raises(SyncIncomplete, match=r"max_delete_share is 0\.5"):
        clean(location=f"file://{out}/", everything=True, dry_run=False)
    with pytest.raises(SyncIncomplete, match="max_delete_bytes is 9"):
        clean(location=f"file://{out}/", rules=TMP, dry_run=False, max_delete_bytes=9)
    assert names(out) == ["a.tmp", "b.tmp", "c.txt", "d.txt"]


def test_an_object_that_can_not_be_deleted_turns_it_red(folders, out, monkeypatch):
    delete = LocalStore.delete

    def denied(self, key, **condition):
        if key == "b.tmp":
            raise AccessDenied("no right to delete", key=key)
        delete(self, key, **condition)

    monkeypatch.setattr(LocalStore, "delete", denied)
    with pytest.raises(SyncIncomplete, match="1 objects that were selected stay"):
        clean(location=f"file://{out}/", rules=TMP, dry_run=False)
    assert names(out) == ["b.tmp", "c.txt", "d.txt"]


def test_pages_of_runs_are_never_cleaned(folders, out):
    for place in ("work", "work/cleans", ""):
        with pytest.raises(InvalidConfiguration, match="overlap"):
            clean(location=f"file://{folders}/{place}", rules=TMP)


def test_a_folder_that_is_not_there_is_an_error(folders):
    with pytest.raises(FinalError, match="out"):
        clean(location=f"file://{folders}/out/", rules=TMP)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rules": {}},
        {"rules": {"older_than": "30"}},
        {"rules": {"include": ["a"]}, "everything": True},
        {"rules": TMP, "max_deletes": -1},
        {"rules": TMP, "dry_run": "no"},
        {"everything": "yes"},
    ],
)
def test_what_the_author_wrote_wrong_is_said_at_once(wrong):
    with DAG("dag", schedule=None), pytest.raises(InvalidConfiguration):
        CleanBucketOperator(task_id="clean", location="file:///data/", **wrong)


def report(**fields):
    line = {"key": "key\nforged", "status": "withheld", "reason": "locked", "message": "it is protected: a hold"}
    known = {
        "location": "s3://c@b/",
        "run": "r",
        "started": START,
        "selection": {"include": ["*"]},
        "dry_run": False,
        "listed": 10_000,
        "selected": 1_200,
        "bytes": 2**30,
        "counts": {"trashed": 1_199, "withheld": 1},
        "sizes": {"trashed": 2**30 - 5, "withheld": 5},
        "reasons": {"trashed: selected": 1_199, "withheld: locked": 1},
        "unguarded": 1_199,
        "trash": "trash/x/",
        "withheld": None,
        "warnings": ("2 names\ncan't be keys",),
        "first": (line,),
        "objects": "objects.jsonl.zst",
    }
    return CleanReport(**known | fields)


def test_how_it_reads():
    assert clean_text(report()).splitlines() == [
        "NOT CLEANED: s3://c@b/, 1,200 of 10,000 objects selected (1.0 GiB)",
        "      1,199 trashed (1.0 GiB)",
        "          1 withheld (5 B)",
        "  unguarded 1,199: this store can't make a delete depend on what stands there",
        "  kept in   _bucketsync/trash/x/, or as versions where the bucket keeps them",
        "  warning   2 names\\ncan't be keys",
        "  withheld  'key\\nforged': locked: it is protected: a hold",
        "  all of them stand in objects.jsonl.zst of the clean-up's folder",
    ]
    text = clean_text(report(dry_run=True, unguarded=0, trash="", counts={"withheld": 1_200}, first=(), warnings=()))
    assert text.splitlines()[:2] == [
        "DRY RUN: s3://c@b/, 1,200 of 10,000 objects selected (1.0 GiB)",
        "  to delete them, run again with dry_run false and expected_objects 1200",
    ]
    line = {"key": "key", "status": "withheld", "reason": "too_many_deletes", "message": "too many"}
    text = clean_text(report(withheld="too many", first=(line,)))
    assert text.count("too many") == 1, "said once"
    assert "  withheld  'key': too_many_deletes" in text.splitlines()


def test_what_is_handed_over_fits_an_xcom():
    lines = tuple({"key": "😀" * 1000, "status": "withheld", "message": "😀" * 1000} for _ in range(20))
    value = for_xcom(report(first=lines, selection={"include": ["x" * 1000] * 1000}))
    assert 0 < len(value["first"]) < 20
    assert len(json.dumps(value)) < MAX_XCOM
