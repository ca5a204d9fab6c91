"""Is a request carried out only in the state that was asked for, and does its error name the right side?"""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import (
    ConnectionLost,
    NotSupported,
    ObjectChanged,
    ObjectNotFound,
    ServerError,
)
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.items import Deletion
from airflow_bucketsync.engine.stores.memory import MemoryStore
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.engine.stores.s3.conftest import MakeStore
from tests.engine.stores.s3.test_keys import read
from tests.servers.s3 import Allow, Credential, S3Server
from tests.servers.web.faults import Fault

STALE = Condition(etag="0" * 32)
CHECKSUMS = ("crc64nvme",)


def test_create_only(store: S3Store) -> None:
    store.put("a", b"one", destination=Condition.ABSENT)
    with pytest.raises(ObjectChanged) as caught:
        store.put("a", b"two", destination=Condition.ABSENT)
    assert caught.value.key == "a"
    assert read(store, "a") == b"one"


def test_replace_only_the_version_seen(store: S3Store) -> None:
    first = store.put("a", b"one")
    store.put("a", b"two", destination=Condition(etag=first.etag, size=3))
    with pytest.raises(ObjectChanged):
        store.put("a", b"three", destination=Condition(etag=first.etag, size=3))
    assert read(store, "a") == b"two"


def test_replace_what_is_gone(store: S3Store) -> None:
    """S3 answers NoSuchKey to If-Match where nothing stands; ours is a changed destination."""
    with pytest.raises(ObjectChanged, match="nothing stands there"):
        store.put("a", b"x", destination=STALE)


def test_a_conflict_of_conditional_writes_can_be_retried(server: S3Server, store: S3Store) -> None:
    server.faults.add(Fault("status", operation="PutObject", status=409, code="ConditionalRequestConflict"))
    with pytest.raises(ServerError):
        store.put("a", b"x", destination=Condition.ABSENT)


def test_read_pinned(store: S3Store) -> None:
    first = store.put("a", b"one")
    store.put("a", b"two")
    with pytest.raises(ObjectChanged) as caught, store.open("a", source=Condition(etag=first.etag)):
        pass
    assert (caught.value.key, caught.value.location) == ("a", store.location.url)
    with pytest.raises(ObjectChanged), store.open("a", source=Condition(size=4)):
        pass


def test_read_pinned_to_a_version(server: S3Server, store: S3Store, bucket: str) -> None:
    server.core.bucket(bucket).settings.versioning = "Enabled"
    first, second = store.put("a", b"one"), store.put("a", b"two")
    assert first.version_id
    assert first.version_id != second.version_id
    with store.open("a", source=Condition(etag=first.etag, version_id=first.version_id)) as body:
        assert body.details.info.version_id == first.version_id
        data = bytearray(3)
        assert body.readinto(memoryview(data)) == 3
        assert data == b"one"
    assert store.head("a", version_id=first.version_id).info.etag == first.etag
    copied = store.copy("b", source_store=store, source_key="a", source=Condition(version_id=first.version_id))
    assert copied.etag == first.etag
    store.delete("a")
    with pytest.raises(ObjectNotFound):
        store.head("a")
    assert store.head("a", version_id=first.version_id).info.etag == first.etag


@pytest.mark.parametrize("verb", ["head", "tags", "open", "copy"])
def test_a_null_version_that_became_a_delete_marker_is_absence(
    server: S3Server, store: S3Store, bucket: str, verb: str
) -> None:
    """S3 answers 405 to a marker that is named, and 400 to a copy of it."""
    server.core.bucket(bucket).settings.versioning = "Suspended"
    put = store.put("a", b"one")
    pin = Condition(etag=put.etag, version_id=put.version_id)
    assert put.version_id == "null"
    store.delete("a")
    read_in = {
        "head": lambda: store.head("a", version_id="null"),
        "tags": lambda: store.tags("a", version_id="null"),
        "open": lambda: store.open("a", source=pin).__enter__(),
        "copy": lambda: store.copy("b", source_store=store, source_key="a", source=pin),
    }
    with pytest.raises(ObjectNotFound) as caught:
        read_in[verb]()
    assert (caught.value.location, caught.value.key) == (store.location.url, "a")


def test_a_store_that_ignores_if_match_is_found_out(server: S3Server, store: S3Store) -> None:
    headers = {"ETag": '"other"', "Last-Modified": "Wed, 21 Oct 2026 07:28:00 GMT"}
    server.faults.add(Fault("substitute", operation="GetObject", body=b"two", status=200, headers=headers))
    with pytest.raises(ObjectChanged, match="other"), store.open("a", source=STALE):
        pass


class TestCopy:
    """412 and 404 mean either side: the source is asked."""

    def test_source_changed(self, make_store: MakeStore) -> None:
        source, destination = make_store("from/"), make_store("to/")
        source.put("a", b"one")
        with pytest.raises(ObjectChanged) as caught:
            destination.copy("b", source_store=source, source_key="a", source=Condition(etag="0" * 32, size=3))
        assert (caught.value.location, caught.value.key) == (source.location.url, "a")
        with pytest.raises(ObjectNotFound):
            destination.head("b")

    def test_destination_changed(self, make_store: MakeStore) -> None:
        source, destination = make_store("from/"), make_store("to/")
        put = source.put("a", b"one")
        destination.put("b", b"other")
        for condition in (Condition.ABSENT, STALE):
            with pytest.raises(ObjectChanged) as caught:
                destination.copy(
                    "b", source_store=source, source_key="a", source=Condition(etag=put.etag, size=3),
                    destination=condition,
                )  # fmt: skip
            assert (caught.value.location, caught.value.key) == (destination.location.url, "b")
        assert read(destination, "b") == b"other"

    def test_destination_gone(self, make_store: MakeStore) -> None:
        source, destination = make_store("from/"), make_store("to/")
        put = source.put("a", b"one")
        with pytest.raises(ObjectChanged) as caught:
            destination.copy(
                "b", source_store=source, source_key="a", source=Condition(etag=put.etag, size=3), destination=STALE
            )
        assert (caught.value.location, caught.value.key) == (destination.location.url, "b")

    def test_source_gone(self, make_store: MakeStore) -> None:
        source, destination = make_store("from/"), make_store("to/")
        with pytest.raises(ObjectNotFound) as caught:
            destination.copy("b", source_store=source, source_key="a", source=Condition(etag="0" * 32, size=3))
        assert (caught.value.location, caught.value.key) == (source.location.url, "a")

    def test_part_of_a_changed_source(self, make_store: MakeStore) -> None:
        source, destination = make_store("from/"), make_store("to/")
        source.put("a", b"one")
        upload = destination.begin_upload("b")
        with pytest.raises(ObjectChanged) as caught:
            destination.copy_part("b", upload, 1, source_store=source, source_key="a", start=0, length=3, source=STALE)
        assert (caught.value.location, caught.value.key) == (source.location.url, "a")
        assert destination.list_parts("b", upload) == ()

    def test_part_for_an_upload_that_is_gone(self, make_store: MakeStore) -> None:
        store = make_store()
        put = store.put("a", b"one")
        upload = store.begin_upload("b")
        store.abort_upload("b", upload)
        with pytest.raises(ObjectNotFound) as caught:
            store.copy_part(
                "b", upload, 1, source_store=store, source_key="a", start=0, length=3, source=Condition(etag=put.etag)
            )
        assert (caught.value.code, caught.value.key) == ("NoSuchUpload", "b")

    def test_without_a_pin_the_source_is_pinned_to_what_stands_there(self, server: S3Server, store: S3Store) -> None:
        store.put("a", b"one")
        server.faults.add(Fault("before", operation="CopyObject", hook=lambda _: server.core.put(
            store.location.bucket, "a", b"another")))  # fmt: skip
        with pytest.raises(ObjectChanged):
            store.copy("b", source_store=store, source_key="a", source=Condition.ANY)


def test_set_attributes_of_the_version_seen(store: S3Store) -> None:
    put = store.put("a", b"one", attributes=ObjectAttributes(content_type="text/plain"))
    changed = ObjectAttributes(content_type="text/html", user_metadata={"k": "v"})
    with pytest.raises(ObjectChanged) as caught:
        store.set_attributes("a", changed, destination=Condition(etag="0" * 32, size=3))
    assert caught.value.key == "a"
    result = store.set_attributes("a", changed, destination=Condition(etag=put.etag, size=3))
    assert (result.etag, result.size) == (put.etag, 3)
    found = store.head("a").attributes
    assert (found.content_type, found.user_metadata) == ("text/html", {"k": "v"})
    assert read(store, "a") == b"one"
    with pytest.raises(ObjectChanged):
        store.set_attributes("b", changed, destination=Condition(etag=put.etag, size=3))
    with pytest.raises(ObjectChanged):
        store.set_attributes("b", changed, destination=Condition(etag=put.etag))
    with pytest.raises(ObjectNotFound):
        store.set_attributes("b", changed, destination=Condition.ANY)


def test_set_attributes_keeps_tags_unless_they_are_given(store: S3Store) -> None:
    put = store.put("a", b"one", attributes=ObjectAttributes(tags={"x": "1"}))
    at = Condition(etag=put.etag, size=3)
    store.set_attributes("a", ObjectAttributes(content_type="text/html"), destination=at)
    assert store.tags("a") == {"x": "1"}
    store.set_attributes("a", ObjectAttributes(tags={"y": "2"}), destination=at)
    assert store.tags("a") == {"y": "2"}
    store.set_attributes("a", ObjectAttributes(tags={}), destination=at)
    assert store.tags("a") == {}


def test_complete_conditionally_leaves_the_upload_open(store: S3Store) -> None:
    store.put("a", b"other")
    upload = store.begin_upload("a")
    part = store.upload_part("a", upload, 1, b"parts")
    for condition in (Condition.ABSENT, STALE):
        with pytest.raises(ObjectChanged) as caught:
            store.complete_upload("a", upload, [part], size=5, destination=condition)
        assert caught.value.key == "a"
    assert len(store.list_parts("a", upload)) == 1
    store.complete_upload("a", upload, [part], size=5, destination=Condition(etag=store.head("a").info.etag))
    assert read(store, "a") == b"parts"


def test_complete_over_what_is_gone(store: S3Store) -> None:
    upload = store.begin_upload("a")
    part = store.upload_part("a", upload, 1, b"parts")
    with pytest.raises(ObjectChanged, match="nothing stands there"):
        store.complete_upload("a", upload, [part], size=5, destination=STALE)


class TestDelete:
    def test_only_the_version_seen(self, store: S3Store) -> None:
        put = store.put("a", b"one")
        with pytest.raises(ObjectChanged) as caught:
            store.delete("a", destination=STALE)
        assert caught.value.key == "a"
        assert store.head("a").info.etag == put.etag
        store.delete("a", destination=Condition(etag=put.etag))
        with pytest.raises(ObjectNotFound):
            store.head("a")

    def test_what_is_not_there(self, store: S3Store) -> None:
        store.delete("a")
        store.delete("a", destination=STALE)
        store.delete("a", destination=Condition(size=3))
        store.delete("a", destination=Condition.ABSENT)

    def test_a_bucket_that_is_not_there_is_an_error(self, make_store: MakeStore) -> None:
        with pytest.raises(ObjectNotFound, match="bucket"):
            make_store(place="never-made").delete("a")

    def test_412_for_what_is_gone(self, server: S3Server, store: S3Store) -> None:
        """Some stores refuse the condition where nothing stands any more, which is what was wanted."""
        server.faults.add(Fault("status", operation="DeleteObject", status=412, code="PreconditionFailed"))
        store.delete("a", destination=STALE)

    def test_without_conditional_deletes_a_head_precedes(self, make_store: MakeStore) -> None:
        store = make_store(capabilities=Capabilities(conditional_delete=False, checksums=CHECKSUMS))
        put = store.put("a", b"one")
        with pytest.raises(ObjectChanged):
            store.delete("a", destination=STALE)
        with pytest.raises(ObjectChanged):
            store.delete("a", destination=Condition.ABSENT)
        answers = list(store.delete_many([Deletion(key="a", destination=STALE)], gate=Gate()))
        assert isinstance(answers[0].error, ObjectChanged)
        assert store.requests["DeleteObject"] == 0
        store.delete("a", destination=Condition(etag=put.etag))
        assert store.requests == {"PutObject": 1, "HeadObject": 4, "DeleteObject": 1}


@pytest.mark.parametrize("able", ["none", "create_only"])
def test_a_store_without_conditional_writes_is_asked_before(server: S3Server, make_store: MakeStore, able: str) -> None:
    store = make_store(capabilities=Capabilities(conditional_put=able, checksums=CHECKSUMS))  # type: ignore[arg-type]
    put = store.put("a", b"one", destination=Condition.ABSENT)
    with pytest.raises(ObjectChanged):
        store.put("a", b"two", destination=Condition.ABSENT)
    with pytest.raises(ObjectChanged):
        store.put("a", b"two", destination=STALE)
    with pytest.raises(ObjectChanged):
        store.put("b", b"two", destination=STALE)
    store.put("a", b"two", destination=Condition(etag=put.etag, size=3))
    sent = [entry.headers for entry in server.log.select(operation="PutObject")]
    assert not any("if-match" in headers for headers in sent)
    assert any("if-none-match" in headers for headers in sent) is (able == "create_only")


class TestCanCopyFrom:
    def test_same_endpoint_and_credentials(self, make_store: MakeStore) -> None:
        assert make_store("a/").can_copy_from(make_store("b/")) is None

    def test_another_kind_of_store(self, make_store: MakeStore) -> None:
        other = MemoryStore(make_store().location)
        assert make_store().can_copy_from(other) == "the source is another kind of store"
        with pytest.raises(NotSupported, match="another kind"):
            make_store().copy("a", source_store=other, source_key="a", source=Condition.ANY)

    def test_another_endpoint(self, make_store: MakeStore) -> None:
        with S3Server() as other:
            reason = make_store().can_copy_from(make_store(at=other))
        assert "another endpoint" in (reason or "")

    def test_other_credentials_are_tried_on_the_object(self, server: S3Server, make_store: MakeStore) -> None:
        source = make_store("from/")
        source.put("a", b"x")
        server.add_credential(reader := Credential("reader-access", "reader-secret", allow=(Allow("*"),)))
        server.add_credential(blind := Credential("blind-access", "blind-secret", allow=(Allow("*", prefix="to/"),)))
        able, unable = make_store("to/", credential=reader), make_store("to/", credential=blind)
        assert "other credentials" in (able.can_copy_from(source) or "")
        assert able.can_copy_from(source, "a") is None
        assert "can't read it" in (unable.can_copy_from(source, "a") or "")
        assert able.requests == {"HeadObject": 1}
        assert source.requests == {"PutObject": 1}

    def test_an_identity_given_decides(self, server: S3Server, make_store: MakeStore) -> None:
        server.add_credential(again := Credential("again-access", "again-secret"))
        one, two = make_store(identity="role/x"), make_store(identity="role/x", credential=again)
        assert one.can_copy_from(two) is None
        assert make_store(identity="role/y").can_copy_from(two) is not None


def test_a_lost_answer_to_a_create_says_that_nothing_is_known(server: S3Server, store: S3Store) -> None:
    server.faults.add(Fault("lose_reply", operation="PutObject", times=1))
    with pytest.raises(ConnectionLost):
        store.put("a", b"one", destination=Condition.ABSENT)
    assert read(store, "a") == b"one"


@pytest.mark.parametrize("keep_alive", [False, True])
def test_200_with_an_error_inside_is_an_error(server: S3Server, store: S3Store, keep_alive: bool) -> None:
    put = store.put("a", b"one")
    pinned = Condition(etag=put.etag, size=3)
    upload = store.begin_upload("c")
    server.faults.add(Fault("error200", code="InternalError", keep_alive=keep_alive))
    with pytest.raises(ServerError):
        store.copy("b", source_store=store, source_key="a", source=pinned)
    with pytest.raises(ServerError):
        store.copy_part("c", upload, 1, source_store=store, source_key="a", start=0, length=3, source=pinned)
    with pytest.raises(ServerError):
        store.begin_upload("d")
    server.faults.clear()
    part = store.upload_part("c", upload, 1, b"parts")
    server.faults.add(Fault("error200", code="InternalError", keep_alive=keep_alive))
    with pytest.raises(ServerError):
        store.complete_upload("c", upload, [part], size=5)
    server.faults.clear()
    assert [item.key for item in store.list_page().items] == ["a"]


@pytest.mark.parametrize("action", ["empty_body", "truncate"])
def test_200_with_half_an_answer_is_an_error(server: S3Server, store: S3Store, action: str) -> None:
    put = store.put("a", b"one", attributes=ObjectAttributes(tags={"k": "v"}))
    pinned = Condition(etag=put.etag, size=3)
    upload = store.begin_upload("c")
    part = store.upload_part("c", upload, 1, b"parts")
    server.faults.add(Fault(action, at=60))
    for call in (
        lambda: store.copy("b", source_store=store, source_key="a", source=pinned),
        lambda: store.copy_part("c", upload, 2, source_store=store, source_key="a", start=0, length=3, source=pinned),
        lambda: store.begin_upload("d"),
        lambda: store.complete_upload("c", upload, [part], size=5),
        lambda: store.tags("a"),
    ):
        with pytest.raises(ServerError):
            call()
    server.faults.clear()
    upload = store.begin_upload("e")
    server.faults.add(Fault(action, at=60))
    for call in (lambda: store.list_parts("e", upload), lambda: list(store.list_uploads())):
        with pytest.raises(Exception, match=r"can't be trusted|store failed") as caught:
            call()
        assert caught.value.transient
