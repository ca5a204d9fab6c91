"""Does the precheck of a pair run alone, and before a pair's first run, as the options and executors say?"""

from __future__ import annotations

import json
import os

import pytest
from airflow.sdk import DAG

from airflow_bucketsync.configuration.section import several_machines
from airflow_bucketsync.engine.errors import PrecheckFailed
from airflow_bucketsync.operators.precheck import PrecheckOperator
from tests.operators.fakes import FlowRun, Store


def asked(folders, **options):
    with DAG("dag", schedule=None) as dag:
        PrecheckOperator(
            task_id="precheck",
            source=f"file://{folders}/in/",
            destination=f"file://{folders}/out/",
            options=options,
        )
    return FlowRun(dag, state=Store()).run()


def test_alone_it_asks_and_writes_nothing(folders, put):
    put(a="1")
    run = asked(folders, precheck="never")
    assert run.errors == {}
    found = run.summary_of("precheck")
    assert found["counts"] == {"done": 20, "not_asked": 5}
    document = json.loads((folders / "work" / found["folder"] / found["document"]).read_text())
    assert len(document["checks"]) == 25
    assert sorted(os.listdir(folders)) == ["in", "work"]


def test_alone_it_is_red_when_something_is_missing(folders, put):
    put(a="1")
    os.symlink(folders / "in", folders / "out")
    run = asked(folders)
    (error,) = run.errors.values()
    assert isinstance(error, PrecheckFailed)
    assert "lead into one folder, by a link or a mount" in str(error)


def test_before_the_first_run_and_then_remembered(flow, put):
    put(a="1")
    first, second, third = flow().run(), flow().run(), flow(precheck="never").run()
    found = [run.summary("report")["precheck"] for run in (first, second, third)]
    assert [found[0]["remembered"], found[1]["remembered"], found[2]] == [False, True, None]
    assert found[0]["when"] == found[1]["when"]


def test_a_failed_one_ends_the_run(flow, put, folders):
    put(a="1")
    os.symlink(folders / "in", folders / "out")
    run = flow().run()
    assert isinstance(run.errors["bucket_sync.prepare", -1], PrecheckFailed)
    assert run.state_of("plan") == "upstream_failed"
    assert os.listdir(folders / "in") == ["a"]


def test_a_workspace_that_other_machines_do_not_see(flow, put, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor,my_team=CeleryExecutor")
    put(a="1")
    warnings = flow().run().summary("report")["warnings"]
    assert any("CeleryExecutor runs tasks on several machines" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ("LocalExecutor", ""),
        ("CeleryExecutor", "CeleryExecutor"),
        ("LocalExecutor,airflow.providers.cncf.kubernetes.executors.kubernetes_executor.KubernetesExecutor",
         "KubernetesExecutor"),
        ("CeleryExecutor, EdgeExecutor", "CeleryExecutor and EdgeExecutor"),
        ("fast:airflow.providers.celery.executors.celery_executor.CeleryExecutor", "CeleryExecutor"),
    ],
)  # fmt: skip
def test_executors_of_several_machines(monkeypatch, setting, names):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", setting)
    assert several_machines() == names
