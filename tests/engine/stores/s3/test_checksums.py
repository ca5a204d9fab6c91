"""Does the store check every body that is sent, and is its own checksum read right?"""

from __future__ import annotations

import hashlib

import pytest

from airflow_bucketsync.engine.errors import BodyCorrupted, BucketsyncError, FinalError, NotSupported, ObjectNotFound
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import Checksum, PartReceipt
from airflow_bucketsync.engine.stores.checksums import checksum_of, combined, to_base64
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.items import Deletion
from airflow_bucketsync.engine.stores.s3.checksums import read_checksum
from airflow_bucketsync.engine.stores.s3.store import AWS, S3Store
from tests.engine.stores.s3.conftest import MakeStore
from tests.engine.stores.s3.test_keys import read
from tests.servers.s3 import S3Server
from tests.servers.web.faults import Fault

ALGORITHMS = ("crc64nvme", "crc32c", "crc32", "sha256", "sha1")
BODY = b"some bytes that are checked"
OLD = Capabilities(checksums=())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_callers_checksum_goes_along_and_comes_back(server: S3Server, store: S3Store, algorithm: str) -> None:
    checksum = checksum_of(algorithm, BODY)  # type: ignore[arg-type]
    assert store.put("a", BODY, checksum=checksum).checksum == checksum
    assert store.head("a").info.checksum == checksum
    assert store.head("a", checksum=False).info.checksum is None
    with store.open("a") as body:
        assert body.details.info.checksum == checksum
    assert f"x-amz-checksum-{algorithm}" in server.log.select(operation="PutObject")[0].headers


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, "md5"])
def test_other_bytes_than_the_caller_says_are_refused(store: S3Store, algorithm: str) -> None:
    with pytest.raises(BodyCorrupted) as caught:
        store.put("a", BODY, checksum=checksum_of(algorithm, b"other"))  # type: ignore[arg-type]
    assert caught.value.key == "a"
    upload = store.begin_upload("a")
    with pytest.raises(BodyCorrupted):
        store.upload_part("a", upload, 1, BODY, checksum=checksum_of(algorithm, b"other"))  # type: ignore[arg-type]
    assert store.list_parts("a", upload) == ()
    with pytest.raises(ObjectNotFound):
        store.head("a")


def test_without_one_crc64nvme_is_computed(server: S3Server, store: S3Store) -> None:
    assert store.put("a", BODY).checksum == checksum_of("crc64nvme", BODY)
    headers = server.log.select(operation="PutObject")[0].headers
    assert "x-amz-checksum-crc64nvme" in headers
    assert "content-md5" not in headers


def test_md5_goes_as_content_md5_beside_it(server: S3Server, store: S3Store) -> None:
    store.put("a", BODY, checksum=checksum_of("md5", BODY))
    headers = server.log.select(operation="PutObject")[0].headers
    assert {"content-md5", "x-amz-checksum-crc64nvme"} <= set(headers)


def test_an_old_store_gets_content_md5(server: S3Server, make_store: MakeStore) -> None:
    store = make_store(capabilities=OLD)
    store.put("a", BODY)
    upload = store.begin_upload("b")
    part = store.upload_part("b", upload, 1, BODY, checksum=checksum_of("sha256", BODY))
    store.complete_upload("b", upload, [part], size=len(BODY))
    list(store.delete_many([Deletion(key="a"), Deletion(key="b")], gate=Gate()))
    for operation in ("PutObject", "UploadPart", "DeleteObjects"):
        assert server.log.select(operation=operation)[0].headers["content-md5"]
    assert store.list_page().items == ()
    assert not any(name.startswith("x-amz-checksum") for entry in server.log.entries for name in entry.headers
                   if name != "x-amz-checksum-mode")  # fmt: skip
    assert not any("x-amz-sdk-checksum-algorithm" in entry.headers for entry in server.log.entries)
    server.faults.add(Fault("flip_request", operation="PutObject", at=3))
    with pytest.raises(BodyCorrupted):
        store.put("a", BODY)


@pytest.mark.parametrize(
    "checksum", [Checksum(algorithm=algorithm, value="0" * 16, parts=3) for algorithm in ("sha256", "crc32c")]
)
def test_a_checksum_that_can_not_be_checked_is_not_waved_through(store: S3Store, checksum: Checksum) -> None:
    with pytest.raises(NotSupported, match="can't be checked"):
        store.put("a", BODY, checksum=checksum)


@pytest.mark.parametrize("operation", ["PutObject", "UploadPart"])
def test_a_bit_flipped_on_the_way_there(server: S3Server, store: S3Store, operation: str) -> None:
    upload = store.begin_upload("a")
    server.faults.add(Fault("flip_request", operation=operation, at=5, bit=2))
    send = {"PutObject": lambda: store.put("a", BODY), "UploadPart": lambda: store.upload_part("a", upload, 1, BODY)}
    with pytest.raises(BodyCorrupted):
        send[operation]()
    server.faults.clear()
    assert store.list_parts("a", upload) == ()
    with pytest.raises(ObjectNotFound):
        store.head("a")


def test_a_store_that_kept_other_bytes_is_found_out_by_its_answer(server: S3Server, store: S3Store) -> None:
    other = checksum_of("crc64nvme", b"other")
    headers = {"x-amz-checksum-crc64nvme": to_base64(other)}
    server.faults.add(Fault("substitute", operation=("PutObject", "UploadPart"), headers=headers))
    with pytest.raises(BodyCorrupted, match=other.value):
        store.put("a", BODY)
    upload = store.begin_upload("a")
    with pytest.raises(BodyCorrupted, match=other.value):
        store.upload_part("a", upload, 1, BODY)


@pytest.mark.parametrize(
    ("answer", "checksum"),
    [
        ({}, None),
        ({"ChecksumCRC32": "AAAAAA=="}, Checksum(algorithm="crc32", value="00000000")),
        ({"ChecksumCRC32C": "AAAAAQ==-3"}, Checksum(algorithm="crc32c", value="00000001", parts=3)),
        ({"ChecksumSHA1": "not base64"}, None),
        ({"ChecksumSHA1": "AAAA-x"}, None),
        (
            {"ChecksumCRC32": "AAAAAA==", "ChecksumCRC64NVME": "AAAAAAAAAAE="},
            Checksum(algorithm="crc64nvme", value="0000000000000001"),
        ),
    ],
)
def test_reading(answer: dict[str, str], checksum: Checksum | None) -> None:
    assert read_checksum(answer) == checksum


def test_a_composite_checksum_tells_its_parts(server: S3Server, store: S3Store, bucket: str) -> None:
    client = store._session.client
    upload = client.create_multipart_upload(Bucket=bucket, Key="a", ChecksumAlgorithm="SHA256")["UploadId"]
    part = client.upload_part(
        Bucket=bucket, Key="a", UploadId=upload, PartNumber=1, Body=BODY, ChecksumAlgorithm="SHA256"
    )
    listed = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]}
    client.complete_multipart_upload(Bucket=bucket, Key="a", UploadId=upload, MultipartUpload=listed)
    found = store.head("a").info.checksum
    assert found == Checksum(
        algorithm="sha256", value=hashlib.sha256(hashlib.sha256(BODY).digest()).hexdigest(), parts=1
    )
    assert store.head("a").etag_is_md5 is False


class TestParts:
    """Parts are checked one by one, and the whole by what they add up to."""

    PARTS = (b"first part ", b"second, longer part ", b"end")
    WHOLE = b"".join(PARTS)

    def send(self, store: S3Store, upload: str, numbers: tuple[int, ...] = (1, 2, 3)) -> dict[int, PartReceipt]:
        return {number: store.upload_part("a", upload, number, self.PARTS[number - 1]) for number in numbers}

    def test_in_any_order_and_repeated(self, store: S3Store) -> None:
        upload = store.begin_upload("a")
        store.upload_part("a", upload, 2, b"an earlier try")
        parts = self.send(store, upload, (3, 1, 2))
        assert [part.number for part in store.list_parts("a", upload)] == [1, 2, 3]
        assert store.list_parts("a", upload) == (parts[1], parts[2], parts[3])
        whole = combined("crc64nvme", [(part.checksum, part.size) for part in (parts[1], parts[2], parts[3])])  # type: ignore[misc]
        assert whole == checksum_of("crc64nvme", self.WHOLE)
        result = store.complete_upload("a", upload, [*parts.values()], size=len(self.WHOLE), checksum=whole)
        assert result.checksum == whole
        assert read(store, "a") == self.WHOLE
        assert store.head("a").info.checksum == whole
        assert (result.size, result.etag) == (len(self.WHOLE), store.head("a").info.etag)

    def test_a_wrong_checksum_of_the_whole(self, store: S3Store) -> None:
        upload = store.begin_upload("a")
        parts = self.send(store, upload)
        with pytest.raises(BodyCorrupted):
            store.complete_upload(
                "a", upload, [*parts.values()], size=len(self.WHOLE), checksum=checksum_of("crc64nvme", b"other")
            )
        with pytest.raises(ObjectNotFound):
            store.head("a")

    @pytest.mark.parametrize("kept", [(1, 2), (1, 3), (2, 3)])
    def test_a_part_forgotten(self, store: S3Store, kept: tuple[int, ...]) -> None:
        upload = store.begin_upload("a")
        parts = self.send(store, upload)
        with pytest.raises(BucketsyncError):
            store.complete_upload("a", upload, [parts[number] for number in kept], size=len(self.WHOLE))
        with pytest.raises(ObjectNotFound):
            store.head("a")

    def test_a_part_that_is_another_at_the_store(self, store: S3Store) -> None:
        upload = store.begin_upload("a")
        parts = self.send(store, upload)
        store.upload_part("a", upload, 2, b"SECOND, longer part ")
        with pytest.raises(FinalError, match="part"):
            store.complete_upload("a", upload, [*parts.values()], size=len(self.WHOLE))

    def test_completed_twice_is_recognised(self, store: S3Store) -> None:
        upload = store.begin_upload("a")
        parts = self.send(store, upload)
        first = store.complete_upload("a", upload, [*parts.values()], size=len(self.WHOLE))
        try:
            again = store.complete_upload("a", upload, [*parts.values()], size=len(self.WHOLE))
        except ObjectNotFound as error:
            assert error.code == "NoSuchUpload"  # noqa: PT017 - S3 may answer either way
        else:
            assert again.etag == first.etag
        assert read(store, "a") == self.WHOLE

    def test_copied_parts_have_checksums_too(self, store: S3Store) -> None:
        put = store.put("from", self.WHOLE)
        upload, pinned = store.begin_upload("a"), Condition(etag=put.etag)
        parts = [
            store.copy_part("a", upload, 1, source_store=store, source_key="from", start=0, length=10, source=pinned),
            store.copy_part(
                "a", upload, 2, source_store=store, source_key="from", start=10, length=len(self.WHOLE) - 10,
                source=pinned,
            ),
        ]  # fmt: skip
        assert [part.checksum for part in parts] == [
            checksum_of("crc64nvme", self.WHOLE[:10]),
            checksum_of("crc64nvme", self.WHOLE[10:]),
        ]
        result = store.complete_upload(
            "a", upload, parts, size=len(self.WHOLE), checksum=checksum_of("crc64nvme", self.WHOLE)
        )
        assert result.checksum == checksum_of("crc64nvme", self.WHOLE)
        assert read(store, "a") == self.WHOLE

    def test_many_parts_are_listed_page_by_page(self, store: S3Store) -> None:
        upload = store.begin_upload("a")
        for number in range(1, 1003):
            store.upload_part("a", upload, number, b"x")
        assert [part.number for part in store.list_parts("a", upload)] == [*range(1, 1003)]
        assert store.requests["ListParts"] == 2

    def test_an_upload_that_is_not_there(self, store: S3Store) -> None:
        upload = store.begin_upload("a")
        store.abort_upload("a", upload)
        store.abort_upload("a", upload)
        with pytest.raises(ObjectNotFound, match="no such open upload"):
            store.list_parts("a", upload)
        with pytest.raises(ObjectNotFound, match="no such open upload"):
            store.upload_part("a", upload, 1, b"x")
        with pytest.raises(ObjectNotFound, match="no such open upload"):
            store.complete_upload("a", upload, [PartReceipt(number=1, size=1, etag="x")], size=1)


def test_fault_F31_a_store_that_takes_wrong_checksums_returns_none(moto_store: MakeStore) -> None:
    """Decision 12: that is how it is told; what was streamed to it is read back."""
    store = moto_store(capabilities=AWS)
    wrong = Checksum(algorithm="crc64nvme", value="0123456789abcdef")
    assert store.put("k", b"other bytes", checksum=wrong).checksum is None
    assert store.head("k").info.checksum is None
