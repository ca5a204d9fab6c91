"""Is a destination put back to what it was before a run, and what others changed since left and named? (F10)"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import InvalidConfiguration, Locked, LockLost, PlanMismatch, ServerError
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.undo import UndoneObject, UndoReport
from airflow_bucketsync.engine.steps.lock import acquire, release
from airflow_bucketsync.engine.steps.undo import undo_run
from airflow_bucketsync.engine.steps.undone import NEW, read_done, wish_of
from airflow_bucketsync.engine.steps.workspace import Workspace
from tests.engine.steps.pairs import IN_PARTS, PART
from tests.engine.steps.trashing import KINDS, PLAIN, TAGGED, VERSIONED, Ground, make, page_ref, read
from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server

MANY = 40


@pytest.fixture(scope="module")
def servers():
    """One strict server of each service."""
    with S3Server(min_part_size=1) as s3, OSSServer(min_part_size=1) as oss:
        yield {"s3": s3, "oss": oss}


@pytest.fixture
def ground(request, tmp_path, servers, monkeypatch):
    """A pair on a kind of store; no power failure is simulated, so nothing waits for the disk."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    with ExitStack() as stack:
        yield make(request.param, tmp_path, stack, servers)
    assert [failure for server in servers.values() for failure in server.failures] == []


@pytest.fixture
def memory(tmp_path) -> Ground:
    """The same in memory."""
    with ExitStack() as stack:
        yield make("memory", tmp_path, stack, {})


class Undone:
    """A report, and the record of each object by key."""

    def __init__(self, ground: Ground, report: UndoReport) -> None:
        self.report = report
        place = Workspace(ground.workspace, pair="pair", run=report.run)
        self.records: dict[str, UndoneObject] = {}
        if report.objects is not None:
            lines = list(place.read_page(page_ref(place, report.objects), "outcomes", UndoneObject.from_json))
            self.records = {item.outcome.key: item for item in lines}
            assert len(self.records) == len(lines), "a key has two records"

    @property
    def done(self) -> dict[str, str]:
        """What was done, by key."""
        return {key: item.done for key, item in self.records.items()}


def undo(ground: Ground, of: str, *, run: str = "undo", dry_run: bool = False, **policy: Any) -> Undone:
    """Undo one run."""
    this = ground.run(run, **policy)
    done = read_done(Workspace(this.workspace.store, pair="pair", run=of))
    return Undone(ground, undo_run(this, done, dry_run=dry_run))


def changed(ground: Ground, number: int, verify: str = "metadata") -> Any:
    """A run that deleted, overwrote and added so many objects each, and left some; returns what was before."""
    ground.seed({f"deleted/{n:04d}": b"deleted %d" % n for n in range(number)}, there=True)
    ground.seed({f"over/{n:04d}": b"before %d" % n for n in range(number)}, there=True)
    ground.seed({"same": b"same"}, there=True)
    before = ground.held()
    ground.seed({f"over/{n:04d}": b"the new one %d" % n for n in range(number)})
    ground.seed({f"added/{n:04d}": b"added %d" % n for n in range(number)})
    ground.seed({"same": b"same"})
    report, _ = ground.sync(run="run", max_deletes=number, compare="size", verify=verify)
    assert report.counts["copied"] == 2 * number
    assert report.counts["trashed"] == number
    assert ground.held() != before
    return before


# the check of the issue --------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
@pytest.mark.parametrize("ground", PLAIN, indirect=True)
def test_a_run_is_undone_but_for_what_others_changed_since(ground):
    before = changed(ground, MANY, verify="listing")
    others = somebody(ground)
    undone = undo(ground, "run")
    assert undone.report.counts == {"removed": MANY - 1, "restored": 2 * MANY - 3, "changed": 4}
    assert ground.held() == with_others(before, ground.held(), others)
    assert {key for key, done in undone.done.items() if done == "changed"} == others
    assert {item.outcome.key for item in undone.report.first} == others


@pytest.mark.parametrize("ground", KINDS, indirect=True)
def test_it_is_said_first_what_would_be_done_and_then_what_is_done_already(ground):
    before = changed(ground, 20)
    others = somebody(ground)
    after = ground.held()
    dry = undo(ground, "run", run="dry", dry_run=True)
    assert dry.report.counts == {"would_remove": 19, "would_restore": 37, "changed": 4}
    assert ground.held() == after
    undone = undo(ground, "run")
    assert undone.report.counts == {"removed": 19, "restored": 37, "changed": 4}
    assert ground.held() == with_others(before, after, others)
    again = undo(ground, "run", run="again")
    assert again.report.counts == {"same": 56, "changed": 4}
    assert {key for key, done in again.done.items() if done == "changed"} == others


def somebody(ground: Ground) -> set[str]:
    """Somebody changes something of everything that the run did."""
    ground.put_there({"over/0003": b"somebody's", "deleted/0004": b"somebody's", "added/0005": b"somebody's"})
    ground.destination.delete("over/0006")
    return {"over/0003", "deleted/0004", "added/0005", "over/0006"}


def with_others(before: Any, found: Any, others: set[str]) -> Any:
    """What was before, but for what others changed since, which is as they left it."""
    assert "over/0006" not in found
    assert all(found[key][0] == b"somebody's" for key in others - {"over/0006"})
    ours = {key: state for key, state in before.items() if key not in others}
    return ours | {key: found[key] for key in others & set(found)}


@pytest.mark.parametrize("ground", KINDS, indirect=True)
def test_an_undo_can_be_undone(ground):
    before = changed(ground, 5)
    after_run = ground.held()
    undo(ground, "run")
    assert ground.held() == before
    back = undo(ground, "undo", run="redo")
    assert back.report.counts == {"removed": 5, "restored": 10}
    assert ground.held() == after_run
    undo(ground, "redo", run="third")
    assert ground.held() == before


@pytest.mark.parametrize("ground", KINDS, indirect=True)
def test_large_objects_come_back(ground):
    ground.put_there({"one": b"the old one" * PART, "gone": b"old" * PART}, **TAGGED)
    before = ground.state()
    ground.put({"one": b"the new one" * PART, "added": b"new!" * PART})
    ground.sync(run="run", **IN_PARTS)
    assert undo(ground, "run").report.counts == {"removed": 1, "restored": 2}
    assert ground.state() == before


@pytest.mark.parametrize("ground", ["memory parts", "s3 parts", "oss parts"], indirect=True)
def test_what_is_too_large_for_one_copy_comes_back_in_parts(ground):
    ground.put_there({"one": b"the old one" * 100, "gone": b"old" * 100}, **TAGGED)
    before = ground.state()
    ground.put({"one": b"the new one" * 100})
    ground.sync(run="run", part_size=100)
    assert undo(ground, "run", part_size=100).report.counts == {"restored": 2}
    assert ground.state() == before
    assert list(ground.destination.list_uploads()) == []


@pytest.mark.parametrize("ground", ["memory", "s3", "oss", *VERSIONED], indirect=True)
def test_attributes_that_a_run_replaced_come_back(ground):
    """The ETag is the same before and after, and again."""
    ground.put_there({"a": b"same"}, **TAGGED)
    before = ground.state()
    ground.put({"a": b"same"}, content_type="text/html", tags={"new": "1"})
    _, outcomes = ground.sync(run="run", compare="metadata")
    assert outcomes["a"].status == "updated"
    after = ground.state()
    assert undo(ground, "run", run="dry", dry_run=True).done == {"a": "would_restore"}
    assert undo(ground, "run").done == {"a": "restored"}
    assert ground.state() == before
    assert undo(ground, "run", run="again").done == {"a": "same"}
    assert undo(ground, "undo", run="redo").done == {"a": "restored"}
    assert ground.state() == after


# what can't be undone ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ground", PLAIN, indirect=True)
def test_what_was_not_kept_is_named(ground):
    ground.put_there({"over": b"before", "deleted": b"deleted"})
    ground.put({"over": b"the new one", "added": b"x"})
    ground.sync(run="run", trash="none")
    undone = undo(ground, "run")
    assert undone.done == {"over": "not_kept", "deleted": "not_kept", "added": "removed"}
    assert set(ground.state()) == {"over"}


@pytest.mark.parametrize("ground", PLAIN, indirect=True)
def test_what_is_kept_no_more_is_named(ground):
    changed(ground, 2)
    trash = ground.destination.below(f"{STATE_PREFIX}trash/")
    for key in ground.trash():
        trash.delete(key)
    undone = undo(ground, "run")
    assert undone.report.counts == {"not_kept": 4, "removed": 2}
    assert "kept no more" in undone.records["over/0000"].outcome.message


@pytest.mark.parametrize("ground", VERSIONED, indirect=True)
def test_a_version_that_is_there_no_more_is_named(ground):
    changed(ground, 2)
    place = ground.destination.location
    if ground.server is None:
        ground.destination.server.bucket(place.bucket).versions.clear()
    else:
        found = read_done(Workspace(ground.workspace, pair="pair", run="run"))
        for key, outcome in ((outcome.key, outcome) for _, outcome in found.outcomes()):
            if outcome.kept is not None:
                version = outcome.kept.removeprefix("version/")
                ground.server.core.delete(place.bucket, place.full_key(key), version)
    assert undo(ground, "run").report.counts == {"not_kept": 4, "removed": 2}


def test_what_was_moved_is_left_and_named(memory):
    memory.put({"a": b"a", "b": b"b"})
    report, _ = memory.sync(run="run", delete=False, move=True)
    assert report.counts == {"moved": 2}
    undone = undo(memory, "run")
    assert undone.done == {"a": "moved", "b": "moved"}
    assert set(memory.state()) == {"a", "b"}


@pytest.mark.parametrize(
    ("outcome", "wish"),
    [
        (Outcome(key="a", status="copied", reason=NEW, mode="stream"), "remove"),
        (Outcome(key="a", status="copied", reason="size", mode="stream"), "not_kept"),
        (Outcome(key="a", status="copied", reason="size", mode="stream", kept="trash/x/"), "replace"),
        (Outcome(key="a", status="updated", reason="metadata", mode="set_attributes", kept="version/1"), "replace"),
        (Outcome(key="a", status="unverified", reason="checksum", mode="stream", kept="trash/x/"), "replace"),
        (Outcome(key="a", status="unverified", reason="checksum", mode="stream"), "not_kept"),
        (Outcome(key="a", status="deleted", reason="not_at_source"), "not_kept"),
        (Outcome(key="a", status="deleted", reason="not_there"), None),
        (Outcome(key="a", status="trashed", reason="not_at_source", kept="trash/x/"), "restore"),
        (Outcome(key="a", status="failed", reason="not_kept"), None),
        (Outcome(key="a", status="withheld", reason="dry_run"), None),
        (Outcome(key="a", status="extra"), None),
    ],
)
def test_what_an_outcome_asks_for(outcome, wish):
    assert wish_of(outcome) == wish


# reading -----------------------------------------------------------------------------------------------------------


def test_a_folder_without_a_report_is_said(memory):
    with pytest.raises(InvalidConfiguration, match="holds no report"):
        undo(memory, "no-such-run")


@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_a_damaged_page_undoes_nothing(memory, damage):
    changed(memory, 3)
    after = memory.state()
    place = memory.run("run").workspace
    name = place.read_document("report.json", "report")["objects"]
    if damage == "missing":
        place.delete(name)
    elif damage == "cut":
        data = read(memory.workspace, f"pair/run/{name}")
        memory.workspace.put(f"pair/run/{name}", data[:-9])
    else:
        writer = place.page_writer("report/objects", "outcomes")
        writer.write(Outcome(key="same", status="copied", reason=NEW, mode="stream").to_json())
        writer.finish()
    with pytest.raises(PlanMismatch):
        undo(memory, "run")
    assert memory.state() == after


def test_an_undo_whose_page_names_fewer_objects_than_it_counted_is_not_undone(memory):
    changed(memory, 3)
    place = memory.run("undo").workspace
    undo(memory, "run")
    after = memory.state()
    lines = list(place.read_page(page_ref(place, "undo/objects.jsonl.zst"), "outcomes", UndoneObject.from_json))
    place.write_page("undo/objects", "outcomes", (line.to_json() for line in lines[:-1]))
    with pytest.raises(PlanMismatch, match=f"names {len(lines) - 1} objects, its report counted {len(lines)}"):
        undo(memory, "undo", run="redo")
    assert memory.state() == after


def test_an_undo_that_did_not_end_is_not_undone(memory):
    changed(memory, 1)
    memory.run("half").workspace.write_document("undo.json", "undo", {"ended": None, "spec": {}, "objects": None})
    with pytest.raises(InvalidConfiguration, match="did not end"):
        undo(memory, "half")


# tries -------------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone; nothing of it runs any more."""


class Killer:
    """Kills at the n-th request to any store, before or after it was applied."""

    def __init__(self, ground: Ground, at: int, when: str) -> None:
        self.at, self.when, self.seen = at, when, 0
        self.stores = (ground.destination, ground.workspace)
        for store in self.stores:
            store.hooks.append(self)

    def __call__(self, when: str, verb: str, key: str) -> None:
        self.seen += when == "before"
        if self.seen > self.at or (self.seen == self.at and when == self.when):
            raise Killed

    def gone(self) -> None:
        """The next process is another one."""
        for store in self.stores:
            store.hooks.remove(self)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["memory", "memory versions"])
def test_killed_at_every_request_the_next_try_ends_it_and_tells_it_whole(kind, when, tmp_path):
    at = 0
    while True:
        at += 1
        with ExitStack() as stack:
            ground = make(kind, tmp_path, stack, {})
            before = changed(ground, 2)
            after = ground.state()
            killer = Killer(ground, at, when)
            try:
                undo(ground, "run", concurrency=1)
            except Killed:
                killed = True
            else:
                killed = False
            killer.gone()
            undone = undo(ground, "run", concurrency=1)
            assert ground.state() == before, at
            assert undone.report.counts == {"removed": 2, "restored": 4}, at
            undo(ground, "undo", run="redo", concurrency=1)
            assert ground.state() == after, at
        if not killed:
            assert at > 20
            return


def test_what_fails_is_named_and_the_others_are_done(memory):
    before = changed(memory, 4)

    def fail(when: str, verb: str, key: str) -> None:
        if verb == "copy" and key == "deleted/0002":
            raise ServerError("500", location="x", key=key)

    memory.destination.hooks.append(fail)
    undone = undo(memory, "run")
    assert undone.report.counts == {"removed": 4, "restored": 7, "failed": 1}
    assert undone.report.failed == 1
    assert undone.report.first[0].outcome.key == "deleted/0002"
    memory.destination.hooks.clear()
    assert undo(memory, "run", run="again").report.counts == {"restored": 1, "same": 11}
    assert memory.state() == before


def test_what_somebody_writes_at_the_last_moment_stays(memory):
    changed(memory, 1)

    def write(when: str, verb: str, key: str) -> None:
        if (when, verb) == ("before", "delete") or (when, verb, key) == ("before", "copy", "deleted/0000"):
            memory.destination.hooks.clear()
            memory.put_there({key: b"somebody's"})
            memory.destination.hooks.append(write)

    memory.destination.hooks.append(write)
    undone = undo(memory, "run")
    assert undone.done == {"added/0000": "changed", "deleted/0000": "changed", "over/0000": "restored"}
    assert memory.state()["added/0000"][0] == b"somebody's"
    assert memory.state()["deleted/0000"][0] == b"somebody's"


# the pair's memory -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["incremental", "full", "auto"])
def test_the_next_run_brings_the_changes_again(memory, mode):
    """What the pair remembers of the undone objects is forgotten, so that they are looked at again."""
    before = changed(memory, 3)
    after = memory.state()
    undo(memory, "run")
    assert memory.state() == before
    report, outcomes = memory.sync(mode=mode, delete=mode != "incremental", max_deletes=10)
    assert {key for key, outcome in outcomes.items() if outcome.status == "copied"} == {
        f"{word}/{n:04d}" for word in ("added", "over") for n in range(3)
    }
    deleted = {} if mode != "incremental" else {key: state for key, state in before.items() if "deleted" in key}
    assert memory.state() == {**after, **deleted}
    assert report.green


def test_a_dry_run_changes_nothing_at_all(memory):
    changed(memory, 3)
    after = memory.state()
    kept = memory.trash()
    known = memory.run("run").workspace.read_document("known.json", "known_pointer", of_pair=True)
    undo(memory, "run", dry_run=True)
    assert memory.state() == after
    assert memory.trash() == kept
    assert memory.run("run").workspace.read_document("known.json", "known_pointer", of_pair=True) == known


# the lock ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ground", ["memory", "s3", "oss", "local"], indirect=True)
def test_no_undo_while_a_run_of_the_pair_is_at_work(ground):
    before = changed(ground, 2)
    after = ground.held()
    working = ground.run("another")
    acquire(working)
    with pytest.raises(Locked, match="another"):
        undo(ground, "run")
    assert ground.held() == after
    assert undo(ground, "run", dry_run=True, run="dry").report.counts == {"would_remove": 2, "would_restore": 4}
    release(working)
    undo(ground, "run")
    assert ground.held() == before
    acquire(working)


def test_an_undo_whose_lock_is_taken_away_stops(memory):
    changed(memory, 3)

    def take(when: str, verb: str, key: str) -> None:
        if (when, verb) == ("before", "copy"):
            memory.destination.hooks.clear()
            state = memory.destination.below(STATE_PREFIX)
            for info in state.list_page().items:
                if info.key.startswith("lock-"):
                    state.delete(info.key)
            memory.clock.advance(700)  # its lease is over, so the end of its work asks whether it is still there

    memory.destination.hooks.append(take)
    with pytest.raises(LockLost):
        undo(memory, "run")
    assert memory.run("undo").workspace.read_document("undo.json", "undo")["started"]
