"""Is the right profile found, and does every profile become what the client and the store do?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from botocore import UNSIGNED

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.model.units import GIB, MIB, TIB
from airflow_bucketsync.engine.rules.parts import approach, part_ranges, part_size_for
from airflow_bucketsync.engine.stores.checksums import COMPUTABLE
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.items import Deletion
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.profiles import AWS, OTHER, PROFILES, Profile, guessed_profile, profile_named
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.engine.stores.s3.conftest import MakeStore
from tests.engine.stores.s3.test_keys import read
from tests.engine.stores.s3.test_listing import walked
from tests.servers.s3 import Quirks, S3Server

NAMES = (
    "aws", "minio", "seaweedfs", "versitygw", "ceph", "r2", "b2", "gcs_xml", "alibaba_s3", "tencent_cos", "huawei_obs",
    "qiniu", "jdcloud", "jrss", "other",
)  # fmt: skip
CHECKSUM_HEADERS = ("x-amz-checksum-", "x-amz-sdk-checksum-", "x-amz-trailer")
every_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)


def refusing(profile: Profile) -> Quirks:
    """The strict server as a store that can do no more than the profile says."""
    refuses = {"x-amz-trailer": "InvalidRequest", "x-amz-sdk-checksum-algorithm": "InvalidRequest"}
    if not profile.tags:
        refuses |= dict.fromkeys(("x-amz-tagging", "x-amz-tagging-directive", "GetObjectTagging"), "NotImplemented")
    if not profile.part_copy:
        refuses["UploadPartCopy"] = "NotImplemented"
    if not profile.acl:
        refuses["x-amz-acl"] = "NotImplemented"
    if not profile.redirect:
        refuses["x-amz-website-redirect-location"] = "NotImplemented"
    if profile.bulk_delete == "sdk":
        del refuses["x-amz-sdk-checksum-algorithm"]
    if profile.bulk_delete == "single":
        refuses["DeleteObjects"] = "NotImplemented"
    if profile.list_version == 1:
        refuses["ListObjectsV2"] = "NotImplemented"
    if profile.conditional_put == "none":
        refuses |= {"if-none-match": "NotImplemented"}
    for algorithm in ("crc64nvme", "crc32c", "crc32", "sha256", "sha1"):
        if algorithm not in profile.checksums:
            refuses[f"x-amz-checksum-{algorithm}"] = "InvalidRequest"
    if not profile.checksums:
        refuses |= {"x-amz-checksum-algorithm": "InvalidRequest", "x-amz-mp-object-size": "InvalidRequest"}
    if profile.bulk_delete == "sdk":
        refuses.pop("x-amz-checksum-crc32", None)
    ignored = () if profile.url_encode else ("encoding-type",)
    return Quirks(
        refuses=refuses,
        needs={"DeleteObjects": ("Content-MD5", "MissingContentMD5")} if profile.bulk_delete == "md5" else {},
        ignores={
            "ListObjects": ignored,
            "ListObjectsV2": ignored,
            "CopyObject": () if profile.conditional_copy == "yes" else ("if-match", "if-none-match"),
            "DeleteObject": () if profile.conditional_delete == "yes" else ("if-match",),
        },
        opaque_etags=profile.etag == "opaque",
    )


def test_the_names() -> None:
    assert tuple(profile.name for profile in PROFILES) == NAMES
    assert [profile_named(name).name for name in NAMES] == list(NAMES)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("minoi", "did you mean 'minio'"),
        (" AWS", "did you mean 'aws'"),
        ("zzzzzz", "known are aws, minio"),
        ("", "known"),
    ],
)
def test_an_unknown_name(name: str, words: str) -> None:
    with pytest.raises(InvalidConfiguration, match="bucketsync_profile") as caught:
        profile_named(name)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        (None, "aws"),
        ("", "aws"),
        ("https://s3.eu-west-1.amazonaws.com", "aws"),
        ("https://S3.cn-north-1.AMAZONAWS.com.cn:443/", "aws"),
        ("https://vpce-1a2b.s3.us-east-1.vpce.amazonaws.com", "aws"),
        ("https://0123456789abcdef.r2.cloudflarestorage.com", "r2"),
        ("https://0123456789abcdef.eu.r2.cloudflarestorage.com", "r2"),
        ("https://s3.us-west-004.backblazeb2.com", "b2"),
        ("https://storage.googleapis.com", "gcs_xml"),
        ("storage.googleapis.com", "gcs_xml"),
        ("https://s3.oss-cn-hangzhou.aliyuncs.com", "alibaba_s3"),
        ("https://s3.oss-cn-hangzhou-internal.aliyuncs.com", "alibaba_s3"),
        ("https://cos.ap-guangzhou.myqcloud.com", "tencent_cos"),
        ("https://bucket-125000.cos.ap-guangzhou.myqcloud.com", "tencent_cos"),
        ("https://obs.cn-north-4.myhuaweicloud.com", "huawei_obs"),
        ("https://s3.cn-east-1.qiniucs.com", "qiniu"),
        ("https://s3-cn-east-1.qiniucs.com", "qiniu"),
        ("https://s3.cn-north-1.jdcloud-oss.com", "jdcloud"),
        ("https://s3-internal.cn-north-1.jdcloud-oss.com", "jdcloud"),
        ("http://127.0.0.1:9000", "other"),
        ("https://amazonaws.com.evil.example", "other"),
        ("https://minio.example:9000", "other"),
        ("https://s3.oss-cn-hangzhou.aliyuncs.com.example", "other"),
        ("http://[::1]:9000", "other"),
    ],
)
def test_an_endpoint_stands_for_a_profile(endpoint: str | None, name: str) -> None:
    assert guessed_profile(endpoint).name == name


@pytest.mark.parametrize("host", ["oss-cn-hangzhou.aliyuncs.com", "bucket.oss-cn-hangzhou-internal.aliyuncs.com"])
def test_an_endpoint_of_oss_itself_is_named(host: str) -> None:
    with pytest.raises(InvalidConfiguration, match=r"oss://") as caught:
        guessed_profile(f"https://{host}")
    assert f"https://s3.{host.removeprefix('bucket.')}" in str(caught.value)


def test_a_store_goes_by_its_endpoint_unless_told(make_store: MakeStore) -> None:
    assert make_store().capabilities == OTHER.capabilities
    assert make_store(profile=AWS).capabilities == AWS.capabilities
    own = Capabilities(max_parts=3)
    assert make_store(profile=AWS, capabilities=own).capabilities is own


def test_what_an_unknown_store_is_trusted_with() -> None:
    """With what it has to refuse if it can't; not with what it would ignore in silence."""
    said = {"name", "title", "hosts", "endpoint", "addressing", "bulk_delete", "counts_tags", "tried", "notes"}
    differs = {field for field in Profile.__dataclass_fields__ if getattr(AWS, field) != getattr(OTHER, field)}
    assert differs - said == {"conditional_copy", "conditional_delete"}
    assert profile_named("jrss") == replace(OTHER, name="jrss", title="JRSS", tried="", notes="as `other`")


@every_profile
def test_the_table(profile: Profile) -> None:
    """What holds for every row: limits make objects, words are known, and what was not tried claims nothing."""
    capabilities = profile.capabilities
    assert set(profile.checksums) <= set(COMPUTABLE)
    assert 5 * MIB <= profile.min_part < profile.max_part <= 5 * GIB
    assert profile.max_part * profile.max_parts >= profile.max_object
    assert profile.title
    if profile.hosts:
        assert guessed_profile(profile.endpoint.replace("{region}", "xx-1").replace("{account}", "0a")) is profile
    if not (profile.checksums or profile.etag == "md5"):
        assert capabilities.etag_meaning == "opaque"
    assert capabilities.conditional_copy <= (capabilities.conditional_put == "full")
    config = client_config(profile)
    assert config.s3["addressing_style"] == profile.addressing
    assert config.s3["payload_signing_enabled"] is False
    assert config.signature_version == "s3v4"
    assert (config.request_checksum_calculation, config.response_checksum_validation) == ("when_required",) * 2
    assert client_config(profile, anonymous=True).signature_version is UNSIGNED
    assert client_config(profile, path_style=True).s3["addressing_style"] == "path"


@every_profile
def test_parts_but_the_last_have_one_size(profile: Profile) -> None:
    """Cloudflare R2 asks for it; so it is everywhere."""
    for size in (1, 5 * MIB, 5 * MIB + 1, 123_456_789, profile.max_object):
        part_size = part_size_for(size, wanted=16 * MIB, destination=profile.capabilities)
        lengths = [length for _, _, length in part_ranges(size, part_size)]
        assert set(lengths[:-1]) <= {part_size}
        assert 0 < lengths[-1] <= part_size
        assert sum(lengths) == size


@every_profile
def test_a_huge_object_finds_its_way_without_part_copy(profile: Profile) -> None:
    """A store that copies no parts copies whole, as far as it can; beyond, the bytes pass through us."""
    capabilities = profile.capabilities
    way = {
        size: approach(size, transport="server", policy=SyncPolicy(), destination=capabilities)
        for size in (1, GIB, 6 * GIB, TIB)
    }
    assert way[1] == "server_copy"
    if profile.name == "gcs_xml":
        assert (way[6 * GIB], way[TIB]) == ("server_copy", "server_copy")
    else:
        assert way[6 * GIB] == way[TIB] == ("part_copy" if profile.part_copy else "stream_parts")


@every_profile
def test_every_verb_on_a_store_that_can_do_no_more(server: S3Server, make_store: MakeStore, profile: Profile) -> None:
    """The strict server refuses whatever the profile says that this store does not know."""
    server.quirks = refusing(profile)
    store = make_store("p/", profile=profile)
    tags = {"k": "v"} if profile.tags else None
    attributes = ObjectAttributes(
        content_type="text/plain", user_metadata={"a": "b"}, tags=tags, redirect="/x" if profile.redirect else None
    )
    put = store.put("one", b"1", attributes=attributes, destination=Condition.ABSENT)
    store.put("two", b"22", destination=Condition.ABSENT)
    etag = store.put("two", b"333", destination=Condition(etag=store.head("two").info.etag, size=2)).etag
    pinned = Condition(etag=put.etag, size=1)
    store.copy("three", source_store=store, source_key="one", source=pinned, destination=Condition.ABSENT)
    store.copy("three", source_store=store, source_key="two", source=Condition(etag=etag, size=3), keep_tags=False)
    store.set_attributes("two", attributes, destination=Condition(etag=etag, size=3))
    assert store.head("two").attributes.user_metadata == {"a": "b"}
    assert store.tags("two") == (tags or {})
    upload = store.begin_upload("four", attributes=attributes)
    parts = [store.upload_part("four", upload, 1, b"part")]
    if profile.part_copy:
        parts.append(
            store.copy_part(
                "four", upload, 2, source_store=store, source_key="two", start=0, length=3, source=Condition.ANY
            )
        )
    size = sum(part.size for part in parts)
    assert list(store.list_parts("four", upload))
    assert [found.upload_id for found in store.list_uploads()] == [upload]
    store.complete_upload("four", upload, parts, size=size, destination=Condition.ABSENT)
    store.abort_upload("four", store.begin_upload("four"))
    assert walked(store, limit=1) == ["four", "one", "three", "two"]
    assert read(store, "two") == b"333"
    assert store.head("one").etag_is_md5 == (profile.etag == "md5")
    store.delete("one", destination=pinned)
    found = store.list_page().items
    deletions = [Deletion(key=info.key) for info in found[:2]] + [
        Deletion(key=info.key, destination=Condition(etag=info.etag)) for info in found[2:]
    ]
    assert [answer.error for answer in store.delete_many(deletions, gate=Gate(concurrency=1))] == [None] * 3
    assert walked(store) == []
    on_the_wire(server, store, profile)


def on_the_wire(server: S3Server, store: S3Store, profile: Profile) -> None:
    """What the request log says of a walk by all verbs."""
    entries = server.log.entries
    assert not [entry for entry in entries if entry.status >= 400 and entry.error_code != "NoSuchKey"]
    assert ("ListObjects" in store.requests, "ListObjectsV2" in store.requests) == (
        profile.list_version == 1,
        profile.list_version == 2,
    )
    for entry in entries:
        if entry.operation in ("ListObjects", "ListObjectsV2", "ListMultipartUploads"):
            assert entry.query.get("encoding-type") == ("url" if profile.url_encode else None)
        if entry.operation in ("PutObject", "UploadPart"):
            names = {
                name.removeprefix("x-amz-checksum-") for name in entry.headers if name.startswith(CHECKSUM_HEADERS)
            }
            assert names == ({profile.checksums[0]} if profile.checksums else set())
            assert ("content-md5" in entry.headers) == (not profile.checksums)
        if entry.operation == "DeleteObjects":
            assert ("content-md5" in entry.headers) == (profile.bulk_delete == "md5")
    assert ("DeleteObjects" in store.requests) == (profile.bulk_delete != "single")


@every_profile
def test_an_acl_is_sent_only_where_there_are_acls(server: S3Server, make_store: MakeStore, profile: Profile) -> None:
    settings = WriteSettings(acl="bucket-owner-full-control")
    if not profile.acl:
        with pytest.raises(InvalidConfiguration, match=r"acl: .* has no ACLs of objects"):
            make_store(profile=profile, settings=settings)
        return
    make_store(profile=profile, settings=settings).put("a", b"x")
    assert server.log.entries[0].headers["x-amz-acl"] == "bucket-owner-full-control"
