"""How does a run end when one of its tasks fails? The outcome table of the flow, in a real Airflow on PostgreSQL.

Every failure is made outside: the store of the workspace answers 403 to one request, which no retry helps.
S = skipped, ok = success, F = failed, UF = upstream_failed; a mapped task shows each state it has. `plan` skips
`delete_extra` while nothing asks for deletes, so it shows S where a plan with deletes would show UF.
"""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import pytest

from tests.system.world import DAGS, SECRETS, size_of, states, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]

WORDS = {"success": "ok", "skipped": "S", "failed": "F", "upstream_failed": "UF"}
COLUMNS = ("prepare", "list", "plan", "copy", "begin_uploads", "upload_parts", "complete_uploads", "verify",
           "delete_extra", "report")  # fmt: skip
DENIED = {"status": 403, "code": "AccessDenied", "message": "no", "bucket": "workspace"}
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    dags = tmp_path_factory.mktemp("dags")
    for path in (*DAGS.glob("*.py"), *(Path(__file__).parent / "dags").glob("*.py")):
        shutil.copy(path, dags)
    with world(tmp_path_factory.mktemp("outcomes"), postgres=True, dags=dags) as made:
        yield made


@pytest.fixture
def pair(here):
    """A source with six objects, which make two batches, and an empty destination."""
    name = f"pair-{next(NUMBERS)}"
    here.put({f"{name}/{n}": f"body {n}" for n in range(6)})
    return {"source": f"s3://store@source/{name}/", "destination": f"s3://store@destination/{name}/"}


@pytest.fixture
def many(here, pair):
    """More objects than one page lists, so that `list` is mapped."""
    name = pair["source"].split("/")[3]
    here.put({f"{name}/many-{n:04d}": "x" for n in range(1_000)})
    return pair


def row(run):
    """The run as a row of the table, with the tasks that ran."""
    found = states(run)
    return [" ".join(sorted({WORDS[state] for state in found[name].split()})) for name in COLUMNS]


def expected(line):
    return [cell.strip() for cell in line.split("|")]


def test_no_large(here, many):
    run = here.sync(**many, batch_objects=600)
    #      prepare | list | plan | copy | begin | parts | complete | verify | delete | report
    assert row(run) == expected("ok | ok | ok | ok | S | S | ok | ok | S | ok"), run.log("bucket_sync.report")
    assert run.state == "success"
    assert len([item for item in run.instances if item["task_id"] == "bucket_sync.copy"]) == 2
    assert run.executed == 1 + 2 + 1 + 2 + 1 + 2 + 1
    assert here.keys("destination", many["destination"].split("/", 3)[3])["many-0999"] == b"x"


def test_nothing(here, many):
    assert here.sync(**many).state == "success"
    run = here.sync(**many, exclude=["nothing has this name"])  # another selection: the checkpoint does not fit
    assert row(run) == expected("ok | ok | ok | S | S | S | S | S | S | ok"), run.log("bucket_sync.report")
    assert run.state == "success"
    assert run.executed == 5
    assert "the state of the last run is ignored" in run.log("bucket_sync.report")


def test_nothing_and_plan_lists_by_itself(here, pair):
    assert here.sync(**pair).state == "success"
    run = here.sync(**pair)
    assert row(run) == expected("ok | S | ok | S | S | S | S | S | S | ok")
    assert run.state == "success"
    assert run.executed == 3


def test_a_copy_fails(here, pair):
    with here.fault(operation="PutObject", key_regex="/result/0001-", **DENIED):
        run = here.sync(**pair, batch_objects=3)
    assert row(run) == expected("ok | S | ok | F ok | S | S | ok | ok | S | F")
    assert run.state == "failed"
    report = run.xcom("bucket_sync.report", "summary")
    assert not report["green"]
    assert any("copy" in name for name in report["incomplete"]), report["incomplete"]
    assert "RED: " in run.log("bucket_sync.report")
    again = here.sync(**pair)
    assert again.state == "success", again.log("bucket_sync.report")


def test_complete_fails(here, pair):
    with here.fault(operation="GetObject", key_regex="/result/0000-try01.json", times=1, **DENIED):
        run = here.sync(**pair)
    assert row(run) == expected("ok | S | ok | ok | S | S | F | UF | S | F")
    assert run.state == "failed"


def test_verify_fails(here, pair):
    with here.fault(operation="PutObject", key_regex="/findings/", **DENIED):
        run = here.sync(**pair)
    assert row(run) == expected("ok | S | ok | ok | S | S | ok | F | S | F")
    assert run.state == "failed"
    assert here.airflow.asset_events() == [] or run.run_id not in {
        event["source_run_id"] for event in here.airflow.asset_events()
    }


def test_prepare_fails(here, pair):
    run = here.sync("s3://store@missing-bucket/", pair["destination"])
    assert row(run) == expected("F | UF | UF | UF | UF | UF | S | S | UF | F")
    assert run.state == "failed"
    assert "missing-bucket" in run.log("bucket_sync.prepare")


def test_list_fails(here, many):
    with here.fault(operation="PutObject", key_regex="/list/source-", **DENIED):
        run = here.sync(**many)
    assert row(run) == expected("ok | F ok | UF | UF | UF | UF | S | S | UF | F")
    assert run.state == "failed"


def test_plan_fails(here, pair):
    with here.fault(operation="PutObject", key_regex="/plan/manifest", **DENIED):
        run = here.sync(**pair)
    assert row(run) == expected("ok | S | F | UF | UF | UF | S | S | UF | F")
    assert run.state == "failed"
    assert here.keys("destination", pair["destination"].split("/", 3)[3]) == {}


def test_a_transient_failure_is_tried_again(here, pair):
    """A whole try of `plan` fails for the store's sake: it waits and works."""
    with here.fault(operation="ListObjectsV2", bucket="source", first=9, code="InternalError", status=500):
        run = here.sync(**pair, timeout=240)
    assert run.state == "success", states(run)
    assert any(item["try_number"] > 1 for item in run.instances)


def test_failed_objects_are_no_failed_task(here, pair):
    name = pair["source"].split("/")[3]
    with here.fault(operation="CopyObject", key=f"{name}/3", status=403, code="AccessDenied", message="no"):
        run = here.sync(**pair)
    assert row(run) == expected("ok | S | ok | ok | S | S | ok | ok | S | F")
    report = run.xcom("bucket_sync.report", "summary")
    assert report["counts"] == {"copied": 5, "failed": 1}
    log = run.log("bucket_sync.report")
    assert "failed    '3': access_denied" in log
    line = next(line for line in log.splitlines() if line.startswith("object failed"))
    fields = json.loads(line.partition("  ")[2])
    assert (fields["key"], fields["reason"], fields["pair"]) == ("3", "access_denied", report["pair"])


def test_one_copy_at_a_time_and_a_configuration_that_nobody_reads(here):
    """D1; the author's arguments are the truth, whatever the run is configured with (S01, S07)."""
    here.put({f"narrow/123/{n}": "x" for n in range(4)})
    here.put({"other/x": "x"})
    conf = {"source": "s3://store@source/other/", "destination": "s3://store@destination/other/", "dry_run": True}
    run = here.airflow.run("narrow", conf)
    assert run.state == "success", run.log("bucket_sync.report")
    assert set(here.keys("destination", "narrow/")) == {"0", "1", "2", "3"}
    assert here.keys("destination", "other/") == {}
    times = sorted(
        (item["start_date"], item["end_date"]) for item in run.instances if item["task_id"] == "bucket_sync.copy"
    )
    assert len(times) == 4
    assert all(ended <= began for (_, ended), (began, _) in itertools.pairwise(times))
    assert run.rendered("bucket_sync.prepare")["source"] == "s3://store@source/narrow/123/"
    assert run.xcom("bucket_sync.report")["pair"] == "123"


def test_nothing_is_large_and_nothing_is_secret(here):
    """Last in the file: it reads what all the runs before it left, failures and their tracebacks among them."""
    for found in here.airflow.runs("bucket_sync"):
        run = here.airflow.wait("bucket_sync", found["dag_run_id"])
        for entry in run.xcoms():
            assert size_of(run.xcom(entry["task_id"], entry["key"], entry["map_index"])) <= 10_000, entry
    for place, text in here.texts():
        for secret in SECRETS:
            assert secret not in text, f"{place} holds a secret"
