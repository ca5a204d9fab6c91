"""Faults of what Airflow keeps for a sync: F56 and F58 (checkpoint), F61 (XCom of a zombie), F63 (state of a task)."""

from __future__ import annotations

import json

import pytest

from airflow_bucketsync.state import AIRFLOW_KEY, PROGRESS_KEY


@pytest.fixture
def twice(flow, put):
    """The report of an incremental run over two files, one of them new, after a full one and what was done to it."""

    def run(change):
        put(a="1")
        assert flow().run().errors == {}
        change(flow.state)
        put(b="2")
        run = flow(mode="incremental").run()
        assert run.errors == {}
        return run.summary("report")

    return run


def test_incremental_where_nothing_is_wrong(twice, folders):
    assert twice(lambda state: None)["counts"] == {"copied": 1, "same": 1}
    [listed] = {path.parent.name for path in (folders / "work").rglob("report.json") if "run-2" in str(path)}
    assert '"mode": "incremental"' in next((folders / "work").rglob(f"{listed}/report.json")).read_text()


def pair_in(state):
    """The name under which the checkpoint stands, beside the id of the Airflow."""
    [name] = [name for name in state if name != AIRFLOW_KEY]
    return name


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda state: state.clear(), id="F58 expired"),
        pytest.param(lambda state: state.set(pair_in(state), {"schema": "unknown"}), id="F56 unknown"),
        pytest.param(
            lambda state: state.set(pair_in(state), {**state.get(pair_in(state)), "fingerprint": "0" * 64}),
            id="F56 other options",
        ),
    ],
)
def test_faults_F56_F58_checkpoint_is_gone_or_another(twice, folders, change):
    assert twice(change)["counts"] == {"copied": 1, "same": 1}
    [report] = [path for path in (folders / "work").rglob("report.json") if "run-2" in str(path)]
    assert '"mode": "full"' in report.read_text()
    assert "remembered" in report.read_text() or "compared" in report.read_text()


def test_fault_F61_zombie_hands_over_after_its_retry(flow, put, folders):
    put(a="1", b="2")
    run = flow()

    def forge():
        run.xcoms["bucket_sync.copy", 0, "summary"]["counts"] = {"failed": 9}

    run.run(before={"report": forge})
    assert run.errors == {}
    assert run.summary("report")["counts"] == {"copied": 2}


def test_fault_F63_state_of_what_was_another_batch(flow, put, folders):
    """Plan and copy are cleared in one run: what the task instance kept speaks of what its batch was before."""
    put(a="1", b="2")
    run = flow().run()
    assert run.errors == {}
    [index] = (folders / "work").rglob("result/0000-try01.json")
    result = json.loads(index.read_bytes())
    kept = {"plan": result["plan"], "segments": [result["page"]], "uploads": [], "done": 2}
    run.task_state["bucket_sync.copy", 0].set(PROGRESS_KEY, kept)
    put(c="3", d="4")
    run.states.clear()
    run.run()
    assert run.errors == {}
    assert run.summary("report")["counts"] == {"copied": 2, "same": 2}
    assert {path.name for path in (folders / "out").iterdir() if path.is_file()} == {"a", "b", "c", "d"}
