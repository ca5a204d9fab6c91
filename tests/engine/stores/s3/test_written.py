"""Which class, encryption and redirect does an object get by each way of writing, and when is its body archived?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError, FinalError, NotSupported, ObjectArchived
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.items import Deletion
from airflow_bucketsync.engine.stores.s3.profiles import AWS
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.engine.stores.s3.conftest import MakeStore
from tests.engine.stores.s3.test_keys import read
from tests.servers.s3 import Quirks, S3Server
from tests.servers.web.faults import Fault

DAY = 86400
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd"


def put(store: S3Store, attributes: ObjectAttributes) -> None:
    store.put("o", b"x", attributes=attributes)


def copy(store: S3Store, attributes: ObjectAttributes) -> None:
    store.put("from", b"x")
    store.copy("o", source_store=store, source_key="from", source=Condition.ANY, attributes=attributes)


def in_parts(store: S3Store, attributes: ObjectAttributes) -> None:
    upload = store.begin_upload("o", attributes=attributes)
    store.complete_upload("o", upload, [store.upload_part("o", upload, 1, b"x")], size=1)


def set_attributes(store: S3Store, attributes: ObjectAttributes) -> None:
    store.put("o", b"x")
    store.set_attributes("o", attributes, destination=Condition.ANY)


every_way = pytest.mark.parametrize("way", [put, copy, in_parts, set_attributes])
Way = Callable[[S3Store, ObjectAttributes], None]


class TestClass:
    @every_way
    def test_by_every_way(self, store: S3Store, way: Way) -> None:
        way(store, ObjectAttributes(storage_class="STANDARD_IA"))
        assert store.head("o").info.storage_class == "STANDARD_IA"
        assert store.list_page().items[-1].storage_class == "STANDARD_IA"

    @pytest.mark.parametrize("storage_class", [None, "GLACIER_IR"])
    def test_of_a_copy_that_keeps_the_attributes(self, store: S3Store, storage_class: str | None) -> None:
        store.put("from", b"x", attributes=ObjectAttributes(storage_class="STANDARD_IA", content_type="a/b"))
        store.copy("o", source_store=store, source_key="from", source=Condition.ANY, storage_class=storage_class)
        assert store.head("o").info.storage_class == storage_class
        assert store.head("o").attributes.content_type == "a/b"

    def test_other_attributes_leave_it(self, store: S3Store) -> None:
        store.put("o", b"x", attributes=ObjectAttributes(storage_class="STANDARD_IA"))
        store.set_attributes("o", ObjectAttributes(content_type="a/b"), destination=Condition.ANY)
        found = store.head("o")
        assert (found.info.storage_class, found.attributes.content_type) == ("STANDARD_IA", "a/b")
        store.set_attributes("o", ObjectAttributes(storage_class="STANDARD"), destination=Condition.ANY)
        assert store.head("o").info.storage_class is None

    def test_one_that_the_store_does_not_know(self, store: S3Store) -> None:
        with pytest.raises(NotSupported, match="storage class"):
            store.put("o", b"x", attributes=ObjectAttributes(storage_class="CRYO"))


class TestRedirect:
    @every_way
    def test_by_every_way(self, store: S3Store, way: Way) -> None:
        way(store, ObjectAttributes(redirect="/elsewhere"))
        assert store.head("o").attributes.redirect == "/elsewhere"

    def test_a_copy_leaves_it_behind_and_new_attributes_take_it_away(self, store: S3Store) -> None:
        store.put("from", b"", attributes=ObjectAttributes(redirect="https://example.com/a"))
        store.copy("o", source_store=store, source_key="from", source=Condition.ANY)
        assert store.head("o").attributes.redirect is None
        store.set_attributes("from", ObjectAttributes(content_type="a/b"), destination=Condition.ANY)
        assert store.head("from").attributes.redirect is None


class TestEncryption:
    @every_way
    @pytest.mark.parametrize(("word", "key"), [("AES256", None), ("aws:kms", None), ("aws:kms", KEY)])
    def test_by_every_way(
        self, server: S3Server, make_store: MakeStore, bucket: str, way: Way, word: str, key: str | None
    ) -> None:
        way(make_store(settings=WriteSettings(encryption=word, encryption_key=key)), ObjectAttributes())
        writes = server.log.select(operation=("PutObject", "CopyObject", "CreateMultipartUpload"), key="o")
        for entry in writes:
            assert entry.headers["x-amz-server-side-encryption"] == word
            assert entry.headers.get("x-amz-server-side-encryption-aws-kms-key-id") == key
        assert writes
        stored = server.core.find(bucket, "o").attributes.encryption
        assert stored["x-amz-server-side-encryption"] == word
        assert key in (None, stored.get("x-amz-server-side-encryption-aws-kms-key-id"))

    @every_way
    def test_the_buckets_own_is_left_to_the_bucket(
        self, server: S3Server, store: S3Store, bucket: str, way: Way
    ) -> None:
        kept = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": KEY}
        server.core.bucket(bucket).settings.encryption = kept
        way(store, ObjectAttributes())
        assert server.core.find(bucket, "o").attributes.encryption == kept
        assert not any("x-amz-server-side-encryption" in entry.headers for entry in server.log.entries)
        assert not store.head("o").etag_is_md5

    def test_a_copy_that_keeps_the_attributes_is_encrypted_too(
        self, server: S3Server, make_store: MakeStore, bucket: str
    ) -> None:
        store = make_store(settings=WriteSettings(encryption="aws:kms", encryption_key=KEY))
        server.core.put(bucket, "from", b"x")
        store.copy("o", source_store=store, source_key="from", source=Condition.ANY)
        assert KEY in server.core.find(bucket, "o").attributes.encryption.values()

    @pytest.mark.parametrize("operation", ["PutObject", "CopyObject", "GetObject"])
    def test_a_key_that_may_not_be_used_is_named(self, server: S3Server, store: S3Store, operation: str) -> None:
        store.put("from", b"x")
        message = (
            "User: arn:aws:sts::123456789012:assumed-role/a-role-with-a-rather-long-name/a-session-with-a-long-name is "
            f"not authorized to perform: kms:Decrypt on resource: {KEY} because no resource-based policy allows it"
        )
        server.faults.add(Fault("status", operation=operation, status=403, code="AccessDenied", message=message))
        calls: dict[str, Callable[[], object]] = {
            "PutObject": lambda: store.put("o", b"x"),
            "CopyObject": lambda: store.copy("o", source_store=store, source_key="from", source=Condition.ANY),
            "GetObject": lambda: read(store, "from"),
        }
        with pytest.raises(AccessDenied, match="kms:Decrypt") as caught:
            calls[operation]()
        assert KEY in str(caught.value)

    @pytest.mark.parametrize("code", ["KMS.DisabledException", "KMS.NotFoundException", "KMS.InvalidStateException"])
    def test_a_key_that_can_t_be_used_is_named(self, server: S3Server, store: S3Store, code: str) -> None:
        server.faults.add(Fault("status", status=400, code=code, message=f"{KEY} is disabled."))
        with pytest.raises(AccessDenied) as caught:
            store.put("o", b"x")
        assert KEY in str(caught.value)

    def test_an_object_under_its_owners_key_is_no_missing_object(
        self, server: S3Server, store: S3Store, bucket: str
    ) -> None:
        customer = "x-amz-server-side-encryption-customer-"
        encryption = {f"{customer}algorithm": "AES256", f"{customer}key-md5": "AAAAAAAAAAAAAAAAAAAAAA=="}
        server.core.put(bucket, "o", b"x", encryption=encryption)
        assert [item.key for item in store.list_page().items] == ["o"]
        with pytest.raises(FinalError, match="customer key") as by_head:
            store.head("o")
        assert type(by_head.value) is FinalError
        assert by_head.value.key == "o"
        calls: tuple[Callable[[], object], ...] = (
            lambda: read(store, "o"),
            lambda: store.copy("c", source_store=store, source_key="o", source=Condition(etag="0" * 32, size=1)),
        )
        for call in calls:
            with pytest.raises(NotSupported, match="SSE-C"):
                call()


class TestArchived:
    @pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
    def test_until_it_is_restored(self, server: S3Server, store: S3Store, bucket: str, storage_class: str) -> None:
        store.put("o", b"x", attributes=ObjectAttributes(storage_class=storage_class))
        assert store.head("o").archived
        client = server.client()
        client.restore_object(Bucket=bucket, Key="o", RestoreRequest={"Days": 2})
        assert store.head("o").archived, "the restore has begun, and is not done"
        with pytest.raises(ObjectArchived):
            read(store, "o")
        server.core.clock.shift(DAY)
        assert not store.head("o").archived
        assert read(store, "o") == b"x"
        server.core.clock.shift(3 * DAY)
        assert store.head("o").archived
        with pytest.raises(ObjectArchived):
            read(store, "o")
        server.core.clock.shift(-4 * DAY)
        client.close()

    @pytest.mark.parametrize("storage_class", [None, "STANDARD_IA", "GLACIER_IR", "INTELLIGENT_TIERING"])
    def test_other_classes_can_be_read(self, store: S3Store, storage_class: str | None) -> None:
        store.put("o", b"x", attributes=ObjectAttributes(storage_class=storage_class))
        assert not store.head("o").archived

    @pytest.mark.parametrize("tier", ["ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"])
    def test_the_archive_tiers_of_intelligent_tiering(self, server: S3Server, store: S3Store, tier: str) -> None:
        store.put("o", b"x", attributes=ObjectAttributes(storage_class="INTELLIGENT_TIERING"))
        server.quirks = Quirks(adds={"HeadObject": {"x-amz-archive-status": tier}})
        assert store.head("o").archived


class TestLocked:
    """Object lock, and buckets without ACLs."""

    def test_a_delete_is_refused_with_the_reason_and_never_bypassed(
        self, server: S3Server, make_store: MakeStore
    ) -> None:
        message = "Access Denied because object protected by object lock."
        fault = Fault("status", operation="DeleteObject", status=403, code="AccessDenied", message=message)
        store = make_store(profile=AWS)
        store.put("o", b"x")
        server.faults.add(fault)
        with pytest.raises(AccessDenied, match="object lock"):
            store.delete("o")
        (answer,) = store.delete_many([Deletion(key="o")], gate=Gate(concurrency=1))
        assert isinstance(answer.error, AccessDenied)
        assert "object lock" in str(answer.error)
        assert not [name for entry in server.log.entries for name in entry.headers if "bypass" in name]

    def test_an_overwrite_makes_a_version(self, server: S3Server, make_store: MakeStore, bucket: str) -> None:
        name = f"{bucket}-locked"
        server.core.create_bucket(name, region=server.region, object_lock=True)
        server.core.bucket(name).settings.default_lock = ("COMPLIANCE", DAY)
        store = make_store(place=name)
        first = store.put("o", b"one")
        second = store.put("o", b"two")
        assert first.version_id != second.version_id
        assert read(store, "o") == b"two"

    def test_an_acl_where_there_are_none(self, server: S3Server, make_store: MakeStore) -> None:
        store = make_store(settings=WriteSettings(acl="bucket-owner-full-control"))
        store.put("o", b"x")  # the one that such a bucket takes
        server.faults.add(Fault("status", status=400, code="AccessControlListNotSupported"))
        with pytest.raises(BucketsyncError, match="set acl to none"):
            store.put("o", b"x")
