"""What becomes of a large object when its source, its destination or its upload changes on the way?"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import ServerError
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.local import LocalStore
from tests.engine.steps.pairs import PART, Pair
from tests.engine.steps.uploading import (
    MODES,
    SENDS,
    At,
    Job,
    Trouble,
    body,
    pair_for,
    stored,
)

KEY = "k"
OLD, NEW, OTHER = body(8 * PART, 1), body(8 * PART, 2), body(30, 3)
STANDING = [None, b"what stood there"]


def filled(mode: str, standing: bytes | None = None, **settings: Any) -> Pair:
    pair = pair_for(mode, **settings)
    pair.put({KEY: OLD, "other": OTHER})
    if standing is not None:
        pair.put_there({KEY: standing})
    return pair


def changed_when(job: Job, moment: str, change: Callable[[], None] | None = None) -> None:
    """The source is overwritten, or changed in another way, at this moment of the run."""
    pair, plan = job.pair, job.planned()
    change = change or (lambda: pair.put({KEY: NEW}))
    if moment == "before begin":
        change()
    job.do("begin")
    if moment == "after begin":
        change()
    if moment == "in a group":
        pair.at_destination(At(change, *SENDS, number=2))
    for group in plan.groups:
        job.do("parts", group.number)
        if moment == "between groups" and group.number == 0:
            change()


@pytest.mark.parametrize("standing", STANDING)
@pytest.mark.parametrize("moment", ["before begin", "after begin", "in a group", "between groups"])
@pytest.mark.parametrize("mode", MODES)
def test_fault_F24_F25_F26_source_changes_on_the_way(mode, moment, standing):
    pair = filled(mode, standing)
    job = Job(pair)
    changed_when(job, moment)
    report = job.ended()
    assert job.failed == []
    assert job.ends(report) == {KEY: ("changed", "source_changed"), "other": ("copied", "new")}
    assert pair.contents() == {"other": OTHER} | ({} if standing is None else {KEY: standing}), "invariant I2"
    assert pair.uploads() == 0
    again = Job(pair, run="again")
    assert again.drive().verified
    assert pair.contents() == {KEY: NEW, "other": OTHER}


@pytest.mark.parametrize("mode", MODES)
def test_fault_F24_after_its_last_part_the_planned_version_is_whole(mode):
    """It is completed, found out of date by verification, and replaced by the next run."""
    pair = filled(mode)
    job = Job(pair)
    job.planned()
    job.copied()
    pair.put({KEY: NEW})
    report = job.ended()
    assert pair.contents() == {KEY: OLD, "other": OTHER}, "invariant I2: an entire version"
    assert job.ends(report)[KEY] == ("changed", "source_changed_after_copy")
    assert pair.uploads() == 0
    assert Job(pair, run="again").drive().verified
    assert pair.contents() == {KEY: NEW, "other": OTHER}


@pytest.mark.parametrize("mode", MODES)
def test_fault_F24_a_versioned_source_is_brought_over_as_planned(mode):
    pair = filled(mode, versions=True)
    job = Job(pair)
    changed_when(job, "in a group")
    report = job.ended()
    assert pair.contents()[KEY] == OLD, "every part is of the planned version"
    assert pair.uploads() == 0
    assert report.green
    assert Job(pair, run="again").drive().verified
    assert pair.contents()[KEY] == NEW


@pytest.mark.parametrize("moment", ["after begin", "in a group", "between groups"])
@pytest.mark.parametrize("how", ["grows", "shrinks", "is replaced"])
def test_fault_F27_a_file_changes_on_the_way(tmp_path, how, moment):
    pair, path = pair_for("stream_parts"), tmp_path / KEY
    pair.source = LocalStore(Location(scheme="file", bucket=str(tmp_path)))
    path.write_bytes(OLD)

    def change() -> None:
        if how == "grows":
            with path.open("ab") as file:
                file.write(b"more")
        elif how == "shrinks":
            os.truncate(path, 5 * PART)
        else:
            (tmp_path / "new").write_bytes(NEW)
            (tmp_path / "new").replace(path)

    job = Job(pair)
    changed_when(job, moment, change)
    assert job.ends(job.ended()) == {KEY: ("changed", "source_changed")}
    assert (pair.contents(), pair.uploads()) == ({}, 0)
    assert Job(pair, run="again").drive().verified
    assert pair.contents() == {KEY: path.read_bytes()}
    pair.source.close()


@pytest.mark.parametrize(("on_missing", "end"), [("skip", ("gone", "not_at_source")), ("fail", ("failed", "gone"))])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_fault_F13_source_goes_on_the_way(mode, late, on_missing, end):
    pair = filled(mode, b"what stood there")
    job = Job(pair, on_missing=on_missing)
    job.planned()
    if late:
        job.do("begin")
        job.do("parts", 0)
    pair.source.delete(KEY)
    job.copied()
    report = job.ended()
    assert job.ends(report)[KEY] == end
    assert pair.contents() == {KEY: b"what stood there", "other": OTHER}
    assert pair.uploads() == (1 if late and on_missing == "fail" else 0), "what failed may go on with the next run"
    pair.put({KEY: NEW})
    assert Job(pair, run="again").drive().verified
    assert (pair.uploads(), pair.contents()[KEY]) == (0, NEW)


@pytest.mark.parametrize("mode", MODES)
def test_row_D7_an_upload_with_other_attributes_is_not_gone_on_with(mode):
    """They are said when it is begun: parts are the same, the object would have the old metadata."""
    pair = pair_for(mode)
    pair.put({KEY: OLD}, user_metadata={"colour": "red"})
    trouble = Trouble(lambda: ServerError("out of order"), *SENDS, first=6)
    pair.at_destination(trouble)
    first = Job(pair, run="first")
    assert not first.drive().green
    pair.destination.hooks.remove(trouble)
    assert pair.uploads() == 1
    pair.tamper(KEY, store=pair.source, user_metadata={"colour": "blue"})
    assert Job(pair, run="second").drive().verified
    assert pair.destination.head(KEY).attributes.user_metadata == {"colour": "blue"}
    assert pair.uploads() == 0
    assert stored(pair).total() == 5 + 8


@pytest.mark.parametrize("standing", STANDING)
@pytest.mark.parametrize("mode", MODES)
def test_fault_F49_destination_changes_before_it_is_completed(mode, standing):
    pair = filled(mode, standing)
    job = Job(pair)
    job.planned()
    job.copied()
    pair.put_there({KEY: b"somebody else's"})
    report = job.ended()
    assert job.ends(report)[KEY] == ("changed", "destination_changed")
    assert pair.contents() == {KEY: b"somebody else's", "other": OTHER}
    assert pair.uploads() == 0


@pytest.mark.parametrize("moment", ["in a group", "between groups", "before complete"])
@pytest.mark.parametrize("mode", MODES)
def test_fault_F40_upload_aborted_by_a_stranger(mode, moment):
    pair = filled(mode, b"what stood there")
    job = Job(pair)
    plan = job.planned()
    job.do("begin")

    def abort() -> None:
        (upload,) = [upload for upload in pair.destination.list_uploads() if upload.key == KEY]
        pair.destination.abort_upload(KEY, upload.upload_id)

    if moment == "in a group":
        pair.at_destination(At(abort, *SENDS, number=3))
    for group in plan.groups:
        job.do("parts", group.number)
        if moment == "between groups" and group.number == 0:
            abort()
    if moment == "before complete":
        abort()
    report = job.ended()
    assert job.failed == []
    assert job.ends(report)[KEY] == ("failed", "upload_gone")
    assert job.ends(report)["other"] == ("copied", "new")
    assert pair.contents()[KEY] == b"what stood there"
    assert Job(pair, run="again").drive().verified
    assert pair.contents() == {KEY: OLD, "other": OTHER}
    assert pair.uploads() == 0
    assert [key for key in pair.contents(pair.pages) if "/uploads/" in key] == []
