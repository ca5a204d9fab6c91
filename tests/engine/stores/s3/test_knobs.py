"""Does each knob of a profile change what is sent, and what is believed?"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import (
    BodyCorrupted,
    InvalidConfiguration,
    ListingUntrusted,
    NotSupported,
    ObjectChanged,
)
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import Checksum, ObjectAttributes
from airflow_bucketsync.engine.stores.base import Transfer
from airflow_bucketsync.engine.stores.checksums import checksum_of
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.items import Deletion
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.profiles import AWS, OTHER, profile_named
from airflow_bucketsync.engine.stores.s3.store import S3Store
from airflow_bucketsync.engine.stores.transfer import transfer_object
from tests.engine.stores.s3.conftest import MakeStore
from tests.engine.stores.s3.test_keys import read
from tests.engine.stores.s3.test_listing import fill, walked
from tests.engine.stores.s3.torture import KEYS, MARKS
from tests.servers.s3 import Quirks, S3Server
from tests.servers.web.faults import Fault

FIRST = replace(OTHER, list_version=1)
PLAIN = replace(OTHER, url_encode=False)
LISTINGS = ("ListObjects", "ListObjectsV2")
NO_ENCODING = {"ignores": dict.fromkeys(LISTINGS, ("encoding-type",))}


class TestFirstListing:
    @pytest.mark.parametrize("limit", range(1, 8))
    @pytest.mark.parametrize("prefix", ["", "p + %2B/"])
    def test_marks_at_every_page_border(
        self, server: S3Server, make_store: MakeStore, bucket: str, limit: int, prefix: str
    ) -> None:
        fill(server, bucket, ["a-neighbour", *(prefix + key for key in MARKS), "p0"] if prefix else MARKS)
        assert walked(make_store(prefix, profile=FIRST), limit=limit) == sorted(MARKS)

    @pytest.mark.parametrize("limit", [1, 3, 1000])
    def test_hostile_keys(self, server: S3Server, make_store: MakeStore, bucket: str, limit: int) -> None:
        fill(server, bucket, KEYS)
        store = make_store(profile=FIRST)
        assert walked(store, limit=limit) == sorted(KEYS, key=str.encode)
        assert set(store.requests) == {"ListObjects"}

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda body: re.sub(rb"<Marker>[^<]*</Marker>", b"", body), "begins after ''"),
            (lambda body: re.sub(rb"<Marker>[^<]*<", b"<Marker>zz<", body), "begins after 'zz'"),
            (lambda body: re.sub(rb"<IsTruncated>\w+</IsTruncated>", b"", body), "whether more follows"),
            (lambda body: re.sub(rb"<Name>[^<]*<", b"<Name>x<", body), "names the bucket"),
            (lambda body: re.sub(rb"<Contents>.*</Contents>", b"", body), "has no marker"),
            (lambda body: body[: len(body) // 2], "complete XML"),
            (lambda body: b"", "bucket"),
        ],
    )
    def test_a_page_needs_its_proof(
        self, server: S3Server, make_store: MakeStore, bucket: str, change: Any, words: str
    ) -> None:
        fill(server, bucket, [*"abcd"])
        server.faults.add(Fault("substitute", transform=change, status=200))
        with pytest.raises(ListingUntrusted, match=words):
            make_store(profile=FIRST).list_page(after="a", limit=2)

    def test_a_marker_that_is_ignored_is_seen(self, server: S3Server, make_store: MakeStore, bucket: str) -> None:
        fill(server, bucket, [*"abcd"])
        server.quirks = Quirks(ignores={"ListObjects": ("marker",)})
        with pytest.raises(ListingUntrusted, match="begins after ''"):
            walked(make_store(profile=FIRST), limit=2)

    def test_a_page_without_keys_is_followed_by_its_marker(
        self, server: S3Server, make_store: MakeStore, bucket: str
    ) -> None:
        fill(server, bucket, ["a b", "c"])

        def hollow(body: bytes) -> bytes:
            return re.sub(rb"<Contents>.*</Contents>", b"<NextMarker>a+b</NextMarker>", body)

        server.faults.add(Fault("substitute", on=1, transform=hollow, status=200))
        assert walked(make_store(profile=FIRST), limit=1) == ["c"]

    def test_a_store_of_the_first_listing_that_is_asked_for_the_second_is_told(
        self, server: S3Server, make_store: MakeStore, bucket: str
    ) -> None:
        fill(server, bucket, [*"abcd"])
        server.quirks = Quirks(first_listing_only=True)
        with pytest.raises(ListingUntrusted, match="bucketsync_profile"):
            make_store().list_page()


class TestPlainListing:
    @pytest.mark.parametrize("profile", [OTHER, PLAIN, replace(FIRST, url_encode=False)])
    def test_keys_that_xml_carries_come_as_they_are(
        self, server: S3Server, make_store: MakeStore, bucket: str, profile: Any
    ) -> None:
        keys = sorted(["a&b<c>\"'", "a+b", "a b", "a%20b", "ä", "\U0001f600", "x]]>"], key=str.encode)
        fill(server, bucket, keys)
        server.quirks = Quirks(**NO_ENCODING)
        assert walked(make_store(profile=profile), limit=2) == keys

    @pytest.mark.parametrize("profile", [OTHER, PLAIN, replace(FIRST, url_encode=False)])
    @pytest.mark.parametrize("limit", [3, 4, 1000])
    def test_keys_that_may_stand_for_others_are_refused_by_name(
        self, server: S3Server, make_store: MakeStore, bucket: str, profile: Any, limit: int
    ) -> None:
        """A control character is shown as U+FFFD, which sorts elsewhere: it never decides where a page goes on."""
        fill(server, bucket, ["a", "b\x01", "b!", "c", "d\ufffd", "e\n", "f"])
        server.quirks = Quirks(**NO_ENCODING, plain_control="\ufffd")
        store = make_store(profile=profile)
        found, refused, following = [], {}, ""
        while following is not None:
            page = store.list_page(after=following, limit=limit)
            found += [item.key for item in page.items]
            refused |= dict(page.refused)
            following = page.next_after
        assert found == ["a", "b!", "c", "f"]
        assert set(refused) == {"b\ufffd", "d\ufffd", "e\n"}
        assert "U+FFFD" in refused["b\ufffd"]

    @pytest.mark.parametrize("limit", [1, 2])
    def test_a_page_of_such_keys_alone_is_followed_by_its_token(
        self, server: S3Server, make_store: MakeStore, bucket: str, limit: int
    ) -> None:
        fill(server, bucket, ["b\x01", "b\x02", "b\x03", "c"])
        server.quirks = Quirks(**NO_ENCODING, plain_control="\ufffd")
        page = make_store(profile=PLAIN).list_page(limit=limit)
        assert [item.key for item in page.items] == ["c"]
        assert [name for name, _ in page.refused] == ["b\ufffd"] * 3
        assert page.next_after is None

    def test_where_there_are_no_tokens_such_a_page_is_untrusted(
        self, server: S3Server, make_store: MakeStore, bucket: str
    ) -> None:
        fill(server, bucket, ["b\x01", "c"])
        server.quirks = Quirks(**NO_ENCODING, plain_control="\ufffd")
        with pytest.raises(ListingUntrusted, match="may stand for others"):
            make_store(profile=replace(FIRST, url_encode=False)).list_page(limit=1)

    def test_a_control_character_itself_is_untrusted(
        self, server: S3Server, make_store: MakeStore, bucket: str
    ) -> None:
        fill(server, bucket, ["a", "b\x01"])
        server.quirks = Quirks(**NO_ENCODING)
        with pytest.raises(ListingUntrusted, match="complete XML"):
            make_store(profile=PLAIN).list_page()

    @pytest.mark.parametrize("key", ["a\x01", "a\r", "a\n", "a\t", "a\ufffd", "a\uffff"])
    def test_such_a_key_is_not_written(self, make_store: MakeStore, key: str) -> None:
        store = make_store(profile=PLAIN)
        assert "can't carry" in str(store.refusal(key))
        with pytest.raises(NotSupported, match="can't carry"):
            store.put(key, b"x")
        assert store.requests == {}
        assert make_store().refusal(key) is None

    def test_nothing_is_asked_for(self, server: S3Server, make_store: MakeStore) -> None:
        store = make_store(profile=PLAIN)
        store.list_page()
        list(store.list_uploads())
        assert [entry.query.get("encoding-type") for entry in server.log.entries] == [None, None]


PATHS = replace(OTHER, path_keys=True)


class TestPathKeys:
    @pytest.mark.parametrize(
        "key", ["/a", "a//b", ".", "..", "a/./b", "a/..", "../a", "/", "a//", "x" * 256, "a/" + "é" * 128 + "/b"]
    )
    def test_a_key_that_would_be_changed_is_not_written(self, make_store: MakeStore, key: str) -> None:
        store = make_store(profile=PATHS)
        assert "paths" in str(store.refusal(key))
        with pytest.raises(NotSupported, match="paths"):
            store.put(key, b"x")
        assert store.requests == {}
        assert make_store().refusal(key) is None

    @pytest.mark.parametrize("key", ["a", "a/b", "a/", "a/b/", ".a", "a..", "...", "x" * 255, "a/" + "é" * 127])
    def test_others_are(self, make_store: MakeStore, key: str) -> None:
        store = make_store("p/", profile=PATHS)
        assert store.refusal(key) is None
        store.put(key, b"")
        assert walked(store) == [key]


class TestBulkDelete:
    def test_a_store_that_wants_md5_names_its_remedy(self, server: S3Server, make_store: MakeStore) -> None:
        server.quirks = Quirks(needs={"DeleteObjects": ("Content-MD5", "MissingContentMD5")})
        deletions = [Deletion(key="a"), Deletion(key="b")]
        for answer in make_store(profile=AWS).delete_many(deletions, gate=Gate(concurrency=1)):
            assert isinstance(answer.error, NotSupported)
            assert "bucketsync_profile" in str(answer.error)
        assert [answer.error for answer in make_store().delete_many(deletions, gate=Gate(concurrency=1))] == [None] * 2

    def test_md5_or_the_clients_checksum_not_both(self, server: S3Server, make_store: MakeStore) -> None:
        deletions = [Deletion(key="a"), Deletion(key="b")]
        for profile in (AWS, OTHER):
            list(make_store(profile=profile).delete_many(deletions, gate=Gate(concurrency=1)))
        sent = [
            ("content-md5" in entry.headers, "x-amz-checksum-crc32" in entry.headers) for entry in server.log.entries
        ]
        assert sent == [(False, True), (True, False)]

    def test_one_by_one(self, server: S3Server, make_store: MakeStore, bucket: str) -> None:
        fill(server, bucket, [*"abc"])
        store = make_store(profile=replace(AWS, bulk_delete="single"))
        answers = list(store.delete_many([Deletion(key=key) for key in "abc"], gate=Gate(concurrency=1)))
        assert [answer.error for answer in answers] == [None] * 3
        assert store.requests == {"DeleteObject": 3}


IGNORED = Quirks(ignores=dict.fromkeys(("CopyObject", "DeleteObject"), ("if-match", "if-none-match")))


class TestDoubtedConditions:
    """Real servers take conditions on copies and deletes without a word, and ignore them."""

    def test_nothing_is_overwritten_or_deleted_that_changed(self, server: S3Server, make_store: MakeStore) -> None:
        server.quirks = IGNORED
        store = make_store()
        old = store.put("stands", b"old")
        store.put("stands", b"new")
        store.put("from", b"copied")
        for destination in (Condition.ABSENT, Condition(etag=old.etag, size=3)):
            with pytest.raises(ObjectChanged):
                store.copy(
                    "stands", source_store=store, source_key="from", source=Condition.ANY, destination=destination
                )
        with pytest.raises(ObjectChanged):
            store.delete("stands", destination=Condition(etag=old.etag))
        deletions = [Deletion(key="stands", destination=Condition(etag=old.etag)), Deletion(key="from")]
        answers = {answer.key: answer.error for answer in store.delete_many(deletions, gate=Gate(concurrency=1))}
        assert isinstance(answers["stands"], ObjectChanged)
        assert answers["from"] is None
        assert read(store, "stands") == b"new"

    def test_a_store_that_is_trusted_is_not_asked_first(self, server: S3Server, make_store: MakeStore) -> None:
        store = make_store(profile=AWS)
        put = store.put("from", b"x")
        pinned = Condition(etag=put.etag, size=1)
        store.copy("to", source_store=store, source_key="from", source=pinned, destination=Condition.ABSENT)
        store.delete("from", destination=pinned)
        assert store.requests == {"PutObject": 1, "CopyObject": 1, "DeleteObject": 1}

    @pytest.mark.parametrize("operation", ["CopyObject", "DeleteObject"])
    def test_a_change_after_the_look_is_seen_where_the_store_sees_it(
        self, server: S3Server, make_store: MakeStore, bucket: str, operation: str
    ) -> None:
        store = make_store()
        put = store.put("stands", b"old")
        source = store.put("from", b"x")
        pinned = Condition(etag=put.etag, size=3)
        server.faults.add(
            Fault("before", operation=operation, hook=lambda call: server.core.put(bucket, "stands", b"meanwhile"))
        )
        named = Condition(etag=source.etag, size=1)
        writes = {
            "DeleteObject": lambda: store.delete("stands", destination=pinned),
            "CopyObject": lambda: store.copy(
                "stands", source_store=store, source_key="from", source=named, destination=pinned
            ),
        }
        with pytest.raises(ObjectChanged):
            writes[operation]()
        assert read(store, "stands") == b"meanwhile"

    def test_a_store_without_conditions_is_sent_none(self, server: S3Server, make_store: MakeStore) -> None:
        store = make_store(profile=profile_named("ceph"))
        put = store.put("a", b"x", destination=Condition.ABSENT)
        pinned = Condition(etag=put.etag, size=1)
        store.put("a", b"x", destination=pinned)
        store.copy("b", source_store=store, source_key="a", source=pinned, destination=Condition.ABSENT)
        store.set_attributes("a", ObjectAttributes(storage_class="STANDARD_IA"), destination=pinned)
        store.delete("b", destination=pinned)
        assert not [entry for entry in server.log.entries if {"if-match", "if-none-match"} & set(entry.headers)]
        with pytest.raises(ObjectChanged):
            store.put("a", b"y", destination=Condition.ABSENT)


NO_CHECKSUM = {"ignores": dict.fromkeys(("GetObject", "HeadObject"), ("x-amz-checksum-mode",))}


class TestFingerprints:
    def brought(self, source: S3Store, to: S3Store) -> Any:
        transfer = Transfer(
            source_store=source,
            source=source.list_page().items[0],
            key="copy",
            destination=Condition.ABSENT,
            mode="stream",
        )
        return transfer_object(to, transfer, gate=Gate(concurrency=1))

    def test_an_opaque_etag_is_compared_with_nothing(
        self, server: S3Server, make_store: MakeStore, bucket: str
    ) -> None:
        server.core.put(bucket, "a", b"body", etag="0" * 32)
        server.quirks = Quirks(**NO_CHECKSUM)
        opaque = make_store(profile=replace(OTHER, etag="opaque"))
        assert not opaque.head("a").etag_is_md5
        assert self.brought(opaque, opaque).error is None
        opaque.delete("copy")
        digest = make_store()
        assert digest.head("a").etag_is_md5
        assert isinstance(self.brought(digest, digest).error, BodyCorrupted)

    @pytest.mark.parametrize(
        ("text", "checksum"),
        [
            ("11051210869376104954", Checksum(algorithm="crc64xz", value="995dc9bbdf1939fa")),
            ("0", Checksum(algorithm="crc64xz", value="0" * 16)),
            ("99999999999999999999999", None),
            ("-1", None),
            ("", None),
            ("no number", None),
        ],
    )
    def test_the_crc_of_tencent_is_read(
        self, server: S3Server, make_store: MakeStore, bucket: str, text: str, checksum: Checksum | None
    ) -> None:
        header = {"x-cos-hash-crc64ecma": text}
        server.quirks = Quirks(**NO_CHECKSUM, adds=dict.fromkeys(("HeadObject", "GetObject", "PutObject"), header))
        server.core.put(bucket, "a", b"123456789")
        store = make_store(profile=profile_named("tencent_cos"))
        assert store.head("a").info.checksum == checksum
        with store.open("a") as body:
            assert body.details.info.checksum == checksum
        with store.open("a", start=1, length=2) as body:
            assert body.details.info.checksum is None
        assert make_store().head("a").info.checksum is None

    def test_r2_gets_no_other_checksum_than_its_own(self, server: S3Server, make_store: MakeStore) -> None:
        store = make_store(profile=profile_named("r2"))
        store.put("a", b"body", checksum=checksum_of("sha256", b"body"))
        (entry,) = server.log.entries
        names = {name for name in entry.headers if name.startswith("x-amz-checksum-")}
        assert names == {"x-amz-checksum-crc64nvme"}
        with pytest.raises(BodyCorrupted):
            store.put("a", b"other", checksum=checksum_of("sha256", b"body"))
        assert store.requests == {"PutObject": 1}


def test_a_store_without_tags_is_given_none(make_store: MakeStore) -> None:
    store = make_store(profile=profile_named("b2"))
    with pytest.raises(NotSupported, match="no tags"):
        store.put("a", b"x", attributes=ObjectAttributes(tags={"a": "b"}))
    store.put("a", b"x", attributes=ObjectAttributes(tags={}))
    assert store.requests == {"PutObject": 1}


class TestAddressing:
    def store(self, server: S3Server, bucket: str, addressing: Any) -> S3Store:
        profile = replace(OTHER, addressing=addressing)
        client = server.client(
            config=client_config(profile), endpoint_url=f"http://localhost:{server.port}", region_name=server.region
        )

        def connect_here(request: Any, **_: Any) -> None:
            """No name server knows buckets of this machine."""
            host = request.url.split("/")[2]
            request.headers["Host"] = host
            request.url = request.url.replace(host, f"127.0.0.1:{server.port}", 1)

        store = S3Store(Location(scheme="s3", bucket=bucket), client, profile=profile)
        client.meta.events.register_last("before-send.s3", connect_here)
        return store

    @pytest.mark.parametrize("addressing", ["virtual", "path"])
    def test_where_the_bucket_stands(self, server: S3Server, bucket: str, addressing: str) -> None:
        # The test client merges over path style.
        server.quirks = Quirks(virtual_only=addressing == "virtual")
        store = self.store(server, bucket, addressing)
        store.put("a/b", b"x")
        assert walked(store) == ["a/b"]
        store.copy("c", source_store=store, source_key="a/b", source=Condition.ANY)
        hosts = {entry.headers["host"] for entry in server.log.entries}
        name = f"{bucket}.localhost" if addressing == "virtual" else "localhost"
        assert hosts == {f"{name}:{server.port}"}
        store.close()

    def test_a_store_that_forbids_the_path_names_its_remedy(self, server: S3Server, make_store: MakeStore) -> None:
        server.quirks = Quirks(virtual_only=True)
        with pytest.raises(InvalidConfiguration, match="bucketsync_profile"):
            make_store().list_page()


class TestSigning:
    def test_neither_accept_encoding_nor_an_id_of_the_client_is_signed(
        self, server: S3Server, make_store: MakeStore
    ) -> None:
        """Google changes `Accept-Encoding` on the way."""
        seen: list[tuple[str, str]] = []
        server.faults.add(
            Fault("before", hook=lambda call: seen.append((call.headers["Authorization"], call.raw_query)))
        )
        store = make_store(profile=profile_named("gcs_xml"))
        store.put("a", b"x")
        read(store, "a")
        store.list_page()
        store.delete("a")
        signed = [re.search(r"SignedHeaders=([^,]*)", authorization)[1] for authorization, _ in seen]  # type: ignore[index]
        assert len(signed) == 4
        assert not any("accept-encoding" in names for names in signed)
        assert not any("x-id" in query for _, query in seen)

    @pytest.mark.parametrize("unsigned", [True, False])
    def test_bodies_over_tls_have_a_hash_where_the_store_wants_one(self, make_store: MakeStore, unsigned: bool) -> None:
        with S3Server(tls=True, buckets=["secure-bucket"]) as secure:
            store = make_store(place="secure-bucket", at=secure, profile=replace(OTHER, unsigned_payload=unsigned))
            store.put("a", b"x")
            sent = secure.log.select(operation="PutObject")[0].headers["x-amz-content-sha256"]
            assert (sent == "UNSIGNED-PAYLOAD") == unsigned
            store.close()
