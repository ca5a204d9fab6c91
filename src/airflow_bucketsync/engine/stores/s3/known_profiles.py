"""Which stores that speak S3 are known, and how do they differ?

What is not said here is the careful default of `Profile`: nothing is taken for granted that would be lost silently.
"""

from __future__ import annotations

from dataclasses import replace

from airflow_bucketsync.engine.model.storage_classes import S3_CLASSES
from airflow_bucketsync.engine.model.units import GIB, MIB, TIB
from airflow_bucketsync.engine.stores.s3.profile import Profile

_GB = 1_000_000_000

AWS = Profile(
    name="aws",
    title="Amazon S3",
    hosts=(r".*\.amazonaws\.com(\.cn)?",),
    endpoint="https://s3.{region}.amazonaws.com",
    addressing="auto",
    checksums=("crc64nvme", "crc32c", "crc32", "sha256", "sha1"),
    bulk_delete="sdk",
    etag="md5",
    counts_tags=True,
    conditional_put="full",
    conditional_copy="yes",
    conditional_delete="yes",
    redirect=True,
    storage_classes=S3_CLASSES,
    encryptions=("AES256", "aws:kms", "aws:kms:dsse"),
    tried="the strict server of the tests, which was written from Amazon's documents; never Amazon itself",
)
OTHER = Profile(
    name="other",
    title="any other store",
    checksums=AWS.checksums,
    etag="md5",
    conditional_put="full",
    conditional_copy="doubted",
    conditional_delete="doubted",
    redirect=True,
    storage_classes=S3_CLASSES,
    encryptions=AWS.encryptions,
    tried="the strict server of the tests and moto",
    notes="a modern store is expected: what it can't do it has to refuse, and then another profile is needed",
)

PROFILES: tuple[Profile, ...] = (
    AWS,
    Profile(
        name="minio",
        title="MinIO",
        region="us-east-1",
        checksums=AWS.checksums,
        path_keys=True,
        part_copy=False,
        etag="md5",
        tag_characters="oss",
        counts_tags=True,
        conditional_put="full",
        conditional_copy="doubted",
        conditional_delete="doubted",
        copies_expires=False,
        storage_classes=("REDUCED_REDUNDANCY",),
        max_user_metadata=2048 - len("x-amz-meta-"),
        tried="a real server",
        notes="it lists an object `a` and hides `a/b` beside it; open uploads are listed for a whole key only; a copy "
        "loses `Expires`, so it is told the headers; parts are streamed, as it copies none into an upload with "
        "checksums",
    ),
    Profile(
        name="seaweedfs",
        title="SeaweedFS",
        region="us-east-1",
        path_keys=True,
        notes="keys are kept as paths",
    ),
    Profile(
        name="versitygw",
        title="Versity S3 Gateway",
        region="us-east-1",
        checksums=AWS.checksums,
        url_encode=False,
        path_keys=True,
        part_copy=False,
        etag="md5",
        counts_tags=True,
        conditional_put="full",
        conditional_copy="doubted",
        conditional_delete="doubted",
        redirect=True,
        tried="a real server, over a file system",
        notes="a key that ends with `/` takes no body; parts are streamed, as a copied one has a wrong checksum",
    ),
    Profile(
        name="ceph",
        title="Ceph Object Gateway",
        region="us-east-1",
        list_version=1,
        url_encode=False,
        etag="md5",
        notes="list version 2 and checksums are known to newer releases only: use `other` for those",
    ),
    Profile(
        name="r2",
        title="Cloudflare R2",
        hosts=(r"[^.]+(\.[^.]+)?\.r2\.cloudflarestorage\.com",),
        endpoint="https://{account}.r2.cloudflarestorage.com",
        region="auto",
        checksums=("crc64nvme",),
        tags=False,
        acl=False,
        conditional_put="full",
        storage_classes=("STANDARD_IA",),
        max_put=5 * GIB - 5 * MIB,
        max_part=5 * GIB - 5 * MIB,
        max_object=5 * TIB - 5 * GIB,
        notes="all parts but the last must have one size, which they have everywhere here; of checksums over a whole "
        "object it knows only CRC64NVME; copies know conditions under headers of their own only",
    ),
    Profile(
        name="b2",
        title="Backblaze B2",
        hosts=(r"s3\.[^.]+\.backblazeb2\.com",),
        endpoint="https://s3.{region}.backblazeb2.com",
        etag="md5",
        tags=False,
        acl=False,
        encryptions=("AES256",),
        max_copy=5 * _GB,
        max_put=5 * _GB,
        max_part=5 * _GB,
        notes="https only; it refuses `x-amz-tagging` and has ACLs of buckets only",
    ),
    Profile(
        name="gcs_xml",
        title="Google Cloud Storage (XML)",
        hosts=(r"storage\.googleapis\.com",),
        endpoint="https://storage.googleapis.com",
        region="auto",
        bulk_delete="single",
        part_copy=False,
        max_copy=5 * TIB,
        tags=False,
        acl=False,
        notes="keys of interoperability; If-Match on PUT is ignored, so the object is looked at before; "
        "`Accept-Encoding` is changed on the way, and no request here signs it",
    ),
    Profile(
        name="alibaba_s3",
        title="Alibaba OSS by its S3 endpoint",
        hosts=(r"s3\.oss-[a-z0-9-]+\.aliyuncs\.com",),
        endpoint="https://s3.oss-{region}.aliyuncs.com",
        addressing="virtual",
        max_copy=GIB,
        tags=False,
        notes="a fallback: `oss://` keeps tags, CRC-64 and restore states; copies within one region only",
    ),
    Profile(
        name="tencent_cos",
        title="Tencent COS",
        hosts=(r"(.+\.)?cos\.[a-z0-9-]+\.myqcloud\.com", r"cos-internal\.[a-z0-9-]+\.tencentcos\.cn"),
        endpoint="https://cos.{region}.myqcloud.com",
        addressing="virtual",
        checksum_header=("x-cos-hash-crc64ecma", "crc64xz"),
        list_version=1,
        notes="the bucket's name ends with `-APPID`; path style is refused for buckets since 2024",
    ),
    Profile(
        name="huawei_obs",
        title="Huawei OBS",
        hosts=(r"obs\.[a-z0-9-]+\.myhuaweicloud\.(com|eu|cn)",),
        endpoint="https://obs.{region}.myhuaweicloud.com",
        addressing="virtual",
        list_version=1,
        url_encode=False,
        etag="md5",
        notes="path style is refused since the end of 2023: a PUT answers 404 where HEAD passes; url-encoded listings "
        "of file-system buckets don't end",
    ),
    Profile(
        name="qiniu",
        title="Qiniu Kodo",
        hosts=(r"s3[.-][a-z0-9-]+\.qiniucs\.com",),
        endpoint="https://s3.{region}.qiniucs.com",
        url_encode=False,
        tags=False,
        notes="the bucket's name for S3 may differ from its name in Kodo; no anonymous requests",
    ),
    Profile(
        name="jdcloud",
        title="JD Cloud OSS",
        hosts=(r"s3(-internal)?\.[a-z0-9-]+\.jdcloud-oss\.com",),
        endpoint="https://s3.{region}.jdcloud-oss.com",
        addressing="virtual",
        list_version=1,
        tags=False,
    ),
    replace(OTHER, name="jrss", title="JRSS", tried="", notes="as `other`"),
    OTHER,
)
"""Every profile, in the order of the documents."""
