"""Deletes, versions, delete markers, locks and tags."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.servers.conftest import refused
from tests.servers.s3 import S3Server
from tests.servers.signing import send_signed

ETAG = f'"{hashlib.md5(b"x").hexdigest()}"'
OTHER = '"00000000000000000000000000000000"'


@pytest.mark.parametrize(
    ("key", "condition", "outcome"),
    [
        ("k", {}, None),
        ("none", {}, None),
        ("k", {"IfMatch": ETAG}, None),
        ("k", {"IfMatch": "*"}, None),
        ("k", {"IfMatch": OTHER}, (412, "PreconditionFailed")),
        ("none", {"IfMatch": ETAG}, (404, "NoSuchKey")),
    ],
)
def test_delete_object(server: S3Server, client: Any, key: str, condition: dict[str, str], outcome: Any) -> None:
    server.core.put("b", "k", b"x")
    if outcome is None:
        client.delete_object(Bucket="b", Key=key, **condition)
        assert not server.core.exists("b", key)
    else:
        assert refused(client.delete_object, Bucket="b", Key=key, **condition) == outcome
        assert server.core.exists("b", "k")


def test_delete_objects(server: S3Server, client: Any) -> None:
    server.core.put_many("b", ((key, b"x") for key in "abc"))
    wanted = [{"Key": "a", "ETag": ETAG}, {"Key": "b", "ETag": OTHER}, {"Key": "c"}, {"Key": "none"}]
    done = client.delete_objects(Bucket="b", Delete={"Objects": wanted})
    assert [item["Key"] for item in done["Deleted"]] == ["a", "c", "none"]
    assert [(item["Key"], item["Code"]) for item in done["Errors"]] == [("b", "PreconditionFailed")]
    quiet = client.delete_objects(Bucket="b", Delete={"Objects": [{"Key": "b"}], "Quiet": True})
    assert ("Deleted" in quiet, "Errors" in quiet) == (False, False)
    assert server.core.keys("b") == []


def test_delete_objects_limits(server: S3Server, client: Any) -> None:
    many = [{"Key": str(number)} for number in range(1001)]
    assert refused(client.delete_objects, Bucket="b", Delete={"Objects": many}) == (400, "MalformedXML")
    assert len(client.delete_objects(Bucket="b", Delete={"Objects": many[:1000]})["Deleted"]) == 1000
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    assert send_signed(server, "POST", "/b?delete=", body).code == "InvalidRequest"
    assert (
        send_signed(server, "POST", "/b?delete=", body, {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}).code == "BadDigest"
    )


def test_versions_and_markers(server: S3Server, client: Any) -> None:
    client.put_bucket_versioning(Bucket="b", VersioningConfiguration={"Status": "Enabled"})
    assert client.get_bucket_versioning(Bucket="b")["Status"] == "Enabled"
    one = client.put_object(Bucket="b", Key="k", Body=b"1")["VersionId"]
    two = client.put_object(Bucket="b", Key="k", Body=b"2")["VersionId"]
    assert client.get_object(Bucket="b", Key="k", VersionId=one)["Body"].read() == b"1"
    marker = client.delete_object(Bucket="b", Key="k")
    assert marker["DeleteMarker"] is True
    answer = send_signed(server, "GET", "/b/k")
    assert (answer.status, answer.code, answer.headers["x-amz-delete-marker"]) == (404, "NoSuchKey", "true")
    of_marker = send_signed(server, "GET", f"/b/k?versionId={marker['VersionId']}")
    assert (of_marker.status, of_marker.code) == (405, "MethodNotAllowed")
    assert client.get_object(Bucket="b", Key="k", VersionId=two)["Body"].read() == b"2"
    assert refused(client.get_object, Bucket="b", Key="k", VersionId="none") == (404, "NoSuchVersion")
    assert client.put_object(Bucket="b", Key="k", Body=b"3", IfNoneMatch="*")["VersionId"]
    client.delete_object(Bucket="b", Key="k", VersionId=marker["VersionId"])
    client.delete_object(Bucket="b", Key="k", VersionId=server.core.find("b", "k").version_id)
    assert client.get_object(Bucket="b", Key="k")["Body"].read() == b"2"


def test_suspended_versioning_has_one_null_version(server: S3Server, client: Any) -> None:
    settings = server.core.bucket("b").settings
    client.put_object(Bucket="b", Key="k", Body=b"null 1")
    settings.versioning = "Enabled"
    client.put_object(Bucket="b", Key="k", Body=b"kept")
    settings.versioning = "Suspended"
    client.put_object(Bucket="b", Key="k", Body=b"null 2")
    found = client.list_object_versions(Bucket="b", Prefix="k")["Versions"]
    assert [item["VersionId"] == "null" for item in found] == [True, False]
    client.delete_object(Bucket="b", Key="k")
    left = client.list_object_versions(Bucket="b", Prefix="k")
    assert (len(left["Versions"]), left["DeleteMarkers"][0]["VersionId"]) == (1, "null")


def test_object_lock(server: S3Server, client: Any) -> None:
    client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    until = datetime.now(UTC) + timedelta(days=1)
    held = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
    version = client.put_object(Bucket="locked", Key="k", Body=b"x", ChecksumAlgorithm="CRC32", **held)["VersionId"]
    assert client.head_object(Bucket="locked", Key="k")["ObjectLockMode"] == "GOVERNANCE"
    where = {"Bucket": "locked", "Key": "k", "VersionId": version}
    assert refused(client.delete_object, **where) == (403, "AccessDenied")
    batch = client.delete_objects(Bucket="locked", Delete={"Objects": [{"Key": "k", "VersionId": version}]})
    assert batch["Errors"][0]["Code"] == "AccessDenied"
    client.put_object_legal_hold(**where, LegalHold={"Status": "ON"})
    assert refused(client.delete_object, **where, BypassGovernanceRetention=True) == (403, "AccessDenied")
    client.put_object_legal_hold(**where, LegalHold={"Status": "OFF"})
    assert client.delete_object(Bucket="locked", Key="k")["DeleteMarker"] is True, "a marker hides a locked version"
    server.core.clock.shift(2 * 86400)
    client.delete_object(**where)
    assert refused(client.put_object, Bucket="b", Key="k", Body=b"", **held) == (400, "InvalidRequest")


def test_default_retention(server: S3Server, client: Any) -> None:
    client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    client.put_object_lock_configuration(Bucket="locked", ObjectLockConfiguration=configuration)
    shown = client.get_object_lock_configuration(Bucket="locked")["ObjectLockConfiguration"]
    assert shown == configuration
    version = client.put_object(Bucket="locked", Key="k", Body=b"x")["VersionId"]
    where = {"Bucket": "locked", "Key": "k", "VersionId": version}
    assert client.get_object_retention(**where)["Retention"]["Mode"] == "COMPLIANCE"
    assert refused(client.delete_object, **where, BypassGovernanceRetention=True) == (403, "AccessDenied")
    code = refused(client.get_object_lock_configuration, Bucket="b")[1]
    assert code == "ObjectLockConfigurationNotFoundError"


def test_tags(server: S3Server, client: Any) -> None:
    client.put_object(Bucket="b", Key="k", Body=b"x", Tagging="a=1&b=%C3%A9+x")
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "\u00e9 x"}]
    assert client.get_object_tagging(Bucket="b", Key="k")["TagSet"] == tags
    assert send_signed(server, "GET", "/b/k").headers["x-amz-tagging-count"] == "2"
    client.put_object_tagging(Bucket="b", Key="k", Tagging={"TagSet": tags[:1]})
    assert client.get_object_tagging(Bucket="b", Key="k")["TagSet"] == tags[:1]
    client.delete_object_tagging(Bucket="b", Key="k")
    assert client.get_object_tagging(Bucket="b", Key="k")["TagSet"] == []


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([(str(number), "") for number in range(11)], "BadRequest"),
        ([("k" * 129, "v")], "InvalidTag"),
        ([("k", "v" * 257)], "InvalidTag"),
        ([("k", "1"), ("k", "2")], "InvalidTag"),
        ([("k" * 128, "v" * 256)], ""),
    ],
)
def test_tag_limits(server: S3Server, client: Any, tags: list[tuple[str, str]], code: str) -> None:
    header = "&".join(f"{key}={value}" for key, value in tags)
    assert send_signed(server, "PUT", "/b/k", b"x", {"x-amz-tagging": header}).code == code
    if code:
        server.core.put("b", "k", b"x")
        tag_set = {"TagSet": [{"Key": key, "Value": value} for key, value in tags]}
        assert refused(client.put_object_tagging, Bucket="b", Key="k", Tagging=tag_set) == (400, code)


def test_buckets(server: S3Server, client: Any) -> None:
    client.create_bucket(Bucket="new-one")
    assert [item["Name"] for item in client.list_buckets()["Buckets"]] == ["b", "d", "new-one"]
    assert client.head_bucket(Bucket="new-one")["BucketRegion"] == "us-east-1"
    assert refused(client.create_bucket, Bucket="new-one") == (409, "BucketAlreadyOwnedByYou")
    assert send_signed(server, "PUT", "/No_Name").code == "InvalidBucketName"
    server.core.put("new-one", "k", b"x")
    assert refused(client.delete_bucket, Bucket="new-one") == (409, "BucketNotEmpty")
    client.delete_object(Bucket="new-one", Key="k")
    client.delete_bucket(Bucket="new-one")
    assert refused(client.head_bucket, Bucket="new-one") == (404, "404")
    controls = client.get_bucket_ownership_controls(Bucket="b")["OwnershipControls"]
    assert controls["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert send_signed(server, "GET", "/b?lifecycle=").code == "NotImplemented"
