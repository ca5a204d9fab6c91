"""Does every legal key arrive byte for byte, in every verb?"""

from __future__ import annotations

import hashlib
import socket
import threading

import pytest

from airflow_bucketsync.engine.errors import ConnectionLost, FinalError, NotSupported
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.items import Deletion
from airflow_bucketsync.engine.stores.oss.client import make_client
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from tests.engine.stores.contract import read
from tests.engine.stores.oss.conftest import MakeStore
from tests.engine.stores.s3.torture import KEYS as ALL
from tests.servers.oss import OSSServer

KEYS = tuple(key for key in ALL if not key.startswith(("/", "\\")) and len(key.encode()) <= 1023)


def body_of(key: str) -> bytes:
    """Bytes that belong to one key only."""
    return hashlib.sha256(key.encode()).digest()


def test_dots_are_among_the_keys() -> None:
    assert {".", "..", "a/./b", "../escape", "dir/.."} <= set(KEYS)


def test_written_read_headed_and_deleted(server: OSSServer, store: OSSStore, bucket: str) -> None:
    for key in KEYS:
        store.put(key, body_of(key), destination=Condition.ABSENT)
    held = server.core.bucket(bucket).current
    assert set(held) == set(KEYS)
    for key in KEYS:
        assert read(store, key) == body_of(key)
        assert store.head(key).info.key == key
        assert store.tags(key) == {}
    for key in KEYS:
        store.delete(key, destination=Condition(etag=store.head(key).info.etag))
    assert not server.core.bucket(bucket).current
    assert server.log.count(status=403) == 0


@pytest.mark.parametrize("key", [".", ".."])
def test_dots_are_encoded_on_the_wire(key: str) -> None:
    """What stands between could take them for links: `DELETE /bucket/..` would be about all buckets."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                seen.append(connection.recv(4096).partition(b"\r\n")[0])

        thread = threading.Thread(target=answer)
        thread.start()
        client = make_client(f"http://127.0.0.1:{listening.getsockname()[1]}", "the-bucket", ("id", "secret"), "cn-x")
        store = OSSStore(Location.parse("oss://the-bucket/"), client)
        with pytest.raises(ConnectionLost):
            store.delete(key)
        thread.join()
        store.close()
    assert seen == [f"DELETE /the-bucket/{'%2E' * len(key)} HTTP/1.1".encode()]


def test_copied_with_and_without_parts(server: OSSServer, make_store: MakeStore) -> None:
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
    assert server.log.count(status=403) == 0


def test_a_key_that_looks_like_a_version_is_copied_as_it_is(store: OSSStore) -> None:
    store.put("q", b"other")
    put = store.put("q?versionId=null", b"right")
    store.copy("r", source_store=store, source_key="q?versionId=null", source=Condition(etag=put.etag))
    assert read(store, "r") == b"right"


def test_deleted_many_at_once(server: OSSServer, store: OSSStore, bucket: str) -> None:
    for key in (*KEYS, "kept"):
        server.core.put(bucket, key, b"x")
    answers = list(store.delete_many([Deletion(key=key) for key in KEYS], gate=Gate(concurrency=2)))
    assert [answer.error for answer in answers] == [None] * len(KEYS)
    assert set(server.core.bucket(bucket).current) == {"kept"}
    assert store.requests["DeleteMultipleObjects"] == 1
    assert store.requests["DeleteObject"] > 10  # what XML can't carry, and dots


def test_prefixes_that_a_query_may_confuse(server: OSSServer, make_store: MakeStore, bucket: str) -> None:
    for prefix in ("a b+c/", "50%2B/", "é&x=y/", "#/", "tab\t/"):
        store = make_store(prefix)
        store.put("k + %2B", b"x")
        store.begin_upload("k + %2B")
        assert [item.key for item in store.list_page(after="a").items] == ["k + %2B"]
        assert [item.key for item in store.list_page(after="k + %2B").items] == []
        assert [upload.key for upload in store.list_uploads()] == ["k + %2B"]


@pytest.mark.parametrize("key", ["", "/a", "\\a", "x" * 1024, "é" * 512, "\ud800"])
def test_keys_that_oss_does_not_take(store: OSSStore, key: str) -> None:
    assert store.refusal(key)
    for write in (
        lambda: store.put(key, b""),
        lambda: store.begin_upload(key),
        lambda: store.copy(key, source_store=store, source_key="a", source=Condition.ANY),
    ):
        with pytest.raises(NotSupported):
            write()
    assert store.requests == {}


def test_below_a_prefix_a_key_may_begin_with_a_slash(make_store: MakeStore) -> None:
    store = make_store("p/")
    assert store.refusal("/a") is None
    store.put("/a", b"x")
    assert [item.key for item in store.list_page().items] == ["/a"]


def test_an_empty_name_is_never_a_request_about_the_bucket(server: OSSServer, store: OSSStore, bucket: str) -> None:
    for ask in (lambda: store.delete(""), lambda: store.head(""), lambda: store.tags(""), lambda: read(store, "")):
        with pytest.raises(FinalError):
            ask()
    (answer,) = store.delete_many([Deletion(key="")], gate=Gate())
    assert isinstance(answer.error, FinalError)
    assert bucket in server.core.buckets
    assert store.requests == {}
