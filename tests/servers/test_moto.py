"""The same calls on moto and on the strict server, where moto is right: a second opinion."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from tests.servers.conftest import TORTURE_KEYS
from tests.servers.s3 import S3Server

BUCKET = "compared"  # moto takes no name of one letter
VOLATILE = frozenset(
    {"ResponseMetadata", "LastModified", "UploadId", "VersionId", "CopySourceVersionId", "CreationDate", "Initiated"}
)
SERVICE = frozenset(  # what moto does not say, or says of itself
    {
        *("ChecksumCRC64NVME", "ChecksumType", "ChecksumAlgorithm", "ServerSideEncryption", "Owner", "Initiator"),
        *(
            "ContinuationToken",
            "NextContinuationToken",
            "BucketKeyEnabled",
            "Location",
            "RestoreStatus",
            "BucketRegion",
        ),
        *(
            "BucketRegion",
            "AccessPointAlias",
            "NextMarker",
            "Marker",
            "ChecksumCRC32",
            "HostId",
            "BucketArn",
            "ContentRange",
        ),
    }
)
EVERY_PLAIN_KEY = [key for key in TORTURE_KEYS if key.isprintable() and "." not in key.split("/") and len(key) < 200]


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    """Start moto on a free port."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def seen(value: Any) -> Any:
    """Return an answer without what must differ."""
    if isinstance(value, dict):
        return {name: seen(item) for name, item in value.items() if name not in VOLATILE | SERVICE}
    if isinstance(value, list):
        return [seen(item) for item in value]
    return value.read() if hasattr(value, "read") else value


def outcome(call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Return the answer, or status and code of the error."""
    try:
        answer = call(**arguments)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
    return answer["ResponseMetadata"]["HTTPStatusCode"], seen(answer)


def put(key: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "put_object", {"Bucket": BUCKET, "Key": key, "Body": key.encode(), **more}


def on(operation: str, key: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return operation, {"Bucket": BUCKET, "Key": key, **more}


ETAG_K = "8ce4b16b22b58894aa86c421e8759df3"
OTHER = "0" * 32
SCRIPTS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "objects": [
        put("k", ContentType="a/b", Metadata={"m": "1"}, CacheControl="no-store", ContentLanguage="de"),
        on("get_object", "k"),
        on("head_object", "k"),
        on("get_object", "k", Range="bytes=0-0"),
        on("get_object", "k", Range="bytes=9-"),
        on("get_object", "none"),
        on("head_object", "none"),
        ("get_object", {"Bucket": "nowhere", "Key": "k"}),
        on("get_object", "k", IfMatch=OTHER),
        on("get_object", "k", IfNoneMatch=ETAG_K),
        on("get_object", "k", ResponseContentType="x/y"),
        on("put_object", "k", Body=b"", IfNoneMatch="*"),
        on("delete_object", "k"),
        on("delete_object", "k"),
        on("head_object", "k"),
    ],
    "copies": [
        put("k", ContentType="a/b", Metadata={"m": "1"}, Tagging="t=1"),
        on("copy_object", "l", CopySource=f"{BUCKET}/k"),
        on("get_object", "l"),
        on("copy_object", "l", CopySource=f"{BUCKET}/k", MetadataDirective="REPLACE", Metadata={"n": "2"}),
        on("head_object", "l"),
        on("copy_object", "k", CopySource=f"{BUCKET}/k"),
        on("copy_object", "l", CopySource=f"{BUCKET}/none"),
        on("get_object_tagging", "k"),
        on("copy_object", "m", CopySource=f"{BUCKET}/k", StorageClass="STANDARD_IA"),
        on("head_object", "m"),
    ],
    "listing": [
        *[put(key) for key in EVERY_PLAIN_KEY],
        ("list_objects_v2", {"Bucket": BUCKET}),
        ("list_objects_v2", {"Bucket": BUCKET, "MaxKeys": 7}),
        ("list_objects_v2", {"Bucket": BUCKET, "Prefix": "p", "StartAfter": "plus plus"}),
        ("list_objects_v2", {"Bucket": BUCKET, "Delimiter": "/"}),
        ("list_objects_v2", {"Bucket": BUCKET, "Delimiter": "/", "Prefix": "a/"}),
        ("list_objects", {"Bucket": BUCKET}),
        ("list_objects", {"Bucket": BUCKET, "Delimiter": "/", "MaxKeys": 1000}),
        ("list_objects_v2", {"Bucket": BUCKET, "Prefix": "nothing"}),
        ("delete_objects", {"Bucket": BUCKET, "Delete": {"Objects": [{"Key": key} for key in EVERY_PLAIN_KEY]}}),
        ("list_objects_v2", {"Bucket": BUCKET}),
    ],
    "tags": [
        put("k", Tagging="a=1&b=2"),
        on("get_object_tagging", "k"),
        on("put_object_tagging", "k", Tagging={"TagSet": [{"Key": "x", "Value": "y"}]}),
        on("get_object_tagging", "k"),
        on("delete_object_tagging", "k"),
        on("get_object_tagging", "k"),
        on("get_object_tagging", "none"),
    ],
    "versions": [
        ("put_bucket_versioning", {"Bucket": BUCKET, "VersioningConfiguration": {"Status": "Enabled"}}),
        ("get_bucket_versioning", {"Bucket": BUCKET}),
        put("k"),
        on("put_object", "k", Body=b"second"),
        on("delete_object", "k"),
        on("get_object", "k"),
        ("list_object_versions", {"Bucket": BUCKET}),
        on("put_object", "k", Body=b"third"),
        on("get_object", "k"),
    ],
    "null versions": [
        put("k", Tagging="of=null"),
        ("put_bucket_versioning", {"Bucket": BUCKET, "VersioningConfiguration": {"Status": "Enabled"}}),
        on("put_object", "k", Body=b"second"),
        on("get_object", "k", VersionId="null"),
        on("head_object", "k", VersionId="null"),
        on("get_object_tagging", "k", VersionId="null"),
        on("copy_object", "l", CopySource={"Bucket": BUCKET, "Key": "k", "VersionId": "null"}),
        on("get_object", "l"),
        on("get_object", "k", VersionId="null", IfMatch=OTHER),
        ("put_bucket_versioning", {"Bucket": BUCKET, "VersioningConfiguration": {"Status": "Suspended"}}),
        ("get_bucket_versioning", {"Bucket": BUCKET}),
        on("put_object", "k", Body=b"third"),
        on("get_object", "k", VersionId="null"),
        on("delete_object", "k"),
        on("get_object", "k"),
        on("head_object", "k"),
        on("get_object", "k", VersionId="null"),
        ("list_objects_v2", {"Bucket": BUCKET}),
        on("put_object", "k", Body=b"fourth"),
        ("list_objects_v2", {"Bucket": BUCKET}),
    ],
    "storage": [
        put("k", StorageClass="GLACIER"),
        on("get_object", "k"),
        on("head_object", "k"),
        put("l", StorageClass="WRONG"),
        put("s", ServerSideEncryption="aws:kms", SSEKMSKeyId="key-1"),
    ],
    "buckets": [
        ("head_bucket", {"Bucket": BUCKET}),
        ("head_bucket", {"Bucket": "nowhere"}),
        ("get_bucket_location", {"Bucket": BUCKET}),
        put("k"),
        ("delete_bucket", {"Bucket": BUCKET}),
        ("list_multipart_uploads", {"Bucket": BUCKET}),
        on("list_parts", "k", UploadId="none"),
        on("abort_multipart_upload", "k", UploadId="none"),
        on("upload_part", "k", UploadId="none", PartNumber=1, Body=b""),
    ],
}
MOTO_IS_WRONG = {  # (script, index of the call) -> what moto does
    ("listing", len(EVERY_PLAIN_KEY) + 5): "leaves out an empty Prefix",
    ("listing", len(EVERY_PLAIN_KEY) + 6): "does not encode common prefixes, so that clients decode %2f",
    ("versions", 6): "does not echo EncodingType",
    ("null versions", 13): "makes no delete marker",
    ("null versions", 16): "has no marker there",
    ("storage", 4): "shows the MD5 as the ETag of an object under KMS",
    ("buckets", 5): "leaves out an empty Prefix",
    ("buckets", 8): "answers 500 for an unknown upload",
}


@pytest.fixture
def both(server: S3Server, client: Any, moto_url: str) -> Iterator[tuple[Any, Any]]:
    """Return a client of moto and one of the strict server, each with an empty bucket."""
    other = server.client(endpoint_url=moto_url)
    for each in (other, client):
        each.create_bucket(Bucket=BUCKET)
    yield other, client
    other.close()

    urllib.request.urlopen(f"{moto_url}/moto-api/reset", data=b"").close()  # noqa: S310 - loopback


@pytest.mark.parametrize("script", SCRIPTS)
def test_same_answers(both: tuple[Any, Any], script: str) -> None:
    moto, ours = both
    for index, (operation, arguments) in enumerate(SCRIPTS[script]):
        theirs = outcome(getattr(moto, operation), arguments)
        found = outcome(getattr(ours, operation), arguments)
        if (script, index) in MOTO_IS_WRONG:
            assert found != theirs, "moto has learnt it: take the exception away"
        else:
            assert found == theirs, f"{script}[{index}] {operation} {arguments}"


def test_same_multipart(both: tuple[Any, Any]) -> None:
    answers = []
    for client in both:
        upload_id = client.create_multipart_upload(Bucket=BUCKET, Key="k", ContentType="a/b")["UploadId"]
        where = {"Bucket": BUCKET, "Key": "k", "UploadId": upload_id}
        bodies = [b"x" * 5 * 1024**2, b"y"]
        parts = [
            {"PartNumber": number, "ETag": client.upload_part(**where, PartNumber=number, Body=body)["ETag"]}
            for number, body in enumerate(bodies, 1)
        ]
        listed = seen(client.list_parts(**where)["Parts"])
        done = client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
        head = client.head_object(Bucket=BUCKET, Key="k")
        tail = client.get_object(Bucket=BUCKET, Key="k", Range="bytes=-2")["Body"].read()
        answers.append((listed, done["ETag"], head["ContentLength"], head["ContentType"], tail))
    assert answers[0] == answers[1]


def test_same_versions(both: tuple[Any, Any]) -> None:
    """Ids that no script can know: what stands under each of them, and what does not."""
    answers = []
    for client in both:
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        where = {"Bucket": BUCKET, "Key": "k"}
        first = client.put_object(**where, Body=b"first", Tagging="of=first")["VersionId"]
        second = client.put_object(**where, Body=b"second")["VersionId"]
        marker = client.delete_object(**where)["VersionId"]
        client.put_object(**where, Body=b"third")
        found: list[Any] = [len({first, second, marker, "null"})]
        for version in (first, second):
            source = where | {"VersionId": version}
            reads = (client.get_object, client.head_object, client.get_object_tagging)
            found.extend(outcome(read, source) for read in reads)
            found.append(outcome(client.copy_object, {"Bucket": BUCKET, "Key": f"of {version}", "CopySource": source}))
        found.append(outcome(client.head_object, where | {"VersionId": marker}))  # of a GET moto says NoSuchVersion
        client.delete_object(**where, VersionId=first)
        found.append(outcome(client.get_object, where | {"VersionId": first}))
        found.append(outcome(client.get_object, where))
        answers.append(found)
    for theirs, ours in zip(*answers, strict=True):
        assert ours == theirs
