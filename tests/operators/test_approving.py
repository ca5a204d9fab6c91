"""A person's yes to a whole plan, and a reviewed plan that is applied, through the operators. (C16)"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRescheduleException

from airflow_bucketsync.engine.errors import InvalidConfiguration, PlanDrifted, PlanMismatch
from airflow_bucketsync.operators import asking
from airflow_bucketsync.operators.asking import APPROVAL_KEY
from airflow_bucketsync.operators.plan import APPLY, KEEP

PLAN = "bucket_sync.plan"
ADA = {"id": "7", "name": "ada"}
YES = {"chosen_options": [APPLY], "responded_by_user": ADA}


@pytest.fixture
def asked(monkeypatch):
    """The questions that were put to people."""
    questions: list[dict[str, Any]] = []
    monkeypatch.setattr(asking, "upsert_hitl_detail", lambda **question: questions.append(question))
    return questions


@pytest.fixture
def many(put):
    """Ten files at the source."""
    put(**{f"k{number}": "1" for number in range(10)})


def parked(flow, **options):
    """A run that waits in `plan`; the tasks behind it did not run yet."""
    run = flow(approve_plan=True, **options)
    for task in run.dag.topological_sort():
        run._run_task(task)
        if task.task_id == PLAN:
            break
    assert run.state_of("plan") == "awaiting_input", run.errors
    return run


def answer(run, *, rest=True, **event):
    """A person answers, and the rest of the run goes on."""
    waits = run.parked.pop((PLAN, -1))
    task = run.dag.get_task(PLAN)
    value = getattr(task, waits.method_name)(run.context(PLAN), event=event, **waits.kwargs)
    done(run, value)
    if rest:
        go_on(run)
    return run


def done(run, value):
    """`plan` ended with this."""
    run.states[PLAN, -1] = "success"
    run.xcoms[PLAN, -1, "return_value"] = json.loads(json.dumps(value))
    skipped = run.xcoms.get((PLAN, -1, "skipmixin_key"), {}).get("skipped", ())
    run.states.update({(task_id, -1): "skipped" for task_id in skipped})


def go_on(run):
    """The tasks behind `plan`."""
    for task in run.dag.topological_sort():
        if (task.task_id, -1) not in run.states:
            run._run_task(task)


def locks(folders):
    """The locks at the destination."""
    return [path.name for path in (folders / "out").rglob("lock-*")]


def test_row_C16_a_person_is_asked_before_anything_is_written(flow, many, asked, folders):
    run = parked(flow, approvers=["ada"], approval_hours=2)
    [question] = asked
    assert question["options"] == [APPLY, KEEP]
    assert question["defaults"] == [KEEP]
    assert question["params"] == {}
    assert question["assigned_users"] == [{"id": "ada", "name": "ada"}]
    assert "10 to bring in step" in question["subject"]
    assert "within 2 hours" in question["body"]
    assert "# What this run does" in question["body"]
    assert run.parked[PLAN, -1].timeout.total_seconds() == 7200
    assert locks(folders) == [], "others may work while somebody thinks"
    assert not list((folders / "out").glob("k*")) if (folders / "out").exists() else True
    answer(run, **YES)
    assert run.errors == {}
    report = run.summary("report")
    assert report["counts"] == {"copied": 10}
    assert report["verified"]
    assert (report["approval"]["answer"], report["approval"]["by"]) == ("apply", "ada")
    assert report["approval"]["at"]
    assert sorted(os.listdir(folders / "out"))[-10:] == [f"k{number}" for number in range(10)]
    assert locks(folders) == []


@pytest.mark.parametrize(
    ("event", "reason", "said"),
    [
        ({"chosen_options": [KEEP], "responded_by_user": ADA}, "rejected", "keep"),
        ({"chosen_options": [KEEP], "responded_by_user": None, "timedout": True}, "not_answered", "none"),
        ({}, "rejected", "keep"),
    ],
)
def test_row_C16_a_no_withholds_every_planned_key_and_is_green(flow, many, asked, folders, event, reason, said):
    (folders / "out").mkdir()
    (folders / "out" / "old").write_text("old")
    run = answer(parked(flow, delete=True, max_delete_share=1.0), **event)
    assert run.errors == {}
    assert run.state_of("copy") == "skipped"
    assert run.state_of("delete_extra") == "skipped"
    assert run.state_of("complete_uploads") == "skipped"
    report = run.summary("report")
    assert report["green"]
    assert not report["verified"]
    assert report["reasons"] == {f"withheld: {reason}": 11}
    assert report["approval"]["answer"] == said
    assert os.listdir(folders / "out") == ["old"]
    assert run.events.added == []
    assert list(run.state) == ["-airflow"], "the pair's state is as it was"
    parked(flow, delete=True, max_delete_share=1.0)
    assert len(asked) == 2, "the next run asks again"


def test_row_C16_nobody_is_asked_about_nothing(flow, many, asked):
    flow().run()
    run = flow(approve_plan=True).run()
    assert asked == []
    assert run.errors == {}
    assert run.summary("report")["counts"] == {"same": 10}
    assert flow(approve_plan=True, dry_run=True).run().errors == {}
    assert asked == []


def test_row_C16_one_question_covers_the_deletions(flow, many, asked, folders):
    (folders / "out").mkdir()
    (folders / "out" / "old").write_text("old")
    run = answer(parked(flow, delete=True, max_delete_share=1.0, approve_above=0), **YES)
    assert run.errors == {}
    assert len(asked) == 1
    assert "1 to delete" in asked[0]["subject"]
    assert run.summary("report")["counts"] == {"copied": 10, "trashed": 1}
    assert run.summary("report")["approval"]["answer"] == "apply"


def test_row_C16_a_retry_does_not_ask_again_and_a_new_plan_does(flow, many, asked, put, folders):
    run = answer(parked(flow), rest=False, **YES)
    task = run.dag.get_task(PLAN)
    assert task.execute(run.context(PLAN, try_number=2)) == [0]
    assert len(asked) == 1
    put(more="m")
    run._execute(task, -1)
    assert run.states[PLAN, -1] == "awaiting_input"
    assert len(asked) == 2
    assert locks(folders) == [], "given back before somebody thinks again"
    answer(run, chosen_options=[KEEP])
    assert run.summary("report")["reasons"] == {"withheld: rejected": 11}
    assert task.execute(run.context(PLAN, try_number=3)) == [], "a no is kept too"


def test_row_C16_what_changed_while_somebody_thought_is_left_as_it_is(flow, many, asked, put, folders):
    run = parked(flow)
    put(k1="another")
    (folders / "out").mkdir(exist_ok=True)
    (folders / "out" / "k2").write_text("somebody's")
    (folders / "in" / "k3").unlink()
    answer(run, **YES)
    report = run.summary("report")
    assert report["green"]
    assert report["counts"] == {"changed": 2, "copied": 7, "gone": 1}
    assert (folders / "out" / "k2").read_text() == "somebody's"


@pytest.mark.parametrize("on_lock", ["wait", "skip"])
def test_row_C16_another_run_is_at_work_when_the_answer_comes(flow, many, asked, folders, put, on_lock):
    run = parked(flow, on_lock=on_lock)
    other = flow()

    def die():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        other.run(before={"copy": die})
    if on_lock == "wait":
        with pytest.raises(AirflowRescheduleException):
            answer(run, **YES)
        run.ended.add(other.run_id)
        task = run.dag.get_task(PLAN)
        done(run, task.execute(run.context(PLAN)))
        go_on(run)
        assert len(asked) == 1
        assert run.summary("report")["counts"] == {"copied": 10}
        return
    answer(run, **YES)
    assert run.errors == {}
    assert any("skipped: another run holds the lock" in words for words in run.summary("report")["warnings"])
    assert not run.summary("report")["verified"]


def test_threat_S09_an_approval_in_the_workspace_approves_no_plan(flow, many, asked, folders):
    run = parked(flow)
    [manifest] = (folders / "work").rglob("manifest.json")
    digest = json.loads(manifest.read_bytes())["digest"]
    document = {"schema": "bucketsync/approval", "version": 1, "plan": digest, "answer": "apply", "by": "eve"}
    (manifest.parent / "approval.json").write_text(json.dumps({**document, "at": "2026-01-01T00:00:00+00:00"}))
    run._execute(run.dag.get_task(PLAN), -1)
    assert run.states[PLAN, -1] == "awaiting_input"
    state = run.task_state[PLAN, -1]
    state.set(APPROVAL_KEY, {"plan": "0" * 64, "answer": "apply", "by": "eve", "at": "2026-01-01T00:00:00+00:00"})
    run._execute(run.dag.get_task(PLAN), -1)
    assert run.states[PLAN, -1] == "awaiting_input", "of another plan"


def test_threat_S09_deletes_of_a_rejected_plan_stay_away(flow, many, asked, folders):
    (folders / "out").mkdir()
    (folders / "out" / "old").write_text("old")
    run = answer(parked(flow, delete=True, max_delete_share=1.0), chosen_options=[KEEP])
    task = run.dag.get_task("bucket_sync.delete_extra")
    [manifest] = (folders / "work").rglob("manifest.json")
    for withheld in ("rejected", ""):
        value = json.loads(manifest.read_bytes())
        manifest.write_text(json.dumps({**value, "withheld": withheld}))
        with pytest.raises(PlanMismatch):
            task.execute(run.context(task.task_id))
    assert (folders / "out" / "old").exists()


def test_threat_S05_no_key_is_more_than_text_in_the_question(flow, asked, folders):
    for name in ("<script>alert(1)<", "~~~", "`{{ 1 }}`", "[a](javascript:1)", "new\nline"):
        (folders / "in" / name).write_text("1")
    parked(flow)
    body = asked[0]["body"]
    lines = [line for line in body.splitlines() if "alert" in line or "javascript" in line or "{{" in line]
    assert lines
    assert all(line.lstrip().split("  ")[0].endswith(("B", "bytes")) for line in lines), lines


# a reviewed plan ----------------------------------------------------------------------------------------------------


def dry(flow, **options):
    """The digest that a dry run's report says."""
    run = flow(dry_run=True, **options).run()
    assert run.errors == {}
    assert run.summary("report")["plan_digest"] == run.summary("plan")["digest"]
    return run.summary("plan")["digest"]


def test_row_C16_a_dry_run_then_exactly_that(flow, many, put, folders):
    digest = dry(flow)
    put(k1="another")
    run = flow(apply_plan=digest, max_drift=0.1).run()
    assert run.errors == {}
    report = run.summary("report")
    assert report["counts"] == {"copied": 9, "withheld": 1}
    assert report["green"]
    assert report["drift"]["first"] == {"changed": ["k1"]}
    assert "1 changed ('k1')" in run.summary("plan")["drift"]
    assert not (folders / "out" / "k1").exists()


def test_row_C16_too_much_changed(flow, many, put, folders):
    digest = dry(flow)
    put(**{f"k{number}": "another" for number in range(6)})
    run = flow(apply_plan=digest).run()
    error = run.errors[PLAN, -1]
    assert isinstance(error, PlanDrifted)
    assert "6 of 10 objects drifted" in str(error)
    assert run.state_of("report") == "failed"
    assert not (folders / "out").exists()


def test_row_C16_no_such_plan_is_said_first(flow, many):
    run = flow(apply_plan="0" * 64).run()
    assert isinstance(run.errors["bucket_sync.prepare", -1], InvalidConfiguration)


def test_row_C16_a_reviewed_plan_that_the_pair_asks_for_is_asked_for(flow, many, asked):
    digest = dry(flow)
    run = answer(parked(flow, apply_plan=digest), **YES)
    assert run.summary("report")["counts"] == {"copied": 10}
