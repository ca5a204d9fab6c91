"""Is everything kept before a run overwrites it, and nothing overwritten that can't be kept? (F10, `trash: all`)"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, InvalidConfiguration
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.steps.copy import copy_batch
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.prepare import prepare
from airflow_bucketsync.engine.steps.run import MemoryProgress
from airflow_bucketsync.engine.steps.units import outcomes_of
from tests.engine.steps.pairs import IN_PARTS, MEDIUM, PART
from tests.engine.steps.trashing import KINDS, TAGGED, VERSIONED, Ground, make
from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server


class Killed(BaseException):
    """The process is gone; nothing of it runs any more."""


@pytest.fixture(scope="module")
def servers():
    """One strict server of each service."""
    with S3Server(min_part_size=1) as s3, OSSServer(min_part_size=1) as oss:
        yield {"s3": s3, "oss": oss}


@pytest.fixture
def ground(request, tmp_path, servers):
    """A pair on a kind of store."""
    with ExitStack() as stack:
        yield make(request.param, tmp_path, stack, servers)
    assert [failure for server in servers.values() for failure in server.failures] == []


@pytest.fixture
def memory(tmp_path) -> Ground:
    """The same in memory, the source apart, so that the destination copies nothing but what it keeps."""
    with ExitStack() as stack:
        yield make("memory apart", tmp_path, stack, {})


WAYS: dict[str, dict[str, Any]] = {"whole": {}, "in parts": dict(MEDIUM), "large": dict(IN_PARTS)}


def differing(ground: Ground) -> dict[str, Any]:
    """Objects at the destination that a run overwrites, beside one that it adds and one that it leaves."""
    ground.put_there({"one": b"the old one" * PART, "two": b"old" * PART}, **TAGGED)
    before = ground.state()
    ground.put({"one": b"the new one" * PART, "two": b"new!" * PART, "added": b"x" * PART}, content_type="text/html")
    return before


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ground", KINDS, indirect=True)
def test_what_is_overwritten_is_kept_and_named(ground, way):
    before = differing(ground)
    versions = {key: ground.destination.head(key).info.version_id for key in before}
    report, outcomes = ground.sync(**WAYS[way])
    assert report.counts["copied"] == 3
    assert outcomes["added"].kept is None
    after = ground.state()
    assert {key: after[key][0] for key in after} == {key: ground.state(ground.source)[key][0] for key in after}
    if ground.kind in VERSIONED:
        assert {key: outcomes[key].kept for key in before} == {key: f"version/{versions[key]}" for key in before}
        assert ground.trash() == {}
    else:
        (folder,) = {outcomes[key].kept for key in before}
        assert ground.trash(folder) == before
        assert len(ground.trash()) == len(before), "and nothing else lies there"


@pytest.mark.parametrize("ground", ["memory", "s3", "oss"], indirect=True)
def test_attributes_that_are_replaced_are_kept(ground):
    ground.put_there({"a": b"same"}, **TAGGED)
    before = ground.state()
    ground.put({"a": b"same"}, content_type="text/html", tags={"new": "1"})
    _, outcomes = ground.sync(compare="metadata")
    assert outcomes["a"].status == "updated"
    assert ground.trash(outcomes["a"].kept) == before


@pytest.mark.parametrize("trash", ["none", "deleted"])
def test_without_all_nothing_that_is_overwritten_is_kept(memory, trash):
    before = differing(memory)
    _, outcomes = memory.sync(trash=trash)
    assert {outcomes[key].kept for key in before} == {None}
    assert memory.trash() == {}


@pytest.mark.parametrize("way", WAYS)
def test_what_cannot_be_kept_is_not_overwritten(memory, way):
    before = differing(memory)

    def refuse(when: str, verb: str, key: str) -> None:
        if (verb, key, when) == ("copy", "one", "before"):
            raise AccessDenied("no right to copy", location="x", key=key)

    memory.destination.hooks.append(refuse)
    report, outcomes = memory.sync(check=False, **WAYS[way])
    assert (outcomes["one"].status, outcomes["one"].reason, outcomes["one"].kept) == ("failed", "not_kept", None)
    assert "can't be kept" in outcomes["one"].message
    assert outcomes["two"].status == outcomes["added"].status == "copied"
    assert memory.state()["one"] == before["one"]
    assert not report.green
    memory.destination.hooks.clear()
    _, outcomes = memory.sync(**WAYS[way])
    assert outcomes["one"].status == "copied"
    assert memory.trash(outcomes["one"].kept) == {"one": before["one"]}


@pytest.mark.parametrize("way", ["whole", "in parts"])
@pytest.mark.parametrize("ground", ["memory apart", *KINDS], indirect=True)
def test_what_somebody_wrote_since_the_plan_is_neither_kept_nor_overwritten(ground, way):
    differing(ground)
    run = ground.run(**WAYS[way])
    prepare(run)
    plan = make_plan(run)
    ground.put_there({"one": b"somebody's"})
    ground.destination.delete("two")
    index = copy_batch(run, plan, 0, attempt=1, progress=MemoryProgress())
    outcomes = {outcome.key: outcome for outcome in outcomes_of(run.workspace, index)}
    for key in ("one", "two"):
        assert (outcomes[key].status, outcomes[key].reason) == ("changed", "destination_changed")
    assert {key: state[0] for key, state in ground.state().items() if key != "added"} == {"one": b"somebody's"}


def test_what_somebody_wrote_before_a_large_object_is_completed_stays(memory):
    differing(memory)

    def write(when: str, verb: str, key: str) -> None:
        if (when, verb, key) == ("before", "complete_upload", "one"):
            memory.destination.hooks.clear()
            memory.put_there({"one": b"somebody's"})

    memory.destination.hooks.append(write)
    _, outcomes = memory.sync(check=False, **IN_PARTS)
    assert (outcomes["one"].status, outcomes["one"].reason) == ("changed", "destination_changed")
    assert memory.state()["one"][0] == b"somebody's"
    assert outcomes["two"].kept is not None


def test_a_destination_that_may_not_be_listed_is_said_before_anything_is_written(memory):
    differing(memory)
    run = memory.run(delete=False, verify="none")
    prepare(run)
    plan = replace(make_plan(run), blind=True)
    before = memory.state()
    with pytest.raises(InvalidConfiguration, match="may not be listed"):
        copy_batch(run, plan, 0, attempt=1, progress=MemoryProgress())
    assert memory.state() == before


class Killer:
    """Kills at the n-th request to any store, before or after it was applied."""

    def __init__(self, ground: Ground, at: int, when: str) -> None:
        self.at, self.when, self.seen = at, when, 0
        self.stores = (ground.source, ground.destination, ground.workspace)
        for store in self.stores:
            store.hooks.append(self)

    def __call__(self, when: str, verb: str, key: str) -> None:
        self.seen += when == "before"
        if self.at and (self.seen > self.at or (self.seen == self.at and when == self.when)):
            raise Killed

    def gone(self) -> None:
        """The next process is another one."""
        for store in self.stores:
            store.hooks.remove(self)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("way", ["whole", "in parts"])
@pytest.mark.parametrize("kind", ["memory apart", "memory apart versions"])
def test_killed_at_every_request_nothing_is_lost(kind, way, when, tmp_path):
    at = 0
    while True:
        at += 1
        with ExitStack() as stack:
            ground = make(kind, tmp_path, stack, {})
            before = differing(ground)
            run = ground.run(concurrency=1, delete=False, **WAYS[way])
            prepare(run)
            plan = make_plan(run)
            progress = MemoryProgress()
            killer = Killer(ground, at, when)
            try:
                copy_batch(run, plan, 0, attempt=1, progress=progress)
            except Killed:
                killed = True
            else:
                killed = False
            killer.gone()
            for key, standing in before.items():  # at this very moment nothing is lost
                versions = ground.destination.server.bucket("destination").versions.values()
                held = [ground.state(), *([] if "versions" in kind else [ground.trash(plan.trash)])]
                old = any(state.get(key) == standing for state in held)
                assert old or any(item.body == standing[0] for item in versions), (at, key)
            again = ground.run(concurrency=1, delete=False, **WAYS[way])
            index = copy_batch(again, plan, 0, attempt=2, progress=progress)
            outcomes = {outcome.key: outcome for outcome in outcomes_of(again.workspace, index)}
            assert {outcome.status for outcome in outcomes.values()} == {"copied"}, (at, outcomes)
            for key, standing in before.items():
                kept = outcomes[key].kept
                assert kept is not None, (at, key)
                if kept.startswith("version/"):
                    version = kept.removeprefix("version/")
                    assert ground.destination.head(key, version_id=version).info.size == len(standing[0])
                else:
                    assert ground.trash(kept)[key] == standing
            assert len(ground.trash()) == (0 if "versions" in kind else len(before))
            assert list(ground.destination.below(STATE_PREFIX).list_uploads()) == []
        if not killed:
            assert at > 8
            return
