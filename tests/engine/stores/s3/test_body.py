"""Are the bytes that come exactly those of the version and range asked for?"""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import ConnectionLost, ObjectNotFound, ServerError, Throttled
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.stores.checksums import checksum_of
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.servers.s3 import S3Server
from tests.servers.web.faults import Fault

BODY = bytes(range(256)) * 40


def read(store: S3Store, *, start: int = 0, length: int | None = None, step: int = 4096, key: str = "a") -> bytes:
    """The range, in buffers of `step` bytes."""
    found = bytearray()
    buffer = bytearray(step)
    with store.open(key, start=start, length=length) as body:
        while count := body.readinto(memoryview(buffer)):
            found += buffer[:count]
        assert body.readinto(memoryview(buffer)) == 0
    return bytes(found)


@pytest.mark.parametrize("step", [1000, 4096, len(BODY), len(BODY) + 1])
def test_the_whole(store: S3Store, step: int) -> None:
    store.put("a", BODY)
    assert read(store, step=step) == BODY
    with store.open("a") as body:
        assert body.details == store.head("a")
        assert body.details.info.checksum == checksum_of("crc64nvme", BODY)


@pytest.mark.parametrize(
    ("start", "length"),
    [(0, 1), (0, 100), (1, 1), (5000, 300), (0, len(BODY)), (0, len(BODY) + 9), (len(BODY) - 1, 1), (10, None),
     (len(BODY) - 5, 100), (0, 0), (7, 0), (len(BODY), None), (len(BODY), 5), (len(BODY) + 5, 5)],
)  # fmt: skip
def test_ranges(store: S3Store, start: int, length: int | None) -> None:
    store.put("a", BODY)
    end = len(BODY) if length is None else start + length
    assert read(store, start=start, length=length) == BODY[start:end]
    with store.open("a", start=start, length=length) as body:
        assert body.details == store.head("a", checksum=False)
        assert body.details.info.size == len(BODY)


def test_nothing_in_it(store: S3Store) -> None:
    store.put("a", b"")
    assert read(store) == b""
    assert read(store, length=10) == b""
    assert store.head("a").info.size == 0


def test_what_is_not_there(store: S3Store) -> None:
    with pytest.raises(ObjectNotFound), store.open("a"):
        pass
    with pytest.raises(ObjectNotFound), store.open("a", length=0):
        pass


@pytest.mark.parametrize("body", [b"bytes", bytearray(b"bytes"), memoryview(b"-bytes-")[1:6]])
def test_any_bytes_can_be_written(store: S3Store, body: bytes | bytearray | memoryview) -> None:
    assert store.put("a", body).size == 5
    assert read(store) == b"bytes"


@pytest.mark.parametrize("size", [1024 * 1024 - 1, 1024 * 1024, 3 * 1024 * 1024])
def test_large_bodies_are_announced_first(server: S3Server, store: S3Store, size: int) -> None:
    body = memoryview(bytearray(size))
    store.put("a", body)
    upload = store.begin_upload("b")
    store.upload_part("b", upload, 1, body)
    announced = {entry.operation: entry.headers.get("expect") for entry in server.log.entries}
    expected = "100-continue" if size >= 1024 * 1024 else None
    assert (announced["PutObject"], announced["UploadPart"]) == (expected, expected)
    assert read(store, step=size) == body


def test_a_refused_body_is_not_sent(server: S3Server, store: S3Store) -> None:
    server.faults.add(Fault("status", operation="PutObject", code="SlowDown"))
    with pytest.raises(Throttled):
        store.put("a", bytearray(20 * 1024 * 1024))


@pytest.mark.parametrize("kept", [0, 1, 5000, len(BODY) - 1])
def test_a_body_that_ends_too_early(server: S3Server, store: S3Store, kept: int) -> None:
    store.put("a", BODY)
    server.faults.add(Fault("cut", operation="GetObject", at=kept))
    with pytest.raises(ConnectionLost, match=f"after {kept} of {len(BODY)} bytes|too early"):
        read(store)


def test_a_short_body_with_matching_length_shows_in_size_and_checksum(server: S3Server, store: S3Store) -> None:
    """The transfer compares both with what was planned."""
    store.put("a", BODY)
    server.faults.add(Fault("truncate", operation="GetObject", at=100))
    with store.open("a") as body:
        assert body.details.info.size == 100
        assert body.details.info.checksum == checksum_of("crc64nvme", BODY)


def test_a_short_answer_for_the_right_version_can_be_asked_for_again(server: S3Server, store: S3Store) -> None:
    put = store.put("a", BODY)
    server.faults.add(Fault("truncate", operation="GetObject", at=100))
    with (
        pytest.raises(ConnectionLost, match="100 bytes of the 10240"),
        store.open("a", source=Condition(etag=put.etag, size=put.size)),
    ):
        pass


def test_a_flipped_bit_shows_in_the_checksum(server: S3Server, store: S3Store) -> None:
    store.put("a", BODY)
    server.faults.add(Fault("flip", operation="GetObject", at=77, bit=3))
    found = read(store)
    assert len(found) == len(BODY)
    assert checksum_of("crc64nvme", found) != store.head("a").info.checksum


def test_a_store_that_ignores_ranges_is_found_out(server: S3Server, store: S3Store) -> None:
    """Else every part of a copy would hold the object's beginning."""
    store.put("a", BODY)
    headers = {"Last-Modified": "Wed, 21 Oct 2026 07:28:00 GMT"}
    server.faults.add(Fault("substitute", operation="GetObject", body=BODY, status=200, headers=headers))
    with pytest.raises(ServerError, match="bytes=100-199"):
        read(store, start=100, length=100)


@pytest.mark.parametrize("shown", ["bytes 0-99/10240", "bytes 100-198/10240", "bytes 100-199/*", "none"])
def test_another_range_than_asked_for(server: S3Server, store: S3Store, shown: str) -> None:
    store.put("a", BODY)
    headers = {"Content-Range": shown}
    server.faults.add(Fault("substitute", operation="GetObject", headers=headers))
    with pytest.raises(ServerError, match="asked for"):
        read(store, start=100, length=100)


def test_a_range_that_the_store_denies_to_have(server: S3Server, store: S3Store) -> None:
    store.put("a", BODY)
    server.faults.add(Fault("status", operation="GetObject", status=416, code="InvalidRange"))
    with pytest.raises(ServerError, match="no bytes from 5"):
        read(store, start=5)


def test_a_reader_that_leaves_early_does_not_wait_for_the_rest(server: S3Server, store: S3Store) -> None:
    server.core.put(store.location.bucket, "a", bytes(30 * 1024 * 1024))
    server.faults.add(Fault("delay", operation="GetObject", where="chunks", seconds=0.5, chunk=1024 * 1024))
    buffer = bytearray(100)
    with store.open("a") as body:
        assert body.readinto(memoryview(buffer)) == 100
    assert body._stream._raw_stream.closed  # type: ignore[attr-defined]
    assert store.head("a").info.size == 30 * 1024 * 1024


def test_a_reader_that_fails_leaves_no_connection_behind(store: S3Store) -> None:
    store.put("a", BODY)
    for _ in range(40):
        with pytest.raises(ZeroDivisionError), store.open("a", source=Condition.ANY):
            raise ZeroDivisionError
    assert read(store) == BODY
