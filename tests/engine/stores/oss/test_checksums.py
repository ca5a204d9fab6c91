"""Is every bit that turns on the way, or in the store, seen?"""

from __future__ import annotations

import hashlib
import random

import pytest

from airflow_bucketsync.engine.errors import BodyCorrupted, ConnectionLost, NotSupported
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import Checksum
from airflow_bucketsync.engine.stores.checksums import checksum_of
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from tests.engine.stores.contract import read
from tests.engine.stores.oss.conftest import MakeStore
from tests.servers.oss import OSSServer
from tests.servers.web.faults import Fault

BODY = random.Random(5).randbytes(300_000)


def wrong_crc(operation: str) -> Fault:
    """An answer that names another CRC-64."""
    return Fault("substitute", operation=operation, headers={"x-oss-hash-crc64ecma": "12345"})


def test_the_checksum_of_every_answer(store: OSSStore) -> None:
    crc = checksum_of("crc64xz", BODY)
    assert store.put("a", BODY).checksum == crc
    assert store.head("a").info.checksum == crc
    for start in (0, 7):
        with store.open("a", start=start, length=5) as body:
            assert body.details.info.checksum == crc  # of the whole object
    upload = store.begin_upload("b")
    parts = [store.upload_part("b", upload, number, BODY[:150_000]) for number in (2, 1)]
    assert {part.checksum for part in parts} == {checksum_of("crc64xz", BODY[:150_000])}
    assert store.list_parts("b", upload) == tuple(parts[::-1])
    result = store.complete_upload("b", upload, parts, size=300_000)
    assert result.checksum == checksum_of("crc64xz", BODY[:150_000] * 2) == store.head("b").info.checksum


def test_a_small_number_has_its_whole_width(server: OSSServer, store: OSSStore) -> None:
    store.put("a", b"")
    assert store.head("a").info.checksum == Checksum(algorithm="crc64xz", value="0" * 16)
    for text in ("-1", "x", str(2**64), ""):
        fault = server.faults.add(Fault("substitute", operation="HeadObject", headers={"x-oss-hash-crc64ecma": text}))
        assert store.head("a").info.checksum is None
        server.faults.remove(fault)


@pytest.mark.parametrize("operation", ["PutObject", "UploadPart", "CompleteMultipartUpload", "GetObject"])
def test_a_wrong_checksum_in_an_answer(server: OSSServer, store: OSSStore, operation: str) -> None:
    fault = server.faults.add(wrong_crc(operation))

    def work() -> None:
        store.put("a", BODY)
        upload = store.begin_upload("b")
        part = store.upload_part("b", upload, 1, BODY)
        store.complete_upload("b", upload, [part], size=len(BODY))
        assert read(store, "a") == BODY

    with pytest.raises(BodyCorrupted) as caught:
        work()
    assert caught.value.transient
    assert caught.value.location == store.location.url
    assert fault.occurred == 1
    server.faults.remove(fault)
    work()


@pytest.mark.parametrize("at", [0, 150_000, -1])
@pytest.mark.parametrize("operation", ["PutObject", "UploadPart"])
def test_a_bit_that_turns_on_the_way_there_is_refused_by_the_store(
    server: OSSServer, store: OSSStore, operation: str, at: int
) -> None:
    store.put("a", b"old")
    upload = store.begin_upload("b")
    server.faults.add(Fault("flip_request", operation=operation, at=at))
    with pytest.raises(BodyCorrupted):
        store.put("a", BODY) if operation == "PutObject" else store.upload_part("b", upload, 1, BODY)
    if operation == "PutObject":
        assert read(store, "a") == b"old"
    else:
        assert store.list_parts("b", upload) == ()


def test_over_tls_the_answer_is_compared(secure: OSSServer, bucket: str, make_store: MakeStore) -> None:
    secure.core.create_bucket(bucket, region=secure.region)
    store = make_store(at=secure)
    store.put("a", BODY)
    assert "content-md5" not in secure.log.select(operation="PutObject")[-1].headers
    fault = secure.faults.add(Fault("flip_request", operation="PutObject"))
    with pytest.raises(BodyCorrupted):
        store.put("a", BODY)
    secure.faults.remove(fault)


@pytest.mark.parametrize("at", [0, 150_000, -1])
@pytest.mark.parametrize("step", [1000, 300_000, 400_000])
def test_a_bit_that_turns_on_the_way_back(server: OSSServer, store: OSSStore, at: int, step: int) -> None:
    store.put("a", BODY)
    server.faults.add(Fault("flip", operation="GetObject", at=at))
    with pytest.raises(BodyCorrupted) as caught:
        read(store, "a", chunk=step)
    assert caught.value.key == "a"


@pytest.mark.parametrize("at", [0, 1, 150_000, 299_999])
@pytest.mark.parametrize("action", ["cut", "truncate"])
def test_a_body_that_ends_too_early(server: OSSServer, store: OSSStore, action: str, at: int) -> None:
    put = store.put("a", BODY)
    server.faults.add(Fault(action, operation="GetObject", at=at))
    with pytest.raises((ConnectionLost, BodyCorrupted)) as caught:
        read(store, "a", source=Condition(etag=put.etag, size=put.size))
    assert caught.value.transient


def test_what_the_caller_knows_is_compared_before_anything_is_sent(store: OSSStore) -> None:
    for algorithm in ("crc64xz", "sha256", "crc64nvme", "md5"):
        store.put(algorithm, BODY, checksum=checksum_of(algorithm, BODY))  # type: ignore[arg-type]
        with pytest.raises(BodyCorrupted):
            store.put("wrong", BODY, checksum=checksum_of(algorithm, b"other"))  # type: ignore[arg-type]
    with pytest.raises(NotSupported):
        store.put("wrong", BODY, checksum=Checksum(algorithm="sha256", value="00", parts=2))
    assert [item.key for item in store.list_page().items] == ["crc64nvme", "crc64xz", "md5", "sha256"]


def test_parts_that_are_not_the_whole_are_seen_before_there_is_an_object(store: OSSStore) -> None:
    upload = store.begin_upload("a")
    parts = [store.upload_part("a", upload, number, BODY[:150_000]) for number in (1, 2)]
    for size, checksum in ((299_999, None), (300_000, checksum_of("crc64xz", BODY))):
        with pytest.raises(BodyCorrupted):
            store.complete_upload("a", upload, parts, size=size, checksum=checksum)
    assert store.list_page().items == ()
    assert "CompleteMultipartUpload" not in store.requests
    whole = checksum_of("crc64xz", BODY[:150_000] * 2)
    assert store.complete_upload("a", upload, parts, size=300_000, checksum=whole).checksum == whole


@pytest.mark.parametrize("known", [True, False])
def test_parts_without_a_checksum_of_their_own(server: OSSServer, store: OSSStore, known: bool) -> None:
    """Parts that the store copied have none, and then neither has the object."""
    server.part_copies_have_crc = known
    try:
        put = store.put("a", BODY)
        upload = store.begin_upload("b")
        part = store.copy_part(
            "b",
            upload,
            1,
            source_store=store,
            source_key="a",
            start=0,
            length=len(BODY),
            source=Condition(etag=put.etag),
        )
        assert part.checksum == (put.checksum if known else None)
        result = store.complete_upload("b", upload, [part], size=len(BODY), checksum=put.checksum)
        assert result.checksum == (put.checksum if known else None)
        assert read(store, "b") == BODY
    finally:
        server.part_copies_have_crc = False


def test_the_etag_proves_nothing(store: OSSStore) -> None:
    put = store.put("a", BODY)
    assert put.etag == hashlib.md5(BODY).hexdigest().upper()
    assert not store.head("a").etag_is_md5
    assert store.capabilities.etag_meaning == "opaque"
