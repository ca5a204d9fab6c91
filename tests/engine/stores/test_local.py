"""The local store: the contract, and what only a disk can do to it."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    BodyCorrupted,
    NotSupported,
    ObjectChanged,
    ObjectNotFound,
    ServerError,
    StoreFull,
)
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import Checksum, ObjectAttributes
from airflow_bucketsync.engine.stores.clock import SystemClock
from airflow_bucketsync.engine.stores.local import LocalStore, writing
from airflow_bucketsync.engine.stores.local.disk import name_folding, time_of
from airflow_bucketsync.engine.stores.memory import MemoryStore
from tests.engine.stores.contract import TORTURE, StoreContract, listing, read

LOCAL_ONLY = {entry["id"]: entry for entry in TORTURE["local_only"]}
SIX_GIB = 6 * 1024**3


def store_of(folder: Path, **options) -> LocalStore:
    """A store of a folder."""
    return LocalStore(Location.parse(f"file://{folder}/"), **options)


def refused(store: LocalStore) -> dict[str, str]:
    """What a listing refuses, each name once, whatever the pages."""
    names: dict[str, str] = {}
    after = ""
    while True:
        page = store.list_page(after=after, limit=2)
        for name, reason in page.refused:
            assert name not in names
            names[name] = reason
        if page.next_after is None:
            assert sorted(names.items()) == sorted(store.list_page(limit=1000).refused)
            return names
        after = page.next_after


def leftovers(folder: Path) -> list[str]:
    """Names of ours that stand in a tree."""
    return [name for _, folders, files in os.walk(folder) for name in folders + files if "bucketsync" in name]


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("secret")
    return folder


@pytest.fixture
def store(root):
    return store_of(root)


@pytest.fixture
def second_store(tmp_path):
    (tmp_path / "second").mkdir()
    return store_of(tmp_path / "second")


class TestLocalStore(StoreContract):
    """The contract in a folder."""


class TestFollowingLocalStore(StoreContract):
    """The contract where links are followed."""

    @pytest.fixture
    def store(self, root):
        return store_of(root, follow_links="inside_root")


class TestWithoutHelpFromTheKernel(StoreContract):
    """The contract on a disk without hard links and without copies inside the kernel."""

    @pytest.fixture(autouse=True)
    def _poor_disk(self, monkeypatch):
        def not_there(*args, **options):
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")

        monkeypatch.setattr(os, "link", not_there)
        monkeypatch.setattr(os, "copy_file_range", not_there)


# The root


def test_a_missing_root_is_not_an_empty_one(tmp_path):
    store = store_of(tmp_path / "not" / "there")
    with pytest.raises(ObjectNotFound) as caught:
        store.list_page()
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(ObjectNotFound):
        store.head("a")
    store.delete("a")
    assert not (tmp_path / "not").exists()
    store.put("a/b", b"x")
    assert (tmp_path / "not/there/a/b").read_bytes() == b"x"


def test_a_destination_may_be_missing_until_its_first_write(tmp_path):
    store = store_of(tmp_path / "new", may_be_missing=True)
    assert store.list_page().items == ()
    assert list(store.list_uploads()) == []
    assert store.capabilities.name_folding == "none"
    assert not (tmp_path / "new").exists()
    upload = store.begin_upload("o")
    store.complete_upload("o", upload, [store.upload_part("o", upload, 1, b"x")], size=1)
    assert listing(store) == ["o"]


def test_the_root_may_be_reached_through_a_link(tmp_path, root):
    (tmp_path / "link").symlink_to(root)
    for options in ({}, {"follow_links": "inside_root"}):
        store = store_of(tmp_path / "link", **options)
        store.put("a/b", b"x")
        (root / "to").unlink(missing_ok=True)
        (root / "to").symlink_to("a")
        assert listing(store) == (["a/b", "to/b"] if options else ["a/b"])


def test_a_root_that_is_a_file_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotSupported):
        store_of(tmp_path / "file").list_page()


# Order and pages


def test_whole_folders_before_the_mark_are_not_opened(root, store, monkeypatch):
    for folder in "abcde":
        for number in range(3):
            store.put(f"{folder}/{number}/file", b"")
    scanned = []
    scandir = os.scandir

    def counted(descriptor):
        scanned.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        return scandir(descriptor)

    monkeypatch.setattr(os, "scandir", counted)
    page = store.list_page(after="d/1/file", limit=2)
    assert [info.key for info in page.items] == ["d/2/file", "e/0/file"]
    assert [os.path.relpath(path, root) for path in scanned] == [".", "d", "d/1", "d/2", "e", "e/0"]
    scanned.clear()
    assert listing(store, until="a/1/zzz") == ["a/0/file", "a/1/file"]
    assert [os.path.relpath(path, root) for path in scanned] == [".", "a", "a/0", "a/1"]


def test_a_resting_walk_goes_on_without_scanning_again(root, store, monkeypatch):
    for number in range(50):
        store.put(f"folder/{number:02d}", b"")
    time.sleep(0.05)  # the folders rest
    scanned = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda descriptor: scanned.append(1) or scandir(descriptor))
    assert len(listing(store, limit=7)) == 50
    assert len(scanned) == 2
    first = store.list_page(limit=7)
    store.put("folder/06a", b"")
    assert [info.key for info in store.list_page(after=first.next_after, limit=2).items] == ["folder/06a", "folder/07"]


def test_a_folder_that_changed_a_moment_ago_is_scanned_again(root):
    """The kernel's clock for files ticks slowly: a second change may leave the folder's time as it was."""
    store = store_of(root)
    for key in ("a", "c"):
        store.put(key, b"")
    before = root.stat()

    class JustNow(SystemClock):
        def now(self) -> datetime:
            return datetime.fromtimestamp(before.st_mtime, UTC) + timedelta(milliseconds=5)

    listed = store_of(root, clock=JustNow())
    assert [info.key for info in listed.list_page(limit=1).items] == ["a"]
    store.put("b", b"")
    os.utime(root, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert listing(listed, after="a") == ["b", "c"]


def test_listings_interleave(store):
    for number in range(20):
        store.put(f"{number:02d}", b"")
    time.sleep(0.05)
    ahead, behind, keys = "", "", ([], [])
    for _ in range(6):
        first = store.list_page(after=ahead, limit=4)
        second = store.list_page(after=behind, limit=4)
        assert first.items == second.items
        keys[0].extend(info.key for info in first.items)
        if first.next_after is None:
            break
        ahead = behind = first.next_after
    assert keys[0] == [f"{number:02d}" for number in range(20)]


def test_random_trees_list_in_byte_order(tmp_path):
    draw = random.Random(11)
    alphabet = ["a", "b", "-", "!", "0", "é", "中", "\U0001f600", "\uffee", " ", "~"]
    for round_ in range(10):
        folder = tmp_path / str(round_)
        store = store_of(folder)
        keys = set()
        for _ in range(60):
            key = "/".join("".join(draw.choices(alphabet, k=draw.randint(1, 2))) for _ in range(draw.randint(1, 4)))
            try:
                store.put(key, b"")
            except NotSupported:
                continue
            keys.add(key)
        expected = sorted(keys, key=str.encode)
        assert listing(store, limit=7) == expected
        for after in draw.sample(expected, 10):
            assert listing(store_of(folder), after=after, limit=5) == [key for key in expected if key > after]


def test_deep_paths_beyond_what_a_path_may_have(root, store):
    deep = "/".join(["folder-name"] * 900)  # 10,799 bytes: more than PATH_MAX
    try:
        store.put(deep + "/a", b"1")
        store.put(deep + "/b", b"22")
        upload = store.begin_upload(deep + "/c")
        receipt = store.upload_part(deep + "/c", upload, 1, b"333")
        store.complete_upload(deep + "/c", upload, [receipt], size=3)
        for options in ({}, {"follow_links": "inside_root"}):
            again = store_of(root, **options)
            assert listing(again, limit=1) == [deep + "/a", deep + "/b", deep + "/c"]
            assert read(again, deep + "/c") == b"333"
            assert again.head(deep + "/b").info.size == 2
        store.delete(deep + "/a")
        assert len(listing(store)) == 2
    finally:
        # pytest's own cleaning gives up on such a path.
        subprocess.run(["rm", "-rf", str(root)], check=True)


def test_no_descriptor_is_left_open(root, store, second_store):
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    (root / "link").symlink_to("nowhere")
    (root / "folder").mkdir()
    (root / "folder-link").symlink_to("folder")
    store.put("warm", b"")
    before = count()
    second_store.put("from", b"bytes")
    for options in ({}, {"follow_links": "inside_root"}):
        again = store_of(root, **options)
        again.put("a/b/c", b"x")
        assert read(again, "a/b/c") == b"x"
        again.copy("copy", source_store=second_store, source_key="from", source=Condition.ANY)
        listing(again, limit=1)
        upload = again.begin_upload("u")
        again.complete_upload("u", upload, [again.upload_part("u", upload, 1, b"x")], size=1)
        for key in ("link", "link/x", "folder-link/x", "folder", "missing", "a/b/c/d"):
            for ask in (
                again.head,
                lambda key, again=again: read(again, key),
                lambda key, again=again: again.put(key, b"", destination=Condition.ABSENT),
            ):
                with suppress(ObjectNotFound, NotSupported, ObjectChanged):
                    ask(key)
        (root / "link").unlink(missing_ok=True)
        (root / "link").symlink_to("nowhere")
    assert count() == before


# Names that are no keys: l01 to l09


@pytest.mark.parametrize("entry", ["l01", "l02"])
def test_names_that_are_no_utf8_are_refused_by_name(root, store, entry):
    name = bytes.fromhex(LOCAL_ONLY[entry]["path_hex"])
    for path in (name, name + b"-folder/file"):
        full = os.path.join(os.fsencode(root), path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb"):
            pass
    store.put("a", b"")
    store.put("zz", b"")
    printable = name.decode("utf-8", "backslashreplace")
    assert refused(store) == {printable: "not_utf8", printable + "-folder/": "not_utf8"}
    assert listing(store) == ["a", "zz"]


def test_links_are_refused_unless_asked_for(root, outside):
    (root / "plain.txt").write_text("plain")
    (root / "folder").mkdir()
    (root / "folder/file").write_text("in a folder")
    links = {
        "l03": "plain.txt",
        "l04": str(outside / "secret"),
        "l05": ".",
        "l06": "nowhere",
        "to-folder": "folder",
        "to-outside": str(outside),
        "up-and-back": f"../{root.name}/plain.txt",
        "absolute": str(root / "plain.txt"),
        "circle": "circle",
        "folder/up": "..",
    }
    for name, leads_to in links.items():
        (root / name).symlink_to(leads_to)
    store = store_of(root)
    assert refused(store) == dict.fromkeys(links, "symlink")
    assert listing(store) == ["folder/file", "plain.txt"]
    following = store_of(root, follow_links="inside_root")
    assert refused(following) == {
        "l04": "symlink_outside",
        "l05/": "symlink_loop",
        "l06": "symlink_dangling",
        "to-outside": "symlink_outside",
        "circle": "symlink_loop",
        "folder/up/": "symlink_loop",
        "to-folder/up/": "symlink_loop",
    }
    keys = ["absolute", "folder/file", "l03", "plain.txt", "to-folder/file", "up-and-back"]
    assert listing(following) == listing(following, limit=1) == keys
    assert listing(following, after="plain.txt") == keys[4:]
    assert read(following, "l03") == read(following, "absolute") == b"plain"
    assert read(following, "to-folder/file") == b"in a folder"
    assert following.head("l03").info.size == 5
    for key in ("l03", "l04", "to-folder/file", "to-outside/secret", "l06", "circle"):
        for ask in (store.head, lambda key: read(store, key)):
            with pytest.raises((ObjectNotFound, NotSupported)) as caught:
                ask(key)
            assert caught.value.key == key
    for key in ("l04", "to-outside/secret", "l06", "circle", "circle/x"):
        for ask in (following.head, lambda key: read(following, key)):
            with pytest.raises((ObjectNotFound, NotSupported)) as caught:
                ask(key)
            assert caught.value.key == key


def test_links_between_folders_end(root):
    """Two folders that link to one another: every path ends where it would come to a folder twice."""
    for name, other in (("a", "b"), ("b", "a")):
        (root / name).mkdir()
        (root / name / "file").write_text("")
        (root / name / "link").symlink_to(f"../{other}")
    store = store_of(root, follow_links="inside_root")
    assert listing(store) == ["a/file", "a/link/file", "b/file", "b/link/file"]
    assert refused(store) == {"a/link/link/": "symlink_loop", "b/link/link/": "symlink_loop"}


def test_pipes_sockets_and_devices_block_nothing(root, store, monkeypatch):
    os.mkfifo(root / "l07")
    with socket.socket(socket.AF_UNIX) as bound:
        monkeypatch.chdir(root)  # the path of a socket may have 108 bytes only
        bound.bind("l08")
    expected = {"l07": "fifo", "l08": "socket"}
    try:
        os.mknod(root / "null", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pass
    else:
        expected["null"] = "device"
    store.put("plain", b"x")
    assert refused(store) == expected
    assert listing(store) == ["plain"]
    for key in expected:
        with pytest.raises(ObjectNotFound):
            read(store, key)
        with pytest.raises(ObjectNotFound):
            store.head(key)
        with pytest.raises(NotSupported):
            store.put(key, b"x")
        with pytest.raises(NotSupported):
            store.delete(key)
        assert not stat.S_ISREG((root / key).lstat().st_mode)


AS_NOBODY = """
import os, sys
from airflow_bucketsync.engine.errors import AccessDenied
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.local import LocalStore
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
store = LocalStore(Location.parse(f"file://{sys.argv[1]}/"))
def word(function):
    try:
        return repr(function())
    except AccessDenied as error:
        return f"AccessDenied {error.key} {error.location == store.location.url}"
def read(key):
    with store.open(key) as body:
        return body.readinto(memoryview(bytearray(10)))
print(word(lambda: [info.key for info in store.list_page(until="b").items]))
print(word(lambda: read("a/unreadable")))
print(word(lambda: read("a/readable")))
print(word(lambda: store.head("a/unreadable").info.size))
print(word(lambda: store.list_page()))
print(word(lambda: store.head("folder/file")))
print(word(lambda: store.put("a/new", b"x")))
print(word(lambda: store.delete("a/readable")))
"""


def test_what_may_not_be_read_is_never_silently_absent(tmp_path):
    """l09, as somebody who is not root."""
    root = Path("/tmp") / f"bucketsync-test-{os.getpid()}-{tmp_path.name}"  # pytest's own folders are closed to others
    store = store_of(root)
    try:
        for key in ("a/readable", "a/unreadable", "folder/file"):
            store.put(key, b"bytes")
        (root / "a/unreadable").chmod(0)
        (root / "folder").chmod(0)
        for folder in (root, root / "a"):
            folder.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, str(root)], capture_output=True, text=True, check=True, timeout=60
        )
        assert done.stdout.splitlines() == [
            "['a/readable', 'a/unreadable']",
            "AccessDenied a/unreadable True",
            "5",
            "5",
            "AccessDenied folder/ True",
            "AccessDenied folder/file True",
            "AccessDenied a/new True",
            "AccessDenied a/readable True",
        ]
    finally:
        for folder in (root, root / "a", root / "folder"):
            folder.chmod(0o755)
        subprocess.run(["rm", "-rf", str(root)], check=True)


# Reading: l10 to l14


def test_a_sparse_file_is_read_and_copied_without_its_holes(root, store, second_store):
    """l10: 6 GiB, of which a few bytes are on the disk."""
    with open(root / "l10", "wb") as file:
        file.seek(5 * 1024**3)
        file.write(b"in the middle")
        file.truncate(SIX_GIB)
    info = store.list_page().items[0]
    assert info.size == SIX_GIB == LOCAL_ONLY["l10"]["size"]
    assert read(store, "l10", start=5 * 1024**3 - 2, length=17) == b"\0\0in the middle\0\0"
    assert read(store, "l10", start=SIX_GIB - 1) == b"\0"
    second_store.copy("copy", source_store=store, source_key="l10", source=Condition.matching(info))
    copied = second_store.head("copy").info
    assert copied.size == SIX_GIB
    assert read(second_store, "copy", start=5 * 1024**3 - 2, length=17) == b"\0\0in the middle\0\0"
    assert (Path(second_store.location.bucket) / "copy").stat().st_blocks * 512 < 10 * 1024**2


def change_size(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"more")


def change_bytes(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(b"X")


def cut_off(path: Path) -> None:
    os.truncate(path, 100)


@pytest.mark.parametrize("change", [change_size, change_bytes, cut_off])
def test_a_file_that_changes_while_it_is_read_is_never_a_mix(root, store, change):
    """l11."""
    store.put("l11", b"o" * 1000)
    info = store.head("l11").info
    buffer = memoryview(bytearray(600))

    def read_slowly() -> None:
        with store.open("l11", source=Condition.matching(info)) as body:
            body.readinto(buffer)
            time.sleep(0.02)
            change(root / "l11")
            while body.readinto(buffer):
                pass

    with pytest.raises(ObjectChanged) as caught:
        read_slowly()
    assert caught.value.key == "l11"
    with pytest.raises(ObjectChanged), store.open("l11", source=Condition.matching(info)):
        pass


def test_leaving_early_a_file_that_changed_is_told_too(root, store):
    store.put("o", b"o" * 1000)

    def read_a_little() -> None:
        with store.open("o", length=10) as body:
            body.readinto(memoryview(bytearray(5)))
            time.sleep(0.02)
            change_size(root / "o")

    with pytest.raises(ObjectChanged):
        read_a_little()


def test_an_error_of_the_reader_is_not_masked(root, store):
    store.put("o", b"o" * 1000)
    with pytest.raises(ZeroDivisionError), store.open("o"):
        1 / (os.truncate(root / "o", 5) or 0)
    with pytest.raises(OSError, match="of the reader"), store.open("o"):
        raise OSError(errno.ENOENT, "of the reader")


def test_a_growing_file_is_not_copied_as_a_mix(root, store, second_store, monkeypatch):
    store.put("l11", b"o" * 1000)
    second_store.put("to", b"as it was")
    info = store.head("l11").info
    copy_range = writing.copy_range

    def interfered(*args):
        time.sleep(0.02)
        change_size(root / "l11")
        return copy_range(*args)

    monkeypatch.setattr(writing, "copy_range", interfered)
    with pytest.raises(ObjectChanged) as caught:
        second_store.copy("to", source_store=store, source_key="l11", source=Condition.matching(info))
    assert (caught.value.location, caught.value.key) == (store.location.url, "l11")
    assert read(second_store, "to") == b"as it was"
    assert leftovers(Path(second_store.location.bucket)) == []


@pytest.mark.parametrize(
    "mtime",
    [
        datetime.fromisoformat(LOCAL_ONLY["l12"]["mtime"]).replace(tzinfo=UTC),
        datetime.fromisoformat(LOCAL_ONLY["l13"]["mtime"]).replace(tzinfo=UTC),
        datetime(1960, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2024, 5, 6, 7, 8, 9, 123_456, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
    ],
)
def test_modification_times_are_kept(root, store, second_store, mtime):
    attributes = ObjectAttributes(source_mtime=mtime)
    result = store.put("o", b"x", attributes=attributes)
    assert result.last_modified == mtime
    assert store.head("o").info.last_modified == mtime == store.list_page().items[0].last_modified
    assert store.head("o").attributes.source_mtime == mtime
    second_store.copy("o", source_store=store, source_key="o", source=Condition.ANY)
    assert second_store.head("o").info.last_modified == mtime
    other = mtime + timedelta(microseconds=1)
    second_store.copy(
        "o", source_store=store, source_key="o", source=Condition.ANY, attributes=ObjectAttributes(source_mtime=other)
    )
    assert second_store.head("o").info.last_modified == other


def test_a_time_that_no_calendar_knows_is_the_nearest_that_one_does():
    """A file system may keep times up to the year 292,277,026,596."""
    assert time_of(300_000_000_000 * 10**9).year == 9999
    assert time_of(-300_000_000_000 * 10**9).year == 1
    assert time_of(-1) == datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def test_two_names_of_one_file_are_two_objects(root, store):
    """l14."""
    store.put("a", b"bytes")
    os.link(root / "a", root / "l14")
    assert listing(store) == ["a", "l14"]
    store.put("a", b"other")
    assert read(store, "l14") == b"bytes"
    store.delete("l14")
    assert listing(store) == ["a"]


# Writing: l16, l17 and what goes wrong


@pytest.mark.parametrize("follow", ["none", "inside_root"])
def test_nothing_is_written_through_a_link_to_a_folder(root, outside, follow):
    """l16, and the same for a link that stays inside."""
    (root / "inside").mkdir()
    (root / "l16").symlink_to("../outside")
    (root / "link").symlink_to("inside")
    store = store_of(root, follow_links=follow)
    source = MemoryStore(Location.parse("memory://bucket/"))
    source.put("o", b"x")
    for key in ("l16/file", "l16/secret", "l16/new/file", "link/file"):
        for ask in (
            lambda key=key: store.put(key, b"x"),
            lambda key=key: store.put(key, b"x", destination=Condition.ABSENT),
            lambda key=key: store.delete(key),
            lambda key=key: store.set_attributes(key, ObjectAttributes(), destination=Condition.ANY),
        ):
            with pytest.raises(NotSupported) as caught:
                ask()
            assert caught.value.key == key
        upload = store.begin_upload(key)
        receipt = store.upload_part(key, upload, 1, b"x")
        with pytest.raises(NotSupported):
            store.complete_upload(key, upload, [receipt], size=1)
        store.abort_upload(key, upload)
    assert sorted(path.name for path in outside.iterdir()) == ["secret"]
    assert (outside / "secret").read_text() == "secret"
    assert list((root / "inside").iterdir()) == []
    assert leftovers(root) == []


@pytest.mark.parametrize("destination", [Condition.ANY, Condition.ABSENT])
def test_a_link_at_the_name_is_replaced(root, outside, store, destination):
    """l17."""
    for name, leads_to in (("l17", "../outside/secret"), ("dangling", "../outside/new")):
        (root / name).symlink_to(leads_to)
        store.put(name, b"ours", destination=destination)
        assert not (root / name).is_symlink()
        assert (root / name).read_bytes() == b"ours"
    assert {path.name: path.read_text() for path in outside.iterdir()} == {"secret": "secret"}


def test_a_link_is_not_deleted(root, outside, store):
    (root / "link").symlink_to("../outside/secret")
    with pytest.raises(NotSupported):
        store.delete("link")
    assert (outside / "secret").exists()
    assert (root / "link").is_symlink()


def test_the_state_folder_can_not_be_led_outside(root, outside, store):
    (root / "_bucketsync").symlink_to("../outside")
    with pytest.raises(NotSupported):
        store.begin_upload("o")
    with pytest.raises(NotSupported):
        store.put("_bucketsync/lock", b"")
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_hostile_upload_ids_lead_nowhere(root, outside, store):
    for upload_id in ("..", "../../outside", "", "x" * 32, "../" * 3 + "outside"):
        with pytest.raises(ObjectNotFound):
            store.upload_part("o", upload_id, 1, b"x")
        with pytest.raises(ObjectNotFound):
            store.list_parts("o", upload_id)
        store.abort_upload("o", upload_id)
    assert (outside / "secret").exists()
    assert list(root.iterdir()) == []


def test_a_file_that_is_also_a_folder_is_refused_in_words(root, store):
    store.put("a/b", b"")
    with pytest.raises(NotSupported, match="folder of this name"):
        store.put("a", b"")
    with pytest.raises(NotSupported, match="a file stands where a folder is needed"):
        store.put("a/b/c", b"")
    assert listing(store) == ["a/b"]
    store.delete("a")  # no object stands there
    assert listing(store) == ["a/b"]


def test_empty_folders_are_no_objects_and_in_nobodys_way(root, store):
    (root / "a/b/c").mkdir(parents=True)
    (root / "a/d").mkdir()
    assert listing(store) == []
    with pytest.raises(ObjectNotFound):
        store.head("a")
    store.put("a", b"x", destination=Condition.ABSENT)
    assert (root / "a").read_bytes() == b"x"
    (root / "e/f").mkdir(parents=True)
    (root / "e/pipe").symlink_to("nowhere")
    with pytest.raises(NotSupported):
        store.put("e", b"x")
    assert (root / "e/pipe").is_symlink()


def test_folders_that_become_empty_stay(root, store):
    store.put("a/b/c", b"")
    store.delete("a/b/c")
    assert (root / "a/b").is_dir()


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, StoreFull),
        (errno.EDQUOT, StoreFull),
        (errno.EROFS, StoreFull),
        (errno.EFBIG, NotSupported),
        (errno.EIO, ServerError),
        (errno.EACCES, AccessDenied),
    ],
)
@pytest.mark.parametrize("call", ["pwrite", "fsync", "open", "copy_file_range"])
def test_a_disk_that_fails_leaves_the_old_file(root, store, second_store, monkeypatch, number, error, call):
    store.put("folder/o", b"old bytes")
    second_store.put("from", b"new bytes")
    real = getattr(os, call)

    def failing(*args, **options):
        if call == "open" and not args[1] & os.O_CREAT:
            return real(*args, **options)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, failing)
    copied = {"source_store": second_store, "source_key": "from", "source": Condition.ANY}
    with pytest.raises(error) as caught:
        store.copy("folder/o", **copied) if call == "copy_file_range" else store.put("folder/o", b"new bytes")
    monkeypatch.undo()
    assert caught.value.location == store.location.url
    assert caught.value.key == "folder/o"
    assert caught.value.code == errno.errorcode[number]
    assert read(store, "folder/o") == b"old bytes"
    assert leftovers(root) == []


def test_a_full_disk_in_earnest(root, store):
    """A limit of the system on the size of files stands in for a full disk."""
    store.put("o", b"old bytes")
    program = textwrap.dedent(
        """
        import resource, sys
        from airflow_bucketsync.engine.errors import NotSupported
        from airflow_bucketsync.engine.model.location import Location
        from airflow_bucketsync.engine.stores.local import LocalStore
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        store = LocalStore(Location.parse(f"file://{sys.argv[1]}/"))
        try:
            store.put("o", bytes(1_000_000))
        except NotSupported as error:
            print(error.code)
        """
    )
    done = subprocess.run([sys.executable, "-c", program, str(root)], capture_output=True, text=True, check=True)
    assert done.stdout == "EFBIG\n"
    assert read(store, "o") == b"old bytes"
    assert leftovers(root) == []


def test_a_killed_write_leaves_the_old_file_and_a_name_that_is_not_listed(root, store):
    store.put("folder/o", b"old bytes")
    program = textwrap.dedent(
        """
        import os, sys, time
        from airflow_bucketsync.engine.model.location import Location
        from airflow_bucketsync.engine.stores.local import LocalStore
        def stuck(descriptor):
            print("written", flush=True)
            time.sleep(60)
        os.fsync = stuck
        LocalStore(Location.parse(f"file://{sys.argv[1]}/")).put("folder/o", b"new bytes")
        """
    )
    with subprocess.Popen([sys.executable, "-c", program, str(root)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    (temporary,) = leftovers(root)
    assert temporary.startswith(".bucketsync-")
    assert temporary.endswith(".tmp")
    assert listing(store) == ["folder/o"]
    assert refused(store) == {}
    assert read(store, "folder/o") == b"old bytes"
    assert store.refusal(f"folder/{temporary}")
    with pytest.raises(NotSupported):
        store.put(f"folder/{temporary}", b"")


def test_the_state_folder_is_not_listed(root, store):
    store.put("_bucketsync/lock", b"")
    store.put("_bucketsync-too", b"")
    store.put("a/_bucketsync/data", b"")
    upload = store.begin_upload("o")
    store.upload_part("o", upload, 1, b"x")
    assert listing(store) == ["_bucketsync-too", "a/_bucketsync/data"]
    assert refused(store) == {}
    assert store.refusal("_bucketsync")
    with pytest.raises(NotSupported):
        store.put("_bucketsync", b"")
    trash = store_of(root / "_bucketsync")
    assert "lock" in listing(trash)


def test_a_reader_sees_old_or_new_bytes_never_others(store):
    bodies = [bytes([65 + number]) * 50_000 for number in range(2)]
    store.put("o", bodies[0])
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            store.put("o", bodies[number % 2])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            assert read(store, "o", chunk=9_000) in bodies
    finally:
        stop.set()
        writer.join()


def test_of_many_that_create_one_wins(store):
    won = []
    start = threading.Barrier(8)

    def create(number: int) -> None:
        start.wait()
        try:
            store.put("_bucketsync/lock", str(number).encode(), destination=Condition.ABSENT)
        except ObjectChanged:
            return
        won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert read(store, "_bucketsync/lock") == str(won[0]).encode()


def test_creating_never_replaces_what_came_a_moment_before(root, store, monkeypatch):
    link = os.link

    def late(*args, **options):
        (root / "o").write_bytes(b"somebody else's")
        link(*args, **options)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(ObjectChanged):
        store.put("o", b"ours", destination=Condition.ABSENT)
    assert (root / "o").read_bytes() == b"somebody else's"
    assert leftovers(root) == []


def test_a_file_put_by_somebody_else_just_before_the_rename_is_not_replaced(root, store, monkeypatch):
    seen = store.put("o", b"ours")
    fsync = os.fsync

    def interfere(descriptor):
        (root / "o").write_bytes(b"somebody else's")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", interfere)
    for condition in (Condition(etag=seen.etag), Condition.ABSENT):
        with pytest.raises(ObjectChanged):
            store.put("o", b"ours again", destination=condition)
        assert (root / "o").read_bytes() == b"somebody else's"
    assert leftovers(root) == []


def test_bytes_and_names_are_on_the_disk_before_a_write_answers(root, store, monkeypatch):
    synced = []
    fsync = os.fsync

    def seen(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", seen)
    store.put("a/o", b"x")
    assert synced[0] == str(root)  # the folder that holds `a`
    assert os.path.basename(synced[1]).startswith(".bucketsync-")
    assert synced[2] == str(root / "a")


def test_a_wrong_checksum_writes_nothing(root, store):
    """A folder keeps no checksums, but it holds the bytes against one that comes with them."""
    with pytest.raises(BodyCorrupted):
        store.put("o", b"x", checksum=Checksum(algorithm="sha256", value="0" * 64))
    assert list(root.iterdir()) == []
    store.put("o", b"x", checksum=Checksum(algorithm="sha256", value=hashlib.sha256(b"x").hexdigest()))


def test_permission_bits_follow_a_copy_from_folder_to_folder(root, store, second_store):
    store.put("o", b"#!/bin/sh")
    (root / "o").chmod(0o4750)
    second_store.copy("o", source_store=store, source_key="o", source=Condition.ANY)
    copied = (Path(second_store.location.bucket) / "o").stat()
    assert stat.S_IMODE(copied.st_mode) == 0o750  # never the bits that lend rights
    assert copied.st_mtime_ns == (root / "o").stat().st_mtime_ns
    store.put("plain", b"")
    assert stat.S_IMODE((root / "plain").stat().st_mode) & 0o111 == 0


def test_it_copies_from_folders_only(store):
    other = MemoryStore(Location.parse("memory://bucket/"))
    assert store.can_copy_from(other)
    with pytest.raises(NotSupported):
        store.copy("o", source_store=other, source_key="o", source=Condition.ANY)


# Parts


def test_parts_of_one_length_are_written_once(root, store, monkeypatch):
    """Nothing is copied when the parts are completed."""

    def no_copy(*args):
        raise AssertionError("copied")

    upload = store.begin_upload("deep/o", attributes=ObjectAttributes(source_mtime=datetime(2001, 2, 3, tzinfo=UTC)))
    receipts = [store.upload_part("deep/o", upload, number, bytes([number]) * 1000) for number in (2, 1, 3)]
    receipts.append(store.upload_part("deep/o", upload, 4, b"end"))
    receipts.sort(key=lambda receipt: receipt.number)
    monkeypatch.setattr("airflow_bucketsync.engine.stores.local.uploads.copy_range", no_copy)
    store.complete_upload("deep/o", upload, receipts, size=3003)
    assert read(store, "deep/o") == b"\1" * 1000 + b"\2" * 1000 + b"\3" * 1000 + b"end"
    assert store.head("deep/o").info.last_modified == datetime(2001, 2, 3, tzinfo=UTC)
    assert leftovers(root) == []


def test_parts_of_any_length_are_put_together(root, store):
    draw = random.Random(5)
    for lengths in ([3, 10, 10], [10, 3, 10], [1, 2, 3, 4], [0], [5, 0, 5], [7, 7, 7, 7]):
        bodies = [draw.randbytes(length) for length in lengths]
        order = draw.sample(range(len(bodies)), len(bodies))
        upload = store.begin_upload("o")
        receipts = {at: store.upload_part("o", upload, at + 1, bodies[at]) for at in order}
        body = b"".join(bodies)
        store.complete_upload("o", upload, [receipts[at] for at in range(len(bodies))], size=len(body))
        assert read(store, "o") == body
    assert leftovers(root) == []


def test_an_upload_is_resumed_by_another_process(root, store):
    upload = store.begin_upload("o")
    first = store.upload_part("o", upload, 1, b"1" * 10)
    again = store_of(root)
    assert list(again.list_parts("o", upload)) == [first]
    second = again.upload_part("o", upload, 2, b"2")
    assert [open_upload.key for open_upload in again.list_uploads()] == ["o"]
    again.complete_upload("o", upload, [first, second], size=11)
    assert read(store, "o") == b"1" * 10 + b"2"


def test_an_upload_belongs_to_its_key(store):
    upload = store.begin_upload("o")
    with pytest.raises(ObjectNotFound):
        store.upload_part("other", upload, 1, b"x")
    store.abort_upload("o", upload)


def test_a_failing_completion_keeps_the_upload(root, store, monkeypatch):
    upload = store.begin_upload("o")
    receipt = store.upload_part("o", upload, 1, b"x")

    def failing(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(StoreFull):
        store.complete_upload("o", upload, [receipt], size=1)
    monkeypatch.undo()
    assert listing(store) == []
    with pytest.raises(BodyCorrupted):
        store.complete_upload("o", upload, [receipt], size=2)
    store.complete_upload("o", upload, [receipt], size=1)
    assert read(store, "o") == b"x"


def test_a_part_that_comes_late_does_not_touch_the_object(root, store, monkeypatch):
    """The process dies between the completed object and the removal of its upload; then an old part arrives."""
    upload = store.begin_upload("o")
    receipt = store.upload_part("o", upload, 1, b"right")
    unlink = os.unlink

    def died(name, *args, **options):
        if name == b"data":
            raise KeyboardInterrupt
        unlink(name, *args, **options)

    monkeypatch.setattr(os, "unlink", died)
    with pytest.raises(KeyboardInterrupt):
        store.complete_upload("o", upload, [receipt], size=5, destination=Condition.ABSENT)
    monkeypatch.undo()
    assert read(store, "o") == b"right"
    with pytest.raises(ObjectNotFound):
        store.upload_part("o", upload, 1, b"wrong")
    assert read(store, "o") == b"right"
    store.abort_upload("o", upload)
    assert read(store, "o") == b"right"
    assert leftovers(root) == []


# What it says of itself


def test_names_fold_where_the_disk_folds_them(tmp_path, monkeypatch):
    (tmp_path / "Folder").mkdir()
    assert name_folding(str(tmp_path / "Folder")) == "none"
    (tmp_path / "fOLDER").symlink_to("Folder")  # as a disk that takes both for one would answer
    assert name_folding(str(tmp_path / "Folder")) == "case"
    assert name_folding(str(tmp_path / "Folder" / "not" / "there")) == "case"
    assert store_of(tmp_path / "Folder").capabilities.name_folding == "case"
    assert name_folding("/") == "none"


def test_every_torture_key_is_accepted_exactly_or_refused_by_name(root, store):
    for entry in TORTURE["keys"]:
        key, expected = entry["key"], entry["s3_to_local"]
        reason = store.refusal(key)
        if expected.startswith("exact") and "//" not in key:
            assert reason is None, key
        elif expected.startswith("refuse-conflict"):
            assert reason is None, key  # only together with another key
        else:
            assert reason, key
    assert store.refusal("a\0b")
    assert store.refusal("a/\ud800")
    assert store.refusal("x" * 255) is None
    assert store.refusal("é" * 128)
