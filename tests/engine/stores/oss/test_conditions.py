"""Is a request carried out only in the state that was asked for, and does its error name the right side?"""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    ConnectionLost,
    InvalidConfiguration,
    NotSupported,
    ObjectChanged,
    ObjectNotFound,
)
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.stores.memory import MemoryStore
from airflow_bucketsync.engine.stores.oss.client import make_client
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from tests.engine.stores.contract import read
from tests.engine.stores.oss.conftest import MakeStore
from tests.servers.oss import Allow, Credential, OSSServer
from tests.servers.web.faults import Fault

STALE = Condition(etag="0" * 32)


def test_create_only_is_asked_of_the_store(store: OSSStore) -> None:
    store.put("a", b"one", destination=Condition.ABSENT)
    with pytest.raises(ObjectChanged) as caught:
        store.put("a", b"two", destination=Condition.ABSENT)
    assert (caught.value.key, caught.value.code) == ("a", "FileAlreadyExists")
    assert store.requests == {"GetBucketVersioning": 1, "PutObject": 2}


@pytest.mark.parametrize("versioning", ["Enabled", "Suspended"])
def test_with_versions_a_head_looks_before(server: OSSServer, store: OSSStore, bucket: str, versioning: str) -> None:
    """OSS ignores `x-oss-forbid-overwrite` there."""
    server.core.bucket(bucket).settings.versioning = versioning
    store.put("a", b"one", destination=Condition.ABSENT)
    with pytest.raises(ObjectChanged):
        store.put("a", b"two", destination=Condition.ABSENT)
    assert read(store, "a") == b"one"
    assert store.requests == {"GetBucketVersioning": 1, "HeadObject": 2, "PutObject": 1, "GetObject": 1}


def test_who_may_not_ask_for_versions_looks_before(server: OSSServer, make_store: MakeStore) -> None:
    server.add_credential(writer := Credential("writer", "secret", allow=(Allow(("PutObject", "GetObject")),)))
    store = make_store(credential=writer)
    store.put("a", b"one", destination=Condition.ABSENT)
    with pytest.raises(ObjectChanged):
        store.put("a", b"two", destination=Condition.ABSENT)
    assert store.requests == {"GetBucketVersioning": 1, "HeadObject": 2, "PutObject": 1}


def test_writes_without_a_condition_ask_nothing(store: OSSStore) -> None:
    store.put("a", b"x")
    assert store.requests == {"PutObject": 1}


def test_a_copy_names_the_side_that_changed(make_store: MakeStore) -> None:
    source, store = make_store("from/"), make_store("to/")
    put = source.put("s", b"one")
    store.put("taken", b"x")
    pinned = Condition(etag=put.etag, size=put.size)
    with pytest.raises(ObjectChanged) as caught:
        store.copy("taken", source_store=source, source_key="s", source=pinned, destination=Condition.ABSENT)
    assert (caught.value.location, caught.value.key) == (store.location.url, "taken")
    with pytest.raises(ObjectChanged) as caught:
        store.copy("taken", source_store=source, source_key="s", source=pinned, destination=STALE)
    assert (caught.value.location, caught.value.key) == (store.location.url, "taken")
    source.put("s", b"two")
    upload = store.begin_upload("parts")
    for ask in (
        lambda: store.copy("new", source_store=source, source_key="s", source=pinned),
        lambda: store.copy_part(
            "parts", upload, 1, source_store=source, source_key="s", start=0, length=1, source=pinned
        ),
    ):
        with pytest.raises(ObjectChanged) as caught:
            ask()
        assert (caught.value.location, caught.value.key) == (source.location.url, "s")
    source.delete("s")
    with pytest.raises(ObjectNotFound) as missing:
        store.copy("new", source_store=source, source_key="s", source=pinned)
    assert (missing.value.location, missing.value.key) == (source.location.url, "s")
    with pytest.raises(ObjectNotFound) as missing:
        store.copy_part("parts", "NoSuchId", 1, source_store=store, source_key="taken", start=0, length=1, source=STALE)
    assert (missing.value.location, missing.value.key) == (store.location.url, "parts")


def test_attributes_are_set_only_of_the_version_seen(store: OSSStore) -> None:
    put = store.put("a", b"x")
    attributes = ObjectAttributes(content_type="a/b", storage_class="Standard")
    pinned = Condition(etag=put.etag, size=1)
    store.set_attributes("a", attributes, destination=pinned)
    for condition in (STALE, Condition(size=2), Condition(etag="0" * 32, size=1)):
        with pytest.raises(ObjectChanged):
            store.set_attributes("a", attributes, destination=condition)
    for condition in (Condition.ANY, pinned):
        with pytest.raises((ObjectChanged, ObjectNotFound)):
            store.set_attributes("gone", attributes, destination=condition)


def test_a_completion_whose_answer_was_lost(server: OSSServer, store: OSSStore) -> None:
    """The object is there: whoever asks again is told that there is no such upload, and looks at the object."""
    upload = store.begin_upload("a")
    part = store.upload_part("a", upload, 1, b"body")
    fault = server.faults.add(Fault("lose_reply", operation="CompleteMultipartUpload"))
    with pytest.raises(ConnectionLost):
        store.complete_upload("a", upload, [part], size=4)
    server.faults.remove(fault)
    with pytest.raises(ObjectNotFound) as caught:
        store.complete_upload("a", upload, [part], size=4)
    assert caught.value.code == "NoSuchUpload"
    assert store.head("a").info.checksum == part.checksum


def test_deletes_look_before(store: OSSStore) -> None:
    put = store.put("a", b"x")
    with pytest.raises(ObjectChanged):
        store.delete("a", destination=STALE)
    with pytest.raises(ObjectChanged):
        store.delete("a", destination=Condition.ABSENT)
    store.delete("a", destination=Condition(etag=put.etag))
    store.delete("a", destination=Condition(etag=put.etag))
    assert store.requests == {"PutObject": 1, "HeadObject": 4, "DeleteObject": 1}


# Which stores can copy from which


def test_who_can_copy_from_whom(server: OSSServer, make_store: MakeStore, bucket: str) -> None:
    server.core.create_bucket("copy-source", region=server.region)
    server.core.create_bucket("copy-far", region="cn-beijing")
    store, source = make_store(), make_store(place="copy-source")
    source.put("a", b"x")
    assert store.can_copy_from(source) is None
    assert "another kind" in str(store.can_copy_from(MemoryStore(store.location)))
    far = make_store(
        client=make_client(server.url, "copy-far", ("test-access", "test-secret"), "cn-beijing"), place="copy-far"
    )
    assert far.region() == "cn-beijing"
    assert "another region: cn-beijing, not cn-hangzhou" in str(store.can_copy_from(far))
    with OSSServer(buckets=["copy-source"]) as elsewhere:
        assert "another endpoint" in str(store.can_copy_from(make_store(at=elsewhere, place="copy-source")))
    assert "can't be told" in str(store.can_copy_from(make_store(place="no-such-bucket")))


def test_other_credentials_are_tried(server: OSSServer, make_store: MakeStore, bucket: str) -> None:
    server.core.create_bucket("their-bucket", region=server.region)
    theirs = server.add_credential(Credential("their-access", "secret"))
    blind = server.add_credential(Credential("blind", "secret", allow=(Allow("*", bucket=bucket),)))
    store, source = make_store(), make_store(place="their-bucket", credential=theirs)
    source.put("a", b"x")
    assert store.can_copy_from(source) == "the source has other credentials"
    assert store.can_copy_from(source, "a") is None
    assert "can't read it" in str(make_store(credential=blind).can_copy_from(source, "a"))
    one, two = make_store(identity="me"), make_store(place="their-bucket", credential=theirs, identity="me")
    assert one.can_copy_from(two) is None


def _at(endpoint: str, region: str = "", **kwargs: bool) -> OSSStore:
    client = make_client(endpoint, "the-bucket", ("id", "secret"), region, **kwargs)
    found = OSSStore(Location.parse("oss://the-bucket/"), client)
    found._region = client.region
    return found


@pytest.mark.parametrize(
    ("endpoint", "region", "cname"),
    [
        ("https://oss-cn-hangzhou.aliyuncs.com", "", False),
        ("http://oss-cn-hangzhou-internal.aliyuncs.com", "", False),
        ("https://oss-accelerate.aliyuncs.com", "cn-hangzhou", False),
        ("https://files.example.com", "cn-hangzhou", True),
    ],
)
def test_all_endpoints_of_a_region_are_one(endpoint: str, region: str, cname: bool) -> None:
    here = _at("https://oss-cn-hangzhou.aliyuncs.com")
    assert here.can_copy_from(_at(endpoint, region, is_cname=cname)) is None
    assert _at(endpoint, region, is_cname=cname).can_copy_from(here) is None
    assert "another region" in str(here.can_copy_from(_at("https://oss-cn-beijing.aliyuncs.com")))
    assert "another endpoint" in str(here.can_copy_from(_at("https://oss.example.com", "cn-hangzhou")))


def test_the_region_is_that_of_the_bucket_else_of_the_client(server: OSSServer, make_store: MakeStore) -> None:
    store = make_store()
    assert [store.region(), store.region()] == ["cn-hangzhou", "cn-hangzhou"]
    assert store.requests == {"GetBucketLocation": 1}
    server.add_credential(blind := Credential("blind", "secret", allow=(Allow("PutObject"),)))
    assert make_store(credential=blind).region() == server.region
    with pytest.raises(ObjectNotFound):
        make_store(place="no-such-bucket").region()
    server.core.create_bucket("far-away", region="cn-beijing")
    with pytest.raises(InvalidConfiguration, match="oss-cn-beijing"):
        make_store(place="far-away").region()


def test_copies_between_regions_and_stores_are_refused(server: OSSServer, make_store: MakeStore) -> None:
    server.core.create_bucket("copy-far-2", region="cn-beijing")
    client = make_client(server.url, "copy-far-2", ("test-access", "test-secret"), "cn-beijing")
    store, far = make_store(), make_store(client=client, place="copy-far-2")
    far.put("a", b"x")
    with pytest.raises(NotSupported, match="inside one region"):
        store.copy("a", source_store=far, source_key="a", source=Condition(etag="0" * 32, size=1))
    with pytest.raises(NotSupported, match="another kind"):
        store.copy("a", source_store=MemoryStore(store.location), source_key="a", source=Condition.ANY)


def test_a_denied_copy_is_denied(server: OSSServer, make_store: MakeStore, bucket: str) -> None:
    make_store().put("a", b"x")
    server.add_credential(writer := Credential("writer", "secret", allow=(Allow("PutObject"),)))
    store = make_store(credential=writer)
    with pytest.raises(AccessDenied):
        store.copy("b", source_store=store, source_key="a", source=Condition(etag="0" * 32, size=1))
