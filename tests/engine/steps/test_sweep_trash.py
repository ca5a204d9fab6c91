"""Does a sweep of the trash delete what is old enough, and nothing else? (F10)"""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, InvalidConfiguration
from airflow_bucketsync.engine.model.names import STATE_PREFIX, trash_folder
from airflow_bucketsync.engine.model.trash_sweep import SweptFolder, TrashName, TrashSweepReport
from airflow_bucketsync.engine.steps.lock import acquire
from airflow_bucketsync.engine.steps.sweep_trash import SWEEPS, sweep_trash
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.gate import Gate
from tests.engine.clocks import START
from tests.engine.steps.trashing import KINDS, PLAIN, Ground, make, page_ref
from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server


@pytest.fixture(scope="module")
def servers():
    """One strict server of each service."""
    with S3Server() as s3, OSSServer() as oss:
        yield {"s3": s3, "oss": oss}


@pytest.fixture
def ground(request, tmp_path, servers):
    """A destination of a kind."""
    for server in servers.values():
        server.reset()
    with ExitStack() as stack:
        yield make(request.param, tmp_path, stack, servers)
    assert [failure for server in servers.values() for failure in server.failures] == []


@pytest.fixture
def memory(tmp_path) -> Ground:
    """The same in memory."""
    with ExitStack() as stack:
        yield make("memory", tmp_path, stack, {})


def now(ground: Ground) -> datetime:
    """By the clock of the store."""
    if ground.server is not None:
        return datetime.fromtimestamp(ground.server.core.now(), UTC)
    return ground.clock.now()


def pass_time(ground: Ground, **time: float) -> None:
    """Let everything become older."""
    seconds = timedelta(**time).total_seconds()
    if ground.server is not None:
        ground.server.core.clock.shift(seconds)
    elif ground.kind != "local":
        ground.clock.advance(seconds)
    else:
        for path in Path(ground.destination.location.bucket).rglob("*"):
            os.utime(path, (path.stat().st_mtime - seconds,) * 2)


def trash(ground: Ground, run: str, *keys: str, age: timedelta = timedelta()) -> str:
    """What a run kept so long ago, by its name; returns the folder's name."""
    folder = trash_folder(now(ground) - age, run)
    ground.put(dict.fromkeys(keys, b"kept"), at=ground.destination.below(STATE_PREFIX + folder))
    return folder.removeprefix("trash/").rstrip("/")


def sweep(ground: Ground, **options: Any) -> tuple[TrashSweepReport, dict[str, str]]:
    """One sweep, with what was done by folder."""
    settings = {"run": "sweep", "dry_run": False, "gate": Gate(clock=ground.clock)} | options
    report = sweep_trash(ground.destination, ground.workspace, **settings)
    place = Workspace(ground.workspace, pair=SWEEPS, run="sweep")
    found: list[SweptFolder] = []
    if report.folders is not None:
        found = list(place.read_page(page_ref(place, report.folders), "trash_folders", SweptFolder.from_json))
    return report, {item.folder: item.done for item in found}


def left(ground: Ground) -> set[str]:
    """Folders of the trash."""
    return {key.partition("/")[0] for key in ground.trash()}


@pytest.mark.parametrize("ground", KINDS, indirect=True)
def test_what_is_old_goes_and_nothing_else(ground):
    ground.put_there({"data/a": b"x", "trash/b": b"x"})
    old = trash(ground, "old", "a", "b/c", age=timedelta(days=31))
    pass_time(ground, days=31)
    young = trash(ground, "young", "a", age=timedelta(days=29))
    state = ground.state()
    dry, done = sweep(ground, dry_run=True)
    assert done == {old: "would_delete", young: "young"}
    assert (dry.objects, dry.sizes) == ({"would_delete": 2, "young": 1}, {"would_delete": 8, "young": 4})
    assert left(ground) == {old, young}
    report, done = sweep(ground)
    assert done == {old: "deleted", young: "young"}
    assert report.counts == {"deleted": 1, "young": 1}
    assert left(ground) == {young}
    assert ground.state() == state
    assert sweep(ground)[1] == {young: "young"}


@pytest.mark.parametrize("ground", ["memory", "s3", "oss"], indirect=True)
def test_a_folder_is_as_young_as_its_newest_object(ground):
    folder = trash(ground, "old", "a")
    pass_time(ground, days=31)
    ground.put({"late": b"x"}, at=ground.destination.below(f"{STATE_PREFIX}trash/{folder}/"))
    assert sweep(ground)[1] == {folder: "young"}
    pass_time(ground, days=31)
    assert sweep(ground)[1] == {folder: "deleted"}


@pytest.mark.parametrize("ground", PLAIN, indirect=True)
def test_what_is_named_otherwise_is_left(ground):
    state = ground.destination.below(f"{STATE_PREFIX}trash/")
    strange = ("mine", "20260101T000000", "20260101T000000-ABCDEFABCDEF", "20261301T000000-abcdefabcdef", "x/y")
    for name in strange:
        ground.put({f"{name}/a": b"x"}, at=state)
    ground.put({"loose": b"x"}, at=state)
    ours = ("20260101T000000-abcdefabcdef", "20260101T000000-abcdefabcdef-2")
    for name in ours:
        ground.put({f"{name}/a": b"x"}, at=state)
    pass_time(ground, days=31)
    if ground.kind == "memory":
        pass_time(ground, days=300)
    _, done = sweep(ground)
    assert {name for name, what in done.items() if what == "left"} == {"", "mine", "x", *strange[1:4]}
    assert {name for name, what in done.items() if what == "deleted"} == set(ours)
    assert {key.rpartition("/")[0] for key in ground.trash()} == {"", *strange}


@pytest.mark.parametrize("ground", PLAIN, indirect=True)
def test_the_trash_of_a_run_that_holds_the_lock_stays(ground):
    mine, other = (trash(ground, name, "a", age=timedelta(days=40)) for name in ("mine", "other"))
    pass_time(ground, days=40)
    acquire(ground.run("mine"))
    assert sweep(ground)[1] == {mine: "in_use", other: "deleted"}
    for info in ground.destination.below(STATE_PREFIX).list_page().items:
        if info.key.startswith("lock-"):
            ground.destination.below(STATE_PREFIX).delete(info.key)
    assert sweep(ground)[1] == {mine: "deleted"}


@pytest.mark.parametrize("damage", [b"{", b"[]", b"x" * 100_000, b'{"schema": "bucketsync/lock", "version": 1}'])
def test_a_lock_that_cannot_be_read_may_be_of_any_run(memory, damage):
    folder = trash(memory, "old", "a")
    pass_time(memory, days=40)
    memory.put({"lock-0123456789abcdef.json": damage}, at=memory.destination.below(STATE_PREFIX))
    assert sweep(memory)[1] == {folder: "in_use"}


def test_what_comes_while_it_is_swept_stays(memory):
    folder = trash(memory, "old", "a", "b")
    pass_time(memory, days=40)
    place = memory.destination.below(f"{STATE_PREFIX}trash/{folder}/")

    def write(when: str, verb: str, key: str) -> None:
        if (when, verb, key) == ("before", "list", "lock-"):
            memory.destination.hooks.clear()
            memory.put({"c": b"new"}, at=place)

    memory.destination.hooks.append(write)
    report, done = sweep(memory)
    assert done == {folder: "in_use"}
    assert set(memory.trash(f"trash/{folder}/")) == {"c"}
    assert "1 objects were written" in str(report.first[0].message)


def test_what_cannot_be_deleted_is_named(memory):
    folder = trash(memory, "old", "a", "b")
    other = trash(memory, "other", "a")
    pass_time(memory, days=40)

    def refuse(when: str, verb: str, key: str) -> None:
        if (when, verb, key) == ("before", "delete", "b"):
            raise AccessDenied("no right to delete", location="x", key=key)

    memory.destination.hooks.append(refuse)
    report, done = sweep(memory)
    assert done == {folder: "failed", other: "deleted"}
    assert report.failed == 1
    assert report.first[0].folder == folder
    assert "no right" in str(report.first[0].message)


@pytest.mark.parametrize("age", [timedelta(hours=23), timedelta(0), timedelta(days=-1)])
def test_nothing_is_swept_within_a_day(memory, age):
    with pytest.raises(InvalidConfiguration, match="less than a day"):
        sweep(memory, older_than=age)


def test_names_are_those_that_runs_give():
    folder = trash_folder(START, "run").removeprefix("trash/").rstrip("/")
    for name in (folder, f"{folder}-2"):
        assert TrashName.parse(name) == TrashName(made=START, run=folder.rpartition("-")[2])
    for name in ("", f"{folder}-1", f"{folder}-10", folder.upper(), f"x{folder}", f"{folder} "):
        assert TrashName.parse(name) is None
