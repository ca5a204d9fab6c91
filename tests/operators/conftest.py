"""A DAG with one sync between two folders, and runs of it without Airflow's processes."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG

from airflow_bucketsync import bucket_sync
from tests.operators.fakes import FlowRun, Store


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Source, destination and workspace below one folder; the workspace is what the settings say."""
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__WORKSPACE", f"file://{tmp_path}/work/")
    (tmp_path / "in").mkdir()
    return tmp_path


@pytest.fixture
def put(folders):
    def put(**files):
        for name, text in files.items():
            (folders / "in" / name).write_text(text)

    return put


@pytest.fixture
def flow(folders):
    """Runs of a sync from `in` to `out`; the state is that of all of them."""
    state = Store()
    count = 0

    def run(**options):
        nonlocal count
        count += 1
        with DAG("dag", schedule=None) as dag:
            bucket_sync(f"file://{folders}/in/", f"file://{folders}/out/", **options)
        return FlowRun(dag, state=state, run_id=f"run-{count}")

    run.state = state
    return run
