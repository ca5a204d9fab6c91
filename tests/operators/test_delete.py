"""Deletes, a person's answer, moves and the lock, through the operators. (D11, F9, F13, G13)"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRescheduleException

from airflow_bucketsync.engine.errors import AccessDenied, Locked, SyncIncomplete
from airflow_bucketsync.operators import asking as module
from airflow_bucketsync.operators.delete import DELETE, KEEP

NAME = "bucket_sync.delete_extra"


@pytest.fixture
def there(folders):
    """Two files at the destination only, and one at both sides."""
    (folders / "out").mkdir()
    (folders / "in" / "a").write_text("1")
    for name in ("a", "x", "y"):
        (folders / "out" / name).write_text("1")
    return folders / "out"


@pytest.fixture
def asked(monkeypatch):
    """The questions that were put to people."""
    questions: list[dict[str, Any]] = []
    monkeypatch.setattr(module, "upsert_hitl_detail", lambda **question: questions.append(question))
    return questions


def answer(run, **event):
    """A person answers the parked task, and it and the rest of the run go on."""
    parked = run.parked.pop((NAME, -1))
    task = run.dag.get_task(NAME)
    getattr(task, parked.method_name)(run.context(NAME), event=event, **parked.kwargs)
    run.states[NAME, -1] = "success"
    report = run.dag.get_task("bucket_sync.report")
    run.states.pop((report.task_id, -1), None)
    run._run_task(report)
    return run


def test_row_F9_deletes_go_to_the_trash(flow, there):
    run = flow(delete=True, max_delete_share=1.0).run()
    assert run.errors == {}
    assert run.summary("delete_extra")["counts"] == {"trashed": 2}
    assert run.summary("report")["counts"] == {"copied": 1, "trashed": 2}
    assert sorted(os.listdir(there)) == ["_bucketsync", "a"]
    assert len(run.events.added) == 1


def test_a_plan_without_deletes_skips_the_task(flow, there):
    run = flow().run()
    assert run.state_of("delete_extra") == "skipped"
    assert run.summary("report")["counts"] == {"copied": 1, "extra": 2}
    assert not (there / "_bucketsync").exists()


@pytest.mark.parametrize(
    ("event", "word", "said"),
    [
        ({"chosen_options": [DELETE], "responded_by_user": {"id": "7", "name": "ada"}}, "trashed", "delete"),
        ({"chosen_options": [KEEP], "responded_by_user": {"id": "7", "name": "ada"}}, "withheld", "keep"),
        ({"chosen_options": [KEEP], "responded_by_user": None, "timedout": True}, "withheld", "none"),
        ({}, "withheld", "keep"),
    ],
)
def test_row_F13_a_person_is_asked_and_decides(flow, there, asked, event, word, said):
    run = flow(delete=True, max_delete_share=1.0, approve_above=1, approvers=["ada"], approval_hours=2).run()
    assert run.state_of("delete_extra") == "awaiting_input"
    [question] = asked
    assert question["options"] == [DELETE, KEEP]
    assert question["defaults"] == [KEEP]
    assert question["assigned_users"] == [{"id": "ada", "name": "ada"}]
    assert "Delete 2 objects" in question["subject"]
    assert "'x'" in question["body"]
    assert not (there / "_bucketsync").exists(), "nothing is done, and the lock was given back"
    answer(run, **event)
    report = run.summary("report")
    assert report["counts"] == {"copied": 1, word: 2}
    assert report["green"]
    assert report["approval"]["answer"] == said
    assert report["approval"]["by"] == ("ada" if event.get("responded_by_user") else None)
    assert (there / "x").exists() is (word == "withheld")


def test_row_F13_a_retry_does_not_ask_again_and_another_plan_does(flow, there, asked, folders):
    run = flow(delete=True, max_delete_share=1.0, approve_above=0).run()
    answer(run, chosen_options=[KEEP], responded_by_user={"name": "ada"})
    task = run.dag.get_task(NAME)
    task.execute(run.context(NAME, try_number=2))
    assert len(asked) == 1
    assert (there / "x").exists()
    state = run.task_state[NAME, -1]
    state.set("bucketsync_approval", {**state.get("bucketsync_approval"), "plan": "0" * 64, "answer": "delete"})
    run._execute(task, -1)
    assert run.states[NAME, -1] == "awaiting_input"
    assert len(asked) == 2


def test_threat_S09_an_approval_in_the_workspace_approves_nothing(flow, there, asked, folders):
    run = flow(delete=True, max_delete_share=1.0, approve_above=0)

    def forge():
        [manifest] = (folders / "work").rglob("manifest.json")
        place = manifest.parent.parent / "removed"
        place.mkdir(exist_ok=True)
        digest = json.loads(manifest.read_bytes())["digest"]
        document = {"schema": "bucketsync/approval", "version": 1, "plan": digest, "answer": "delete", "by": "eve"}
        (place / "approval.json").write_text(json.dumps({**document, "at": "2026-01-01T00:00:00+00:00"}))

    run.run(before={"delete_extra": forge})
    assert run.state_of("delete_extra") == "awaiting_input"


def test_threat_S05_no_key_is_more_than_text_in_a_question(flow, there, asked):
    for name in ("<script>alert(1)<", "~~~", "`{{ 1 }}`", "[a](javascript:1)", "new\nline"):
        (there / name).write_text("1")
    flow(delete=True, max_delete_share=1.0, approve_above=0).run()
    before, block, after = asked[0]["body"].split("\n~~~\n")
    assert "alert" not in before + after
    assert all(line.startswith(("'", '"')) for line in block.splitlines())
    assert "new\\nline" in block


def test_nothing_is_asked_where_nothing_may_be_deleted_anyway(flow, there, asked, folders):
    (folders / "in" / "new").write_text("n")

    def lose():
        [page] = (folders / "work").rglob("result/*.json")
        page.unlink()

    run = flow(delete=True, max_delete_share=1.0, approve_above=0).run(before={"delete_extra": lose})
    assert asked == []
    assert run.summary("report")["reasons"]["withheld: incomplete"] == 2
    assert (there / "x").exists()


def test_row_D11_a_move(flow, put, folders):
    put(a="1", b="22")
    run = flow(move=True).run()
    assert run.errors == {}
    assert run.summary("report")["counts"] == {"moved": 2}
    assert os.listdir(folders / "in") == []
    assert sorted(os.listdir(folders / "out")) == ["a", "b"]


def test_row_D11_a_source_that_may_not_be_deleted_from(flow, put, folders, monkeypatch):
    put(a="1")
    monkeypatch.setattr("os.access", lambda *_: False)
    run = flow(move=True).run()
    assert isinstance(run.errors["bucket_sync.prepare", -1], AccessDenied)
    assert not (folders / "out").exists()


def killed(flow, put):
    """A run that took the lock, and went no further."""
    put(a="1")
    run = flow()

    def die():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.run(before={"copy": die})
    return run


def test_row_G13_the_lock_of_a_run_of_this_airflow_that_has_ended_is_taken_over(flow, put, folders):
    first = killed(flow, put)
    second = flow()
    second.ended.add(first.run_id)
    assert second.run().errors == {}
    assert (folders / "out" / "a").exists()


@pytest.mark.parametrize("on_lock", ["fail", "wait", "skip"])
def test_row_G13_another_run_is_at_work(flow, put, folders, on_lock):
    killed(flow, put)
    second = flow(on_lock=on_lock).run()
    assert not (folders / "out" / "a").exists()
    if on_lock == "skip":
        assert second.errors == {}
        assert not second.summary("report")["verified"]
        assert any("skipped: another run holds the lock" in words for words in second.summary("report")["warnings"])
        assert second.events.added == []
        return
    kind = Locked if on_lock == "fail" else AirflowRescheduleException
    assert isinstance(second.errors["bucket_sync.plan", -1], kind)
    assert isinstance(second.errors["bucket_sync.report", -1], SyncIncomplete)
