"""A plan that a person approves, and one that is reviewed and applied later, in a real Airflow on PostgreSQL. (C16)"""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_bucketsync.operators.plan import APPLY, KEEP
from tests.system.airflow import Run
from tests.system.places import Places
from tests.system.world import GROUP, SECRETS, states, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]

PLAN, REPORT = f"{GROUP}.plan", f"{GROUP}.report"
MANY = {f"k{number:03d}": "1" for number in range(100)}
OPTIONS = "dry_run, approve_plan, apply_plan, max_drift, delete, max_delete_share, approvers, approval_hours, verify"


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("approving")
    with world(folder, postgres=True, AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS=OPTIONS) as made:
        yield made


@pytest.fixture
def places(here):
    made = Places(here, "s3")
    made.put("source", MANY)
    made.put("destination", {"old": "old"})
    return made


def report(run: Run) -> dict[str, Any]:
    return run.xcom(REPORT, "summary")


@pytest.mark.parametrize("answer", [APPLY, KEEP])
def test_row_C16_a_person_decides(here, places, answer):
    options = {"approve_plan": True, "delete": True, "max_delete_share": 1.0, "approvers": ["admin"]}
    run_id = here.airflow.trigger("bucket_sync", places.conf(**options))
    question = here.airflow.question("bucket_sync", run_id, PLAN)
    assert question["options"] == [APPLY, KEEP]
    assert "100 to bring in step" in question["subject"]
    assert "1 to delete" in question["subject"]
    assert "# What this run does" in question["body"]
    for secret in SECRETS:
        assert secret not in json.dumps(question)
    assert places.keys("destination", state=True) == {"old": "old"}, "no lock, no probe, nothing"
    here.airflow.answer("bucket_sync", run_id, PLAN, answer)
    run = here.airflow.wait("bucket_sync", run_id, timeout=180)
    assert run.state == "success", run.log(REPORT)
    found = report(run)
    assert found["approval"]["by"] == "admin"
    if answer == APPLY:
        assert found["approval"]["answer"] == "apply"
        assert found["counts"] == {"copied": 100, "trashed": 1}
        assert places.keys("destination") == MANY
    else:
        assert found["approval"]["answer"] == "keep"
        assert found["reasons"] == {"withheld: rejected": 101}
        assert (states(run)["copy"], states(run)["delete_extra"]) == ("skipped", "skipped")
        assert places.keys("destination", state=True) == {"old": "old"}


def test_row_C16_nobody_answers(here, places):
    run_id = here.airflow.trigger("bucket_sync", places.conf(approve_plan=True, approval_hours=0.004))
    run = here.airflow.wait("bucket_sync", run_id, timeout=240)
    assert run.state == "success", run.log(REPORT)
    assert report(run)["reasons"]["withheld: not_answered"] == 100
    assert places.keys("destination", state=True) == {"old": "old"}


def test_row_C16_plan_change_the_source_apply(here, places):
    dry = here.airflow.run("bucket_sync", places.conf(dry_run=True), timeout=240)
    assert dry.state == "success", dry.log(REPORT)
    digest = report(dry)["plan_digest"]
    assert digest in dry.log(REPORT)
    assert "apply_plan" in dry.log(REPORT)

    places.put("source", dict.fromkeys(list(MANY)[:60], "two"))
    refused = here.airflow.run("bucket_sync", places.conf(apply_plan=digest), timeout=240)
    assert refused.state == "failed"
    words = refused.log(PLAN)
    assert "60 of 100 objects drifted" in words
    assert "make a plan anew" in words
    assert places.keys("destination", state=True) == {"old": "old"}, "nothing was written, not even a lock"

    dry = here.airflow.run("bucket_sync", places.conf(dry_run=True), timeout=240)
    digest = report(dry)["plan_digest"]
    places.put("source", {"k007": "three"})
    run = here.airflow.run("bucket_sync", places.conf(apply_plan=digest), timeout=240)
    assert run.state == "success", run.log(REPORT)
    assert report(run)["counts"] == {"copied": 99, "extra": 1, "withheld": 1}
    assert report(run)["drift"]["first"] == {"changed": ["k007"]}
    assert "1 changed ('k007')" in run.log(REPORT)
    assert "k007" not in places.keys("destination")
    assert len(places.keys("destination")) == 100

    other = here.airflow.run("bucket_sync", places.conf(apply_plan="0" * 64), timeout=240)
    assert other.state == "failed"
    assert "has no plan" in other.log(f"{GROUP}.prepare")
