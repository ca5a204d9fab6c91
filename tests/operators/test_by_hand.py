"""Do the operators read what a run was given, where the author says so, and keep the pair's state? (J11)"""

from __future__ import annotations

import os

import pytest
from airflow.sdk import DAG

from airflow_bucketsync import bucket_sync
from airflow_bucketsync.engine.errors import InvalidConfiguration
from tests.operators.fakes import FlowRun, Store

BY_HAND = {"dry_run": "any", "include": "any", "max_objects": {"at_most": 2}, "verify": "any"}


@pytest.fixture
def by_hand(folders):
    """Runs of one pair, each with what it was given."""
    state = Store()
    count = 0

    def run(author=None, by_hand=BY_HAND, own=None, **given):
        nonlocal count
        count += 1
        options = {"mode": "auto", "name": "pair", **(author or {})}
        with DAG("dag", schedule=None, params=own or {}) as dag:
            bucket_sync(f"file://{folders}/in/", f"file://{folders}/out/", by_hand=by_hand, **options)
        return FlowRun(dag, state=state, run_id=f"run-{count}", params=given).run()

    run.state = state
    return run


def there(folders):
    return sorted({*os.listdir(folders / "out")} - {"_bucketsync"}) if (folders / "out").exists() else []


def test_J11_a_part_and_then_the_whole(by_hand, put, folders):
    put(a="1", b="22", c="333")
    assert by_hand().errors == {}
    before = by_hand.state.get("pair")
    put(a="4444", b="55555")
    part = by_hand(include=["a"])
    assert part.errors == {}
    assert (folders / "out" / "a").read_text() == "4444"
    assert (folders / "out" / "b").read_text() == "22"
    report = part.xcoms["bucket_sync.report", -1, "return_value"]
    assert report["by_hand"] == {"include": '["a"]'}
    assert report["mode"] == "incremental", "what is remembered is read"
    assert part.events.added == []
    assert by_hand.state.get("pair") == before | {"owes_event": True}
    whole = by_hand()
    assert whole.xcoms["bucket_sync.report", -1, "return_value"]["reasons"].get("same: known") == 2
    assert (folders / "out" / "b").read_text() == "55555"
    assert "owes_event" not in by_hand.state.get("pair")


def test_J11_the_event_comes_when_all_is_there(by_hand, put):
    put(a="1")
    by_hand()
    put(a="22")
    assert by_hand(include=["a"]).events.added == []
    assert [extra["counts"] for _, extra in by_hand().events.added] == [{"same": 1}]
    assert by_hand().events.added == []


def test_J11_a_dry_run_of_the_authors_pair(by_hand, put, folders):
    put(a="1")
    run = by_hand(dry_run=True)
    assert run.errors == {}
    assert there(folders) == []
    assert by_hand.state.get("pair") is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_objects": 3}, "max_objects: only 2 or less"),
        ({"source": "file:///etc/"}, "'source' may not be set by hand"),
        ({"delete": True}, "'delete' may not be set by hand: `by_hand` of this pair allows dry_run, include"),
        ({"dryrun": True}, "'dryrun' is not known here: did you mean 'dry_run'?"),
        ({"dry_run": "true"}, "dry_run"),
    ],
)
def test_J11_what_is_not_allowed_fails_prepare_and_writes_nothing(by_hand, put, folders, given, words):
    put(a="1")
    run = by_hand(**given)
    error = run.errors["bucket_sync.prepare", -1]
    assert isinstance(error, InvalidConfiguration)
    assert words in str(error)
    assert run.state_of("plan") == "upstream_failed"
    assert there(folders) == []
    assert by_hand.state.get("pair") is None


def test_J11_parameters_of_the_dag_itself_are_its_own(by_hand, put, folders):
    put(a="1", b="2")
    run = by_hand(own={"day": "monday", "delete": True}, day="tuesday", delete=True, include=["a"])
    assert run.errors == {}
    assert there(folders) == ["a"]


def test_J11_without_by_hand_nothing_is_read(by_hand, put, folders):
    put(a="1", b="2")
    assert by_hand(by_hand=None, include=["a"], anything={"x": 1}).errors == {}
    assert there(folders) == ["a", "b"]


def test_J11_a_part_of_a_mirror_deletes_nothing(by_hand, put, folders):
    put(a="1", b="2", c="3")
    author = {"delete": True, "mode": "full", "max_delete_share": 1.0}
    assert by_hand(author).errors == {}
    for name in "bc":
        (folders / "in" / name).unlink()
    part = by_hand(author, include=["b"])
    assert part.errors == {}
    assert there(folders) == ["a", "b", "c"]
    assert part.xcoms["bucket_sync.report", -1, "return_value"]["by_hand"]["delete"] == "false"
    assert by_hand(author).errors == {}
    assert there(folders) == ["a"]
