"""Who asks, who pays, who must own the bucket: is it said with every request that can carry it?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.items import Deletion
from airflow_bucketsync.engine.stores.s3.profiles import AWS
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.engine.stores.s3.conftest import MakeStore
from tests.engine.stores.s3.test_keys import read
from tests.servers.s3 import Allow, Credential, S3Server

OTHER_ACCOUNT = Credential("guest-access", "guest-secret", user="guest", account="999999999999")


def every_verb(store: S3Store, source: S3Store) -> None:
    """Everything that a store can do, with `source` to copy from."""
    source.put("from", b"0123456789")
    store.put("a", b"x", attributes=ObjectAttributes(tags={"k": "v"}))
    store.head("a")
    store.tags("a")
    read(store, "a")
    store.list_page()
    store.copy("b", source_store=source, source_key="from", source=Condition.ANY)
    store.set_attributes("a", ObjectAttributes(content_type="a/b"), destination=Condition.ANY)
    upload = store.begin_upload("c")
    store.copy_part("c", upload, 1, source_store=source, source_key="from", start=0, length=5, source=Condition.ANY)
    part = store.upload_part("c", upload, 1, b"x")
    store.list_parts("c", upload)
    list(store.list_uploads())
    store.complete_upload("c", upload, [part], size=1)
    store.abort_upload("c", store.begin_upload("c"))
    store.delete("a")
    list(store.delete_many([Deletion(key="b"), Deletion(key="c")], gate=Gate(concurrency=1)))
    store.region()


FREE = {"HeadBucket"}
"""Operations that no requester pays for."""


@pytest.fixture
def two(server: S3Server, bucket: str) -> str:
    """Another bucket."""
    server.core.create_bucket(f"{bucket}-two", region=server.region)
    return f"{bucket}-two"


def test_the_expected_owner_goes_with_every_request(
    server: S3Server, make_store: MakeStore, two: str, bucket: str
) -> None:
    owner, other = (server.core.bucket(name).settings for name in (bucket, two))
    other.account = "222222222222"
    store = make_store(profile=AWS, expected_bucket_owner=owner.account)
    every_verb(store, make_store(place=two, profile=AWS, expected_bucket_owner=other.account))
    entries = [entry for entry in server.log.entries if entry.bucket == bucket]
    assert {entry.operation for entry in entries} >= set(store.requests)
    assert {entry.headers.get("x-amz-expected-bucket-owner") for entry in entries} == {owner.account}
    copies = server.log.select(operation=("CopyObject", "UploadPartCopy"), bucket=bucket)
    named = [entry.headers.get("x-amz-source-expected-bucket-owner") for entry in copies]
    assert sorted(named) == sorted([other.account, other.account, owner.account])  # the last sets attributes


def test_a_bucket_of_another_owner_is_refused_as_source_too(server: S3Server, make_store: MakeStore, two: str) -> None:
    account = server.core.bucket(two).settings.account
    source = make_store(place=two, expected_bucket_owner="111111111111")
    server.core.put(two, "from", b"x")
    store = make_store(expected_bucket_owner=account)
    with pytest.raises(AccessDenied):
        store.copy("a", source_store=source, source_key="from", source=Condition(etag="0" * 32, size=1))
    assert "can't read it" in str(make_store(credential=OTHER_ACCOUNT).can_copy_from(source, "from"))


def test_the_requester_pays_for_every_request(server: S3Server, make_store: MakeStore, two: str, bucket: str) -> None:
    server.add_credential(OTHER_ACCOUNT)
    for name in (bucket, two):
        server.core.bucket(name).settings.extra["requester_pays"] = True
    paying = make_store(credential=OTHER_ACCOUNT, profile=AWS, requester_pays=True)
    every_verb(paying, make_store(place=two, credential=OTHER_ACCOUNT, profile=AWS, requester_pays=True))
    silent = {entry.operation for entry in server.log.entries if "x-amz-request-payer" not in entry.headers}
    assert silent <= FREE
    assert set(paying.requests) > silent


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.list_page(),
        lambda store: store.head("a"),
        lambda store: store.tags("a"),
        lambda store: store.put("b", b"x"),
        lambda store: read(store, "a"),
        lambda store: store.delete("a"),
    ],
)
def test_who_does_not_say_so_is_refused(
    server: S3Server, make_store: MakeStore, bucket: str, call: Callable[[S3Store], object]
) -> None:
    server.add_credential(OTHER_ACCOUNT)
    server.core.bucket(bucket).settings.extra["requester_pays"] = True
    server.core.put(bucket, "a", b"x")
    with pytest.raises(AccessDenied):
        call(make_store(credential=OTHER_ACCOUNT))
    call(make_store(credential=OTHER_ACCOUNT, requester_pays=True))


def test_a_copy_from_a_bucket_whose_reader_pays(server: S3Server, make_store: MakeStore, two: str) -> None:
    """The destination is one's own; what is read is paid for because the source's connection says so."""
    server.core.bucket(two).settings.account = OTHER_ACCOUNT.account
    server.core.bucket(two).settings.extra["requester_pays"] = True
    server.core.put(two, "from", b"x")
    store, source = make_store(), make_store(place=two, requester_pays=True)
    store.copy("a", source_store=source, source_key="from", source=Condition.ANY)
    assert read(store, "a") == b"x"
    upload = store.begin_upload("c")
    store.copy_part("c", upload, 1, source_store=source, source_key="from", start=0, length=1, source=Condition.ANY)
    with pytest.raises(AccessDenied):
        store.copy("b", source_store=make_store(place=two), source_key="from", source=Condition(etag="0" * 32, size=1))
    other = Credential("second-access", "second-secret")
    assert make_store(credential=server.add_credential(other)).can_copy_from(source, "from") is None


class TestNobody:
    @pytest.fixture
    def public(self, server: S3Server, two: str) -> str:
        server.core.bucket(two).settings.public_read = True
        server.core.put(two, "from", b"open to all", tags={"k": "v"})
        return two

    def test_reads_without_a_signature(self, server: S3Server, make_store: MakeStore, public: str) -> None:
        store = make_store(place=public, anonymous=True)
        assert read(store, "from") == b"open to all"
        assert [item.key for item in store.list_page().items] == ["from"]
        assert store.head("from").info.size == 11
        assert store.region() == server.region
        assert not any("x-amz-date" in entry.headers for entry in server.log.entries)
        with pytest.raises(AccessDenied):
            store.tags("from")
        with pytest.raises(AccessDenied):
            store.put("a", b"x")

    def test_what_is_not_public_is_refused_in_our_words(self, make_store: MakeStore) -> None:
        with pytest.raises(AccessDenied):
            make_store(anonymous=True).list_page()

    def test_the_destination_asks_with_its_own_credentials(
        self, server: S3Server, make_store: MakeStore, public: str
    ) -> None:
        store, source = make_store(), make_store(place=public, anonymous=True)
        assert store.can_copy_from(source) == "the source has other credentials"
        assert store.can_copy_from(source, "from") is None
        (asked,) = server.log.entries
        assert (asked.operation, asked.bucket) == ("HeadObject", public)
        assert "x-amz-date" in asked.headers
        store.copy("a", source_store=source, source_key="from", source=Condition.ANY)
        assert read(store, "a") == b"open to all"

    def test_two_that_sign_nothing_are_not_one_identity(
        self, server: S3Server, make_store: MakeStore, public: str
    ) -> None:
        nobody = make_store(place=public, anonymous=True, identity="conn")
        assert "no credentials" in str(make_store(anonymous=True).can_copy_from(nobody, "from"))
        assert make_store(identity="conn").can_copy_from(nobody) == "the source has other credentials"

    def test_credentials_that_may_not_read_there_don_t_copy(
        self, server: S3Server, make_store: MakeStore, public: str
    ) -> None:
        server.core.bucket(public).settings.public_read = False
        narrow = Credential("narrow-access", "narrow-secret", allow=(Allow("*", bucket="nowhere"),))
        store = make_store(credential=server.add_credential(narrow))
        assert "can't read it" in str(store.can_copy_from(make_store(place=public, anonymous=True), "from"))


def test_no_refusal_shows_a_credential(server: S3Server, make_store: MakeStore) -> None:
    canary = Credential("canary-access", "canary-secret", allow=())
    with pytest.raises(BucketsyncError) as caught:
        make_store(credential=server.add_credential(canary), requester_pays=True).list_page()
    assert "canary" not in str(caught.value)
