"""Do the operators sweep what they were asked to, say so, and turn red when something failed? (J4)"""

from __future__ import annotations

import json
import os
from datetime import timedelta

import pytest
from airflow.sdk import DAG

from airflow_bucketsync.engine.errors import AccessDenied, FinalError, InvalidConfiguration, SyncIncomplete
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.sweep import SweepReport, SweptUpload
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.operators.base import MAX_XCOM
from airflow_bucketsync.operators.sweep import SweepUploadsByHandOperator, SweepUploadsOperator, for_xcom, sweep_text
from tests.engine.clocks import START
from tests.engine.steps.sweeping import BODY, Grounds
from tests.operators.fakes import FlowRun, Store


@pytest.fixture
def grounds(folders):
    """Folder `out` with uploads of eight days ago: one of ours, one of a stranger, one that is young."""
    out, away, work = (
        LocalStore(store_location(folders, name), may_be_missing=True) for name in ("out", "away", "work")
    )
    made = Grounds(out, away, work, folder=folders)
    made.ours("ours", parts=2)
    made.upload("theirs", parts=1)
    made.pass_time(days=8)
    made.upload("young")
    return made


def store_location(folders, name):
    return Location.parse(f"file://{folders}/{name}/")


def sweep(operator=SweepUploadsOperator, params=None, **arguments):
    with DAG("dag", schedule=None) as dag:
        task = operator(task_id="sweep", **arguments)
    run = FlowRun(dag, state=Store(), params=params)
    return task.execute(run.context(task.task_id)), run


def test_row_J4_a_dry_run_by_default(folders, grounds):
    value, run = sweep(location=f"file://{folders}/out/")
    assert value["counts"] == {"left": 1, "would_abort": 1, "young": 1}
    assert value["sizes"]["would_abort"] == 2 * len(BODY)
    assert grounds.open() == ["ours", "theirs", "young"]
    assert run.xcoms["sweep", -1, "summary"] == value
    assert value["folder"] == "sweeps/dag__sweep__run-1/"
    assert os.path.exists(folders / "work" / value["folder"] / value["uploads"])


def test_row_J4_ours_are_aborted_and_strangers_on_request(folders, grounds):
    assert sweep(location=f"file://{folders}/out/", dry_run=False)[0]["counts"]["aborted"] == 1
    assert grounds.open() == ["theirs", "young"]
    longer = {"location": f"file://{folders}/out/", "dry_run": False, "whose": "all"}
    assert sweep(**longer, older_than=timedelta(days=9))[0]["counts"] == {"young": 2}
    assert sweep(**longer, older_than="2 days")[0]["counts"] == {"aborted": 1, "young": 1}
    assert grounds.open() == ["young"]


def test_by_hand_within_what_is_allowed(folders, grounds, monkeypatch):
    asked = {"location": f"file://{folders}/out/", "dry_run": False}
    with pytest.raises(InvalidConfiguration, match="no location is allowed"):
        sweep(SweepUploadsByHandOperator, params=asked)
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS", f"file://{folders}/out/")
    with pytest.raises(InvalidConfiguration, match="its author can give it"):
        sweep(SweepUploadsByHandOperator, params={**asked, "whose": "all"})
    with pytest.raises(InvalidConfiguration, match="not ask for less"):
        sweep(SweepUploadsByHandOperator, params={**asked, "older_than": "6 days"})
    assert grounds.open() == ["ours", "theirs", "young"]
    assert sweep(SweepUploadsByHandOperator, params=asked)[0]["counts"]["aborted"] == 1
    both = {**asked, "whose": "all"}
    assert sweep(SweepUploadsByHandOperator, params=both, whose="all")[0]["counts"]["aborted"] == 1


def test_an_upload_that_can_not_be_aborted_turns_it_red(folders, grounds, monkeypatch):
    def denied(self, key, upload_id):
        raise AccessDenied("no right to abort", key=key)

    monkeypatch.setattr(LocalStore, "abort_upload", denied)
    with pytest.raises(SyncIncomplete, match="1 uploads could not"):
        sweep(location=f"file://{folders}/out/", dry_run=False)
    assert grounds.entries() == ["ours"]


def test_a_folder_that_is_not_there_is_an_error(folders):
    """A mount that is missing must not seem a place without uploads: the journal would forget all of them."""
    with pytest.raises(FinalError, match="out"):
        sweep(location=f"file://{folders}/out/", dry_run=False)


@pytest.mark.parametrize("wrong", [{"older_than": "7"}, {"older_than": "5 minutes"}, {"whose": "mine"}])
def test_what_the_author_wrote_wrong_is_said_at_once(wrong):
    with DAG("dag", schedule=None), pytest.raises(InvalidConfiguration):
        SweepUploadsOperator(task_id="sweep", location="file:///data/", **wrong)


def test_dry_run_must_be_a_truth_value(folders, grounds):
    with pytest.raises(InvalidConfiguration, match="dry_run"):
        sweep(location=f"file://{folders}/out/", dry_run="no")


def upload(key="key", **fields):
    known = {"upload_id": "id", "begun": START, "age": 8 * 86400, "idle": 8 * 86400, "parts": 3, "size": 5 * 1024}
    return SweptUpload(key=key, **{**known, "owner": "stranger", "done": "left", **fields})


def report(**fields):
    known = {
        "location": "s3://c@b/",
        "run": "r",
        "older_than": 604800,
        "whose": "ours",
        "dry_run": False,
        "clock": "worker",
        "counts": {"failed": 1, "left": 1_000},
        "sizes": {"left": 2**30},
        "owners": {"ours": 1, "stranger": 1_000},
        "unread": 2,
        "first": (upload(done="failed", owner="ours", message="denied\nforged"), upload()),
        "uploads": "uploads.jsonl.zst",
    }
    return SweepReport(**known | fields)


def test_how_it_reads():
    text = sweep_text(report())
    assert text.splitlines() == [
        "SWEPT: s3://c@b/, 1,001 open uploads",
        "          1 failed",
        "      1,000 strangers', left alone (1.0 GiB)",
        "  older than 7 days without a sign of use, by the clock of the worker",
        "  2 journal entries can't be read here; their uploads count as strangers'",
        "  failed       'key' (id, 8 days old, 3 parts, 5.0 KiB, ours): denied\\nforged",
        "  left         'key' (id, 8 days old, 3 parts, 5.0 KiB, a stranger's)",
        "  all of them stand in uploads.jsonl.zst of the sweep's folder",
    ]


def test_what_is_handed_over_fits_an_xcom():
    value = for_xcom(report(first=tuple(upload("😀" * 1000, message="😀" * 1000) for _ in range(20))))
    assert 0 < len(value["first"]) < 20
    assert len(json.dumps(value)) < MAX_XCOM
