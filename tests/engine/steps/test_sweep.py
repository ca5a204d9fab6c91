"""Are abandoned uploads of ours found and aborted, and nobody else's, and none that is in use? (D8, J4, F40)"""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_bucketsync.engine.steps.journal import UploadJournal
from airflow_bucketsync.engine.steps.sweep import sweep_uploads
from airflow_bucketsync.engine.steps.workspace import Workspace
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
