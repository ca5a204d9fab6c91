"""Hostile trees of files (l01 to l17)."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.engine.stand import Ran, Stand

GIB = 1024**3


@pytest.fixture
def tree(stand: Stand) -> Path:
    """A folder with one plain file."""
    folder = stand.folder / "in"
    folder.mkdir()
    (folder / "plain.txt").write_bytes(b"plain")
    return folder


@pytest.fixture
def bucket(stand: Stand) -> str:
    """Where the tree goes; what stood there before must survive whatever cannot be read."""
    name = stand.bucket()
    stand.put(name, {"link": b"of an earlier run", "thing": b"of an earlier run"})
    return name


def to_s3(stand: Stand, bucket: str, **settings: str) -> Ran:
    """The tree to the bucket; nothing is ever deleted there."""
    ran = stand.sync(stand.local("in", **settings), stand.s3(bucket))
    contents = stand.contents(bucket)
    assert contents["plain.txt"] == b"plain"
    assert {"link", "thing"} <= set(contents)
    assert not [entry for entry in ran.entries if entry.operation.startswith("Delete")]
    return ran


@pytest.mark.parametrize("name", [bytes.fromhex("6261642dfffe2e62696e"), bytes.fromhex("6c6174696e312de92e747874")])
@pytest.mark.parametrize("folder", [False, True])
def test_torture_tree_l01_l02_name_that_is_no_utf8(
    stand: Stand, tree: Path, bucket: str, name: bytes, folder: bool
) -> None:
    place = os.path.join(os.fsencode(tree), name)
    if folder:
        os.mkdir(place)
        place = os.path.join(place, b"inside")
    with open(place, "wb") as file:
        file.write(b"x")
    ran = to_s3(stand, bucket)
    [outcome] = [outcome for outcome in ran.outcomes.values() if outcome.status == "refused"]
    assert outcome.reason == "not_utf8"
    assert outcome.key.rstrip("/") == name.decode("utf-8", "backslashreplace")
    assert ran.report.red == ("refused",)
    assert len(stand.contents(bucket)) == 3


@pytest.mark.parametrize(
    ("target", "followed"),
    [
        ("plain.txt", "copied"),  # l03
        ("/etc/hostname", "symlink_outside"),  # l04
        (".", "symlink_loop"),  # l05
        ("nowhere", "symlink_dangling"),  # l06
    ],
)
def test_torture_tree_l03_to_l06_links(stand: Stand, tree: Path, bucket: str, target: str, followed: str) -> None:
    (tree / "link").symlink_to(target)
    ran = to_s3(stand, bucket)
    assert ran.status("link") == ("skipped", "symlink")
    assert ran.report.green
    ran = to_s3(stand, bucket, follow_links="inside_root")
    if followed == "copied":
        assert ran.status("link")[0] == "copied"
        assert stand.contents(bucket)["link"] == b"plain"
        return
    [outcome] = [outcome for outcome in ran.outcomes.values() if outcome.status == "refused"]
    assert outcome.key.rstrip("/") == "link"
    assert (outcome.status, outcome.reason) == ("refused", followed)
    assert ran.report.red == ("refused",)
    assert stand.contents(bucket)["link"] == b"of an earlier run"


def test_torture_tree_what_lies_behind_a_link_is_not_called_extra(stand: Stand, tree: Path, bucket: str) -> None:
    """Its absence proves nothing: whoever removes extra objects must leave these."""
    (tree / "folder").symlink_to(".")
    stand.put(bucket, {"folder/a": b"1", "folder/b/c": b"2", "folder2": b"3"})
    ran = to_s3(stand, bucket, follow_links="inside_root")
    assert ran.status("folder/") == ("refused", "symlink_loop")
    assert ran.status("folder/a") == ran.status("folder/b/c") == ("skipped", "not_listed")
    assert ran.status("folder2") == ("extra", "not_at_source")


@pytest.mark.parametrize("kind", ["fifo", "socket"])
def test_torture_tree_l07_l08_things_that_are_no_files(stand: Stand, tree: Path, bucket: str, kind: str) -> None:
    place = os.open(tree, os.O_RDONLY)  # the path of a socket is short
    if kind == "fifo":
        os.mkfifo("thing", dir_fd=place)
    else:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(f"/proc/self/fd/{place}/thing")
    os.close(place)
    ran = to_s3(stand, bucket)
    assert ran.status("thing") == ("skipped", kind)
    assert ran.report.green


UNREADABLE = """
import sys
from airflow_bucketsync.engine import sync
from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.local import LocalStore

folder = lambda name: LocalStore(Location(scheme="file", bucket=f"{sys.argv[1]}/{name}"), may_be_missing=True)
try:
    report = sync(folder("in"), folder("out"), workspace=folder("workspace"), check=False)
except BucketsyncError as error:
    print(type(error).__name__, error.key)
else:
    print(report.red, report.counts)
"""


def without_power() -> None:
    """Take from root what lets it read everything (`man capabilities`); others never had it."""
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


@pytest.mark.parametrize(
    ("folder", "said"), [(False, "('failed',) {'copied': 1, 'failed': 1}"), (True, "AccessDenied locked/")]
)
def test_torture_tree_l09_unreadable(stand: Stand, tree: Path, folder: bool, said: str) -> None:
    """A file fails by itself; a folder hides who knows what, so nothing is planned at all."""
    locked = tree / "locked"
    if folder:
        locked.mkdir()
        (locked / "k").write_bytes(b"x")
    else:
        locked.write_bytes(b"x")
    locked.chmod(0)
    child = subprocess.run(
        [sys.executable, "-c", UNREADABLE, str(stand.folder)],
        capture_output=True,
        text=True,
        preexec_fn=without_power,
        timeout=60,
    )
    locked.chmod(0o700)
    assert child.stdout.strip() == said, child.stderr
    assert (stand.folder / "out" / "plain.txt").exists() == (not folder)


def test_torture_tree_l10_sparse(stand: Stand, tree: Path) -> None:
    """6 GiB with three pages of data in it: all of it arrives, and takes no more room."""
    with (tree / "sparse").open("wb") as file:
        for at, data in ((0, b"begin"), (5 * GIB + 123, b"middle"), (6 * GIB - 3, b"end")):
            file.seek(at)
            file.write(data)
    ran = stand.sync(stand.local("in"), stand.local("out"))
    assert ran.report.verified
    copy = stand.folder / "out" / "sparse"
    assert copy.stat().st_size == 6 * GIB
    assert copy.stat().st_blocks * 512 < GIB
    with copy.open("rb") as file:
        for at, data in ((0, b"begin"), (5 * GIB + 123, b"middle"), (6 * GIB - 3, b"end")):
            file.seek(at)
            assert file.read(len(data)) == data


@pytest.mark.parametrize("year", [2100, 1960])
def test_torture_tree_l12_l13_times_that_no_clock_shows(stand: Stand, tree: Path, bucket: str, year: int) -> None:
    time = datetime(year, 1, 1, 12, 30, 15, 250_000, tzinfo=UTC)
    nanoseconds = round(time.timestamp() * 1_000_000) * 1000
    os.utime(tree / "plain.txt", ns=(nanoseconds, nanoseconds))
    ran = to_s3(stand, bucket)
    assert ran.report.verified
    assert to_s3(stand, bucket).writes() == []
    for path in stand.folder.glob("workspace/*/known.json"):
        path.unlink()
    assert to_s3(stand, bucket).writes() == []
    back = stand.sync(stand.s3(bucket), stand.local("back"))
    assert back.report.verified
    assert (stand.folder / "back" / "plain.txt").stat().st_mtime_ns == nanoseconds


def test_torture_tree_l14_two_names_of_one_file(stand: Stand, tree: Path, bucket: str) -> None:
    os.link(tree / "plain.txt", tree / "second.txt")
    assert to_s3(stand, bucket).report.verified
    assert stand.contents(bucket)["second.txt"] == b"plain"


@pytest.mark.parametrize("standing", [False, True])
def test_torture_tree_l16_folder_of_the_destination_leads_outside(stand: Stand, bucket: str, standing: bool) -> None:
    outside, out = stand.folder / "outside", stand.folder / "out"
    outside.mkdir()
    out.mkdir()
    if standing:
        (outside / "k").write_bytes(b"theirs")
    (out / "sub").symlink_to("../outside")
    stand.put(bucket, {"sub/k": b"ours"})
    ran = stand.sync(stand.s3(bucket), stand.local("out"))
    assert ran.status("sub/k")[0] == "refused"
    assert ran.report.red == ("refused",)
    assert [path.read_bytes() for path in outside.iterdir()] == ([b"theirs"] if standing else [])
    assert (out / "link").read_bytes() == b"of an earlier run"


def test_torture_tree_l17_name_of_the_destination_is_a_link(stand: Stand, bucket: str) -> None:
    outside, out = stand.folder / "outside", stand.folder / "out"
    outside.mkdir()
    out.mkdir()
    (outside / "file").write_bytes(b"theirs")
    (out / "k").symlink_to("../outside/file")
    stand.put(bucket, {"k": b"ours"})
    ran = stand.sync(stand.s3(bucket), stand.local("out"))
    assert ran.status("k")[0] == "copied"
    assert (outside / "file").read_bytes() == b"theirs"
    assert not (out / "k").is_symlink()
    assert (out / "k").read_bytes() == b"ours"
