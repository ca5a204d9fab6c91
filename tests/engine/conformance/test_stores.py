"""Does the conformance command find every store as it is claimed to be, and leave nothing behind?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from posixpath import normpath
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from airflow_bucketsync.engine.conformance.findings import Conformance
from airflow_bucketsync.engine.conformance.keys import HOSTILE, folder_of
from airflow_bucketsync.engine.conformance.run import conform, conform_reading, scratch_location
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.memory import MemoryServer, MemoryStore
from airflow_bucketsync.engine.stores.oss.client import make_client
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.profiles import AWS, OTHER, Profile
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server

NEIGHBOUR = "p/_conformance/neighbour"
"""An object beside the scratch prefix, which must stay as it is."""


def differing(result: Conformance) -> set[str]:
    """Names of the checks that differ."""
    return {f"{finding.group}: {finding.check}" for finding in result.findings if finding.verdict == "differs"}


def shown(result: Conformance) -> str:
    """Why it does not conform, for a failed test."""
    return "\n".join(str(finding) for finding in result.findings if finding.verdict == "differs")


def at(url: str) -> Location:
    """The scratch prefix below a location."""
    return scratch_location(Location.parse(url), "x")


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    """The strict server, with Amazon's sizes."""
    with S3Server() as running:
        yield running
        assert running.failures == []


@pytest.fixture
def bucket(s3: S3Server) -> str:
    """A bucket with a neighbour."""
    s3.reset()
    s3.core.create_bucket("bucket", region=s3.region)
    s3.core.put("bucket", NEIGHBOUR, b"n")
    return "bucket"


def s3_store(server: S3Server, location: Location, profile: Profile) -> S3Store:
    """A store with a client of its own."""
    return S3Store(location, server.client(config=client_config(profile, path_style=True)), profile=profile)


def test_memory_holds_everything():
    server = MemoryServer(region="here")
    MemoryStore(Location.parse("memory://bucket/"), server=server).put(NEIGHBOUR, b"n")
    result = conform(MemoryStore(at("memory://bucket/p/"), server=server))
    assert result.conforms, shown(result)
    assert result.counts["holds"] > 120
    assert result.left == ()
    assert list(server.bucket("bucket").objects) == [NEIGHBOUR]
    assert server.bucket("bucket").uploads == {}
    assert result.location == "memory://bucket/p/_conformance-x/"
    assert sum(result.requests.values()) > 500


def test_local_holds_everything_and_keeps_no_folder(tmp_path):
    (tmp_path / "beside").write_text("b")
    result = conform(LocalStore(at(f"{tmp_path.as_uri()}/"), may_be_missing=True))
    assert result.conforms, shown(result)
    assert result.counts["holds"] > 75
    assert result.left == ()
    assert [path.name for path in tmp_path.rglob("*")] == ["beside"]


@pytest.mark.parametrize("profile", [AWS, OTHER], ids=lambda profile: profile.name)
def test_strict_s3_holds_everything(s3, bucket, profile):
    result = conform(s3_store(s3, at("s3://c@bucket/p/"), profile))
    assert result.conforms, shown(result)
    assert result.counts["holds"] > 120
    assert result.left == ()
    assert s3.core.keys(bucket) == [NEIGHBOUR]
    assert s3.core.uploads(bucket) == []
    assert {entry.key for entry in s3.log.entries if not entry.key.startswith("p/_conformance-x/")} == {""}
    assert {entry.query.get("prefix") for entry in s3.log.entries if entry.operation == "ListObjectsV2"} == {
        "p/_conformance-x/"
    }
    assert result.requests == {name: s3.log.count(operation=name) for name in result.requests}
    assert sum(result.requests.values()) == len(s3.log.entries)


def test_strict_oss_holds_everything():
    with OSSServer(buckets=["bucket"]) as server:
        server.core.put("bucket", NEIGHBOUR, b"n")
        known = next(iter(server.credentials.values()))
        client = make_client(server.url, "bucket", (known.access_key, known.secret_key), server.region)
        result = conform(OSSStore(at("oss://c@bucket/p/"), client))
        assert result.conforms, shown(result)
        assert result.counts["holds"] > 105
        assert result.left == ()
        assert server.core.keys("bucket") == [NEIGHBOUR]
        assert server.core.uploads("bucket") == []
        assert {entry.key for entry in server.log.entries if not entry.key.startswith("p/_conformance-x/")} == {""}


def test_versions_that_stay_are_named(s3, bucket):
    s3.core.bucket(bucket).settings.versioning = "Enabled"
    result = conform(s3_store(s3, at("s3://c@bucket/p/"), AWS))
    assert result.conforms, shown(result)
    assert s3.core.keys(bucket) == [NEIGHBOUR]
    (left,) = result.left
    assert left.startswith("versions: ")


@pytest.fixture(scope="module")
def moto_client() -> Iterator[Any]:
    """moto's server, a store that is claimed to be more than it is."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=client_config(path_style=True),
    )
    client.create_bucket(Bucket="bucket")
    yield client
    client.close()
    running.stop()


def test_moto_differs_where_it_is_known_to(moto_client):
    result = conform(S3Store(at("s3://c@bucket/p/"), moto_client, profile=AWS))
    found = differing(result)
    assert {
        "checksums: a wrong crc64nvme is refused",
        "conditions: a copy that may only make a new object",
        "conditions: a completed upload that may only replace one version",
        "copies: pinned to a version of the source",
        "copies: parts pinned to a version of the source",
        r"keys: 'line\nfeed'",
    } <= found
    assert "conditions: a put that may only make a new object" not in found
    assert "attributes: tags" not in found


def test_reading_only_writes_nothing(s3, bucket):
    objects = {f"in/{name}": name.encode() * 9 for name in ("a", "b/c", "d e+f", "z")}
    s3.core.put_many(bucket, objects.items())
    result = conform_reading(s3_store(s3, Location.parse("s3://c@bucket/in/"), AWS))
    assert result.conforms, shown(result)
    assert s3.log.writes() == []
    assert {finding.group for finding in result.findings if finding.verdict == "holds"} == {
        "listing",
        "reading",
        "checksums",
        "attributes",
        "bucket",
    }
    assert {finding.found for finding in result.findings if finding.group == "parts"} == {"it writes"}


def test_reading_only_of_nothing(s3, bucket):
    result = conform_reading(s3_store(s3, Location.parse("s3://c@bucket/empty/"), AWS))
    assert result.conforms, shown(result)
    assert s3.log.writes() == []
    ranges = next(finding for finding in result.findings if finding.check == "ranges")
    assert (ranges.verdict, ranges.found) == ("not tried", "there is no object to look at")


def test_hostile_keys_stay_inside_whatever_becomes_of_their_dots():
    for number, key in enumerate(HOSTILE):
        full = f"p/_conformance-x/{folder_of(number)}{key}"
        assert normpath(full).startswith(f"p/_conformance-x/keys/{number:03}/"), key
    for one, other in itertools.combinations(range(len(HOSTILE)), 2):
        assert not folder_of(one).startswith(folder_of(other))
