"""What every store must do: one suite, run on each of them.

A subclass (named `Test…`, in the store's own test file) gives two fixtures:

- `store`: an empty store at a location with a prefix (or a folder of its own);
- `second_store`: an empty store at another location of the same server, so that objects can be copied between the
  two without passing through us. Beside it, `store` must stay untouched by what is done there.

and, where its store differs, the attributes of `StoreContract` below. Everything else follows from `capabilities`.
"""

from __future__ import annotations

import hashlib
import json
import random
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_bucketsync.engine.errors import (
    BodyCorrupted,
    BucketsyncError,
    FinalError,
    NotSupported,
    ObjectChanged,
    ObjectNotFound,
)
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.names import is_state_name
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectAttributes
from airflow_bucketsync.engine.stores.base import ObjectStore, Transfer
from airflow_bucketsync.engine.stores.checksums import COMBINABLE, checksum_of
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.items import Deletion

TORTURE = json.loads((Path(__file__).parents[2] / "servers" / "torture.json").read_text())
TORTURE_KEYS = tuple(entry["key"] for entry in TORTURE["keys"])

ATTRIBUTES = ObjectAttributes(
    content_type="text/plain; charset=utf-8",
    content_encoding="gzip",
    content_disposition='attachment; filename="a b.txt"',
    content_language="de-DE",
    cache_control="max-age=60",
    user_metadata={"colour": "blue", "with-dash": "a, b; c=d"},
    tags={"team": "data", "a b": "c+d/e=f"},
)
OTHER_VERSION = Condition(etag="0123456789abcdef0123456789abcdef")
MTIME = datetime(2021, 2, 3, 4, 5, 6, 789012, tzinfo=UTC)


def byte_order(key: str) -> bytes:
    """What keys are sorted by."""
    return key.encode()


def fillable(store: ObjectStore) -> list[str]:
    """Torture keys that can all stand in `store` at once, in order."""
    keys = [key for key in sorted(TORTURE_KEYS, key=byte_order) if store.refusal(key) is None]
    if store.capabilities.keeps_mtime:  # a file system: of a file that is also a folder, the file can't stand
        keys = [key for key in keys if not any(other.startswith(key + "/") for other in keys)]
    return keys


def read(store: ObjectStore, key: str, chunk: int = 1 << 16, **options: object) -> bytes:
    """The bytes of an object, or of a range."""
    read_bytes = bytearray()
    buffer = memoryview(bytearray(chunk))
    with store.open(key, **options) as body:
        while count := body.readinto(buffer):
            read_bytes += buffer[:count]
    return bytes(read_bytes)


def listing(store: ObjectStore, *, after: str = "", until: str | None = None, limit: int = 1000) -> list[str]:
    """All keys of a store, page by page."""
    keys: list[str] = []
    while True:
        page = store.list_page(after=after, until=until, limit=limit)
        assert len(page.items) <= limit
        keys += [info.key for info in page.items]
        if page.next_after is None:
            return keys
        assert page.next_after.encode() > after.encode()
        after = page.next_after


class StoreContract:
    """The contract of `stores/base.py`, line by line."""

    can_delete_conditionally = True
    """False for a server that ignores conditions on deletes."""

    # 1 and 2: listings

    def test_is_an_object_store(self, store):
        assert isinstance(store, ObjectStore)

    def test_an_empty_store_lists_nothing(self, store):
        page = store.list_page()
        assert (page.items, page.next_after) == ((), None)

    def test_torture_keys_are_listed_as_they_are_and_in_byte_order(self, store):
        keys = fillable(store)
        assert len(keys) > 70
        for number, key in enumerate(random.Random(7).sample(keys, len(keys))):
            store.put(key, b"x" * (number % 5))
        assert listing(store) == keys
        for limit in range(1, 8):
            assert listing(store, limit=limit) == keys
        for at in range(0, len(keys), 9):
            assert listing(store, after=keys[at], limit=1000) == keys[at + 1 :]
            assert listing(store, until=keys[at], limit=1000) == keys[: at + 1]
        assert listing(store, after=keys[10], until=keys[40], limit=7) == keys[11:41]
        for key in keys:
            assert store.head(key).info.key == key
            assert read(store, key) == b"x" * store.head(key).info.size

    def test_every_key_is_a_resume_point_also_one_that_is_gone(self, store):
        for key in ("a/x", "sort", "sort-a", "sort0/b", "sort0/c/d", "z"):
            store.put(key, b"")
        keys = listing(store)
        for at, key in enumerate(keys):
            assert store.list_page(after=key, limit=1).items[:1] == store.list_page(after=key, limit=5).items[:1]
            assert listing(store, after=key, limit=2) == keys[at + 1 :]
        for after in ("a", "a/", "a/y", "sort/x", "sort0", "sort0/c", "zz"):
            assert listing(store, after=after) == [key for key in keys if key > after]
        store.delete("sort-a")
        assert listing(store, after="sort-a") == ["sort0/b", "sort0/c/d", "z"]

    def test_a_directory_sorts_as_its_name_with_a_slash(self, store):
        keys = ["sort!", "sort-a", "sort/x", "sort0"]
        for key in reversed(keys):
            store.put(key, b"")
        assert listing(store) == keys
        assert listing(store, limit=1) == keys
        assert listing(store, until="sort/") == ["sort!", "sort-a"]
        assert listing(store, until="sort/x") == ["sort!", "sort-a", "sort/x"]

    def test_what_is_written_between_two_pages_is_listed_behind_the_mark(self, store):
        for key in ("b", "d"):
            store.put(key, b"")
        first = store.list_page(limit=1)
        assert [info.key for info in first.items] == ["b"]
        store.put("a", b"")
        store.put("c", b"")
        assert listing(store, after="b") == ["c", "d"]

    def test_a_listing_says_size_time_and_etag_as_a_head_does(self, store):
        written = store.put("a/b", b"12345")
        (listed,) = store.list_page().items
        head = store.head("a/b").info
        assert (listed.size, listed.etag) == (5, written.etag) == (head.size, head.etag)
        assert listed.last_modified.utcoffset().total_seconds() == 0
        assert abs(listed.last_modified - head.last_modified).total_seconds() < 1
        assert listed.etag
        assert '"' not in listed.etag

    def test_a_location_sees_nothing_of_its_neighbour(self, store, second_store):
        store.put("here", b"1")
        second_store.put("there", b"2")
        assert (listing(store), listing(second_store)) == (["here"], ["there"])
        with pytest.raises(ObjectNotFound):
            store.head("there")
        second_store.delete("here")
        assert listing(store) == ["here"]

    # Reading

    @pytest.mark.parametrize("size", [0, 1, 1000, 100_001])
    def test_bytes_come_back_as_they_were(self, store, size):
        body = random.Random(size).randbytes(size)
        result = store.put("o", body)
        assert result.size == size
        assert read(store, "o", chunk=999) == body
        assert store.head("o").info.size == size
        if store.head("o").etag_is_md5:
            assert result.etag == hashlib.md5(body).hexdigest()

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_any_bytes_can_be_put(self, store, kind):
        store.put("o", kind(b"some bytes"))
        assert read(store, "o") == b"some bytes"

    @pytest.mark.parametrize(
        ("start", "length", "expected"),
        [
            (0, None, b"0123456789"),
            (0, 10, b"0123456789"),
            (0, 3, b"012"),
            (4, 3, b"456"),
            (7, None, b"789"),
            (9, 1, b"9"),
            (7, 100, b"789"),
            (10, None, b""),
            (10, 5, b""),
            (3, 0, b""),
        ],
    )
    def test_ranges(self, store, start, length, expected):
        store.put("o", b"0123456789")
        assert read(store, "o", start=start, length=length, chunk=2) == expected
        with store.open("o", start=start, length=length) as body:
            assert body.details.info.size == 10

    def test_an_empty_object_is_an_object(self, store):
        store.put("empty", b"")
        assert read(store, "empty") == b""
        assert read(store, "empty", start=0, length=10) == b""
        assert [info.size for info in store.list_page().items] == [0]

    def test_a_body_may_be_left_early(self, store):
        store.put("o", b"0" * 300_000)
        with store.open("o") as body:
            assert body.readinto(memoryview(bytearray(10))) > 0
        assert read(store, "o") == b"0" * 300_000

    def test_what_is_not_there_is_not_found(self, store):
        store.put("a/b", b"")
        for key in ("missing", "a", "a/b/c", "a/c", "x/y/z"):
            for ask in (
                lambda key=key: store.head(key),
                lambda key=key: read(store, key),
                lambda key=key: read(store, key, source=OTHER_VERSION),
            ):
                with pytest.raises(ObjectNotFound) as caught:
                    ask()
                assert caught.value.location == store.location.url
                assert caught.value.key == key
                assert caught.value.transient is False

    def test_open_is_pinned_to_a_version(self, store):
        store.put("o", b"one")
        old = store.head("o").info
        assert read(store, "o", source=Condition.matching(old)) == b"one"
        store.put("o", b"other")
        new = store.head("o").info
        with pytest.raises(ObjectChanged) as caught:
            read(store, "o", source=replace(Condition.matching(old), version_id=None))
        assert caught.value.key == "o"
        assert read(store, "o", source=Condition.matching(new)) == b"other"
        with pytest.raises(ObjectChanged):
            read(store, "o", start=1, length=2, source=Condition(etag=new.etag, size=4))

    # 3: writing

    def test_writing_again_replaces(self, store):
        first = store.put("o", b"first")
        second = store.put("o", b"the second")
        assert first.etag != second.etag
        assert read(store, "o") == b"the second"
        assert listing(store) == ["o"]

    def test_a_write_answers_with_what_a_head_says(self, store):
        result = store.put("o", b"bytes")
        info = store.head("o").info
        assert (result.size, result.etag) == (info.size, info.etag)
        if result.checksum is not None:
            assert result.checksum == info.checksum

    def test_a_replaced_object_is_never_seen_half(self, store):
        """A reader that began before a write ends with the old bytes, or with an error: never with a mix."""
        old, new = b"o" * 200_000, b"n" * 200_000
        store.put("o", old)
        found = bytearray()
        buffer = memoryview(bytearray(50_000))
        try:
            with store.open("o") as body:
                found += buffer[: body.readinto(buffer)]
                store.put("o", new)
                while count := body.readinto(buffer):
                    found += buffer[:count]
        except BucketsyncError:
            pass
        else:
            assert bytes(found) == old
        assert read(store, "o") == new

    @pytest.mark.parametrize("verb", ["put", "copy", "complete"])
    def test_conditions_of_a_write(self, store, verb):
        def write(body: bytes, destination: Condition) -> None:
            if verb == "put":
                store.put("o", body, destination=destination)
            elif verb == "copy":
                store.put("source", body)
                store.copy("o", source_store=store, source_key="source", source=Condition.ANY, destination=destination)
            else:
                upload = store.begin_upload("o")
                receipt = store.upload_part("o", upload, 1, body)
                try:
                    store.complete_upload("o", upload, [receipt], size=len(body), destination=destination)
                except ObjectChanged:
                    assert store.list_parts("o", upload) == (receipt,)  # still open
                    store.abort_upload("o", upload)
                    raise

        full = store.capabilities.conditional_put == "full"
        if store.capabilities.conditional_put == "none":
            pytest.fail("this store can't take part: give it capabilities that match what it does")
        if full:
            with pytest.raises(ObjectChanged):
                write(b"over nothing", OTHER_VERSION)
        write(b"made", Condition.ABSENT)
        assert read(store, "o") == b"made"
        with pytest.raises(ObjectChanged) as caught:
            write(b"made again", Condition.ABSENT)
        assert (caught.value.location, caught.value.key) == (store.location.url, "o")
        if full:
            info = store.head("o").info
            with pytest.raises(ObjectChanged):
                write(b"over another", OTHER_VERSION)
            assert read(store, "o") == b"made"
            write(b"over this", Condition.replacing(info))
            assert read(store, "o") == b"over this"
            with pytest.raises(ObjectChanged):
                write(b"over what was", Condition.replacing(info))
        write(b"over anything", Condition.ANY)
        assert read(store, "o") == b"over anything"

    def test_a_wrong_checksum_is_refused(self, store):
        store.put("o", b"old")
        for algorithm in store.capabilities.checksums:
            right, wrong = checksum_of(algorithm, b"body"), checksum_of(algorithm, b"other")
            with pytest.raises(BodyCorrupted) as caught:
                store.put("o", b"body", checksum=wrong)
            assert caught.value.transient
            assert read(store, "o") == b"old"
            store.put("right", b"body", checksum=right)
            stored = store.head("right").info.checksum
            assert stored is None or stored == checksum_of(stored.algorithm, b"body")
            upload = store.begin_upload("parts")
            if algorithm == store.capabilities.checksums[0]:
                with pytest.raises(BodyCorrupted):
                    store.upload_part("parts", upload, 1, b"body", checksum=wrong)
                store.upload_part("parts", upload, 1, b"body", checksum=right)
            store.abort_upload("parts", upload)

    def test_checksums_are_kept_where_the_store_says_so(self, store):
        store.put("o", b"body")
        found = store.head("o").info.checksum
        assert (found is not None) == bool(store.capabilities.checksums)
        if found is not None:
            assert found == checksum_of(found.algorithm, b"body")
        assert store.head("o", checksum=False).info.size == 4

    # Attributes

    def test_attributes_come_back(self, store):
        wanted = ATTRIBUTES if store.capabilities.tags else replace(ATTRIBUTES, tags=None)
        store.put("o", b"x", attributes=wanted)
        found = store.head("o").attributes
        tags = store.tags("o")
        if store.capabilities.user_metadata:
            assert replace(found, tags=None, source_mtime=None, storage_class=None) == replace(wanted, tags=None)
        else:
            assert dict(found.user_metadata) == {}
            assert found.content_type is None
        assert dict(tags) == (dict(ATTRIBUTES.tags) if store.capabilities.tags else {})
        with store.open("o") as body:
            assert body.details.attributes == found

    def test_an_object_without_attributes_has_none(self, store):
        store.put("o", b"x")
        assert dict(store.tags("o")) == {}
        assert dict(store.head("o").attributes.user_metadata) == {}

    def test_attributes_are_replaced_without_the_body(self, store):
        store.put("o", b"body", attributes=replace(ATTRIBUTES, source_mtime=MTIME))
        before = store.head("o").info
        other = replace(ATTRIBUTES, content_type="text/html", user_metadata={"new": "1"}, tags=None)
        later = MTIME.replace(year=2022)
        with pytest.raises(ObjectChanged):
            store.set_attributes("o", other, destination=OTHER_VERSION)
        store.set_attributes("o", replace(other, source_mtime=later), destination=Condition.replacing(before))
        assert read(store, "o") == b"body"
        found = store.head("o")
        if store.capabilities.user_metadata:
            assert found.attributes.content_type == "text/html"
            assert dict(found.attributes.user_metadata) == {"new": "1"}
        if store.capabilities.tags:
            assert dict(store.tags("o")) == dict(ATTRIBUTES.tags)  # None = not spoken of
        if store.capabilities.keeps_mtime:
            assert found.info.last_modified == later

    def test_parts_keep_attributes_too(self, store):
        upload = store.begin_upload("o", attributes=replace(ATTRIBUTES, source_mtime=MTIME))
        receipt = store.upload_part("o", upload, 1, b"x")
        store.complete_upload("o", upload, [receipt], size=1)
        found = store.head("o")
        if store.capabilities.user_metadata:
            assert found.attributes.content_type == ATTRIBUTES.content_type
            assert dict(found.attributes.user_metadata) == dict(ATTRIBUTES.user_metadata)
        if store.capabilities.tags:
            assert dict(store.tags("o")) == dict(ATTRIBUTES.tags)
        if store.capabilities.keeps_mtime:
            assert found.info.last_modified == MTIME

    # Copies inside the store

    def test_a_copy_has_bytes_and_attributes_of_its_source(self, store, second_store):
        second_store.put("from", b"some bytes", attributes=replace(ATTRIBUTES, source_mtime=MTIME))
        source = second_store.head("from")
        assert store.can_copy_from(second_store) is None
        assert store.can_copy_from(second_store, "from") is None
        result = store.copy(
            "to/there", source_store=second_store, source_key="from", source=Condition.matching(source.info)
        )
        found = store.head("to/there")
        assert read(store, "to/there") == b"some bytes"
        assert (result.size, result.etag) == (10, found.info.etag)
        assert found.attributes.content_type == source.attributes.content_type
        assert dict(found.attributes.user_metadata) == dict(source.attributes.user_metadata)
        assert dict(store.tags("to/there")) == dict(second_store.tags("from"))
        if store.capabilities.keeps_mtime:
            assert found.info.last_modified == MTIME

    def test_a_copy_may_have_other_attributes_or_no_tags(self, store, second_store):
        second_store.put("from", b"bytes", attributes=ATTRIBUTES)
        plain = {"source_store": second_store, "source_key": "from", "source": Condition.ANY}
        other = ObjectAttributes(content_type="text/html", user_metadata={"a": "b"}, tags={"new": "tag"})
        store.copy("other", **plain, attributes=other)
        store.copy("kept", **plain, attributes=replace(other, tags=None))
        store.copy("bare", **plain, keep_tags=False)
        if store.capabilities.user_metadata:
            assert store.head("other").attributes.content_type == "text/html"
            assert dict(store.head("other").attributes.user_metadata) == {"a": "b"}
            assert store.head("bare").attributes.content_type == ATTRIBUTES.content_type
        if store.capabilities.tags:
            assert dict(store.tags("other")) == {"new": "tag"}
            assert dict(store.tags("kept")) == dict(ATTRIBUTES.tags)
        assert dict(store.tags("bare")) == {}

    def test_a_copy_is_pinned_to_its_source(self, store, second_store):
        def copy(source: Condition, key: str = "from") -> None:
            store.copy("to", source_store=second_store, source_key=key, source=source)

        second_store.put("from", b"old")
        old = second_store.head("from").info
        second_store.put("from", b"newer")
        with pytest.raises(ObjectChanged) as caught:
            copy(Condition(etag=old.etag, size=old.size))
        assert (caught.value.location, caught.value.key) == (second_store.location.url, "from")
        with pytest.raises(ObjectNotFound) as missing:
            copy(Condition.ANY, "missing")
        assert (missing.value.location, missing.value.key) == (second_store.location.url, "missing")
        assert listing(store) == []

    # 5: parts

    def part_size(self, store: ObjectStore) -> int:
        """Bytes of every part but the last."""
        return max(store.capabilities.min_part, 10)

    def test_parts_in_any_order_and_repeated(self, store):
        size = self.part_size(store)
        bodies = {1: b"1" * size, 2: b"2" * size, 3: b"end"}
        for order in ((1, 2, 3), (3, 1, 2), (2, 3, 1)):
            upload = store.begin_upload("deep/er/o")
            store.upload_part("deep/er/o", upload, order[0], b"?" * size)
            receipts = {number: store.upload_part("deep/er/o", upload, number, bodies[number]) for number in order}
            assert [receipts[number].size for number in (1, 2, 3)] == [size, size, 3]
            listed = store.list_parts("deep/er/o", upload)
            assert [(part.number, part.size, part.etag) for part in listed] == [
                (number, receipts[number].size, receipts[number].etag) for number in (1, 2, 3)
            ]
            assert "deep/er/o" not in listing(store) or order != (1, 2, 3)
            result = store.complete_upload("deep/er/o", upload, listed, size=2 * size + 3)
            assert result.size == 2 * size + 3
            assert read(store, "deep/er/o", chunk=1 << 20) == b"".join(bodies.values())
            assert store.head("deep/er/o").info.etag == result.etag
        assert listing(store) == ["deep/er/o"]

    def test_one_part_makes_an_object(self, store):
        upload = store.begin_upload("o")
        receipt = store.upload_part("o", upload, 1, b"x")
        store.complete_upload("o", upload, [receipt], size=1)
        assert read(store, "o") == b"x"

    def test_parts_that_were_not_chosen_are_left_out(self, store):
        size = self.part_size(store)
        upload = store.begin_upload("o")
        receipts = [store.upload_part("o", upload, number, bytes([65 + number]) * size) for number in (1, 2, 3, 4)]
        store.complete_upload("o", upload, receipts[:2], size=2 * size)
        assert read(store, "o", chunk=1 << 20) == b"B" * size + b"C" * size
        upload = store.begin_upload("gap")
        receipts = [store.upload_part("gap", upload, number, bytes([65 + number]) * size) for number in (1, 2, 3)]
        store.complete_upload("gap", upload, [receipts[0], receipts[2]], size=2 * size)
        assert read(store, "gap", chunk=1 << 20) == b"B" * size + b"D" * size

    def test_completing_twice_is_recognised(self, store):
        upload = store.begin_upload("o")
        receipt = store.upload_part("o", upload, 1, b"x")
        first = store.complete_upload("o", upload, [receipt], size=1)
        # A server may remember what it completed; else the upload is not there any more.
        with suppress(ObjectNotFound):
            assert store.complete_upload("o", upload, [receipt], size=1).etag == first.etag
        assert store.head("o").info.etag == first.etag
        assert list(store.list_uploads()) == []

    def test_a_part_that_is_not_there_makes_no_object(self, store):
        upload = store.begin_upload("o")
        receipt = store.upload_part("o", upload, 1, b"x")
        for wrong in (replace(receipt, number=2), replace(receipt, etag="0" * 32)):
            with pytest.raises(BucketsyncError) as caught:
                store.complete_upload("o", upload, [wrong], size=1)
            assert not isinstance(caught.value, ObjectNotFound)  # which would say that it was completed
            assert listing(store) == []
        assert [part.number for part in store.list_parts("o", upload)] == [1]
        store.abort_upload("o", upload)

    def test_an_aborted_upload_is_gone(self, store):
        upload = store.begin_upload("o")
        receipt = store.upload_part("o", upload, 1, b"x")
        store.abort_upload("o", upload)
        store.abort_upload("o", upload)
        for ask in (
            lambda: store.list_parts("o", upload),
            lambda: store.upload_part("o", upload, 1, b"x"),
            lambda: store.complete_upload("o", upload, [receipt], size=1),
        ):
            with pytest.raises(ObjectNotFound):
                ask()
        assert list(store.list_uploads()) == []
        assert listing(store) == []

    def test_open_uploads_are_listed_and_are_no_objects(self, store, second_store):
        assert list(store.list_uploads()) == []
        first = store.begin_upload("b/o")
        again = store.begin_upload("b/o")
        other = store.begin_upload("a")
        second_store.begin_upload("elsewhere")
        assert len({first, again, other}) == 3
        found = {(upload.key, upload.upload_id) for upload in store.list_uploads()}
        assert found == {("b/o", first), ("b/o", again), ("a", other)}
        assert all(upload.begun.tzinfo is not None for upload in store.list_uploads())
        assert listing(store) == []
        for key, upload in found:
            store.abort_upload(key, upload)
        assert list(store.list_uploads()) == []

    def test_the_checksum_of_the_whole_is_held_against_the_parts(self, store):
        algorithm = next((name for name in store.capabilities.checksums if name in COMBINABLE), None)
        if algorithm is None:
            return
        size = self.part_size(store)
        upload = store.begin_upload("o")
        receipts = [store.upload_part("o", upload, number, bytes([65 + number]) * size) for number in (1, 2)]
        body = b"B" * size + b"C" * size
        with pytest.raises(BucketsyncError) as caught:
            store.complete_upload("o", upload, receipts, size=2 * size, checksum=checksum_of(algorithm, body[::-1]))
        assert not isinstance(caught.value, ObjectNotFound)
        assert listing(store) == []
        store.complete_upload("o", upload, receipts, size=2 * size, checksum=checksum_of(algorithm, body))
        assert store.head("o").info.checksum in (None, checksum_of(algorithm, body))

    def test_parts_from_a_range_of_another_object(self, store, second_store):
        size = self.part_size(store)
        body = random.Random(3).randbytes(2 * size + 5)
        second_store.put("from", body)
        info = second_store.head("from").info
        upload = store.begin_upload("to")

        def copy(number: int, start: int, length: int, source: Condition):
            return store.copy_part(
                "to",
                upload,
                number,
                source_store=second_store,
                source_key="from",
                start=start,
                length=length,
                source=source,
            )

        if not store.capabilities.part_copy:
            with pytest.raises(NotSupported):
                copy(1, 0, size, Condition.ANY)
            store.abort_upload("to", upload)
            return
        with pytest.raises(ObjectChanged):
            copy(1, 0, size, OTHER_VERSION)
        pinned = Condition.matching(info)
        receipts = [copy(2, size, size + 5, pinned), copy(1, 0, size, pinned)]
        store.complete_upload("to", upload, receipts[::-1], size=len(body))
        assert read(store, "to", chunk=1 << 20) == body

    # 4: deletes

    def test_a_delete_can_be_repeated(self, store):
        store.put("a/o", b"")
        store.delete("a/o")
        store.delete("a/o")
        store.delete("never/was")
        assert listing(store) == []
        with pytest.raises(ObjectNotFound):
            store.head("a/o")
        store.put("a", b"where a folder was")
        assert listing(store) == ["a"]

    def test_conditions_of_a_delete(self, store):
        assert store.capabilities.conditional_delete == self.can_delete_conditionally
        store.put("o", b"one")
        old = store.head("o").info
        store.put("o", b"other")
        with pytest.raises(ObjectChanged) as caught:
            store.delete("o", destination=Condition(etag=old.etag, size=old.size))
        assert caught.value.key == "o"
        assert listing(store) == ["o"]
        store.delete("o", destination=Condition.replacing(store.head("o").info))
        assert listing(store) == []
        store.delete("o", destination=Condition.replacing(old))  # gone is what was wanted

    def test_delete_many_answers_for_every_key(self, store):
        keys = fillable(store)
        for key in keys:
            store.put(key, b"")
        kept = keys[3]
        store.put(kept, b"changed")
        deletions = [Deletion(key=key) for key in keys if key != kept]
        deletions += [Deletion(key="never was"), Deletion(key=kept, destination=OTHER_VERSION)]
        answers = list(store.delete_many(iter(deletions), gate=Gate(concurrency=4)))
        assert sorted(answer.key for answer in answers) == sorted(deletion.key for deletion in deletions)
        errors = {answer.key: answer.error for answer in answers if answer.error is not None}
        assert set(errors) == {kept}
        assert isinstance(errors[kept], ObjectChanged)
        assert listing(store) == [kept]

    # Many at once

    def test_head_many_tells_missing_from_present(self, store):
        store.put("a", b"1")
        store.put("b/c", b"22")
        answers = {head.key: head for head in store.head_many(["a", "b/c", "nope"], gate=Gate(concurrency=2))}
        assert {key: head.details and head.details.info.size for key, head in answers.items()} == {
            "a": 1,
            "b/c": 2,
            "nope": None,
        }
        assert [head.error for head in answers.values()] == [None, None, None]

    @pytest.mark.parametrize("mode", ["stream", "server_copy"])
    def test_transfer_many_brings_objects_and_says_what_became_of_each(self, store, second_store, mode):
        keys = [f"folder/{number}" for number in range(9)]
        for number, key in enumerate(keys):
            second_store.put(key, bytes([number]) * number)
        items = {info.key: info for info in second_store.list_page().items}
        second_store.put(keys[4], b"changed meanwhile")
        second_store.delete(keys[7])
        store.put(keys[2], b"stands there")

        def transfers():
            for key in keys:
                yield Transfer(
                    source_store=second_store,
                    source=items[key],
                    key=key,
                    destination=Condition.ABSENT,
                    mode=mode,
                )

        answers = {answer.transfer.key: answer for answer in store.transfer_many(transfers(), gate=Gate(concurrency=4))}
        assert set(answers) == set(keys)
        errors = {key: type(answer.error) for key, answer in answers.items() if answer.error is not None}
        expected = {keys[2]: ObjectChanged}
        if items[keys[4]].version_id is None:  # else the planned version is still there to be read
            expected |= {keys[4]: ObjectChanged, keys[7]: ObjectNotFound}
        assert errors == expected
        for number, key in enumerate(keys):
            if key not in errors:
                assert answers[key].result.size == number
                assert read(store, key) == bytes([number]) * number
        assert read(store, keys[2]) == b"stands there"

    # Names, errors, counts

    def test_state_names_are_refused_as_data_but_can_hold_state(self, store):
        for key in (
            "_bucketsync/lock",
            "_bucketsync/",
            "_bucketsync/trash/a/b",
            ".bucketsync-1-2.tmp",
            "a/.bucketsync-x.tmp",
        ):
            assert store.refusal(key)
        for key in (
            ".airflow_bucketsync/checkpoint.json",
            "file.partial",
            "a/_bucketsync/b",
            "_bucketsync0",
            ".bucketsync-x",
        ):
            assert store.refusal(key) is None
        store.put("_bucketsync/lock", b"owner", destination=Condition.ABSENT)
        with pytest.raises(ObjectChanged):
            store.put("_bucketsync/lock", b"other", destination=Condition.ABSENT)
        assert read(store, "_bucketsync/lock") == b"owner"
        store.delete("_bucketsync/lock", destination=Condition.replacing(store.head("_bucketsync/lock").info))
        assert listing(store) == []

    def test_below_it_is_the_same_store_further_down(self, store):
        store.put("o", b"data")
        state = store.below("_bucketsync/trash/one/")
        assert state.location == store.location.child("_bucketsync/trash/one/")
        assert listing(state) == []
        before = sum(store.requests.values())
        state.put("o", b"kept", destination=Condition.ABSENT)
        assert read(state, "o") == b"kept"
        assert listing(state) == ["o"]
        assert read(store, "o") == b"data"
        assert state.requests is store.requests
        assert sum(store.requests.values()) >= before + 3
        assert state.capabilities == store.capabilities
        if state.can_copy_from(store) is None:
            seen = store.head("o").info
            state.copy("copy", source_store=store, source_key="o", source=Condition.matching(seen))
            assert read(state, "copy") == b"data"
            state.delete("copy")
        state.delete("o")
        assert [key for key in listing(store) if not is_state_name(key)] == ["o"]

    def test_whether_one_may_delete_is_asked_without_deleting(self, store):
        store.put("o", b"data")
        store.require_deletable()
        assert [key for key in listing(store) if not is_state_name(key)] == ["o"]
        assert read(store, "o") == b"data"

    def test_a_key_that_can_stand_here_is_not_refused(self, store):
        assert store.refusal("") is not None
        assert store.refusal("x" * 2000) is not None
        before = store.requests.copy()
        for key in TORTURE_KEYS:
            reason = store.refusal(key)
            assert reason is None or len(reason) > 5
        assert store.requests == before

    def test_what_is_refused_is_not_written(self, store):
        for key in (key for key in (*TORTURE_KEYS, "x" * 2000) if store.refusal(key)):
            with pytest.raises(FinalError) as caught:
                store.put(key, b"")
            assert caught.value.location == store.location.url
        assert listing(store) == []

    def test_requests_are_counted(self, store):
        assert sum(store.requests.values()) == 0
        store.put("o", b"")
        after_put = sum(store.requests.values())
        assert after_put == 1
        store.list_page()
        store.head("o")
        read(store, "o")
        assert sum(store.requests.values()) == 4
        assert all(isinstance(verb, str) for verb in store.requests)

    def test_fingerprints_survive_a_page(self, store):
        store.put("o", b"x")
        (info,) = store.list_page().items
        assert type(info).from_json(json.loads(json.dumps(info.to_json()))) == info
        again = store.list_page().items[0]
        assert Fingerprint.of(info).same_content(again)

    def test_close_can_be_called(self, store):
        store.list_page(limit=1)
        store.close()
