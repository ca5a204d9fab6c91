"""Are the bytes that come exactly those of the version and range asked for?"""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import ConnectionLost, ObjectChanged, ObjectNotFound, ServerError
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from tests.engine.stores.contract import read
from tests.servers.oss import OSSServer
from tests.servers.web.faults import Fault

BODY = bytes(range(256)) * 40


@pytest.mark.parametrize("step", [1000, 4096, len(BODY), len(BODY) + 1])
def test_the_whole(store: OSSStore, step: int) -> None:
    store.put("a", BODY)
    assert read(store, "a", chunk=step) == BODY
    with store.open("a") as body:
        assert body.details == store.head("a")


@pytest.mark.parametrize(
    ("start", "length"),
    [(0, 1), (0, 100), (1, 1), (5000, 300), (0, len(BODY)), (0, len(BODY) + 9), (len(BODY) - 1, 1), (10, None),
     (len(BODY) - 5, 100), (0, 0), (7, 0), (len(BODY), None), (len(BODY), 5), (len(BODY) + 5, 5)],
)  # fmt: skip
def test_ranges(store: OSSStore, start: int, length: int | None) -> None:
    store.put("a", BODY)
    end = len(BODY) if length is None else start + length
    assert read(store, "a", start=start, length=length) == BODY[start:end]
    with store.open("a", start=start, length=length) as body:
        assert body.details == store.head("a")


def test_an_answer_that_ignores_the_range(server: OSSServer, store: OSSStore) -> None:
    """Which OSS does without `x-oss-range-behavior: standard` where a range reaches beyond the end."""
    store.put("a", BODY)
    server.faults.add(Fault("substitute", operation="GetObject", headers={"Content-Range": ""}))
    with pytest.raises(ServerError, match="asked for bytes=5-"):
        read(store, "a", start=5, length=100_000)


def test_a_store_that_has_no_such_range_of_a_longer_object(server: OSSServer, store: OSSStore) -> None:
    store.put("a", BODY)
    server.faults.add(Fault("status", operation="GetObject", status=416, code="InvalidRange"))
    with pytest.raises(ServerError, match="no bytes from 5 on"):
        read(store, "a", start=5)


def test_an_encoding_is_an_attribute_and_not_undone(store: OSSStore) -> None:
    store.put("a", BODY, attributes=ObjectAttributes(content_encoding="gzip"))
    assert read(store, "a") == BODY
    assert store.head("a").attributes.content_encoding == "gzip"


def test_read_pinned(server: OSSServer, store: OSSStore) -> None:
    first = store.put("a", b"one")
    assert read(store, "a", source=Condition(etag=first.etag)) == b"one"
    assert server.log.select(operation="GetObject")[0].headers["if-match"] == f'"{first.etag}"'
    store.put("a", b"two")
    with pytest.raises(ObjectChanged) as caught, store.open("a", source=Condition(etag=first.etag)):
        pass
    assert (caught.value.key, caught.value.location) == ("a", store.location.url)
    with pytest.raises(ObjectChanged), store.open("a", source=Condition(size=4)):
        pass
    with pytest.raises(ObjectChanged), store.open("a", length=0, source=Condition(etag=first.etag)):
        pass
    with pytest.raises(ObjectNotFound), store.open("missing", length=0):
        pass


def test_read_pinned_to_a_version(server: OSSServer, store: OSSStore, bucket: str) -> None:
    server.core.bucket(bucket).settings.versioning = "Enabled"
    first, second = store.put("a", b"one"), store.put("a", b"two!")
    assert first.version_id
    assert first.version_id != second.version_id
    pinned = Condition(etag=first.etag, version_id=first.version_id, size=3)
    assert read(store, "a", source=pinned) == b"one"
    assert store.head("a", version_id=first.version_id).info.etag == first.etag
    assert store.copy("b", source_store=store, source_key="a", source=pinned).size == 3
    assert read(store, "b") == b"one"
    store.delete("a")
    with pytest.raises(ObjectNotFound, match="delete marker"):
        store.head("a")
    assert read(store, "a", source=pinned) == b"one"


def test_an_answer_that_announces_less_than_the_version_has(server: OSSServer, store: OSSStore) -> None:
    put = store.put("a", BODY)
    server.faults.add(Fault("truncate", operation="GetObject", at=100))
    with pytest.raises(ConnectionLost, match="announces 100 bytes"):
        read(store, "a", source=Condition(etag=put.etag, size=put.size))


def test_connections_go_back_to_the_pool(server: OSSServer, store: OSSStore) -> None:
    """Also after a body that nobody read to its end, an answer without a body, and a refusal."""
    store.put("a", b"0" * 3_000_000)
    manager = store._session.client.session.session.get_adapter("http://x").poolmanager
    for _ in range(5):
        read(store, "a")
        store.head("a")
        store.list_page()
        store.copy("b", source_store=store, source_key="a", source=Condition.ANY)
        with pytest.raises(ObjectNotFound):
            store.head("missing")
        with pytest.raises(ObjectNotFound):
            read(store, "missing")
    (pool,) = [manager.pools[key] for key in manager.pools.keys()]  # noqa: SIM118 - it is no mapping
    assert pool.num_connections == 1
    for _ in range(5):
        with store.open("a") as body:
            body.readinto(memoryview(bytearray(10)))
    assert read(store, "a") == b"0" * 3_000_000
