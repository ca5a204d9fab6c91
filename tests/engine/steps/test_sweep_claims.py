"""Whose is an upload, and since when was it not used?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.memory import MemoryStore
from tests.engine.clocks import FakeClock
from tests.engine.steps.sweeping import in_memory


@pytest.fixture
def memory():
    """The same in memory."""
    return in_memory()


# whose --------------------------------------------------------------------------------------------------------------


def test_pairs_below_and_above_the_swept_place(memory):
    """A sweep of a bucket knows the uploads of pairs that write below a prefix of it, and the other way round."""
    upload_id = memory.upload("deep/key")
    memory.entry("key", upload_id, destination="memory://bucket/out/deep/", pair="below")
    other = memory.upload("near")
    memory.entry("out/near", other, destination="memory://bucket/", pair="above")
    memory.entry("gone", "unknown", destination="memory://bucket/out/deep/", pair="below")
    memory.entry("outside", "unknown", destination="memory://bucket/", pair="above")
    memory.pass_time(days=8)
    assert memory.sweep().done == {"deep/key": "aborted", "near": "aborted", "deep/gone": "forgotten"}
    assert memory.entries("above") == ["outside"]


def test_row_D8_an_entry_claims_nothing_at_another_place(memory):
    upload_id = memory.upload("key", parts=1)
    memory.entry("key", upload_id, destination="memory://elsewhere/out/")
    memory.entry("key", upload_id, destination="memory://bucket/other/")
    memory.entry("other", upload_id)
    memory.entry("key", upload_id, destination="no location")
    memory.entry("gone", "unknown", destination="memory://elsewhere/out/", pair="elsewhere")
    memory.pass_time(days=8)
    swept = memory.sweep()
    assert (swept.done["key"], swept.owners["key"]) == ("left", "stranger")
    assert memory.open() == ["key"]
    assert memory.entries("elsewhere") == ["gone"]
    assert swept.report.unread == 1


def test_the_id_tells_whatever_the_connection_is_called_and_an_intent_does_not(memory):
    upload_id = memory.upload("known", parts=1)
    memory.entry("known", upload_id, destination="memory://alias@bucket/out/")
    memory.upload("unsure")
    memory.entry("unsure", destination="memory://alias@bucket/out/")
    memory.entry("gone", "unknown", destination="memory://alias@bucket/out/")
    memory.pass_time(days=8)
    swept = memory.sweep()
    assert swept.done == {"known": "aborted", "unsure": "left"}
    assert memory.entries() == ["gone", "unsure"], "of a place that may be another one"


@pytest.mark.parametrize(
    ("seconds", "parts", "owner"),
    [
        (-61, 0, "stranger"),
        (-60, 0, "ours_by_intent"),
        (900, 0, "ours_by_intent"),
        (901, 0, "stranger"),
        (5, 1, "stranger"),
    ],
)
def test_row_D8_an_intent_claims_what_was_begun_right_after_it(memory, seconds, parts, owner):
    memory.upload("key", parts=parts)
    memory.entry("key", begun=memory.now() - timedelta(seconds=seconds))
    memory.pass_time(days=8)
    swept = memory.sweep()
    records = memory.records("sweep-1")
    assert memory.open() == ([] if owner == "ours_by_intent" else ["key"])
    assert memory.entries() == []
    assert swept.report.owners == {owner: 1}
    assert set(records) == {"key"}


def test_entries_that_can_not_be_read_are_counted(memory):
    entry = memory.entry("key", memory.upload("key", parts=1))
    memory.workspace.put(f"pair/{entry.name}", b'{"schema": "bucketsync/upload", "version": 99}')
    memory.workspace.put("other/uploads/x.json", b"{")
    memory.pass_time(days=8)
    swept = memory.sweep()
    assert swept.report.unread == 2
    assert swept.done == {"key": "left"}


# when ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rewritten", ["anew", "at the same time", "as it was"])
def test_an_entry_that_is_taken_up_meanwhile_keeps_its_upload(memory, rewritten):
    memory.ours("taken")
    memory.ours("ended")
    taken, ended = (memory.journal().of(key)[0] for key in ("taken", "ended"))
    memory.pass_time(days=8)

    def hook(when, verb, key):
        if (when, verb, key) == ("after", "list_parts", "taken"):
            back = timedelta(days=8).total_seconds() if rewritten == "at the same time" else 0
            memory.clock.advance(-back)
            memory.journal().keep(taken if rewritten == "as it was" else replace(taken, run="now"))
            memory.clock.advance(back)
        if (when, verb, key) == ("after", "list_parts", "ended"):
            memory.journal().forget(ended)

    memory.destination.hooks.append(hook)
    assert memory.sweep().done == {"taken": "in_use", "ended": "in_use"}
    assert memory.open() == ["ended", "taken"]


def test_an_entry_without_upload_that_is_taken_up_meanwhile_stays(memory):
    entry = memory.entry("key", "unknown")
    memory.pass_time(days=8)

    def hook(when, verb, key):
        if (when, verb, key) == ("after", "list_parts", "key") or (when, verb) == ("before", "list_parts"):
            memory.journal().keep(replace(entry, run="now"))

    memory.destination.hooks.append(hook)
    assert memory.sweep().done == {}
    assert memory.entries() == ["key"]


def test_a_run_that_still_works_keeps_its_entries(memory):
    memory.entry("key", "unknown")
    memory.pass_time(days=8)
    memory.page()
    assert memory.sweep().done == {}
    assert memory.entries() == ["key"]


def test_ours_are_found_where_the_store_lists_no_uploads(memory):
    """MinIO lists those of a whole key only; the journal knows their ids."""
    memory.ours("hidden", parts=2)
    memory.pass_time(days=8)
    memory.ours("young")
    memory.destination.list_uploads = lambda: iter(())
    dry = memory.sweep(dry_run=True)
    assert dry.done == {"hidden": "would_abort", "young": "young"}
    assert dry.records["hidden"].parts == 2
    assert memory.sweep().done == {"hidden": "aborted", "young": "young"}
    del memory.destination.list_uploads
    assert memory.open() == ["young"]
    assert memory.entries() == ["young"]


@pytest.mark.parametrize("ahead", [-30, 30])
def test_a_clock_of_ours_that_is_wrong_makes_nothing_older(memory, ahead):
    """Destination and workspace are of two services: whichever clock is behind counts."""
    memory.workspace = MemoryStore(Location.parse("memory://pages/"), clock=memory.clock)
    memory.upload("theirs", parts=1)
    memory.pass_time(days=1)
    wrong = FakeClock()
    wrong.advance(timedelta(days=1 + ahead).total_seconds())
    swept = memory.sweep(whose="all", clock=wrong)
    assert swept.report.clock == "worker"
    assert swept.done == {"theirs": "young"}
    memory.pass_time(days=7)
    wrong.advance(timedelta(days=7).total_seconds())
    assert memory.sweep(whose="all", clock=wrong).done == {"theirs": "aborted" if ahead > 0 else "young"}


@pytest.mark.parametrize("wrong", [{"older_than": timedelta(minutes=59)}, {"whose": "everybody's"}])
def test_what_is_asked_must_make_sense(memory, wrong):
    with pytest.raises(InvalidConfiguration):
        memory.sweep(**wrong)
    assert not memory.destination.requests
    assert not memory.workspace.requests
