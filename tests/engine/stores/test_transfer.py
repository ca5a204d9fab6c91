"""Do single verbs in threads make bulk verbs that lose nothing and prove what they bring?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    BodyCorrupted,
    ConnectionLost,
    ObjectChanged,
    ObjectNotFound,
)
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import Checksum, ObjectAttributes, ObjectInfo
from airflow_bucketsync.engine.model.preserve import Preserve
from airflow_bucketsync.engine.stores.base import Transfer, Transferred
from airflow_bucketsync.engine.stores.bulk import in_threads
from airflow_bucketsync.engine.stores.checksums import checksum_of
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.items import Deletion
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES, MemoryServer, MemoryStore
from airflow_bucketsync.engine.stores.transfer import (
    checksum_for,
    prove_body,
    read_exactly,
    require_version,
    transfer_object,
)
from tests.engine.clocks import FakeClock

BODY = b"0123456789"


def source_store(**capabilities: Any) -> MemoryStore:
    store = MemoryStore(
        Location.parse("memory://source/in/"), capabilities=replace(MEMORY_CAPABILITIES, **capabilities)
    )
    store.put("a", BODY, attributes=ObjectAttributes(content_type="text/csv", tags={"t": "1"}))
    return store


def destination_store(server: MemoryServer | None = None, **capabilities: Any) -> MemoryStore:
    return MemoryStore(
        Location.parse("memory://destination/out/"),
        server=server,
        capabilities=replace(MEMORY_CAPABILITIES, **capabilities),
    )


def brought(at: MemoryStore, to: MemoryStore, mode: Any = "stream", **options: Any) -> Transferred:
    transfer = Transfer(
        **{
            "source_store": at,
            "source": at.head("a", checksum=False).info,
            "key": "a",
            "destination": Condition.ABSENT,
            "mode": mode,
            **options,
        }
    )
    return transfer_object(to, transfer, gate=Gate(clock=FakeClock(tick=1.0)))


# in_threads ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [1, 3, 16])
def test_every_item_has_its_answer(concurrency):
    found = list(in_threads(lambda number: number * 2, range(100), gate=Gate(concurrency=concurrency)))
    assert sorted(found) == [number * 2 for number in range(100)]
    assert list(in_threads(str, [], gate=Gate())) == []


def test_no_more_than_so_many_at_once_and_as_many_as_asked():
    lock, running, peak, together = threading.Lock(), [0], [0], threading.Barrier(4, timeout=10)

    def work(number: int) -> int:
        with lock:
            running[0] += 1
            peak[0] = max(peak[0], running[0])
        together.wait()
        with lock:
            running[0] -= 1
        return number

    assert len(list(in_threads(work, range(20), gate=Gate(concurrency=4)))) == 20
    assert peak[0] == 4


def test_items_are_drawn_only_when_a_thread_is_free():
    drawn = [0]

    def items() -> Iterator[int]:
        for number in range(1000):
            drawn[0] += 1
            yield number

    with closing(in_threads(lambda number: number, items(), gate=Gate(concurrency=3))) as answers:
        for count, _ in enumerate(answers, start=1):
            assert drawn[0] <= count + 2 * 3
            if count == 50:
                break
    assert drawn[0] < 60


def test_a_stopped_gate_draws_nothing_and_loses_nothing_that_ran():
    gate = Gate(concurrency=2)
    done = []

    def work(number: int) -> int:
        if number == 5:
            gate.stop()
        elif number > 5:
            assert gate.stop_event.wait(10)
        done.append(number)
        return number

    assert sorted(in_threads(work, range(100), gate=gate)) == sorted(done)
    assert max(done) <= 7


class Bug(BaseException):
    """Even what is no Exception comes through."""


@pytest.mark.parametrize("error", [ValueError("a bug"), Bug()])
def test_D2_an_error_of_a_thread_ends_everything_and_is_not_lost(error):
    before = threading.active_count()

    def work(number: int) -> int:
        if number == 7:
            raise error
        return number

    with pytest.raises(type(error)):
        list(in_threads(work, range(1000), gate=Gate(concurrency=4)))
    assert threading.active_count() == before


def test_an_error_of_the_items_is_not_lost():
    def items() -> Iterator[int]:
        yield 1
        raise ObjectNotFound("the page is gone")

    with pytest.raises(ObjectNotFound):
        list(in_threads(str, items(), gate=Gate()))


# bulk verbs ----------------------------------------------------------------------------------------------------------


def test_heads_answer_for_every_key():
    store = source_store()

    def deny(when: str, verb: str, key: str) -> None:
        if key == "denied":
            raise AccessDenied("no")

    store.hooks.append(deny)
    found = {head.key: head for head in store.head_many(["a", "none", "denied"], gate=Gate())}
    assert found["a"].details is not None
    assert (found["none"].details, found["none"].error) == (None, None)
    assert isinstance(found["denied"].error, AccessDenied)


def test_deletes_answer_for_every_key():
    store = source_store()
    store.put("b", b"")
    asked = [Deletion(key="a", destination=Condition.ABSENT), Deletion(key="b"), Deletion(key="none")]
    found = {deleted.key: deleted.error for deleted in store.delete_many(asked, gate=Gate())}
    assert isinstance(found.pop("a"), ObjectChanged)
    assert found == {"b": None, "none": None}


def test_a_stopped_gate_is_the_answer_of_a_transfer():
    gate = Gate()
    gate.stop()
    source = source_store()
    transfer = Transfer(
        source_store=source, source=source.head("a").info, key="a", destination=Condition.ANY, mode="stream"
    )
    assert isinstance(transfer_object(destination_store(), transfer, gate=gate).error, Stopped)


# one object ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["server_copy", "stream"])
def test_E1_everything_arrives(mode):
    source = source_store()
    destination = destination_store(source.server if mode == "server_copy" else None)
    answer = brought(source, destination, mode)
    assert answer.error is None
    assert answer.lost == ()
    assert answer.sent == (len(BODY) if mode == "stream" else 0)
    assert answer.seconds > 0
    assert destination.head("a").attributes.content_type == "text/csv"
    assert destination.tags("a") == {"t": "1"}
    assert answer.result is not None
    assert answer.result.etag == destination.head("a").info.etag


def test_H2_the_sources_own_checksum_goes_along():
    """What the source stored is what the destination is asked to hold: proven from end to end."""
    source, destination = source_store(checksums=("sha256",)), destination_store()
    brought(source, destination)
    assert destination.head("a").info.checksum == checksum_of("sha256", BODY)
    source, destination = source_store(checksums=("sha256",)), destination_store(checksums=("crc32",))
    brought(source, destination)
    assert destination.head("a").info.checksum == checksum_of("crc32", BODY)
    assert checksum_for(destination_store(checksums=()), bytearray(BODY), None) is None


@pytest.mark.parametrize("mode", ["server_copy", "stream"])
def test_E2_tags_that_may_not_be_written_are_lost_and_named(mode):
    source = source_store()
    destination = destination_store(source.server if mode == "server_copy" else None)
    tries = []

    def deny(when: str, verb: str, key: str) -> None:
        if when == "before" and verb in ("copy", "put"):
            tries.append(verb)
            if len(tries) == 1:
                raise AccessDenied("PutObjectTagging")

    destination.hooks.append(deny)
    answer = brought(source, destination, mode)
    assert answer.error is None
    assert answer.lost == ("tags",)
    assert destination.tags("a") == {}


@pytest.mark.parametrize("mode", ["server_copy", "stream"])
def test_a_write_that_is_denied_is_denied(mode):
    source = source_store()
    destination = destination_store(source.server if mode == "server_copy" else None)

    def deny(when: str, verb: str, key: str) -> None:
        if verb in ("copy", "put"):
            raise AccessDenied("PutObject")

    destination.hooks.append(deny)
    assert isinstance(brought(source, destination, mode).error, AccessDenied)
    before = sum(destination.requests[verb] for verb in ("copy", "put"))
    untagged = Preserve(kept=("headers", "user_metadata"))
    assert isinstance(brought(source, destination, mode, preserve=untagged).error, AccessDenied)
    assert sum(destination.requests[verb] for verb in ("copy", "put")) == before + 1, "tags were not the trouble"


def test_attributes_alone():
    source, destination = source_store(), destination_store()
    destination.put("a", BODY)
    info = destination.head("a").info
    answer = brought(source, destination, "set_attributes", destination=Condition.matching(info))
    assert answer.error is None
    assert answer.sent == 0
    assert source.requests["get"] == destination.requests["put"] - 1 == 0
    assert destination.head("a").attributes.content_type == "text/csv"
    source.put("a", b"another")
    stale = brought(source, destination, "set_attributes", source=replace(info, etag="0" * 32))
    assert isinstance(stale.error, ObjectChanged)
    assert stale.error.location == source.location.url


# proofs --------------------------------------------------------------------------------------------------------------


class Trickle:
    """A body that gives some bytes at a time."""

    def __init__(self, body: bytes, *, step: int = 3) -> None:
        self.rest, self.step = body, step
        self.details: Any = None

    def readinto(self, buffer: memoryview, /) -> int:
        """Some bytes."""
        count = min(self.step, len(buffer), len(self.rest))
        buffer[:count] = self.rest[:count]
        self.rest = self.rest[count:]
        return count


def test_fault_F29_a_body_must_be_exactly_as_long_as_planned():
    store = source_store()
    assert read_exactly(Trickle(BODY), len(BODY), store=store, key="a") == BODY
    assert read_exactly(Trickle(b""), 0, store=store, key="a") == b""
    with pytest.raises(ConnectionLost, match="after 10 of 11 bytes"):
        read_exactly(Trickle(BODY), 11, store=store, key="a")
    with pytest.raises(BodyCorrupted, match="longer than its 9 bytes"):
        read_exactly(Trickle(BODY), 9, store=store, key="a")


@pytest.mark.parametrize("checksums", [("crc64nvme",), ("crc32c",), ("sha256",), ()])
def test_fault_F28_a_body_is_held_against_what_the_source_stored(checksums):
    store = source_store(checksums=checksums)
    details = store.head("a")
    proven = prove_body(bytearray(BODY), details, store=store, key="a")
    assert proven == checksum_of(checksums[0] if checksums else "md5", BODY)
    with pytest.raises(BodyCorrupted, match="the source holds"):
        prove_body(bytearray(b"0123456788"), details, store=store, key="a")


def test_checksums_over_parts_prove_nothing_of_a_body():
    store = source_store()
    details = store.head("a")
    over_parts = Checksum(algorithm="sha256", value="0" * 64, parts=2)
    info = replace(details.info, checksum=over_parts, etag="0" * 32 + "-2")
    unknown = replace(details, info=info, etag_is_md5=False)
    assert prove_body(bytearray(BODY), unknown, store=store, key="a") is None
    by_md5 = replace(details, info=replace(info, etag=details.info.etag), etag_is_md5=True)
    assert prove_body(bytearray(BODY), by_md5, store=store, key="a") == checksum_of("md5", BODY)


def test_another_version_is_refused_with_both_named():
    store = source_store()
    found = store.head("a").info
    require_version(found, found, store)
    require_version(replace(found, etag=None), found, store)
    for other in (replace(found, etag="other"), replace(found, size=11)):
        with pytest.raises(ObjectChanged, match="changed since it was listed") as caught:
            require_version(other, found, store)
        assert (caught.value.location, caught.value.key) == (store.location.url, "a")


def test_D3_bodies_in_memory_stay_within_the_budget():
    source, destination = source_store(), destination_store()
    for number in range(30):
        source.put(f"{number:02d}", bytes(1000))
    gate, held, peaks = Gate(concurrency=16, buffer_size=3000), [0], [0]
    honest, lock = gate.buffer, threading.Lock()

    class Counting:
        def __init__(self, size: int) -> None:
            self.size, self.inner = size, honest(size)

        def __enter__(self) -> None:
            self.inner.__enter__()
            with lock:
                held[0] += self.size
                peaks[0] = max(peaks[0], held[0])

        def __exit__(self, *error: Any) -> None:
            with lock:
                held[0] -= self.size
            self.inner.__exit__(*error)

    gate.buffer = Counting  # type: ignore[method-assign,assignment]
    items: list[ObjectInfo] = [info for info in source.list_page().items if info.size == 1000]
    wanted = [
        Transfer(source_store=source, source=info, key=info.key, destination=Condition.ABSENT, mode="stream")
        for info in items
    ]
    assert all(answer.error is None for answer in destination.transfer_many(wanted, gate=gate))
    assert 1000 <= peaks[0] <= 3000
