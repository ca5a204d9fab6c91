"""Faults with deletes on, to and from folders (F01 to F64): is a good file ever lost?"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import BucketsyncError, ListingUntrusted, ServerError
from tests.engine.stand import Ran, Stand
from tests.servers.web.exchange import Call

GOOD = {f"sub/k{number}": b"good %d" % number for number in range(4)}
EXTRA = {"m-extra": b"extra 1", "sub/n-extra": b"extra 2"}
DELETE = {"delete": True, "max_delete_share": 1.0, "trash": "none"}
LONG_AGO = 1_700_000_000.0


def write(folder: Path, files: dict[str, bytes], modified: float = LONG_AGO) -> None:
    """Put files into a folder."""
    for key, body in files.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        os.utime(path, (modified, modified))


def found(folder: Path) -> dict[str, bytes]:
    """The files of a folder by key, our own state apart."""
    paths = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {key: path.read_bytes() for key, path in paths.items() if not key.startswith("_bucketsync/")}


def withheld(ran: Ran) -> dict[str, str | None]:
    """The objects that were not deleted, and why."""
    return {key: outcome.reason for key, outcome in ran.outcomes.items() if outcome.status == "withheld"}


class Down:
    """A bucket, and a folder in step with it but for two files of its own."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.bucket = stand.bucket()
        self.put(GOOD)
        self.out = stand.folder / "out"
        assert self.sync(trash="none").report.verified
        write(self.out, EXTRA)

    def put(self, objects: dict[str, bytes]) -> None:
        """Seed the source with what had been there for long."""
        for key, body in objects.items():
            self.stand.server.core.put(self.bucket, key, body, modified=time.time() - 3600)

    def sync(self, **options: Any) -> Ran:
        """One run that may delete."""
        return self.stand.sync(self.stand.s3(self.bucket), self.stand.local("out"), **{**DELETE, **options})


@pytest.fixture
def down(stand: Stand) -> Down:
    """From a bucket to a folder."""
    return Down(stand)


def test_what_is_not_at_the_source_is_deleted(down: Down) -> None:
    """Without a fault: else none of the others would say anything."""
    assert down.sync().report.counts == {"same": 4, "deleted": 2}
    assert found(down.out) == GOOD


@pytest.mark.parametrize("action", ["status", "truncate", "empty_body"])
def test_faults_F01_F04_F05_page_of_the_source_fails(down: Down, action: str) -> None:
    down.stand.server.core.bucket(down.bucket).settings.listing_oddity = "page_cap=2"
    said = {"status": 500, "code": "InternalError"} if action == "status" else {"at": 250}
    down.stand.fault(action, operation="ListObjectsV2", query={"start-after": None}, **said)
    with pytest.raises(ServerError if action == "status" else ListingUntrusted):
        down.sync(allow_empty_source=True)
    assert found(down.out) == {**GOOD, **EXTRA}


def test_fault_F07_listing_that_says_it_is_complete_and_is_not(down: Down) -> None:
    down.stand.server.core.bucket(down.bucket).settings.listing_oddity = "page_cap=2 truncated_false"
    ran = down.sync()
    assert withheld(ran) == {
        "m-extra": "listing_disagrees",
        "sub/k2": "listing_disagrees",
        "sub/k3": "listing_disagrees",
        "sub/n-extra": "listing_disagrees",
    }
    assert ran.report.red == ("withheld",)
    assert found(down.out) == {**GOOD, **EXTRA}


def test_fault_F15_more_than_is_allowed(down: Down) -> None:
    assert withheld(down.sync(max_deletes=1)) == dict.fromkeys(EXTRA, "too_many_deletes")
    assert found(down.out) == {**GOOD, **EXTRA}


def test_fault_F17_folder_whose_name_begins_the_same(down: Down) -> None:
    for name in ("out2", "out-", "ou"):
        write(down.stand.folder / name, EXTRA)
    assert down.sync().report.counts == {"same": 4, "deleted": 2}
    assert [found(down.stand.folder / name) for name in ("out2", "out-", "ou")] == [EXTRA] * 3


@pytest.mark.parametrize("trash", ["none", "deleted"])
def test_fault_F49_file_that_somebody_replaces_after_the_plan(down: Down, trash: str) -> None:
    """Of the same size and time, under another inode."""
    theirs = b"THEIRS!"

    def replace(call: Call) -> None:
        write(down.stand.folder, {"theirs": theirs})
        os.rename(down.stand.folder / "theirs", down.out / "m-extra")

    struck = down.stand.fault("before", operation="HeadObject", bucket=down.bucket, key="m-extra", hook=replace)
    ran = down.sync(trash=trash)
    assert struck.occurred == 1
    assert ran.status("m-extra") == ("changed", "destination_changed")
    assert found(down.out) == {**GOOD, "m-extra": theirs}


@pytest.mark.parametrize("allowed", [False, True])
def test_fault_F54_folder_of_the_destination_that_is_a_link_outside(down: Down, allowed: bool) -> None:
    """Tree l16: what lies behind it is no extra of ours, however much may be deleted."""
    outside = down.stand.folder / "outside"
    write(outside, {"theirs": b"theirs", "deep/theirs": b"theirs"})
    (down.out / "l16").symlink_to("../outside")
    (down.out / "l17").symlink_to("../outside/theirs")
    ran = down.sync(delete_excluded=allowed, allow_empty_source=allowed)
    assert ran.status("m-extra") == ("deleted", "not_at_source")
    assert not [key for key, outcome in ran.outcomes.items() if key.startswith("l1") and outcome.status == "deleted"]
    assert found(outside) == {"theirs": b"theirs", "deep/theirs": b"theirs"}
    assert (down.out / "l16").is_symlink()


@pytest.mark.parametrize(
    ("what", "trash", "said"),
    [
        ("folder", "none", ("withheld", "not_supported")),
        ("folder", "deleted", ("withheld", "not_kept")),
        ("file", "none", ("withheld", "not_supported")),
        ("file", "deleted", ("deleted", "not_there")),
    ],
)
def test_fault_F54_that_becomes_a_link_outside_after_the_plan(
    down: Down, what: str, trash: str, said: tuple[str, str]
) -> None:
    """The very file that was planned lies behind the link now: same inode, size and time.

    It becomes one after it was looked at, while its absence from the source is being proven.
    """
    outside = down.stand.folder / "outside"
    body = b"moved away"
    write(down.out, {"gone/x": body})

    def swap(call: Call) -> None:
        if what == "folder":
            os.rename(down.out / "gone", outside)
            (down.out / "gone").symlink_to("../outside")
        else:
            outside.mkdir()
            os.rename(down.out / "gone" / "x", outside / "x")
            (down.out / "gone" / "x").symlink_to("../../outside/x")

    struck = down.stand.fault("before", operation="HeadObject", bucket=down.bucket, key="gone/x", hook=swap)
    ran = down.sync(trash=trash)
    assert struck.occurred == 1
    assert found(outside) == {"x": body}
    assert ran.status("gone/x") == said
    assert ran.status("m-extra")[1] == "not_at_source"
    assert found(down.out) == GOOD | ({} if what == "folder" else {"gone/x": body})


def test_fault_F64_one_batch_fails_and_nothing_is_deleted(down: Down) -> None:
    down.put({"l1": b"1", "l2": b"2"})
    down.stand.fault("status", operation="GetObject", key="l2", status=403, code="AccessDenied")
    ran = down.sync(batch_objects=1, tolerate=("failed",))
    assert ran.status("l2") == ("failed", "access_denied")
    assert withheld(ran) == dict.fromkeys(EXTRA, "not_all_well")
    assert found(down.out) == {**GOOD, **EXTRA, "l1": b"1"}


# from a folder --------------------------------------------------------------------------------------------------------


class Up:
    """A folder, and a bucket in step with it but for two objects of its own."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.bucket = stand.bucket()
        self.folder = stand.folder / "in"
        write(self.folder, GOOD)
        stand.put(self.bucket, {**GOOD, **EXTRA})

    def sync(self, **options: Any) -> Ran:
        """One run that may delete."""
        source = self.stand.local("in", may_be_missing=False)
        return self.stand.sync(source, self.stand.s3(self.bucket), **{**DELETE, **options})

    def contents(self) -> dict[str, bytes]:
        """What stands at the destination, our own state apart."""
        everything = self.stand.contents(self.bucket).items()
        return {key: body for key, body in everything if not key.startswith("_bucketsync/")}


@pytest.fixture
def up(stand: Stand) -> Up:
    """From a folder to a bucket."""
    return Up(stand)


def test_fault_F14_folder_whose_mount_is_missing(up: Up) -> None:
    """An empty mount point looks like a source without files."""
    os.rename(up.folder, up.stand.folder / "unmounted")
    up.folder.mkdir()
    ran = up.sync()
    assert withheld(ran) == dict.fromkeys((*GOOD, *EXTRA), "empty_source")
    assert ran.report.red == ("withheld",)
    assert up.contents() == {**GOOD, **EXTRA}


@pytest.mark.parametrize("allowed", [False, True])
def test_fault_F14_folder_that_is_not_there(up: Up, allowed: bool) -> None:
    os.rename(up.folder, up.stand.folder / "away")
    with pytest.raises(BucketsyncError, match="in"):
        up.sync(allow_empty_source=allowed)
    assert up.contents() == {**GOOD, **EXTRA}


@pytest.mark.parametrize("old", [False, True])
def test_fault_F12_file_that_comes_behind_the_listing(up: Up, old: bool) -> None:
    """To the destination too. With an old time (moved there) nobody can tell it from one that the listing missed."""
    new = {"sub/new": b"new"}
    up.stand.server.core.bucket(up.bucket).settings.listing_oddity = "page_cap=1"

    def arrive(call: Call) -> None:
        if call.query.get("start-after") == "sub/k2":  # this folder of the source was read by then
            write(up.folder, new, modified=LONG_AGO if old else time.time() + 60)
            up.stand.put(up.bucket, new)

    up.stand.fault("before", operation="ListObjectsV2", bucket=up.bucket, hook=arrive)
    ran = up.sync()
    if old:
        assert withheld(ran) == dict.fromkeys((*EXTRA, *new), "listing_disagrees")
        assert up.contents() == {**GOOD, **EXTRA, **new}
    else:
        assert ran.report.green
        assert ran.status("sub/new") == ("changed", "appeared_at_source")
        assert up.contents() == {**GOOD, **new}
    up.stand.server.faults.clear()
    assert up.sync().report.green
    assert up.contents() == {**GOOD, **new}


def test_fault_F13_file_that_goes_before_its_copy(up: Up) -> None:
    write(up.folder, {"sub/k0": b"newer", "sub/k1": b"newer"}, modified=LONG_AGO + 60)
    up.stand.fault(
        "before", operation="PutObject", key="sub/k0", times=1, hook=lambda call: (up.folder / "sub/k1").unlink()
    )
    ran = up.sync(concurrency=1)
    assert ran.status("sub/k1")[0] == "gone"
    assert up.contents() == {**GOOD, "sub/k0": b"newer"}
    assert up.sync().status("sub/k1") == ("deleted", "not_at_source")
