"""Is everything kept before it is deleted or overwritten, exactly as it was? (F10)"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, BodyCorrupted, ObjectChanged, ServerError
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.names import STATE_PREFIX, trash_folder
from airflow_bucketsync.engine.model.objects import ObjectAttributes, ObjectInfo
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.trash import Keeping, Kept
from airflow_bucketsync.engine.stores.checksums import checksum_of
from airflow_bucketsync.engine.stores.gate import Stopped
from tests.engine.clocks import START
from tests.engine.steps.trashing import KINDS, MOST, PARTS, PLAIN, TAGGED, VERSIONED, Ground, make
from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server

FOLDER = trash_folder(START, "run")


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
    """The same in memory."""
    with ExitStack() as stack:
        yield make("memory", tmp_path, stack, {})


def keep(run: Run, infos: Sequence[ObjectInfo], folder: str = FOLDER) -> list[Kept]:
    return Keeping(run, folder, name="removed").keep(infos)


def kept(ground: Ground, *keys: str, name: str = "run", folder: str = FOLDER) -> dict[str, str | None]:
    run = ground.run(name)
    infos = [ground.info(key) for key in keys]
    answers = keep(run, infos, folder)
    assert [answer.key for answer in answers] == list(keys)
    assert [answer.error for answer in answers if answer.error is not None] == []
    return {answer.key: answer.kept for answer in answers}


# one object --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ground", PLAIN, indirect=True)
def test_a_copy_lies_below_the_trash_with_all_it_has(ground):
    ground.put_there({"a/b c.txt": b"old", "empty": b""}, **TAGGED)
    ground.put_there({"plain": b"bytes"})
    before = ground.state()
    assert kept(ground, "a/b c.txt", "empty", "plain") == dict.fromkeys(before, FOLDER)
    assert ground.trash(FOLDER) == before
    assert ground.state() == before, "and what is kept still stands where it stood"


@pytest.mark.parametrize("ground", ["memory", "s3", "oss"], indirect=True)
def test_a_storage_class_is_kept(ground):
    cold = {"oss": "IA"}.get(ground.kind, "STANDARD_IA")
    ground.put_there({"cold": b"bytes"}, storage_class=cold)
    kept(ground, "cold")
    assert ground.trash(FOLDER) == ground.state()
    assert ground.trash(FOLDER)["cold"][2] == cold


@pytest.mark.parametrize("ground", ["memory", "s3"], indirect=True)
def test_a_website_redirect_is_kept(ground):
    ground.put_there({"old.html": b""}, redirect="/new.html", tags={"a": "b"})
    kept(ground, "old.html")
    assert ground.trash(FOLDER) == ground.state()
    assert ground.trash(FOLDER)["old.html"][1].redirect == "/new.html"


@pytest.mark.parametrize("ground", PARTS, indirect=True)
def test_what_is_too_large_for_one_copy_is_kept_in_parts(ground):
    body = bytes(range(256)) * 2
    ground.put_there({"large": body, "small": body[:MOST]}, **TAGGED)
    run = ground.run(part_size=MOST)
    assert len(body) > MOST
    answers = keep(run, [ground.info("large"), ground.info("small")])
    assert [(answer.kept, answer.error) for answer in answers] == [(FOLDER, None)] * 2
    assert ground.trash(FOLDER) == ground.state()
    assert list(ground.destination.list_uploads()) == []


@pytest.mark.parametrize("ground", VERSIONED, indirect=True)
def test_a_bucket_with_versions_keeps_it_by_itself(ground):
    ground.put_there({"a": b"old", "b": b"old"})
    versions = {key: ground.destination.head(key).info.version_id for key in "ab"}
    assert kept(ground, "a", "b") == {key: f"version/{version}" for key, version in versions.items()}
    assert ground.trash() == {}
    ground.destination.delete("a")
    ground.put_there({"b": b"new"})
    for key, version in versions.items():
        assert ground.destination.head(key, version_id=version).info.size == 3


@pytest.mark.parametrize("ground", ["s3 suspended", "oss suspended"], indirect=True)
def test_the_null_version_is_copied(ground):
    """The next write to a bucket whose versioning is suspended replaces it."""
    ground.put_there({"a": b"old"}, **TAGGED)
    assert ground.destination.head("a").info.version_id == "null"
    assert kept(ground, "a") == {"a": FOLDER}
    assert ground.trash(FOLDER) == ground.state()


@pytest.mark.parametrize("ground", ["s3", "oss"], indirect=True)
def test_a_bucket_without_versions_is_asked_once(ground):
    ground.put_there({f"{number}": b"old" for number in range(8)})
    before = dict(ground.destination.requests)
    run = ground.run(concurrency=1)
    assert len(keep(run, [ground.info(f"{number}") for number in range(8)])) == 8
    asked = {name: n - before.get(name, 0) for name, n in ground.destination.requests.items() if n != before.get(name)}
    asked.pop("ListObjectsV2")  # of this test
    assert asked == {"HeadObject": 1, "CopyObject": 8} | ({"GetBucketVersioning": 1} if ground.kind == "oss" else {})


# what can't be kept ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ground", KINDS, indirect=True)
def test_another_version_than_planned_is_not_kept(ground):
    ground.put_there({"a": b"old", "gone": b"old"})
    infos = [ground.info("a"), ground.info("gone")]
    ground.put_there({"a": b"newer"})
    ground.destination.delete("gone")
    changed, gone = keep(ground.run(), infos)
    assert isinstance(changed.error, ObjectChanged)
    assert (changed.kept, gone.kept, gone.error) == (None, None, None)
    assert ground.trash() == {}


@pytest.mark.parametrize("ground", ["memory", "s3", "oss"], indirect=True)
def test_a_key_that_leaves_no_room_says_so(ground):
    key = "k" * (1024 - len("data/") - 10)
    ground.put_there({key: b"old", "short": b"old"})
    long, short = keep(ground.run(), [ground.info(key), ground.info("short")])
    assert (long.kept, short.kept) == (None, FOLDER)
    assert re.search(r"can't hold its copy below _bucketsync/trash/.*bytes", str(long.error))


def test_tags_that_may_not_be_copied_are_an_error(memory):
    """S3 refuses the copy of an object with tags to whoever may not read them."""
    memory.put_there({"a": b"old", "b": b"old"}, tags={"a": "b"})

    def refuse(when: str, verb: str, key: str) -> None:
        if verb == "copy" and when == "before" and key == "a":
            raise AccessDenied("no GetObjectTagging", location="x", key=key)

    memory.destination.hooks.append(refuse)
    refused, other = keep(memory.run(), [memory.info("a"), memory.info("b")])
    assert isinstance(refused.error, AccessDenied)
    assert other.kept == FOLDER
    assert set(memory.trash(FOLDER)) == {"b"}


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("wrong", [{"body": b"x"}, {"body": b"0ld!"}])
def test_a_copy_with_other_bytes_does_not_count(memory, wrong, lost):
    """Of an object made of parts, whose ETag its copy does not have; also where the answer to the copy is lost."""
    upload = memory.destination.begin_upload("a")
    parts = [memory.destination.upload_part("a", upload, number, b"ol") for number in (1, 2)]
    memory.destination.complete_upload("a", upload, parts, size=4)

    def damage(when: str, verb: str, key: str) -> None:
        if (when, verb) == ("after", "copy"):
            trash = memory.destination.below(STATE_PREFIX + FOLDER)
            bucket = trash.server.bucket(trash.location.bucket)
            item = bucket.objects[trash.location.full_key("a")]
            checksum = checksum_of("crc64nvme", wrong["body"])
            info = replace(item.info, size=len(wrong["body"]), checksum=checksum)
            bucket.place(replace(item, body=wrong["body"], info=info))
            if lost:
                memory.destination.hooks.clear()
                raise ServerError("the answer is lost", location="x", key=key)

    memory.destination.hooks.append(damage)
    (answer,) = keep(memory.run(), [memory.info("a")])
    if lost:
        assert answer.kept == FOLDER.rstrip("/") + "-2/", "what lies there is not the object: it is kept beside it"
    else:
        assert isinstance(answer.error, BodyCorrupted)


def test_a_failure_of_one_is_no_failure_of_the_others(memory):
    memory.put_there({f"{number:03d}": b"old" for number in range(20)})
    infos = [memory.info(f"{number:03d}") for number in range(20)]

    def fail(when: str, verb: str, key: str) -> None:
        if verb == "copy" and key.endswith("7"):
            raise ServerError("500", location="x", key=key)

    memory.destination.hooks.append(fail)
    answers = {answer.key: answer for answer in keep(memory.run(), infos)}
    assert {key for key, answer in answers.items() if answer.error} == {"007", "017"}
    assert set(memory.trash(FOLDER)) == set(answers) - {"007", "017"}


# tries -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ground", KINDS, indirect=True)
def test_a_later_try_knows_what_was_kept_whatever_stands_there(ground):
    ground.put_there({"deleted": b"old", "overwritten": b"old"}, **TAGGED)
    infos = [ground.info("deleted"), ground.info("overwritten")]
    before = ground.state()
    first = [answer.kept for answer in keep(ground.run(), infos)]
    ground.destination.delete("deleted")
    ground.put_there({"overwritten": b"new"})
    requests = dict(ground.destination.requests)
    assert [answer.kept for answer in keep(ground.run(), infos)] == first
    assert dict(ground.destination.requests) == requests, "it is written down"
    if ground.kind in PLAIN:
        assert ground.trash(FOLDER) == before


@pytest.mark.parametrize("ground", PLAIN, indirect=True)
def test_a_copy_that_was_made_and_not_written_down_is_recognised(ground):
    ground.put_there({"a": b"old"}, **TAGGED)
    first = kept(ground, "a")
    for name in list(ground.run().workspace.list_names("kept/")):
        ground.run().workspace.delete(name)
    assert kept(ground, "a") == first
    assert set(ground.trash()) == {f"{FOLDER.removeprefix('trash/')}a"}


@pytest.mark.parametrize("ground", PLAIN, indirect=True)
@pytest.mark.parametrize("new", [{"body": b"newer"}, {**TAGGED, "body": b"old", "tags": {"team": "other"}}])
def test_another_version_of_the_key_is_kept_beside_the_first(ground, new):
    """As after a plan was cleared and made anew, and somebody wrote the object meanwhile."""
    if ground.kind == "local" and "tags" in new:
        new = {"body": b"two"}
    ground.put_there({"a": b"old"}, **TAGGED)
    first = ground.state()
    kept(ground, "a")
    if ground.server is not None:
        ground.server.core.clock.shift(2)
    ground.put_there({"a": new["body"]}, **{name: value for name, value in new.items() if name != "body"})
    second = ground.state()
    beside = FOLDER.rstrip("/") + "-2/"
    assert kept(ground, "a") == {"a": beside}
    assert (ground.trash(FOLDER), ground.trash(beside)) == (first, second)


def test_a_damaged_record_counts_for_nothing(memory):
    memory.put_there({"a": b"old"})
    kept(memory, "a")
    place = memory.run().workspace
    (name,) = place.list_names("kept/")
    place.store.put(place.run_folder + name, b"{")
    assert kept(memory, "a") == {"a": FOLDER}


def test_what_is_kept_is_written_down_before_anyone_is_told(memory):
    objects = {f"{number:04d}": b"old" for number in range(5)}
    memory.put_there(objects)
    run = memory.run()
    keep(run, [memory.info(key) for key in objects])
    documents = [run.workspace.read_document(name, "kept") for name in run.workspace.list_names("kept/")]
    assert sorted(key for document in documents for key, *_ in document["objects"]) == sorted(objects)


def test_a_stop_ends_it_before_anything_more_is_asked(memory):
    memory.put_there({f"{number}": b"old" for number in range(5)})
    run = memory.run(concurrency=1)
    keeping = Keeping(run, FOLDER, name="x")
    run.gate.stop()
    with pytest.raises(Stopped):
        keeping.keep([memory.info("1")])
    assert memory.trash() == {}


@pytest.mark.parametrize("ground", ["local"], indirect=True)
def test_a_file_is_copied_not_linked(ground):
    """Somebody may still hold the file open for writing, and a link would share what he writes."""
    ground.put_there({"a": b"old"})
    path = f"{ground.destination.location.bucket}/a"
    with open(path, "r+b") as opened:
        kept(ground, "a")
        opened.write(b"NEW")
    assert ground.trash(FOLDER)["a"][0] == b"old"


def test_attributes_alone_are_enough_to_differ(memory):
    """An ETag stays the same when only attributes change; what was recorded of the older ones counts for those."""
    memory.put_there({"a": b"same"}, tags={"n": "1"})
    kept(memory, "a")
    memory.destination.set_attributes(
        "a", ObjectAttributes(tags={"n": "2"}), destination=Condition.replacing(memory.info("a"))
    )
    assert kept(memory, "a")["a"] != FOLDER
