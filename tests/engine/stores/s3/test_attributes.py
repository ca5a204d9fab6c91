"""Do an object's attributes arrive as they were given?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, NotSupported
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.stores.remote.header_text import decoded, encoded
from airflow_bucketsync.engine.stores.s3.store import AWS, S3Store
from tests.engine.stores.s3.conftest import MakeStore
from tests.servers.s3 import Allow, Credential, S3Server

VALUES = (
    "plain", "", "a  b", "comma, semicolon; equals=", 'quo"te', "back\\slash", "100%", "%41", "a+b", "ä",
    "Grüße aus Köln", "中文", "\U0001f600", "ä b  c", "mixed =? ä ?=", "ünï" * 100, "=?no word?=",
    "=?UTF-8?B?QQ==?=", "=?utf-8?Q?a=41_b?=", "e\u0301", "nbsp\xa0x", "tab\tinside", "line\nfeed", "\x7f",
)  # fmt: skip
FULL = ObjectAttributes(
    content_type="text/csv; charset=utf-8",
    content_encoding="gzip",
    content_disposition='attachment; filename="Grüße.csv"',
    content_language="de, en",
    cache_control="max-age=60, no-transform",
    expires="Wed, 21 Oct 2026 07:28:00 GMT",
    user_metadata={"one": "1", "with-dash": "ä", "empty": ""},
    tags={"plain": "value", "a b+c": "=&/ä", "empty": ""},
    storage_class="STANDARD_IA",
    redirect="/elsewhere",
)


@pytest.mark.parametrize("value", VALUES)
def test_user_metadata_arrives_as_given(store: S3Store, value: str) -> None:
    store.put("a", b"x", attributes=ObjectAttributes(user_metadata={"v": value}))
    assert store.head("a").attributes.user_metadata == {"v": value}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("=?UTF-8?B?w4PChE3Dg8KE?=", "Ã\x84MÃ\x84"),
        ("=?UTF-8?Q?=C3=A4_b?=", "ä b"),
        ("=?utf-8?q?a=C3?= =?utf-8?q?=A4?=", "aä"),
        ("=?UTF-8?B?w6Q=?=\t=?ISO-8859-1?Q?=E4?=", "ää"),
        ("before =?UTF-8?B?w6Q=?= after", "before ä after"),
        ("=?UTF-8?B?w6Q=?=, =?UTF-8?B?w6Q=?=", "ä, ä"),
        ("=?UTF-8?B?QQ==?=", "=?UTF-8?B?QQ==?="),
        ("=?UTF-8?B?!!!?=", "=?UTF-8?B?!!!?="),
        ("=?UTF-8?B?/w==?=", "=?UTF-8?B?/w==?="),
        ("=?no-such-charset?B?w6Q=?=", "=?no-such-charset?B?w6Q=?="),
        ("plain =? text ?=", "plain =? text ?="),
    ],
)
def test_words_in_headers(header: str, value: str) -> None:
    assert decoded(header) == value


@pytest.mark.parametrize("value", VALUES)
def test_what_is_sent_is_plain_ascii_and_means_the_value(value: str) -> None:
    header = encoded(value)
    assert header.isascii()
    assert header.isprintable()
    if not value.isascii():
        assert decoded(header) == value


@pytest.mark.parametrize("name", ["ä", "a b", "a:b", "a\nb", ""])
def test_a_name_no_header_can_have_is_refused_by_name(store: S3Store, name: str) -> None:
    with pytest.raises(NotSupported, match="user metadata can't be named") as caught:
        store.put("a", b"x", attributes=ObjectAttributes(user_metadata={name: "v"}))
    assert caught.value.key == "a"
    assert store.requests == {}


def shown(store: S3Store, key: str) -> ObjectAttributes:
    """The attributes with the tags, without the time."""
    return replace(store.head(key).attributes, tags=store.tags(key), source_mtime=None)


def test_all_attributes_by_put_upload_copy_and_get(store: S3Store) -> None:
    put = store.put("put", b"x", attributes=FULL)
    assert shown(store, "put") == FULL
    upload = store.begin_upload("parts", attributes=FULL)
    store.complete_upload("parts", upload, [store.upload_part("parts", upload, 1, b"x")], size=1)
    assert shown(store, "parts") == FULL
    store.put("bare", b"x")
    pinned = Condition(etag=put.etag, size=1)
    store.copy("copy", source_store=store, source_key="bare", source=pinned, attributes=FULL)
    assert shown(store, "copy") == FULL
    store.set_attributes("bare", FULL, destination=pinned)
    assert shown(store, "bare") == FULL
    with store.open("put") as body:
        assert body.details.attributes == store.head("put").attributes


def test_an_object_without_attributes_has_the_type_of_s3(server: S3Server, store: S3Store) -> None:
    """It is said in so many words, as some stores guess a type from the key."""
    put = store.put("page.html", b"x")
    store.begin_upload("page.html")
    store.set_attributes("page.html", ObjectAttributes(), destination=Condition(etag=put.etag, size=1))
    writes = [entry for entry in server.log.entries if entry.method != "HEAD"]
    assert [entry.headers["content-type"] for entry in writes] == ["binary/octet-stream"] * 3
    assert shown(store, "page.html") == ObjectAttributes(content_type="binary/octet-stream", tags={})
    assert store.head("page.html").info.storage_class is None


def test_expires_is_no_date_sometimes(store: S3Store) -> None:
    for value in ("0", "-1", "Wed, 21 Oct 2026 07:28:00 GMT", "Wednesday, 21-Oct-26 07:28:00 GMT"):
        store.put("a", b"x", attributes=ObjectAttributes(expires=value))
        assert store.head("a").attributes.expires == value


class TestCopyOfAttributes:
    def test_the_sources_come_along(self, store: S3Store) -> None:
        put = store.put("a", b"x", attributes=FULL)
        store.copy("b", source_store=store, source_key="a", source=Condition(etag=put.etag, size=1))
        found = shown(store, "b")
        # S3 leaves these two behind.
        assert (found.storage_class, found.redirect) == (None, None)
        assert found.user_metadata == FULL.user_metadata
        assert found.tags == FULL.tags
        assert found.expires == FULL.expires
        assert found.content_disposition == FULL.content_disposition

    def test_without_tags(self, server: S3Server, make_store: MakeStore) -> None:
        store = make_store()
        put = store.put("a", b"x", attributes=FULL)
        pinned = Condition(etag=put.etag, size=1)
        store.copy("b", source_store=store, source_key="a", source=pinned, keep_tags=False)
        assert store.tags("b") == {}
        store.copy("c", source_store=store, source_key="a", source=pinned, keep_tags=False, attributes=FULL)
        assert store.tags("c") == {}

    def test_tags_unless_given(self, store: S3Store) -> None:
        put = store.put("a", b"x", attributes=FULL)
        pinned = Condition(etag=put.etag, size=1)
        plain = ObjectAttributes(content_type="text/plain")
        store.copy("b", source_store=store, source_key="a", source=pinned, attributes=plain)
        assert shown(store, "b") == ObjectAttributes(content_type="text/plain", tags=FULL.tags)
        with_tags = ObjectAttributes(content_type="text/plain", tags={"n": "1"})
        store.copy("c", source_store=store, source_key="a", source=pinned, attributes=with_tags)
        assert shown(store, "c") == with_tags


def test_tags_that_may_not_be_read(server: S3Server, make_store: MakeStore) -> None:
    make_store().put("a", b"x", attributes=ObjectAttributes(tags={"k": "v"}))
    server.add_credential(limited := Credential("limited-access", "limited-secret", allow=(Allow("GetObject"),)))
    with pytest.raises(AccessDenied, match="s3:GetObjectTagging"):
        make_store(credential=limited).tags("a")


def test_a_store_without_tags_is_not_asked_for_them(make_store: MakeStore) -> None:
    store = make_store(capabilities=Capabilities(tags=False, checksums=("crc64nvme",)))
    put = store.put("a", b"x")
    assert store.tags("a") == {}
    store.copy("b", source_store=store, source_key="a", source=Condition(etag=put.etag, size=1), keep_tags=False)
    assert store.requests == {"PutObject": 1, "CopyObject": 1}


def test_the_time_a_file_had(store: S3Store) -> None:
    store.put("a", b"x", attributes=ObjectAttributes(user_metadata={"mtime": "1700000000.25"}))
    assert store.head("a").attributes.source_mtime == datetime(2023, 11, 14, 22, 13, 20, 250000, tzinfo=UTC)
    store.put("b", b"x", attributes=ObjectAttributes(source_mtime=datetime(2000, 1, 1, tzinfo=UTC)))
    details = store.head("b")
    assert details.attributes.source_mtime == details.info.last_modified
    assert details.attributes.user_metadata == {}


def test_no_acl_is_sent_unless_given(server: S3Server, store: S3Store, make_store: MakeStore) -> None:
    put = store.put("a", b"x")
    pinned = Condition(etag=put.etag, size=1)
    store.copy("b", source_store=store, source_key="a", source=pinned)
    store.set_attributes("a", ObjectAttributes(), destination=pinned)
    store.begin_upload("c")
    assert not any("x-amz-acl" in entry.headers for entry in server.log.entries)
    server.log.clear()
    acl = "bucket-owner-full-control"
    store = make_store(settings=WriteSettings(acl=acl))
    store.put("a", b"x")
    store.copy("b", source_store=store, source_key="a", source=pinned)
    store.set_attributes("a", ObjectAttributes(), destination=pinned)
    store.begin_upload("c")
    writes = [entry for entry in server.log.entries if entry.method != "HEAD"]
    assert [entry.headers.get("x-amz-acl") for entry in writes] == [acl] * 4


def test_which_etags_are_an_md5(server: S3Server, store: S3Store, bucket: str) -> None:
    store.put("whole", b"x")
    upload = store.begin_upload("parts")
    store.complete_upload("parts", upload, [store.upload_part("parts", upload, 1, b"x")], size=1)
    server.core.put(bucket, "kms", b"x", encryption={"x-amz-server-side-encryption": "aws:kms"})
    assert [store.head(key).etag_is_md5 for key in ("whole", "parts", "kms")] == [True, False, False]
    with store.open("whole") as body:
        assert body.details.etag_is_md5


def test_tags_are_asked_for_only_where_there_may_be_some(make_store: MakeStore) -> None:
    """Once the store let us read tags, a HEAD that counts none says that there are none."""
    store = make_store(capabilities=AWS)
    store.put("tagged", b"x", attributes=ObjectAttributes(tags={"a": "b"}))
    store.put("plain", b"x")
    assert not store.head("plain").untagged, "nobody read tags yet: none may mean not allowed"
    assert store.tags("plain") == {}
    assert store.head("plain").untagged
    assert not store.head("tagged").untagged
    with store.open("plain") as body:
        assert body.details.untagged


def test_a_store_that_may_not_count_tags_is_always_asked(make_store: MakeStore) -> None:
    store = make_store()
    store.put("plain", b"x")
    assert store.tags("plain") == {}
    assert not store.head("plain").untagged
