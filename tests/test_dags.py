"""Do the DAGs of this project parse, quickly, without touching a network, a connection or a Variable?"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys

import pytest
from airflow.sdk import Asset
from airflow.serialization.serialized_objects import DagSerialization

from tests.house import ROOT

FILES = sorted((ROOT / "dags").glob("*.py"))
EXAMPLES = [path for path in FILES if path.stem.startswith("example_")]
EXPECTED = {
    "bucket_sync", "example_bucket_sync", "example_after_bucket_sync", "example_hourly_sync",
    "example_following_sync", "example_restoring_sync", "compare_buckets", "sweep_uploads", "clean_bucket",
    "undo_sync", "sweep_trash", "analyse_bucket", "bucket_sync__sample_exports", "bucket_sync__sample_second_copy",
    "bucket_sync__sample_restore",
}  # fmt: skip
PARSE = """
import json, os, runpy, socket, sys, time
import airflow.sdk
from airflow.sdk.definitions.connection import Connection
from airflow.sdk.definitions.variable import Variable

def refused(*args, **kwargs):
    raise RuntimeError("touched while parsing")

socket.socket.connect = socket.getaddrinfo = refused
Connection.get = Variable.get = refused
for path in sys.argv[1:]:
    began = time.process_time()
    names = [item.dag_id for item in runpy.run_path(path).values() if isinstance(item, airflow.sdk.DAG)]
    seconds = time.process_time() - began
    loaded = [name for name in ("boto3", "botocore") if name in sys.modules]
    print(json.dumps({"dags": names, "seconds": seconds, "loaded": loaded}))
"""
LIGHT = ["bucket_sync", "example_bucket_sync", "example_schedules", "pairs"]
"""What every task reads again; parsed before all others, so that each of them answers for what it loads."""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "BUCKETSYNC"))}
    paths = sorted(FILES, key=lambda path: path.stem not in LIGHT)
    answer = subprocess.run(
        [sys.executable, "-c", PARSE, *map(str, paths)],
        env=environment | {"AIRFLOW_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    lines = [line for line in answer.stdout.splitlines() if line.startswith("{")]
    return {path.stem: json.loads(line) for path, line in zip(paths, lines, strict=True)}


def test_all_dags_are_there(parsed):
    assert {name for answer in parsed.values() for name in answer["dags"]} >= EXPECTED


@pytest.mark.parametrize("name", LIGHT)
def test_what_every_task_reads_again_is_light(parsed, name):
    assert parsed[name]["loaded"] == []
    assert parsed[name]["seconds"] < 1.5, "CPU seconds beyond `import airflow.sdk`; 0.2 when this was written"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_serialises(path, monkeypatch):
    from airflow.sdk import DAG

    for dag in [item for item in runpy.run_path(str(path)).values() if isinstance(item, DAG)]:
        text = json.dumps(DagSerialization.to_dict(dag))
        assert len(text) < 60_000
        assert dag.catchup is False


def syncs(path):
    """The DAGs of a file that write, each with its `prepare`."""
    from airflow.sdk import DAG

    for dag in [item for item in runpy.run_path(str(path)).values() if isinstance(item, DAG)]:
        if "bucket_sync.prepare" in dag.task_ids:
            yield dag, dag.get_task("bucket_sync.prepare")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_pair_has_one_run_at_a_time(path):
    for dag, _ in syncs(path):
        assert dag.max_active_runs == 1, dag.dag_id


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.stem.startswith("example_")], ids=lambda path: path.stem
)
def test_examples_start_nothing_unasked_and_take_no_location_from_a_run(path):
    for dag, prepare in syncs(path):
        assert dag.schedule is None or dag.is_paused_upon_creation, dag.dag_id
        assert "{" not in prepare.source + prepare.destination
        assert not dag.params


def test_the_sample_pairs_file_starts_nothing_unasked():
    from airflow.sdk import DAG

    dags = [item for item in runpy.run_path(str(ROOT / "dags" / "pairs.py")).values() if isinstance(item, DAG)]
    assert {dag.is_paused_upon_creation for dag in dags} == {True}


def test_somebody_is_told_of_every_scheduled_example():
    dags = {dag.dag_id: dag for dag, _ in syncs(ROOT / "dags" / "example_schedules.py")}
    assert {name for name, dag in dags.items() if dag.on_failure_callback} == {
        name for name, dag in dags.items() if dag.schedule is not None
    }
    assert dags["example_hourly_sync"].deadline
    assert dags["example_following_sync"].schedule == [Asset("example_exports_backed_up")]


def test_form_follows_the_settings(monkeypatch):
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS", "min_size, dry_run")
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS", "s3://a@one/")
    dag = runpy.run_path(str(ROOT / "dags" / "bucket_sync.py"))["dag"]
    assert list(dag.params) == ["source", "destination", "min_size", "dry_run"]
    assert dag.params.get_param("source").schema["examples"] == ["s3://a@one/"]
    assert dag.max_active_runs == 1
    assert dag.schedule is None


def test_setting_that_names_no_option_is_an_import_error(monkeypatch):
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS", "deletes")
    with pytest.raises(Exception, match="AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS"):
        runpy.run_path(str(ROOT / "dags" / "bucket_sync.py"))


def test_a_sweep_by_hand_is_a_dry_run_of_what_is_ours(monkeypatch):
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS", "s3://a@one/")
    dag = runpy.run_path(str(ROOT / "dags" / "sweep_uploads.py"))["dag"]
    assert list(dag.params) == ["location", "older_than", "dry_run"], "strangers' uploads can't be chosen"
    assert dag.params.get_param("location").schema["examples"] == ["s3://a@one/"]
    assert dag.params["dry_run"] is True
    assert dag.schedule is None
    (task,) = dag.tasks
    assert (task.older_than, task.whose) == ("7 days", "ours")


def test_a_clean_up_by_hand_is_a_dry_run_within_limits(monkeypatch):
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS", "s3://a@one/")
    dag = runpy.run_path(str(ROOT / "dags" / "clean_bucket.py"))["dag"]
    assert "everything" not in dag.params, "runs go by rules"
    assert not {"trash", "max_deletes", "max_delete_share"} & set(dag.params), "limits are the author's"
    assert dag.params.get_param("location").schema["examples"] == ["s3://a@one/"]
    assert dag.params["dry_run"] is True
    assert dag.schedule is None
    (task,) = dag.tasks
    assert (task.limits.max_deletes, task.limits.max_delete_share, task.trash) == (1_000, 0.5, "deleted")


def test_an_undo_by_hand_is_a_dry_run_of_one_run():
    dag = runpy.run_path(str(ROOT / "dags" / "undo_sync.py"))["dag"]
    assert list(dag.params) == ["folder", "dry_run"]
    assert dag.params["dry_run"] is True
    assert dag.schedule is None


def test_a_sweep_of_the_trash_by_hand_is_a_dry_run_of_what_is_old(monkeypatch):
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS", "s3://a@one/")
    dag = runpy.run_path(str(ROOT / "dags" / "sweep_trash.py"))["dag"]
    assert list(dag.params) == ["location", "older_than", "dry_run"]
    assert dag.params.get_param("location").schema["examples"] == ["s3://a@one/"]
    assert dag.params["dry_run"] is True
    assert dag.schedule is None
    (task,) = dag.tasks
    assert task.older_than == "30 days"


def test_an_analysis_by_hand_asks_for_one_place_and_writes_nowhere(monkeypatch):
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS", "s3://a@one/")
    dag = runpy.run_path(str(ROOT / "dags" / "analyse_bucket.py"))["dag"]
    assert next(iter(dag.params)) == "source"
    assert "destination" not in dag.params
    assert dag.params.get_param("source").schema["examples"] == ["s3://a@one/"]
    assert dag.schedule is None
