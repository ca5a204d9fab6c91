"""Do attributes come back as they were, and is what people chose sent along?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, InvalidConfiguration, NotSupported, ObjectArchived
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.fidelity import differences
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from tests.engine.stores.contract import ATTRIBUTES, read
from tests.engine.stores.oss.conftest import MakeStore
from tests.servers.oss import Allow, Credential, OSSServer

VALUES = {
    "plain": "a, b; c=d",
    "empty": "",
    "umlaut": "grüße, 世界 \U0001f600",
    "long": "ü" * 200,
    "spaces": "  around  ",
    "word": "=?UTF-8?B?w7w=?=",
    "plain-word": "=?UTF-8?B?YQ==?=",
    "lines": "a\nb\r\tc",
    "latin": "\xe9",
}


def test_every_text_comes_back(store: OSSStore) -> None:
    wanted = ObjectAttributes(
        content_type="text/plain; name=ü",
        content_disposition="attachment; filename=世界.txt",
        cache_control="no-cache",
        expires="in a while, or never",
        user_metadata=VALUES,
    )
    store.put("put", b"x", attributes=wanted)
    upload = store.begin_upload("parts", attributes=wanted)
    store.complete_upload("parts", upload, [store.upload_part("parts", upload, 1, b"x")], size=1)
    store.copy("copied", source_store=store, source_key="put", source=Condition.ANY)
    store.copy("replaced", source_store=store, source_key="parts", source=Condition.ANY, attributes=wanted)
    for key in ("put", "parts", "copied", "replaced"):
        found = store.head(key).attributes
        assert dict(found.user_metadata) == VALUES
        assert differences(wanted, found) == ()


def test_what_other_tools_wrote_as_it_is(server: OSSServer, store: OSSStore, bucket: str) -> None:
    """UTF-8 in plain bytes is read as such; what is no UTF-8 byte by byte."""
    server.core.put(
        bucket,
        "a",
        b"x",
        metadata={"name": "世界".encode().decode("latin-1"), "old": "caf\xe9"},
        headers={"content-disposition": "filename=世界".encode().decode("latin-1")},
    )
    found = store.head("a").attributes
    assert found.user_metadata == {"name": "世界", "old": "café"}
    assert found.content_disposition == "filename=世界"


def test_names_of_metadata_that_no_header_can_have(store: OSSStore) -> None:
    for name in ("a b", "ü", "a:b", "", "a\r\nx-oss-acl"):
        with pytest.raises(NotSupported):
            store.put("a", b"", attributes=ObjectAttributes(user_metadata={name: "x"}))
    assert store.requests == {}


@pytest.mark.parametrize("key", ["a.html", "a"])
def test_an_object_without_a_content_type_differs_from_none(store: OSSStore, key: str) -> None:
    """The client would guess one from the key, and the store has a default of its own."""
    store.put(key, b"x")
    upload = store.begin_upload("parts-" + key)
    store.complete_upload("parts-" + key, upload, [store.upload_part("parts-" + key, upload, 1, b"x")], size=1)
    for name in (key, "parts-" + key):
        assert differences(ObjectAttributes(), store.head(name).attributes) == ()


def test_more_metadata_than_the_store_takes(store: OSSStore) -> None:
    with pytest.raises(NotSupported, match="8 KB"):
        store.put("a", b"", attributes=ObjectAttributes(user_metadata={"a": "x" * 9000}))


# Tags


def test_tags_of_every_character_that_oss_takes(store: OSSStore) -> None:
    tags = {"a b+c-d=e.f_g:h/i": "0123 +-=._:/", "empty": ""}
    store.put("a", b"x", attributes=ObjectAttributes(tags=tags))
    assert store.tags("a") == tags


@pytest.mark.parametrize("tags", [{"a@b": "c"}, {"a": "世界"}, {str(number): "" for number in range(11)}])
def test_other_tags_are_refused_by_the_store(store: OSSStore, tags: dict[str, str]) -> None:
    with pytest.raises(NotSupported, match="InvalidTag"):
        store.put("a", b"x", attributes=ObjectAttributes(tags=tags))


def test_tags_may_not_be_readable(server: OSSServer, make_store: MakeStore) -> None:
    make_store().put("a", b"x", attributes=ObjectAttributes(tags={"a": "b"}))
    server.add_credential(reader := Credential("reader", "secret", allow=(Allow("GetObject"),)))
    with pytest.raises(AccessDenied):
        make_store(credential=reader).tags("a")


def test_an_object_is_untagged_by_its_head_once_tags_could_be_read(store: OSSStore) -> None:
    store.put("bare", b"x")
    store.put("tagged", b"x", attributes=ObjectAttributes(tags={"a": "b"}))
    assert not store.head("bare").untagged
    store.tags("tagged")
    assert store.head("bare").untagged
    assert not store.head("tagged").untagged


# Storage classes


def test_the_standard_class_is_none(store: OSSStore) -> None:
    store.put("a", b"x", attributes=ObjectAttributes(storage_class="Standard"))
    store.put("b", b"x", attributes=ObjectAttributes(storage_class="IA"))
    assert [item.storage_class for item in store.list_page().items] == [None, "IA"]
    assert [store.head(key).info.storage_class for key in "ab"] == [None, "IA"]
    assert [store.head(key).attributes.storage_class for key in "ab"] == [None, "IA"]


def test_classes_of_copies_and_parts(store: OSSStore) -> None:
    store.put("a", b"x")
    plain = {"source_store": store, "source_key": "a", "source": Condition.ANY}
    store.copy("ia", **plain, storage_class="IA")  # type: ignore[arg-type]
    store.copy("with", **plain, attributes=ObjectAttributes(storage_class="Archive"))  # type: ignore[arg-type]
    upload = store.begin_upload("parts", attributes=ObjectAttributes(storage_class="ColdArchive"))
    store.complete_upload("parts", upload, [store.upload_part("parts", upload, 1, b"x")], size=1)
    found = {item.key: item.storage_class for item in store.list_page().items}
    assert found == {"a": None, "ia": "IA", "with": "Archive", "parts": "ColdArchive"}


@pytest.mark.parametrize("bucket_class", ["Standard", "IA"])
@pytest.mark.parametrize("storage_class", ["Standard", "IA"])
@pytest.mark.parametrize("pinned", [True, False])
def test_new_attributes_leave_the_class_as_it_is(
    server: OSSServer, store: OSSStore, bucket: str, bucket_class: str, storage_class: str, pinned: bool
) -> None:
    server.core.bucket(bucket).settings.extra["storage_class"] = bucket_class
    store.put("a", b"x", attributes=ObjectAttributes(storage_class=storage_class))
    info = store.head("a").info
    condition = Condition.replacing(info) if pinned else Condition.ANY
    store.set_attributes("a", ObjectAttributes(content_type="a/b"), destination=condition)
    found = store.head("a")
    assert found.attributes.content_type == "a/b"
    assert found.info.storage_class == info.storage_class
    store.set_attributes("a", ObjectAttributes(storage_class="Archive"), destination=Condition.replacing(found.info))
    assert store.head("a").info.storage_class == "Archive"


def test_an_unknown_class(store: OSSStore) -> None:
    with pytest.raises(NotSupported):
        store.put("a", b"x", attributes=ObjectAttributes(storage_class="GLACIER"))


def test_archived_until_restored(server: OSSServer, store: OSSStore, bucket: str) -> None:
    store.put("cold", b"body", attributes=ObjectAttributes(storage_class="ColdArchive"))
    store.put("ia", b"x", attributes=ObjectAttributes(storage_class="IA"))
    assert store.head("cold").archived
    assert not store.head("ia").archived
    server.bucket(bucket).restore_object("cold")
    assert store.head("cold").archived  # it takes hours
    with pytest.raises(ObjectArchived):
        read(store, "cold")
    server.core.clock.shift(6 * 3600)
    try:
        assert not store.head("cold").archived
        assert read(store, "cold") == b"body"
        server.core.clock.shift(3 * 86400)
        assert store.head("cold").archived
    finally:
        server.core.clock.offset = 0.0


# What is sent with every write


@pytest.mark.parametrize(("encryption", "key"), [("AES256", None), ("SM4", None), ("KMS", None), ("KMS", "my-key")])
def test_encryption_of_every_way_to_write(
    server: OSSServer, make_store: MakeStore, bucket: str, encryption: str, key: str | None
) -> None:
    make_store().put("source", b"x")
    store = make_store(settings=WriteSettings(encryption=encryption, encryption_key=key))
    store.put("put", b"x")
    store.copy("copy", source_store=store, source_key="source", source=Condition.ANY)
    upload = store.begin_upload("parts")
    store.complete_upload("parts", upload, [store.upload_part("parts", upload, 1, b"x")], size=1)
    store.put("set", b"x")
    store.set_attributes("set", ObjectAttributes(), destination=Condition.ANY)
    for name in ("put", "copy", "parts", "set"):
        found = server.core.find(bucket, name).attributes.encryption
        assert found["x-oss-server-side-encryption"] == encryption
        if key:
            assert found["x-oss-server-side-encryption-key-id"] == key
        assert read(store, name) == b"x"


def test_a_key_that_may_not_be_used(server: OSSServer, make_store: MakeStore) -> None:
    server.denied_kms_keys.add("their-key")
    try:
        with pytest.raises(AccessDenied, match="KMS"):
            make_store(settings=WriteSettings(encryption="KMS", encryption_key="their-key")).put("a", b"x")
    finally:
        server.denied_kms_keys.clear()


def test_an_acl_of_s3_is_refused(make_store: MakeStore) -> None:
    with pytest.raises(InvalidConfiguration, match="no counterpart in OSS"):
        make_store(settings=WriteSettings(acl="bucket-owner-full-control"))


def test_requester_pays(server: OSSServer, make_store: MakeStore, bucket: str) -> None:
    owner = make_store("p/")
    owner.put("a", b"x", attributes=replace(ATTRIBUTES))
    server.core.bucket(bucket).settings.extra["requester_pays"] = True
    server.add_credential(other := Credential("other", "secret", account="999999999999"))
    with pytest.raises(AccessDenied, match="requester pay"):
        make_store("p/", credential=other).head("a")
    store = make_store("p/", credential=other, requester_pays=True)
    assert [item.key for item in store.list_page().items] == ["a"]
    assert read(store, "a") == b"x"
    assert store.tags("a") == ATTRIBUTES.tags
    store.copy("b", source_store=store, source_key="a", source=Condition.ANY)
    upload = store.begin_upload("c")
    part = store.upload_part("c", upload, 1, b"x")
    assert store.list_parts("c", upload) == (part,)
    store.complete_upload("c", upload, [part], size=1, destination=Condition.ABSENT)
    assert list(store.list_uploads()) == []
    assert store.region() == server.region
    store.delete("b")
