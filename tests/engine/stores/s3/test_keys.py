"""Does every legal key arrive byte for byte, in every verb?"""

from __future__ import annotations

import hashlib
from urllib.parse import unquote

import pytest
from urllib3.util import parse_url

from airflow_bucketsync.engine.errors import NotSupported, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.items import Deletion
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.engine.stores.s3.conftest import MakeStore
from tests.engine.stores.s3.torture import KEYS
from tests.servers.s3 import S3Server


def body_of(key: str) -> bytes:
    """Bytes that belong to one key only."""
    return hashlib.sha256(key.encode()).digest()


def read(store: S3Store, key: str) -> bytes:
    """The whole object."""
    with store.open(key) as body:
        data = bytearray(body.details.info.size + 1)
        count = body.readinto(memoryview(data))
        return bytes(data[:count])


def test_written_read_headed_and_deleted(server: S3Server, store: S3Store, bucket: str) -> None:
    for key in KEYS:
        store.put(key, body_of(key), destination=Condition.ABSENT)
    held = server.core.bucket(bucket).current
    assert set(held) == set(KEYS)
    for key in KEYS:
        assert read(store, key) == body_of(key)
        assert store.head(key).info.key == key
    for key in KEYS:
        store.delete(key, destination=Condition(etag=hashlib.md5(body_of(key)).hexdigest()))
    assert not server.core.bucket(bucket).current
    assert server.log.count(status=403) == 0


def test_copied_with_and_without_parts(server: S3Server, make_store: MakeStore, bucket: str) -> None:
    keys = [key for key in KEYS if len(key.encode()) < 1000]
    source, destination = make_store(), make_store("to/")
    for key in keys:
        put = source.put(key, body_of(key))
        condition = Condition(etag=put.etag, size=put.size)
        destination.copy(key, source_store=source, source_key=key, source=condition, destination=Condition.ABSENT)
        upload = destination.begin_upload("part/" + key)
        part = destination.copy_part(
            "part/" + key, upload, 1, source_store=source, source_key=key, start=0, length=put.size, source=condition
        )
        destination.complete_upload("part/" + key, upload, [part], size=put.size)
    for key in keys:
        assert read(destination, key) == body_of(key)
        assert read(destination, "part/" + key) == body_of(key)


def test_a_key_that_looks_like_a_version_is_copied_as_it_is(make_store: MakeStore) -> None:
    store = make_store()
    store.put("q", b"other")
    put = store.put("q?versionId=null", b"right")
    store.copy("r", source_store=store, source_key="q?versionId=null", source=Condition(etag=put.etag))
    assert read(store, "r") == b"right"


def test_deleted_many_at_once(server: S3Server, store: S3Store, bucket: str) -> None:
    for key in KEYS:
        server.core.put(bucket, key, b"x")
    server.core.put(bucket, "kept", b"x")
    bulk: list[bytes] = []
    store._session.client.meta.events.register_last(
        "before-send.s3.DeleteObjects", lambda request, **_: bulk.append(request.body)
    )
    answers = list(store.delete_many([Deletion(key=key) for key in KEYS], gate=Gate(concurrency=4)))
    assert sorted(answer.key for answer in answers) == sorted(KEYS)
    assert [answer.error for answer in answers if answer.error] == []
    assert set(server.core.bucket(bucket).current) == {"kept"}
    assert store.requests["DeleteObjects"] == 1
    singly = {entry.key for entry in server.log.select(operation="DeleteObject")}
    for key in (
        "\x01start",
        "carriage\rreturn",
        "newline\n",
        " leading-space",
        "trailing-space ",
        "..",
        "a/./b",
        "dir/.",
    ):
        assert key in singly
        assert f"<Key>{key}</Key>".encode() not in bulk[0]
    assert len(singly) < 30


def test_uploads_of_hostile_keys_are_listed(server: S3Server, make_store: MakeStore) -> None:
    keys = [key for key in KEYS if len(key.encode()) < 1000]
    other, store = make_store("p"), make_store("p/")
    other.begin_upload("2/x")
    begun = {(key, store.begin_upload(key)) for key in keys}
    assert {(upload.key, upload.upload_id) for upload in store.list_uploads()} == begun
    for key, upload_id in begun:
        assert store.list_parts(key, upload_id) == ()
        store.abort_upload(key, upload_id)
    assert list(store.list_uploads()) == []


def test_uploads_are_paged(server: S3Server, store: S3Store) -> None:
    begun = [(f"k/{number % 7}", store.begin_upload(f"k/{number % 7}")) for number in range(1100)]
    found = [(upload.key, upload.upload_id) for upload in store.list_uploads()]
    assert len(found) == 1100
    assert set(found) == set(begun)
    assert store.requests["ListMultipartUploads"] == 2


@pytest.mark.parametrize("key", ["a/./b", "..", ".", "../../x", "c/../a/b", "x/.", "//../."])
def test_dot_segments_survive_url_libraries_and_proxies(store: S3Store, bucket: str, key: str) -> None:
    """Plain ones are removed by the rules for links: the object beside would be read, written or deleted."""
    sent: list[str] = []
    store._session.client.meta.events.register_last("before-send.s3", lambda request, **_: sent.append(request.url))
    store.put("a/b", b"other")
    store.put(key, b"one")
    assert read(store, key) == b"one"
    store.delete(key)
    with pytest.raises(ObjectNotFound):
        store.head(key)
    assert read(store, "a/b") == b"other"
    for url in sent[1:-1]:
        path = parse_url(url).path or ""
        assert unquote(path) == f"/{bucket}/{key}"


@pytest.mark.parametrize("key", ["k" * 1025, "é" * 513])
def test_a_key_that_is_too_long_is_refused_by_name(store: S3Store, key: str) -> None:
    assert "1024" in (store.refusal(key) or "")
    with pytest.raises(NotSupported):
        store.put(key, b"")


def test_refusals(make_store: MakeStore) -> None:
    store = make_store("p/")
    assert [key for key in KEYS if len(key.encode()) < 1000 and store.refusal(key)] == []
    assert store.refusal("k" * 1022) is None
    assert "1025" in (store.refusal("k" * 1023) or "")
    assert store.refusal("") == "an empty name"
    assert "Unicode" in (store.refusal("\udc80") or "")
    assert "reserved" in (store.refusal("_bucketsync/lock") or "")
    assert store.requests == {}


def test_a_key_that_is_no_text_can_not_be_sent(store: S3Store) -> None:
    with pytest.raises(NotSupported):
        store.put("\udc80", b"")
