"""Deleting, moving, the lock and a person's answer, in a real Airflow on PostgreSQL. (D11, F9, F10, F13, G13)"""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from airflow_bucketsync.operators.delete import DELETE, KEEP
from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server
from tests.system.airflow import Run, connection
from tests.system.places import KINDS, Places
from tests.system.world import ACCESS_KEY, GROUP, SECRET_KEY, SECRETS, SESSION_TOKEN, World, states, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]

DELETE_EXTRA = f"{GROUP}.delete_extra"
REPORT = f"{GROUP}.report"
HERE = {"a": "1", "deep/b": "22", "c": "333"}
EXTRA = {"x": "old", "deep/y": "older"}
OPTIONS = (
    "delete, trash, max_deletes, max_delete_share, approve_above, approvers, approval_hours, move, on_lock, "
    "lock_lease, verify, compare, tolerate, allow_empty_source, unsafe_deletes, precheck"
)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deletes")
    with world(
        folder, postgres=True, more=partial(as_other_stores, folder), AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS=OPTIONS
    ) as made:
        yield made


def as_other_stores(folder: Path, server: S3Server, oss: OSSServer) -> dict[str, str]:
    """Two more connections to the same server: as if it were Amazon, and as if it knew no conditional writes."""
    extra = {"endpoint_url": server.url, "region_name": "us-east-1", "aws_session_token": SESSION_TOKEN}
    keys = {"login": ACCESS_KEY, "password": SECRET_KEY}
    names = ("s3://store", "s3://amazon", "s3://plain", "oss://ali")
    locations = ", ".join(f"{name}@{side}/" for name in names for side in ("source", "destination"))
    return {
        "AIRFLOW_CONN_AMAZON": connection("aws", **keys, extra={**extra, "bucketsync_profile": "aws"}),
        "AIRFLOW_CONN_PLAIN": connection("aws", **keys, extra={**extra, "bucketsync_profile": "ceph"}),
        "AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS": f"{locations}, file://{folder}/data/",
    }


@pytest.fixture(params=KINDS)
def places(here, request):
    """A pair in step but for what stands at the destination only."""
    made = Places(here, request.param)
    made.put("source", HERE)
    made.put("destination", HERE | EXTRA)
    return made


@pytest.fixture
def s3(here):
    made = Places(here, "s3")
    made.put("source", HERE)
    made.put("destination", HERE | EXTRA)
    return made


def report(run: Run) -> dict[str, Any]:
    return run.xcom(REPORT, "summary")


def mirrored(here: World, places: Places, **options: Any) -> Run:
    return here.airflow.run("bucket_sync", places.conf(delete=True, **options), timeout=240)


# deletes ------------------------------------------------------------------------------------------------------------


def test_row_F9_what_is_not_at_the_source_goes_to_the_trash(here, places):
    run = mirrored(here, places)
    assert run.state == "success", run.log(REPORT)
    assert states(run)["delete_extra"] == "success"
    assert report(run)["counts"] == {"same": 3, "trashed": 2}
    assert places.keys("destination") == HERE
    trash = f"_bucketsync/{report(run)['trash']}"
    assert {key: body for key, body in places.keys("destination", state=True).items() if key not in HERE} == {
        f"{trash}{key}": body for key, body in EXTRA.items()
    }
    again = mirrored(here, places)
    assert states(again)["delete_extra"] == "skipped"
    assert report(again)["counts"] == {"same": 3}


def test_fault_F14_an_empty_source_deletes_nothing(here, places):
    places.drop("source", *HERE)
    run = mirrored(here, places)
    assert run.state == "failed"
    assert report(run)["reasons"] == {"withheld: empty_source": 5}
    assert "allow_empty_source" in run.log(REPORT)
    assert places.keys("destination") == HERE | EXTRA


def test_fault_F64_a_copy_that_fails_deletes_nothing(here, s3):
    s3.put("source", {"new": "n"})
    with here.fault(status=403, code="AccessDenied", operation="CopyObject", key=f"{s3.name}/new"):
        run = mirrored(here, s3)
    assert run.state == "failed"
    assert report(run)["counts"]["withheld"] == 2
    assert report(run)["reasons"]["withheld: not_all_well"] == 2
    assert EXTRA.items() <= s3.keys("destination").items()


def test_rows_F9_D11_at_a_store_that_holds_deletes_to_a_version(here):
    amazon = Places(here, "s3", connection="amazon")
    amazon.put("source", HERE)
    amazon.put("destination", HERE | EXTRA)
    index = here.server.log.last_index
    run = mirrored(here, amazon)
    assert run.state == "success", run.log(REPORT)
    assert report(run)["counts"] == {"same": 3, "trashed": 2}
    assert "unguarded" not in run.log(REPORT), "each delete names the version"
    assert amazon.keys("destination") == HERE
    moved = here.airflow.run("bucket_sync", amazon.conf(move=True), timeout=240)
    assert moved.state == "success", moved.log(REPORT)
    assert (amazon.keys("source"), amazon.keys("destination")) == ({}, HERE)
    alone = [entry for entry in here.server.log.since(index) if entry.operation == "DeleteObject"]
    locks = [entry for entry in alone if "/_bucketsync/lock-" in entry.key]
    assert len(locks) == 2
    assert all("if-match" in entry.headers for entry in locks)


def test_rows_F9_D11_at_a_store_without_conditional_writes(here):
    """No lock can be held there, so nothing is taken away unless the author says that it may be."""
    plain = Places(here, "s3", connection="plain")
    plain.put("source", HERE)
    plain.put("destination", HERE | EXTRA)
    index = here.server.log.last_index
    run = mirrored(here, plain)
    assert run.state == "failed"
    assert "set `unsafe_deletes`" in run.log(f"{GROUP}.prepare")
    run = mirrored(here, plain, precheck="never")
    assert run.state == "failed"
    assert report(run)["reasons"]["withheld: no_lock"] == 2
    assert "unsafe_deletes" in run.log(REPORT)
    assert plain.keys("destination") == HERE | EXTRA
    run = mirrored(here, plain, unsafe_deletes=True)
    assert run.state == "success", run.log(REPORT)
    assert report(run)["counts"] == {"same": 3, "trashed": 2}
    assert plain.keys("destination") == HERE
    refused = here.airflow.run("bucket_sync", plain.conf(move=True), timeout=240)
    assert refused.state == "failed"
    assert "unsafe_deletes" in refused.log(f"{GROUP}.prepare")
    assert plain.keys("source") == HERE
    moved = here.airflow.run("bucket_sync", plain.conf(move=True, unsafe_deletes=True), timeout=240)
    assert moved.state == "success", moved.log(REPORT)
    assert (plain.keys("source"), plain.keys("destination")) == ({}, HERE)
    sent = [entry for entry in here.server.log.since(index) if (entry.key or "").startswith(f"{plain.name}/")]
    assert sent
    assert not any(name in entry.headers for entry in sent for name in ("if-match", "if-none-match"))


# a person -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [DELETE, KEEP])
def test_row_F13_a_person_decides(here, s3, answer):
    s3.put("destination", {"<script>alert(1)</script>`~~~": "old"})
    run_id = here.airflow.trigger("bucket_sync", s3.conf(delete=True, approve_above=2, approvers=["admin"]))
    question = here.airflow.question("bucket_sync", run_id, DELETE_EXTRA)
    assert question["options"] == [DELETE, KEEP]
    assert "Delete 3 objects" in question["subject"]
    assert "'deep/y'" in question["body"]
    assert "plan/deletes-0000" in question["body"]
    for secret in SECRETS:
        assert secret not in json.dumps(question)
    here.airflow.answer("bucket_sync", run_id, DELETE_EXTRA, answer)
    run = here.airflow.wait("bucket_sync", run_id, timeout=180)
    assert run.state == "success", run.log(REPORT)
    found = report(run)
    assert found["approval"]["by"] == "admin"
    assert found["approval"]["answer"] == ("delete" if answer == DELETE else "keep")
    if answer == DELETE:
        assert found["counts"] == {"same": 3, "trashed": 3}
        assert s3.keys("destination") == HERE
    else:
        assert found["reasons"]["withheld: rejected"] == 3
        assert EXTRA.items() <= s3.keys("destination").items()


def test_row_F13_no_answer_keeps_everything_and_few_are_not_asked_for(here, s3):
    run_id = here.airflow.trigger("bucket_sync", s3.conf(delete=True, approve_above=0, approval_hours=0.004))
    run = here.airflow.wait("bucket_sync", run_id, timeout=240)
    assert run.state == "success", run.log(REPORT)
    assert report(run)["reasons"]["withheld: not_answered"] == 2
    assert EXTRA.items() <= s3.keys("destination").items()
    run = mirrored(here, s3, approve_above=2)
    assert report(run)["counts"] == {"same": 3, "trashed": 2}


# moving -------------------------------------------------------------------------------------------------------------


def test_row_D11_a_move_leaves_nothing_at_the_source(here, places):
    places.put("source", {"new": "n"})
    run = here.airflow.run("bucket_sync", places.conf(move=True, verify="content"), timeout=240)
    assert run.state == "success", run.log(REPORT)
    assert report(run)["counts"] == {"extra": 2, "moved": 4}
    assert places.keys("source") == {}
    assert places.keys("destination") == HERE | EXTRA | {"new": "n"}


def test_row_D11_a_source_that_may_not_be_deleted_from_is_said_first(here, s3):
    s3.put("source", {"new": "n"})
    with here.fault(status=403, code="AccessDenied", operation="DeleteObject", bucket="source"):
        run = here.airflow.run("bucket_sync", s3.conf(move=True), timeout=240)
    assert run.state == "failed"
    assert "move: the source may not be deleted from" in run.log(f"{GROUP}.prepare")
    assert "new" not in s3.keys("destination")


# the lock -----------------------------------------------------------------------------------------------------------


def test_row_G13_a_lock_of_another_airflow_is_respected(here, s3):
    first = here.airflow.run("bucket_sync", s3.conf(), timeout=240)
    assert first.state == "success"
    index = here.server.log.last_index
    s3.put("source", {"new": "n"})
    mirrored(here, s3)
    locks = [entry for entry in here.server.log.since(index) if "/_bucketsync/lock-" in (entry.key or "")]
    key = locks[0].key
    here.server.core.put("destination", key, json.dumps(_lock(s3)))
    s3.put("source", {"newer": "n"})
    run = here.airflow.run("bucket_sync", s3.conf(), timeout=300)
    assert run.state == "failed"
    words = run.log(f"{GROUP}.plan", attempt=1)
    assert "another run holds the lock of this pair" in words
    assert "theirs" in words
    skipped = here.airflow.run("bucket_sync", s3.conf(on_lock="skip"), timeout=240)
    assert skipped.state == "success"
    assert "newer" not in s3.keys("destination")
    waits = here.airflow.trigger("bucket_sync", s3.conf(on_lock="wait"))
    run, ends = here.airflow.running("bucket_sync", waits), time.monotonic() + 120
    while run.instance(f"{GROUP}.plan").get("state") != "up_for_reschedule":
        assert time.monotonic() < ends, run.states()
        time.sleep(1)
    here.server.core.delete("destination", key)
    run = here.airflow.wait("bucket_sync", waits, timeout=240)
    assert run.state == "success", run.log(REPORT)
    assert s3.keys("destination")["newer"] == "n"


def _lock(places: Places) -> dict[str, Any]:
    now = "2999-01-01T00:00:00+00:00"
    return {
        "schema": "bucketsync/lock", "version": 1, "pair": "theirs", "run": "theirs", "airflow": "f" * 32,
        "dag_id": "theirs", "run_id": "theirs", "source": places.url("source"),
        "destination": places.url("destination"), "acquired": now, "renewed": now, "lease": 600, "number": 1,
    }  # fmt: skip
