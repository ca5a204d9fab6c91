"""What becomes of a sweep when something fails, ends or stops on the way?"""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, ServerError
from airflow_bucketsync.engine.model.sweep import shortened
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from tests.engine.steps.sweeping import in_memory


@pytest.fixture
def memory():
    """The same in memory."""
    return in_memory()


def fail(store, verb, error, key=None):
    """Let a verb fail, on one key or on all."""

    def hook(when, called, at):
        if when == "before" and called == verb and key in (None, at):
            raise error

    store.hooks.append(hook)


def test_errors_are_counted_and_the_others_go_on(memory):
    for key in ("a", "b", "c"):
        memory.ours(key)
    memory.pass_time(days=8)
    fail(memory.destination, "abort_upload", AccessDenied("no"), "b")
    fail(memory.destination, "list_parts", ServerError("down"), "c")
    swept = memory.sweep()
    assert swept.done == {"a": "aborted", "b": "failed", "c": "failed"}
    assert swept.report.failed == 2
    assert [item.key for item in swept.report.first][-1] == "a", "failures first"
    assert "no" in (swept.records["b"].message or "")
    assert swept.records["c"].parts is None
    assert memory.entries() == ["b", "c"]


def test_what_can_not_be_looked_at_and_need_not_is_no_failure(memory):
    memory.upload("theirs")
    memory.pass_time(days=8)
    memory.ours("young")
    fail(memory.destination, "list_parts", AccessDenied("no"))
    swept = memory.sweep()
    assert swept.done == {"theirs": "left", "young": "young"}
    assert swept.report.failed == 0
    assert memory.sweep(whose="all").done["theirs"] == "failed"


def test_an_entry_whose_upload_can_not_be_asked_for_stays(memory):
    memory.entry("key", "unknown")
    memory.pass_time(days=8)
    memory.entry("young", "unknown")
    fail(memory.destination, "list_parts", AccessDenied("no"))
    assert memory.sweep().done == {"key": "failed"}
    assert memory.entries() == ["key", "young"]


def test_an_upload_that_ends_meanwhile_is_gone(memory):
    upload_id = memory.ours("key")
    memory.pass_time(days=8)

    def hook(when, verb, key):
        if (when, verb) == ("before", "list_parts"):
            memory.destination._bucket.uploads.pop(upload_id, None)

    memory.destination.hooks.append(hook)
    assert memory.sweep().done == {"key": "gone"}


def test_nothing_is_aborted_when_the_workspace_takes_no_page(memory):
    memory.ours("key")
    memory.pass_time(days=8)
    fail(memory.workspace, "put", AccessDenied("no"))
    with pytest.raises(AccessDenied):
        memory.sweep()
    assert memory.open() == ["key"]


def test_entries_that_end_while_they_are_read_are_no_matter(memory):
    entry = memory.entry("key", "unknown")

    def hook(when, verb, key):
        if (when, verb, key) == ("before", "get", f"pair/{entry.name}"):
            memory.journal().forget(entry)

    memory.workspace.hooks.append(hook)
    assert memory.sweep().report.unread == 0


def test_stopped_among_the_entries(memory):
    for key in ("a", "b", "c"):
        memory.entry(key, "unknown")
    memory.pass_time(days=8)
    gate = Gate(concurrency=1, clock=memory.clock)

    def hook(when, verb, key):
        if (when, verb) == ("after", "delete"):
            gate.stop()

    memory.workspace.hooks.append(hook)
    with pytest.raises(Stopped):
        memory.sweep(gate=gate)
    assert len(memory.entries()) == 2


def test_stopped(memory):
    for key in ("a", "b", "c", "d"):
        memory.ours(key)
    memory.pass_time(days=8)
    gate = Gate(concurrency=1, clock=memory.clock)

    def hook(when, verb, key):
        if (when, verb) == ("after", "abort_upload"):
            gate.stop()

    memory.destination.hooks.append(hook)
    with pytest.raises(Stopped):
        memory.sweep(gate=gate)
    assert len(memory.open()) == 3
    assert len(memory.entries()) == 3
    memory.destination.hooks.clear()
    assert memory.sweep().report.counts == {"aborted": 3}


def test_pages_of_runs_are_not_listed(memory):
    """A workspace is full of pages; a sweep looks for journals only, three requests a pair."""
    for pair in ("a", "b", "c"):
        for number in range(700):
            memory.page(f"result-{number:04d}", pair=pair, run=f"run-{number % 7}")
        memory.page(f"page-{pair}", pair=pair, run="zz")
        memory.ours(f"key-{pair}", pair=pair, run="zz")
    memory.workspace.put("no-folder", b"x")
    memory.pass_time(days=8)
    memory.workspace.requests.clear()
    assert memory.sweep().report.counts == {"aborted": 3}
    assert 0 < memory.workspace.requests["list"] <= 3 * 3 + 4


def test_the_page_shows_ids_shortened():
    assert shortened("x" * 12) == "x" * 12
    assert shortened("x" * 13) == "x" * 12 + "…"
    assert shortened(None) is None
