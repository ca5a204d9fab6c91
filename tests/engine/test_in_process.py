"""Does a whole run do what it promises, on stores in memory and on folders?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    ConnectionLost,
    InvalidConfiguration,
    NotSupported,
    ObjectNotFound,
    SyncIncomplete,
)
from airflow_bucketsync.engine.in_process import CHECKPOINT, sync
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES, MemoryStore
from tests.engine.steps.pairs import IN_PARTS, NO_CHECKSUMS, PART, Pair

OBJECTS = {f"folder/{number:03d}.txt": b"body %d" % number for number in range(25)}


@pytest.fixture(params=["server", "stream"])
def pair(request: pytest.FixtureRequest) -> Pair:
    """A pair whose destination copies by itself, and one whose bytes pass through us."""
    return Pair(shared=request.param == "server")


def test_first_run_copies_everything(pair):
    pair.put(OBJECTS)
    ran = pair.sync(check=True)
    assert pair.contents() == OBJECTS
    assert ran.report.green
    assert ran.report.verified
    assert ran.report.changed_anything
    assert ran.report.counts == {"copied": len(OBJECTS)}
    assert ran.report.reasons == {"copied: new": len(OBJECTS)}
    assert ran.report.bytes == sum(map(len, OBJECTS.values()))
    assert {outcome.verified for outcome in ran.outcomes.values()} == {True}


def test_G8_second_run_writes_nothing(pair):
    pair.put(OBJECTS)
    pair.sync()
    before, pages_before = pair.writes(), pair.contents(pair.pages)
    pages_before = {key: body for key, body in pages_before.items() if not key.endswith("/" + CHECKPOINT)}
    ran = pair.sync()
    assert pair.writes() == before
    assert ran.report.counts == {"same": len(OBJECTS)}
    assert ran.report.reasons == {"same: known": len(OBJECTS)}
    assert not ran.report.changed_anything
    assert pair.contents(pair.pages).items() >= pages_before.items(), "pages of the pair were written anew"


@pytest.mark.parametrize("count", [0, 1, 5, 25])
def test_G8_second_run_lists_only(count):
    """At most the pages of both listings and six requests, and nothing but listings."""
    small_pages = replace(MEMORY_CAPABILITIES, page_limit=5)
    pair = Pair(source=small_pages, destination=small_pages)
    pair.put(dict(list(OBJECTS.items())[:count]))
    pair.sync()
    before = (pair.source.requests.copy(), pair.destination.requests.copy())
    ran = pair.sync()
    pages = 2 * max(1, -(-count // 5))
    spent = (pair.source.requests - before[0]) + (pair.destination.requests - before[1])
    assert set(spent) == {"list"}
    assert pages <= spent["list"] <= pages + 6
    assert sum(sum(kinds.values()) for kinds in ran.report.requests.values()) == spent["list"]


def test_first_run_over_equal_objects_only_looks(pair):
    """Without a memory, equality is proven from what both stores say."""
    pair.put(OBJECTS)
    pair.put_there(OBJECTS)
    before = pair.writes()
    assert pair.sync().report.reasons == {"same: etag": len(OBJECTS)}
    assert pair.writes() == before


def test_one_changed_one_added_one_removed(pair):
    pair.put(OBJECTS)
    pair.sync()
    pair.put({"folder/003.txt": b"another body", "folder/new": b"new"})
    pair.source.delete("folder/004.txt")
    ran = pair.sync(check=True)
    assert ran.status("folder/003.txt") == ("copied", "size")
    assert ran.status("folder/new") == ("copied", "new")
    assert ran.status("folder/004.txt") == ("extra", "not_at_source")
    assert ran.report.counts == {"copied": 2, "extra": 1, "same": len(OBJECTS) - 2}
    assert pair.contents() == OBJECTS | {"folder/003.txt": b"another body", "folder/new": b"new"}


def test_J8_extra_objects_are_reported_and_never_deleted(pair):
    pair.put({"a": b"1"})
    pair.put_there({"b": b"2", "c": b"3"})
    for _ in range(2):
        ran = pair.sync(check=True)
        assert ran.status("b") == ("extra", "not_at_source")
        assert ran.report.counts["extra"] == 2
    assert pair.contents() == {"a": b"1", "b": b"2", "c": b"3"}
    assert pair.destination.requests["delete"] == 0


def test_fault_F14_empty_source_deletes_nothing(pair):
    pair.put_there(OBJECTS)
    assert pair.sync(check=True).report.counts == {"extra": len(OBJECTS)}
    assert pair.contents() == OBJECTS


def test_B2_objects_outside_the_prefix_survive(pair):
    pair.put({"a": b"1"})
    around = {
        name: MemoryStore(Location.parse(f"memory://{name}"), server=store.server)
        for name, store in (("source/in2/", pair.source), ("destination/out2/", pair.destination))
    }
    for store in around.values():
        store.put("a", b"neighbour")
        store.put("z", b"neighbour")
    assert pair.sync(check=True).report.counts == {"copied": 1}
    assert pair.contents() == {"a": b"1"}
    for store in around.values():
        assert pair.contents(store) == {"a": b"neighbour", "z": b"neighbour"}


def test_B3_start_after_leaves_out_its_own_key(pair):
    pair.put(dict.fromkeys(("a", "b", "b\x00", "b!", "c"), b"x"))
    pair.put_there({"a-extra": b"", "z-extra": b""})
    ran = pair.sync(Selection(start_after="b"), check=True)
    assert set(ran.outcomes) == {"b\0", "b!", "c", "z-extra"}
    assert set(pair.contents()) == {"b\0", "b!", "c", "a-extra", "z-extra"}


def test_B3_start_after_keeps_what_is_known_before_it(pair):
    pair.put({"a": b"1", "c": b"2"})
    pair.sync()
    pair.sync(Selection(start_after="b"))
    assert pair.sync().report.reasons == {"same: known": 2}


def test_B5_include_and_exclude(pair):
    pair.put({"a.csv": b"1", "a.txt": b"2", "old/a.csv": b"3"})
    pair.put_there({"extra.csv": b"", "extra.txt": b""})
    ran = pair.sync(Selection(include=("*.csv",), exclude=("old/**",)), check=True)
    assert {key: outcome.status for key, outcome in ran.outcomes.items()} == {"a.csv": "copied", "extra.csv": "extra"}
    assert set(pair.contents()) == {"a.csv", "extra.csv", "extra.txt"}


def test_C13_dry_run_writes_nothing(pair):
    pair.put(OBJECTS)
    pair.put_there({"folder/001.txt": b"other", "extra": b""})
    before, memory = pair.contents(), pair.writes()
    ran = pair.sync(dry_run=True, check=True)
    assert pair.contents() == before
    assert pair.writes() == memory
    assert ran.report.green
    assert not ran.report.verified
    assert not ran.report.changed_anything
    assert ran.report.bytes == 0
    assert ran.report.mode == "dry_run"
    assert ran.report.counts == {"withheld": len(OBJECTS), "extra": 1}
    assert ran.outcomes["folder/001.txt"].message == "would copy: size"
    assert "pair/known.json" not in pair.contents(pair.pages)


@pytest.mark.parametrize(
    ("level", "verified", "looks"),
    [
        ("none", False, set()),
        ("listing", True, {"list"}),
        ("metadata", True, {"head", "tags"}),
        ("content", True, {"get"}),
    ],
)
def test_verify_levels_ask_as_much_as_they_say(pair, level, verified, looks):
    pair.put(OBJECTS)
    ran = pair.sync(verify=level, check=True)
    assert ran.report.verify == level
    assert ran.report.verified is verified
    assert looks <= set(pair.destination.requests)
    assert ("head" in pair.destination.requests) is (level in ("metadata", "content"))
    assert {outcome.verified for outcome in ran.outcomes.values()} == {True if verified else None}


def test_verify_none_remembers_nothing(pair):
    pair.put(OBJECTS)
    pair.sync(verify="none")
    assert pair.sync().report.reasons == {"same: etag": len(OBJECTS)}


def test_E4_changed_metadata_is_updated_without_the_body(pair):
    pair.put(OBJECTS, content_type="text/plain")
    pair.sync()
    pair.clock.advance(60)
    pair.put({"folder/007.txt": OBJECTS["folder/007.txt"]}, content_type="text/csv")
    before = pair.destination.requests.copy(), pair.source.requests.copy()
    ran = pair.sync(check=True)
    assert ran.status("folder/007.txt") == ("updated", "metadata: content_type")
    assert ran.outcomes["folder/007.txt"].mode == "set_attributes"
    assert ran.report.bytes == 0
    assert ran.report.verified
    assert (pair.source.requests - before[1])["get"] == 0
    assert (pair.destination.requests - before[0])["put"] == 0
    assert pair.destination.head("folder/007.txt").attributes.content_type == "text/csv"
    assert pair.sync().report.reasons == {"same: known": len(OBJECTS)}


@pytest.mark.parametrize("shared", [True, False])
def test_E4_what_is_too_large_for_the_stores_own_copy_is_copied_in_parts_again(shared):
    pair = Pair(shared=shared, destination=replace(MEMORY_CAPABILITIES, max_copy=2 * PART))
    pair.put({"large": b"x" * (3 * PART), "small": b"s"}, content_type="text/plain")
    assert pair.sync(check=True, **IN_PARTS).report.verified
    pair.put({"large": b"x" * (3 * PART), "small": b"s"}, content_type="text/csv")
    ran = pair.sync(check=True, **IN_PARTS)
    assert ran.status("small") == ("updated", "metadata: content_type")
    assert ran.status("large") == ("copied", "metadata: content_type")
    assert pair.destination.head("large").attributes.content_type == "text/csv"


def test_E4_tags_are_compared_in_metadata_mode(pair):
    pair.put({"a": b"1"}, tags={"team": "red"})
    pair.sync()
    pair.tamper("a", store=pair.source, tags={"team": "blue"})
    assert pair.sync().report.counts == {"same": 1}, "a listing does not show tags"
    assert pair.sync(compare="metadata", check=True).status("a") == ("updated", "metadata: tags")
    assert pair.destination.tags("a") == {"team": "blue"}


def test_same_content_at_another_time_is_looked_at_once(pair):
    pair.put({"a": b"1"})
    pair.sync()
    pair.clock.advance(60)
    pair.put({"a": b"1"})
    assert pair.sync().report.reasons == {"same: known": 1}
    before = pair.source.requests["head"]
    assert pair.sync().report.reasons == {"same: known": 1}
    assert pair.source.requests["head"] == before, "the memory did not learn the new time"


@pytest.mark.parametrize("mode", ["exists", "size", "missing_or_older"])
def test_what_a_mode_takes_for_same_is_not_remembered_as_proven(pair, mode):
    pair.put({"a": b"1"})
    pair.put_there({"a": b"2"})
    assert pair.sync(compare=mode).report.counts == {"same": 1}
    assert pair.sync(check=True).status("a") == ("copied", "content")
    assert pair.contents() == {"a": b"1"}


def test_E2_tags_are_kept(pair):
    pair.put({"a": b"1"}, tags={"team": "red", "": ""})
    pair.sync(check=True)
    assert pair.destination.tags("a") == {"team": "red", "": ""}


def test_E2_tags_left_out_on_request_are_never_compared(pair):
    pair.put({"a": b"1"}, tags={"team": "red"})
    assert pair.sync(preserve=("headers", "user_metadata"), check=True).report.verified
    assert pair.destination.tags("a") == {}
    assert pair.sync(preserve=("headers", "user_metadata"), compare="metadata").report.counts == {"same": 1}


def test_E2_tags_that_may_not_be_read_are_named():
    pair = Pair(shared=False)
    pair.put({"a": b"1"}, tags={"team": "red"})

    def deny(when: str, verb: str, key: str) -> None:
        if verb == "tags":
            raise AccessDenied("no", location=pair.source.location.url, key=key)

    pair.source.hooks.append(deny)
    ran = pair.sync(check=True)
    assert ran.outcomes["a"].lost == ("tags",)
    assert ran.report.lost == {"tags": 1}


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"acl": "bucket-owner-full-control"}, "does not take acl"),
        ({"encryption": "aws:kms", "encryption_key": "k"}, "does not take encryption, encryption_key"),
        ({"storage_class": "Cold"}, "does not know 'Cold'; it knows STANDARD_IA"),
        ({"require_region": ("eu-west-1",)}, "of which the region can't be told; allowed: eu-west-1"),
    ],
)
def test_what_the_destination_can_not_do_is_said_before_anything_is_written(pair, policy, words):
    pair.put({"a": b"1"})
    with pytest.raises(InvalidConfiguration, match=words):
        pair.sync(**policy)
    assert pair.contents() == {}


def test_on_missing_skip_is_green(pair):
    def removed(when: str, verb: str, key: str) -> None:
        if when == "before" and verb in ("copy", "get") and key == "a":
            pair.source.delete("a")

    pair.put({"a": b"1", "b": b"2"})
    (pair.destination if pair.destination.can_copy_from(pair.source) is None else pair.source).hooks.append(removed)
    ran = pair.sync(check=True)
    assert ran.status("a") == ("gone", "not_at_source")
    assert pair.contents() == {"b": b"2"}


def test_on_missing_fail_is_red(pair):
    def removed(when: str, verb: str, key: str) -> None:
        if when == "before" and verb in ("copy", "get") and key == "a":
            pair.source.delete("a")

    pair.put({"a": b"1", "b": b"2"})
    (pair.destination if pair.destination.can_copy_from(pair.source) is None else pair.source).hooks.append(removed)
    ran = pair.sync(on_missing="fail")
    assert ran.status("a") == ("failed", "gone")
    assert ran.report.red == ("failed",)


def test_fault_F26_source_changed_after_the_plan(pair):
    def changed(when: str, verb: str, key: str) -> None:
        if when == "before" and verb in ("copy", "get") and key == "a":
            pair.source.put("a", b"later")

    pair.put({"a": b"1", "b": b"2"})
    store = pair.destination if pair.destination.can_copy_from(pair.source) is None else pair.source
    store.hooks.append(changed)
    ran = pair.sync(check=True)
    assert ran.status("a") == ("changed", "source_changed")
    assert pair.contents() == {"b": b"2"}
    store.hooks.clear()
    assert pair.sync(check=True).status("a") == ("copied", "new")


def test_fault_F49_destination_changed_after_the_plan(pair):
    def written(when: str, verb: str, key: str) -> None:
        if when == "before" and verb in ("copy", "put") and key == "a":
            pair.destination.hooks.clear()
            pair.destination.put("a", b"somebody else's")

    pair.put({"a": b"1", "b": b"2"})
    pair.at_destination(written)
    ran = pair.sync(check=True)
    assert ran.status("a") == ("changed", "destination_changed")
    assert pair.contents() == {"a": b"somebody else's", "b": b"2"}


FOLDING = replace(MEMORY_CAPABILITIES, name_folding="case")


def test_C10_colliding_names_are_all_refused():
    pair = Pair(destination=FOLDING)
    pair.put({"Readme": b"1", "README": b"2", "other": b"3", "caf\u00e9": b"4", "cafe\u0301": b"5"})
    ran = pair.sync()
    assert {key for key, outcome in ran.outcomes.items() if outcome.reason == "same_name"} == {
        "Readme", "README", "caf\u00e9", "cafe\u0301",
    }  # fmt: skip
    assert ran.report.red == ("refused",)
    assert pair.contents() == {"other": b"3"}


def test_C10_colliding_names_fail_the_plan_on_request():
    pair = Pair(destination=FOLDING)
    pair.put({"Readme": b"1", "README": b"2", "other": b"3"})
    with pytest.raises(InvalidConfiguration, match=r"2 source keys would be one name.*'README', 'Readme'"):
        pair.sync(on_collision="fail")
    assert pair.contents() == {}


def test_fault_F19_of_a_file_that_is_a_directory_only_the_file_is_refused():
    pair = Pair(destination=replace(MEMORY_CAPABILITIES, keeps_mtime=True))
    pair.put(dict.fromkeys(("a", "a!", "a/b", "a/b/c", "ab"), b"x"))
    ran = pair.sync()
    assert {key for key, outcome in ran.outcomes.items() if outcome.status == "refused"} == {"a", "a/b"}
    assert {outcome.reason for outcome in ran.outcomes.values() if outcome.status == "refused"} == {"also_a_directory"}
    assert set(pair.contents()) == {"a!", "a/b/c", "ab"}


@pytest.fixture
def state_names_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that takes our names, as if somebody had put them there."""
    monkeypatch.setattr("airflow_bucketsync.engine.stores.memory.store.is_state_name", lambda key: False)


@pytest.mark.usefixtures("state_names_listed")
def test_state_names_are_no_data(pair):
    """A source may be another pair's destination, with its lock and its trash."""
    pair.put({"_bucketsync/lock": b"1", "x/.bucketsync-1.tmp": b"2", "_bucketsync": b"3"})
    pair.put_there({"_bucketsync/trash/a": b""})
    ran = pair.sync()
    assert "_bucketsync/lock" not in ran.outcomes
    assert ran.status("x/.bucketsync-1.tmp") == ("refused", "state_name")
    assert ran.status("_bucketsync") == ("copied", "new")
    assert "_bucketsync/trash/a" not in ran.outcomes


@pytest.mark.usefixtures("state_names_listed")
def test_state_names_can_be_excluded_first(pair):
    pair.put({".bucketsync-1.tmp": b"1", "a": b"2"})
    assert pair.sync(Selection(exclude=(".bucketsync-*",)), check=True).report.counts == {"copied": 1}


@pytest.mark.parametrize(("markers", "expected"), [("copy", {"a/", "a/b"}), ("skip", {"a/b"})])
def test_B10_folder_markers(pair, markers, expected):
    pair.put({"a/": b"", "a/b": b"1"})
    pair.sync(folder_markers=markers, check=True)
    assert set(pair.contents()) == expected


def test_objects_that_are_too_large_are_refused_alone():
    pair = Pair(destination=replace(MEMORY_CAPABILITIES, max_object=10))
    pair.put({"a": b"x" * 10, "b": b"x" * 11})
    ran = pair.sync()
    assert ran.status("b") == ("refused", "too_large")
    assert "10 B" in (ran.outcomes["b"].message or "")
    assert set(pair.contents()) == {"a"}


@pytest.mark.parametrize("size", [PART, PART + 1, 2 * PART, 7 * PART + 3])
def test_D5_objects_in_parts_arrive_whole(pair, size):
    body = bytes(range(256))[:size]
    pair.put({"a": body}, content_type="text/csv", tags={"k": "v"}, user_metadata={"m": "1"})
    ran = pair.sync(**{**IN_PARTS, "concurrency": 4}, check=True)
    assert pair.contents() == {"a": body}
    modes = {("server_copy", "stream")[pair.destination.can_copy_from(pair.source) is not None]}
    if size > PART:
        modes = {("part_copy", "stream_parts")[pair.destination.can_copy_from(pair.source) is not None]}
    assert {ran.outcomes["a"].mode} == modes
    found = pair.destination.head("a").attributes
    assert (found.content_type, found.user_metadata) == ("text/csv", {"m": "1"})
    assert pair.destination.tags("a") == {"k": "v"}
    assert pair.uploads() == 0


def test_fault_F22_equal_objects_in_other_parts_are_not_copied_again(pair):
    pair.put_in_parts("a", b"12345", b"6789")
    pair.put_in_parts("a", b"123", b"456", b"789", store=pair.destination)
    before = pair.writes()
    assert pair.sync().report.reasons == {"same: checksum": 1}
    assert pair.writes() == before


def test_fault_F22_without_checksums_the_memory_knows():
    pair = Pair(source=NO_CHECKSUMS, destination=NO_CHECKSUMS, shared=False)
    pair.put_in_parts("a", b"12345", b"6789")
    assert pair.sync().report.counts == {"copied": 1}
    assert pair.sync().report.reasons == {"same: known": 1}


def test_fault_F57_what_was_deleted_by_hand_comes_back(pair):
    pair.put(OBJECTS)
    pair.sync()
    pair.destination.delete("folder/001.txt")
    assert pair.sync(check=True).status("folder/001.txt") == ("copied", "new")
    assert pair.contents() == OBJECTS


def test_overlapping_locations_are_refused():
    inside = MemoryStore(Location.parse("memory://bucket/a/b/"))
    outside = MemoryStore(Location.parse("memory://bucket/a/"), server=inside.server)
    for source, destination in ((inside, outside), (outside, inside), (inside, inside)):
        with pytest.raises(InvalidConfiguration, match="overlap"):
            sync(source, destination, workspace=MemoryStore(Location.parse("memory://pages/")))


def test_a_red_run_raises_after_everything_is_written(pair):
    pair.put({"a": b"1", "b": b"2"})

    def broken(when: str, verb: str, key: str) -> None:
        if verb in ("copy", "put") and key == "a":
            raise NotSupported("no such name here", location=pair.destination.location.url, key=key)

    pair.at_destination(broken)
    with pytest.raises(SyncIncomplete, match=r"not in step: 1 refused\. First: 'a': no such name here"):
        pair.sync(check=True, run="red")
    assert pair.contents() == {"b": b"2"}
    assert "pair/red/report.json" in pair.contents(pair.pages)


@pytest.mark.parametrize("side", ["source", "destination"])
def test_fault_F01_F02_F03_a_listing_that_fails_ends_the_run_without_a_write(side):
    pair = Pair(
        source=replace(MEMORY_CAPABILITIES, page_limit=5), destination=replace(MEMORY_CAPABILITIES, page_limit=5)
    )
    pair.put(OBJECTS)
    pair.put_there(OBJECTS)
    store = getattr(pair, side)
    before = pair.writes()
    for error in (ConnectionLost("lost"), AccessDenied("denied")):

        def fail(when: str, verb: str, key: str, error: Exception = error) -> None:
            if verb == "list" and key > "folder/010":
                raise error

        store.hooks[:] = [fail]
        with pytest.raises(type(error)):
            pair.sync(run=error.reason)
        assert f"pair/{error.reason}/report.json" in pair.contents(pair.pages), "the report tells of a broken run too"
    assert pair.writes() == before


def test_a_missing_source_bucket_ends_the_run(tmp_path: Path):
    with pytest.raises(ObjectNotFound):
        sync(
            LocalStore(Location(scheme="file", bucket=str(tmp_path / "none"))),
            MemoryStore(Location.parse("memory://destination/")),
            workspace=MemoryStore(Location.parse("memory://pages/")),
        )


# folders --------------------------------------------------------------------------------------------------------


def folder(path: Path) -> LocalStore:
    """A folder that need not be there."""
    return LocalStore(Location(scheme="file", bucket=str(path)), may_be_missing=True)


def tree(root: Path) -> dict[str, bytes]:
    """Relative paths and bytes."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_A5_tree_to_tree(tmp_path: Path):
    files = {"a.txt": b"1", "sub/b.bin": bytes(range(256)), "sub/deep/c": b""}
    for name, body in files.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    pages = MemoryStore(Location.parse("memory://pages/"))
    source, destination = folder(tmp_path / "in"), folder(tmp_path / "out")
    assert sync(source, destination, workspace=pages).counts == {"copied": 3}
    assert tree(tmp_path / "out") == files
    assert (tmp_path / "out/a.txt").stat().st_mtime_ns == (tmp_path / "in/a.txt").stat().st_mtime_ns
    again = sync(source, destination, workspace=pages)
    assert again.reasons == {"same: known": 3}
    assert sync(source, destination, workspace=pages, name="fresh").reasons == {"same: mtime": 2, "same: empty": 1}


def test_E7_what_a_tree_cannot_hold_is_named(tmp_path: Path):
    source = MemoryStore(Location.parse("memory://source/"))
    modified = datetime(2020, 5, 17, 1, 2, 3, 250000, tzinfo=UTC)
    attributes = ObjectAttributes(
        content_type="text/csv", cache_control="no-cache", user_metadata={"k": "v"}, tags={"t": "1"}
    )
    source.put("full", b"1", attributes=attributes)
    source.put("plain", b"2")
    source.put("timed", b"3", attributes=ObjectAttributes(user_metadata={"mtime": f"{modified.timestamp():.6f}"}))
    pages = MemoryStore(Location.parse("memory://pages/"))
    report = sync(source, folder(tmp_path / "out"), workspace=pages)
    assert report.lost == {"content_type": 1, "cache_control": 1, "user_metadata": 1, "tags": 1}
    assert report.green
    assert report.verified
    assert datetime.fromtimestamp((tmp_path / "out/timed").stat().st_mtime, UTC) == modified
    assert sync(source, folder(tmp_path / "out"), workspace=pages, name="fresh").counts == {"same": 3}


def test_A5_tree_to_bucket_and_back(tmp_path: Path):
    (tmp_path / "in/x").mkdir(parents=True)
    (tmp_path / "in/x/page.html").write_bytes(b"<p>")
    (tmp_path / "in/x/data.tar.gz").write_bytes(b"packed")
    bucket = MemoryStore(Location.parse("memory://bucket/"))
    pages = MemoryStore(Location.parse("memory://pages/"))
    sync(folder(tmp_path / "in"), bucket, workspace=pages)
    assert bucket.head("x/page.html").attributes.content_type == "text/html"
    assert bucket.head("x/data.tar.gz").attributes.content_type == "application/gzip"
    sync(bucket, folder(tmp_path / "out"), workspace=pages)
    assert tree(tmp_path / "out") == tree(tmp_path / "in")
    there, back = (tmp_path / "in/x/page.html").stat(), (tmp_path / "out/x/page.html").stat()
    assert abs(there.st_mtime_ns - back.st_mtime_ns) < 1000
    assert sync(folder(tmp_path / "in"), bucket, workspace=pages, name="fresh").counts == {"same": 2}


def test_fault_F20_same_size_other_bytes_with_a_newer_destination(tmp_path: Path):
    source, destination = folder(tmp_path / "in"), folder(tmp_path / "out")
    source.put("a", b"good", attributes=ObjectAttributes(source_mtime=datetime(2020, 1, 1, tzinfo=UTC)))
    destination.put("a", b"evil", attributes=ObjectAttributes(source_mtime=datetime(2030, 1, 1, tzinfo=UTC)))
    report = sync(source, destination, workspace=MemoryStore(Location.parse("memory://pages/")))
    assert report.reasons == {"copied: content": 1}
    assert tree(tmp_path / "out") == {"a": b"good"}


def test_names_a_tree_cannot_hold_are_refused_by_name(tmp_path: Path):
    source = MemoryStore(Location.parse("memory://source/"))
    hostile = ["../escape", "/etc/passwd", "a//b", "a/./b", "n\0ul", "marker/", "x" * 300]
    for key in [*hostile, "plain"]:
        source.put(key, b"x")
    report = sync(
        source, folder(tmp_path / "root/out"), workspace=MemoryStore(Location.parse("memory://pages/")), check=False
    )
    assert report.counts == {"copied": 1, "refused": len(hostile)}
    assert tree(tmp_path) == {"root/out/plain": b"x"}


def test_links_in_a_tree_are_skipped_and_said(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/real").write_bytes(b"1")
    (tmp_path / "in/link").symlink_to("/etc/passwd")
    bucket = MemoryStore(Location.parse("memory://bucket/"))
    report = sync(folder(tmp_path / "in"), bucket, workspace=MemoryStore(Location.parse("memory://pages/")))
    assert report.counts == {"copied": 1, "skipped": 1}
    assert report.reasons["skipped: symlink"] == 1


def test_modified_after_is_by_the_second(tmp_path: Path):
    source, moment = folder(tmp_path / "in"), datetime(2020, 1, 1, tzinfo=UTC)
    for name, time in (
        ("before", moment - timedelta(microseconds=1)),
        ("at", moment),
        ("after", moment + timedelta(seconds=1)),
    ):
        source.put(name, b"x", attributes=ObjectAttributes(source_mtime=time))
    destination = MemoryStore(Location.parse("memory://destination/"))
    sync(
        source,
        destination,
        workspace=MemoryStore(Location.parse("memory://pages/")),
        selection=Selection(modified_after=moment),
        policy=SyncPolicy(),
    )
    assert {info.key for info in destination.list_page().items} == {"at", "after"}
