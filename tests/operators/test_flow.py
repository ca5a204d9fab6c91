"""Do the operators, one after the other, do what the steps promise? (folders, no processes of Airflow)"""

from __future__ import annotations

import json
import os

import pytest

from airflow_bucketsync.engine.errors import InvalidConfiguration, PlanMismatch, SyncIncomplete
from airflow_bucketsync.operators.base import MAX_XCOM, XComTooLarge


def small(run):
    return all(len(json.dumps(value)) <= MAX_XCOM for value in run.xcoms.values())


def test_first_run_copies_and_second_does_nothing(flow, put, folders):
    put(a="1", b="22")
    first = flow().run()
    assert first.errors == {}
    assert sorted(os.listdir(folders / "out")) == ["a", "b"]
    assert (folders / "out" / "b").read_text() == "22"
    report = first.xcoms["bucket_sync.report", -1, "return_value"]
    assert report["counts"] == {"copied": 2}
    assert report["green"]
    assert report == first.summary("report")
    ((asset, extra),) = first.events.added
    assert asset.uri == f"file://{folders}/out"
    assert extra["counts"] == {"copied": 2}
    assert (folders / "work" / extra["report"]).exists()
    assert small(first)
    second = flow().run()
    assert [second.state_of(name) for name in ("prepare", "list", "plan", "copy", "complete_uploads", "report")] == [
        "success", "skipped", "success", "skipped", "skipped", "success",
    ]  # fmt: skip
    assert second.events.added == []


def test_author_options_reach_the_engine(flow, put, folders):
    put(a="1", keep="2")
    assert flow(exclude=["a"], name="mine").run().errors == {}
    assert os.listdir(folders / "out") == ["keep"]
    assert "mine" in flow.state


def test_dry_run_writes_nothing(flow, put, folders):
    put(a="1")
    run = flow(dry_run=True).run()
    assert run.errors == {}
    assert not (folders / "out").exists()
    assert run.events.added == []


def test_row_C13_a_dry_run_leaves_its_review_and_runs_no_task(flow, put, folders, capsys):
    put(a="1", b="22")
    (folders / "out").mkdir()
    (folders / "out" / "old").write_text("o")
    run = flow(dry_run=True, delete=True, max_delete_share=1.0).run()
    assert run.errors == {}
    ran = ("prepare", "plan", "report")
    tasks = ("copy", "begin_uploads", "upload_parts", "complete_uploads", "verify", "delete_extra")
    assert [run.state_of(name) for name in (*ran, *tasks)] == ["success"] * 3 + ["skipped"] * 6
    planned = run.summary("plan")
    assert (planned["dry"], planned["batches"], planned["groups"], planned["deletes"]) == (True, 1, 0, 1)
    assert capsys.readouterr().out.count("] DRY RUN: ") == 2, "in the log of `plan`, and in that of `report`"
    assert (folders / "work" / planned["review"]).exists()
    assert (folders / "work" / planned["review_page"]).read_text().startswith("# What a run would do")
    report = run.xcoms["bucket_sync.report", -1, "return_value"]
    assert report["review"] == planned["review"]
    assert report["counts"] == {"withheld": 3}
    assert small(run)
    assert sorted(os.listdir(folders / "out")) == ["old"]


def test_verify_none_is_no_event(flow, put):
    put(a="1")
    run = flow(verify="none").run()
    assert run.errors == {}
    assert run.state_of("verify") == "skipped"
    assert run.events.added == []


def test_unreadable_object_makes_the_run_red(flow, put, folders, monkeypatch):
    put(a="1", b="2")

    def vanish():
        (folders / "in" / "a").unlink()

    run = flow(on_missing="fail").run(before={"copy": vanish})
    assert run.state_of("copy") == "success"
    assert isinstance(run.errors["bucket_sync.report", -1], SyncIncomplete)
    assert run.summary("report")["counts"] == {"copied": 1, "failed": 1}
    assert ("bucket_sync.report", -1, "return_value") not in run.xcoms
    assert run.events.added == []
    assert flow.state, "the checkpoint is saved before the task raises"


def test_page_of_a_batch_that_was_damaged(flow, put, folders):
    put(a="1")

    def damage():
        (page,) = (folders / "work").rglob("batch-*.zst")
        page.write_bytes(page.read_bytes()[:-1] + b"?")

    run = flow().run(before={"copy": damage})
    assert isinstance(run.errors["bucket_sync.copy", 0], PlanMismatch)
    assert run.state_of("report") == "failed"
    assert not (folders / "out" / "a").exists()


def test_plan_that_was_swapped(flow, put, folders):
    """The manifest of another run in place of this run's."""
    put(a="1")
    assert flow().run().errors == {}
    put(b="2")

    def swap():
        old, new = sorted((folders / "work").rglob("manifest.json"), key=os.path.getmtime)
        new.write_bytes(old.read_bytes())

    run = flow().run(before={"copy": swap})
    assert isinstance(run.errors["bucket_sync.copy", 0], PlanMismatch)
    assert isinstance(run.errors["bucket_sync.report", -1], SyncIncomplete)
    assert not (folders / "out" / "b").exists()


@pytest.mark.parametrize("name", ["prepare", "plan"])
def test_lost_summary_stops_the_run(flow, put, folders, name):
    put(a="1")
    run = flow()

    def forget():
        del run.xcoms[f"bucket_sync.{name}", -1, "summary"]

    run.run(before={"copy": forget})
    assert isinstance(run.errors["bucket_sync.copy", 0], PlanMismatch)
    assert f"bucket_sync.{name}" in str(run.errors["bucket_sync.copy", 0])
    assert run.state_of("report") == "failed"
    assert not (folders / "out" / "a").exists()


def test_fault_F67_a_plan_without_work_whose_xcom_is_gone_is_not_green(flow, put, folders):
    put(a="1")
    assert flow().run().errors == {}
    run = flow()

    def forget():
        del run.xcoms["bucket_sync.plan", -1, "summary"]

    run.run(before={"report": forget})
    assert isinstance(run.errors["bucket_sync.report", -1], SyncIncomplete)
    assert "was removed" in str(run.errors["bucket_sync.report", -1])


def test_fault_F65_never_more_batches_than_airflow_maps_over(flow, put, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "2")
    put(a="1", b="2", c="3", d="4", e="5")
    run = flow(batch_objects=1, max_batches=100).run()
    assert run.errors == {}
    assert run.xcoms["bucket_sync.plan", -1, "return_value"] == [0, 1]


def test_worker_with_another_workspace(flow, put, folders, monkeypatch):
    put(a="1")

    def move():
        monkeypatch.setenv("AIRFLOW__BUCKETSYNC__WORKSPACE", f"file://{folders}/elsewhere/")

    run = flow().run(before={"copy": move})
    assert isinstance(run.errors["bucket_sync.copy", 0], InvalidConfiguration)
    assert "all workers need the same" in str(run.errors["bucket_sync.copy", 0])


@pytest.mark.parametrize("batch", ["0", True, -1, 1.0, None, "{{ 1 }}", [0]])
def test_what_is_no_number_is_not_copied(flow, put, folders, batch):
    put(a="1")
    run = flow()

    def change():
        run.xcoms["bucket_sync.plan", -1, "return_value"] = [batch]

    run.run(before={"copy": change})
    assert isinstance(run.errors["bucket_sync.copy", 0], InvalidConfiguration)
    assert not (folders / "out" / "a").exists()


def test_workspace_inside_a_side_is_refused(flow, put, folders, monkeypatch):
    put(a="1")
    for place in ("in/pages", "out", "."):
        monkeypatch.setenv("AIRFLOW__BUCKETSYNC__WORKSPACE", f"file://{(folders / place).resolve()}/")
        run = flow().run()
        assert "overlap" in str(run.errors["bucket_sync.prepare", -1]), place


def test_stop_before_and_while_it_works(flow, put, folders):
    put(a="1")
    run = flow()
    copy = run.dag.get_task("bucket_sync.copy").unmap({"batch": 0})

    def stop():
        copy.on_kill()
        with pytest.raises(Exception, match="asked to stop"):
            copy.execute(run.context("bucket_sync.copy", 0))

    run.run(before={"copy": stop})
    assert run.errors == {}, "another try of the same batch works"
    assert (folders / "out" / "a").read_text() == "1"
    gate = copy.new_gate()
    assert gate.stopped


def test_skipped_group_skips_its_report(flow, put):
    put(a="1")
    run = flow()
    run.states = {(task.task_id, -1): "skipped" for task in run.dag.tasks if not task.task_id.endswith(".report")}
    run._run_task(run.dag.get_task("bucket_sync.report"))
    assert run.state_of("report") == "skipped"


def test_second_group_of_a_dag_has_a_folder_of_its_own(folders, put):
    from airflow.sdk import DAG

    from airflow_bucketsync import bucket_sync
    from tests.operators.fakes import FlowRun, Store

    put(a="1")
    with DAG("dag", schedule=None) as dag:
        bucket_sync(f"file://{folders}/in/", f"file://{folders}/one/", name="same", group_id="one")
        bucket_sync(f"file://{folders}/in/", f"file://{folders}/two/", name="same", group_id="two")
    run = FlowRun(dag, state=Store()).run()
    assert run.errors == {}
    assert len(list((folders / "work" / "same").glob("dag__*"))) == 2
    assert (folders / "two" / "a").read_text() == (folders / "one" / "a").read_text() == "1"


def test_xcom_that_is_too_large(flow, put):
    put(a="1")
    run = flow()
    plan = run.dag.get_task("bucket_sync.plan")
    with pytest.raises(XComTooLarge):
        plan.hand_over(run.context("bucket_sync.plan"), {"reason": "x" * MAX_XCOM})
    with pytest.raises(XComTooLarge):
        plan.numbers(range(5_000))
    assert len(plan.numbers(range(1024))) == 1024
