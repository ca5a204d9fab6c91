"""Are abandoned uploads of ours found and aborted, and nobody else's, and none that is in use? (D8, J4, F40)"""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, InvalidConfiguration, ServerError
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.sweep import shortened
from airflow_bucketsync.engine.steps.journal import UploadJournal
from airflow_bucketsync.engine.steps.sweep import sweep_uploads
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.memory import MemoryStore
from tests.engine.clocks import FakeClock
from tests.engine.steps.pairs import IN_PARTS, PART, Pair
from tests.engine.steps.sweeping import BODY, KINDS, in_memory, make
from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server

_NAMES = itertools.count(1)


@pytest.fixture(scope="module")
def servers():
    """One strict server of each service."""
    with S3Server() as s3, OSSServer() as oss:
        yield {"s3": s3, "oss": oss}


@pytest.fixture(params=KINDS)
def grounds(request, tmp_path, servers):
    """Uploads and journals on each kind of store."""
    for server in servers.values():
        server.reset()
    with ExitStack() as stack:
        yield make(request.param, tmp_path, stack, servers, f"bucket-{next(_NAMES):05d}")
    assert [failure for server in servers.values() for failure in server.failures] == []


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


# every store --------------------------------------------------------------------------------------------------------


def test_fault_F40_ours_are_aborted_and_only_ours(grounds):
    grounds.ours("big", parts=2)
    grounds.entry("unsure")
    grounds.upload("unsure")
    grounds.upload("theirs", parts=1)
    grounds.upload("big", parts=1, at=grounds.away)
    grounds.pass_time(days=8)
    grounds.ours("young")
    grounds.page(run="another")
    dry = grounds.sweep(dry_run=True)
    assert dry.owners == {"big": "ours", "unsure": "ours_by_intent", "theirs": "stranger", "young": "ours"}
    assert dry.done["big"] == dry.done["unsure"] == "would_abort"
    assert dry.done["theirs"] == "left"
    assert grounds.open() == ["big", "theirs", "unsure", "young"], "a dry run touches nothing"
    assert grounds.entries() == ["big", "unsure", "young"]
    assert (dry.records["big"].parts, dry.records["big"].size) == (2, 2 * len(BODY))
    assert dry.records["big"].pair == "pair"
    assert abs(dry.records["big"].age - 8 * 86400) < 60

    swept = grounds.sweep()
    assert swept.done["big"] == swept.done["unsure"] == "aborted"
    assert grounds.open() == ["theirs", "young"]
    assert grounds.entries() == ["young"]
    assert swept.report.counts == {"aborted": 2, "left": 1, "young": 1}
    assert swept.report.sizes["aborted"] == 2 * len(BODY)
    assert swept.report.clock == "store"

    assert grounds.sweep(whose="all").done == {"theirs": "aborted", "young": "young"}
    assert [upload.key for upload in grounds.away.list_uploads()] == ["big"], "outside of the location"


def test_row_D8_a_part_that_arrived_lately_keeps_its_upload(grounds):
    ours, theirs = grounds.ours("ours"), grounds.upload("theirs", parts=1)
    grounds.pass_time(days=8)
    for key, upload_id in (("ours", ours), ("theirs", theirs)):
        grounds.destination.upload_part(key, upload_id, 2, BODY)
    swept = grounds.sweep(whose="all")
    assert swept.done == {"ours": "in_use", "theirs": "in_use"}
    assert swept.records["ours"].age > 7 * 86400 > swept.records["ours"].idle
    assert grounds.open() == ["ours", "theirs"]
    grounds.pass_time(days=8)
    assert grounds.sweep(whose="all").report.counts == {"aborted": 2}


def test_row_D8_a_run_that_still_works_keeps_its_uploads(grounds):
    grounds.ours("written")
    grounds.ours("taken-up", run="other")
    taken = grounds.journal().of("taken-up")[0]
    grounds.entry("intent", run="run")
    grounds.upload("intent")
    grounds.ours("abandoned", run="ended")
    grounds.pass_time(days=8)
    grounds.page("deep/down/result-0")
    grounds.journal().keep(replace(taken, run="next"))
    swept = grounds.sweep()
    assert swept.done == {"written": "in_use", "taken-up": "in_use", "intent": "in_use", "abandoned": "aborted"}
    assert grounds.entries() == ["intent", "taken-up", "written"]


def test_entries_whose_upload_is_gone_are_forgotten(grounds):
    grounds.destination.abort_upload("ended", grounds.ours("ended"))
    grounds.entry("never-begun")
    grounds.ours("open")
    grounds.pass_time(days=8)
    grounds.destination.abort_upload("young", grounds.ours("young", run="new"))
    dry = grounds.sweep(dry_run=True, older_than=timedelta(days=6))
    assert dry.done == {"ended": "would_forget", "never-begun": "would_forget", "open": "would_abort"}
    assert grounds.entries() == ["ended", "never-begun", "open", "young"]
    swept = grounds.sweep()
    assert swept.done == {"ended": "forgotten", "never-begun": "forgotten", "open": "aborted"}
    assert grounds.entries() == ["young"]
    assert swept.report.owners == {"ours": 1}, "an entry is no upload"


def test_nothing_open(grounds):
    grounds.destination.put("object", BODY)
    swept = grounds.sweep()
    assert swept.report.counts == {}
    assert swept.report.uploads is None


# runs that were killed and never came back ---------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone."""


def killed(at, when):
    """A sync of one large object that dies at a request to the destination or the workspace; None = it got through."""
    pair = Pair()
    pair.put({"big": b"x" * (2 * PART + 3)})
    theirs = pair.destination.begin_upload("big")
    pair.destination.upload_part("big", theirs, 1, BODY)
    seen = itertools.count(1)

    def hook(now, verb, key):
        if now == when and next(seen) == at:
            raise Killed

    pair.destination.hooks.append(hook)
    pair.pages.hooks.append(hook)
    try:
        pair.sync(run="run", **IN_PARTS)
    except Killed:
        pair.destination.hooks.clear()
        pair.pages.hooks.clear()
        return pair, theirs
    return None


@pytest.mark.parametrize("when", ["before", "after"])
def test_row_D8_whatever_a_killed_run_left_is_swept(when):
    owners = Counter()
    for at in itertools.count(1):
        died = killed(at, when)
        if died is None:
            break
        pair, theirs = died
        pair.clock.advance(timedelta(days=8).total_seconds())
        report = sweep_uploads(pair.destination, pair.pages, run="sweep", dry_run=False, clock=pair.clock)
        assert [upload.upload_id for upload in pair.destination.list_uploads()] == [theirs], at
        assert list(UploadJournal(Workspace(pair.pages, pair="pair", run="run")).names()) == [], at
        owners.update(report.owners)
    assert owners["stranger"] > 20, "the one that was there before, in each sweep"
    assert owners["ours"] > 5
    assert owners["ours_by_intent"] >= 1, "killed before the id was written"


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


# what goes wrong ----------------------------------------------------------------------------------------------------


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
