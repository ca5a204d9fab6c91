"""The memory store: the contract, and what only tests ask of it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from airflow_bucketsync.engine.errors import (
    ConnectionLost,
    NotSupported,
    ObjectChanged,
    ObjectNotFound,
    Throttled,
)
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.stores.memory import MemoryServer, MemoryStore
from tests.engine.stores.contract import StoreContract, listing, read

LOCATION = Location.parse("memory://bucket/some/prefix/")


class FixedClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.time = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return 0.0

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        self.time += timedelta(seconds=seconds)
        return stop.is_set()


@pytest.fixture
def server():
    return MemoryServer()


@pytest.fixture
def store(server):
    return MemoryStore(LOCATION, server=server)


@pytest.fixture
def second_store(server):
    return MemoryStore(Location.parse("memory://other/"), server=server)


class TestMemoryStore(StoreContract):
    """The contract in one bucket and prefix."""


class TestVersionedMemoryStore(StoreContract):
    """The contract where every write gets a version id."""

    @pytest.fixture
    def server(self):
        return MemoryServer(versions=True)


def test_the_prefix_bounds_the_store(server, store):
    whole = MemoryStore(Location.parse("memory://bucket/"), server=server)
    whole.put("some/prefix", b"")
    whole.put("some/prefix/", b"the marker of the location itself")
    whole.put("some/prefix0", b"")
    store.put("a", b"")
    assert listing(store) == ["a"]
    assert "some/prefix/a" in listing(whole)


def test_separate_servers_share_nothing(store):
    other = MemoryStore(LOCATION)
    store.put("a", b"")
    assert listing(other) == []
    assert other.can_copy_from(store)
    with pytest.raises(NotSupported):
        other.copy("b", source_store=store, source_key="a", source=Condition.ANY)


def test_old_versions_stay_readable():
    store = MemoryStore(LOCATION, server=MemoryServer(versions=True))
    first = store.put("o", b"one")
    second = store.put("o", b"second")
    assert first.version_id != second.version_id
    store.delete("o")
    with pytest.raises(ObjectNotFound):
        store.head("o")
    assert read(store, "o", source=Condition(version_id=first.version_id, etag=first.etag)) == b"one"
    assert store.head("o", version_id=second.version_id).info.size == 6
    store.copy("back", source_store=store, source_key="o", source=Condition(version_id=first.version_id))
    assert read(store, "back") == b"one"


def test_etag_of_parts_is_that_of_s3(store):
    upload = store.begin_upload("o")
    receipts = [store.upload_part("o", upload, number, body) for number, body in ((1, b"hello "), (2, b"world"))]
    result = store.complete_upload("o", upload, receipts, size=11)
    # the MD5 of the MD5s of both parts, as md5sum gives it
    assert result.etag == "e09e4fd6265b36115fe3db32df945d84-2"
    assert not store.head("o").etag_is_md5
    store.put("whole", b"hello world")
    assert store.head("whole").etag_is_md5
    assert store.head("whole").info.etag == "5eb63bbbe01eeed093cb22bb8f5acdc3"


def test_time_comes_from_the_clock():
    clock = FixedClock()
    store = MemoryStore(LOCATION, clock=clock)
    assert store.put("o", b"").last_modified == clock.time
    clock.time += timedelta(days=1)
    assert store.head("o").info.last_modified == clock.time - timedelta(days=1)
    assert store.put("o", b"").last_modified == clock.time


@pytest.mark.parametrize("allowed", ["none", "create_only", "full"])
def test_it_holds_itself_to_its_conditions(allowed):
    """They hold in any case, as with stores that look before they write or delete."""
    store = MemoryStore(LOCATION, capabilities=Capabilities(conditional_put=allowed, conditional_delete=False))
    seen = store.put("o", b"")
    for condition, key in ((Condition(etag="other"), "o"), (Condition.ABSENT, "o")):
        with pytest.raises(ObjectChanged):
            store.put(key, b"x", destination=condition)
    store.put("new", b"", destination=Condition.ABSENT)
    store.put("o", b"", destination=Condition(etag=seen.etag))
    with pytest.raises(ObjectChanged):
        store.delete("o", destination=Condition(etag="other"))
    store.delete("o", destination=Condition(etag=seen.etag))
    assert (store.list_page().items[0].key, store.requests["head"]) == ("new", 2)


def test_it_holds_itself_to_its_limits():
    store = MemoryStore(
        LOCATION,
        capabilities=Capabilities(
            max_put=5, max_copy=3, min_part=3, max_part=4, max_parts=2, max_object=6, page_limit=2
        ),
    )
    with pytest.raises(NotSupported):
        store.put("o", b"123456")
    store.put("o", b"12345")
    with pytest.raises(NotSupported):
        store.copy("c", source_store=store, source_key="o", source=Condition.ANY)
    upload = store.begin_upload("p")
    with pytest.raises(NotSupported):
        store.upload_part("p", upload, 1, b"12345")
    with pytest.raises(NotSupported):
        store.upload_part("p", upload, 3, b"1")
    small = [store.upload_part("p", upload, number, b"12") for number in (1, 2)]
    with pytest.raises(NotSupported):
        store.complete_upload("p", upload, small, size=4)
    large = [store.upload_part("p", upload, number, b"1234") for number in (1, 2)]
    with pytest.raises(NotSupported):
        store.complete_upload("p", upload, large, size=8)
    for key in "abc":
        store.put(key, b"")
    page = store.list_page(limit=1000)
    assert [info.key for info in page.items] == ["a", "b"]
    assert page.next_after == "b"


def test_attributes_it_can_not_hold_are_dropped():
    store = MemoryStore(LOCATION, capabilities=Capabilities(tags=False, user_metadata=False, keeps_mtime=True))
    mtime = datetime(2001, 1, 1, tzinfo=UTC)
    store.put("o", b"", attributes=ObjectAttributes(content_type="a/b", tags={"a": "b"}, source_mtime=mtime))
    assert store.head("o").attributes.content_type is None
    assert dict(store.tags("o")) == {}
    assert store.head("o").info.last_modified == mtime


def test_a_hook_before_means_not_applied(store):
    def slow(when, verb, key):
        if (when, verb) == ("before", "put"):
            raise Throttled("slow down", key=key)

    store.hooks.append(slow)
    with pytest.raises(Throttled):
        store.put("o", b"")
    store.hooks.clear()
    assert listing(store) == []


def test_a_hook_after_means_applied_and_its_answer_lost(store):
    def lost(when, verb, key):
        if (when, verb) == ("after", "put"):
            raise ConnectionLost("no answer", key=key)

    store.hooks.append(lost)
    with pytest.raises(ConnectionLost):
        store.put("o", b"", destination=Condition.ABSENT)
    store.hooks.clear()
    with pytest.raises(ObjectChanged):
        store.put("o", b"", destination=Condition.ABSENT)
    assert store.requests["put"] == 2


def test_a_hook_may_change_the_store(store):
    """Somebody else writes between the look and the write."""

    def interfere(when, verb, key):
        if (when, verb) == ("before", "copy"):
            store.put("source", b"other bytes")

    store.put("source", b"bytes")
    seen = store.head("source").info
    store.hooks.append(interfere)
    with pytest.raises(ObjectChanged):
        store.copy("o", source_store=store, source_key="source", source=Condition.matching(seen))


def test_damage_is_silent(store):
    before = store.put("o", b"bytes")
    store.damage("o", b"bytez")
    info = store.head("o").info
    assert (info.etag, info.checksum, info.last_modified) == (before.etag, before.checksum, before.last_modified)
    assert read(store, "o") == b"bytez"


def test_threads_lose_nothing(store):
    def fill(worker: int) -> None:
        for number in range(200):
            store.put(f"{number:03d}/{worker}", b"")

    threads = [threading.Thread(target=fill, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert listing(store, limit=97) == sorted(f"{number:03d}/{worker}" for number in range(200) for worker in range(4))
    assert store.requests["put"] == 800
