"""Roles, regions and settings of stores through the DAG (rows A7 to A9, C12, D20, E4, E8, E9, H1)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import pytest

from tests.servers.oss import OSSServer
from tests.servers.s3 import Allow, Credential, S3Server
from tests.servers.web.faults import Fault
from tests.system.airflow import connection
from tests.system.world import ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, World, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

OWNER = "123456789012"
OPTIONS = "verify, compare, acl, encryption, encryption_key, storage_class, require_region, preserve"
NUMBERS = itertools.count()


def connections(server: S3Server, oss: OSSServer) -> Mapping[str, str]:
    """One that may only write, one of nobody, one that names the bucket's owner, and the places they may be used at."""
    server.add_credential(Credential("WRITER", "writer-secret", allow=(Allow({"PutObject"}),)))
    here = {"endpoint_url": server.url, "region_name": "us-east-1"}
    keys = {"login": ACCESS_KEY, "password": SECRET_KEY}
    session = {**here, "aws_session_token": SESSION_TOKEN}
    locations = ("s3://store@source/", "s3://store@destination/", "s3://writer@destination/", "s3://open@source/",
                 "s3://owned@destination/", "s3://pays@source/", "oss://ali@source/", "oss://ali@destination/",
                 "oss://open_oss@source/")  # fmt: skip
    return {
        "AIRFLOW_CONN_WRITER": connection("aws", login="WRITER", password="writer-secret", extra=here),
        "AIRFLOW_CONN_OPEN": connection("aws", extra={**here, "bucketsync_anonymous": True}),
        "AIRFLOW_CONN_OWNED": connection("aws", **keys, extra={**session, "bucketsync_expected_owner": "999999999999"}),
        "AIRFLOW_CONN_PAYS": connection("aws", **keys, extra={**session, "bucketsync_requester_pays": True}),
        "AIRFLOW_CONN_OPEN_OSS": connection(
            "bucketsync_oss",
            extra={
                "credential": "anonymous",
                "endpoint_kind": "custom",
                "endpoint": oss.url,
                "region": oss.region,
                "addressing": "path",
            },
        ),
        "AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS": ", ".join(locations),
        "AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS": OPTIONS,
    }


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("stores"), postgres=True, more=connections) as made:
        yield made


@pytest.fixture
def name() -> str:
    return f"case-{next(NUMBERS)}"


def test_row_A7_a_destination_that_can_only_be_written_to(here: World, name: str) -> None:
    here.put({f"{name}/{n}": "x" for n in range(3)})
    ends = f"s3://store@source/{name}/", f"s3://writer@destination/{name}/"
    run = here.sync(*ends)
    assert run.state == "failed"
    assert "s3:ListBucket" in run.log("bucket_sync.prepare")
    run = here.sync(*ends, verify="none")
    assert run.state == "success", run.log("bucket_sync.report")
    report = run.xcom("bucket_sync.report")
    assert (report["counts"], report["verified"]) == ({"copied": 3}, False)
    assert "may not be listed" in run.log("bucket_sync.report")
    assert set(here.keys("destination", f"{name}/")) == {"0", "1", "2"}


@pytest.mark.parametrize("kind", ["s3", "oss"])
def test_row_A8_a_source_of_nobody(here: World, name: str, kind: str) -> None:
    server = here.server if kind == "s3" else here.oss
    server.core.put("source", f"{name}/k", b"open")
    settings = server.core.bucket("source").settings
    settings.public_read = True
    settings.extra["public_list"] = True  # on OSS it takes a policy to let everybody list
    before = server.log.last_index
    source = f"s3://open@source/{name}/" if kind == "s3" else f"oss://open_oss@source/{name}/"
    try:
        run = here.sync(source, f"s3://store@destination/{name}/")
    finally:
        settings.public_read = False
        del settings.extra["public_list"]
    assert run.state == "success", run.log("bucket_sync.report")
    assert here.keys("destination", f"{name}/") == {"k": b"open"}
    reads = [entry for entry in server.log.since(before) if entry.bucket == "source" and not entry.is_write()]
    lists = [entry for entry in reads if entry.operation == "ListObjectsV2"]
    assert lists
    assert not any("authorization" in entry.headers for entry in lists)


def test_row_A9_a_region_that_is_not_allowed(here: World, name: str) -> None:
    here.put({f"{name}/k": "x"})
    ends = f"s3://store@source/{name}/", f"oss://ali@destination/{name}/"
    run = here.sync(*ends, require_region=["us-east-1"])
    assert run.state == "failed"
    log = run.log("bucket_sync.prepare")
    assert "require_region" in log
    assert "cn-hangzhou" in log
    assert not here.oss.log.writes()
    run = here.sync(*ends, require_region=["us-east-1", "cn-hangzhou"])
    assert run.state == "success", run.log("bucket_sync.report")
    assert "leave us-east-1 for cn-hangzhou" in run.log("bucket_sync.report")


def test_a_bucket_of_another_owner(here: World, name: str) -> None:
    here.put({f"{name}/k": "x"})
    run = here.sync(f"s3://store@source/{name}/", f"s3://owned@destination/{name}/")
    assert run.state == "failed"
    assert here.keys("destination", f"{name}/") == {}


def test_a_source_that_has_whoever_asks_pay(here: World, name: str) -> None:
    here.put({f"{name}/k": "x"})
    before = here.server.log.last_index
    run = here.sync(f"s3://pays@source/{name}/", f"s3://store@destination/{name}/")
    assert run.state == "success", run.log("bucket_sync.report")
    asked = [entry for entry in here.server.log.since(before) if entry.bucket == "source"]
    assert {entry.headers.get("x-amz-request-payer") for entry in asked if entry.operation != "HeadBucket"} == {
        "requester"
    }


def test_row_C12_archived_objects_are_named_while_planning(here: World, name: str) -> None:
    here.put({f"{name}/k": "x"})
    here.server.core.put("source", f"{name}/cold", b"x", storage_class="GLACIER")
    run = here.sync(f"s3://store@source/{name}/", f"oss://ali@destination/{name}/")
    assert run.state == "failed"
    report = run.xcom("bucket_sync.report", "summary")
    assert report["counts"] == {"copied": 1, "failed": 1}
    assert report["failures"][0]["reason"] == "archived"


@pytest.mark.parametrize("kind", ["s3", "oss"])
def test_rows_E8_E9_D20_what_is_sent_with_every_write(here: World, name: str, kind: str) -> None:
    here.put({f"{name}/{n}": "x" for n in range(3)})
    s3 = kind == "s3"
    server = here.server if s3 else here.oss
    before = server.log.last_index
    options = {
        "encryption": "aws:kms" if s3 else "KMS",
        "encryption_key": "our-key",
        "storage_class": "STANDARD_IA" if s3 else "IA",
    }
    if s3:
        options["acl"] = "bucket-owner-full-control"
        here.server.core.bucket("destination").settings.owner_enforced = False
    run = here.sync(f"s3://store@source/{name}/", f"{kind}://{'store' if s3 else 'ali'}@destination/{name}/", **options)
    assert run.state == "success", run.log("bucket_sync.report")
    writes = [entry for entry in server.log.since(before) if entry.is_write() and entry.bucket == "destination"]
    locks = [entry for entry in writes if "/_bucketsync/lock-" in entry.key and entry.operation == "PutObject"]
    data = [entry for entry in writes if "/_bucketsync/" not in entry.key]
    assert locks
    assert len(data) == 3
    prefix = "x-amz" if s3 else "x-oss"
    for entry in data + locks:
        assert entry.headers[f"{prefix}-server-side-encryption"] == options["encryption"]
        assert entry.headers.get("x-amz-acl") == options.get("acl")
    assert {entry.headers[f"{prefix}-storage-class"] for entry in data} == {options["storage_class"]}


@pytest.mark.parametrize("kind", ["s3", "oss"])
def test_row_E4_changed_metadata_is_updated_without_the_body(here: World, name: str, kind: str) -> None:
    here.put({f"{name}/k": "body"})
    ends = f"s3://store@source/{name}/", f"{kind}://{'store' if kind == 's3' else 'ali'}@destination/{name}/"
    assert here.sync(*ends).state == "success"
    here.server.core.put("source", f"{name}/k", b"body", metadata={"a": "1"})
    server = here.server if kind == "s3" else here.oss
    at, before = here.server.log.last_index, server.log.last_index
    run = here.sync(*ends, compare="metadata")
    assert run.state == "success", run.log("bucket_sync.report")
    assert run.xcom("bucket_sync.report")["counts"] == {"updated": 1}
    assert server.core.find("destination", f"{name}/k").attributes.metadata["a"] == "1"
    reads = [(entry.operation, entry.key) for entry in here.server.log.since(at)]
    assert ("GetObject", f"{name}/k") not in reads
    writes = [(entry.operation, entry.key) for entry in server.log.since(before)]
    assert ("CopyObject", f"{name}/k") in writes
    assert ("PutObject", f"{name}/k") not in writes


@pytest.mark.parametrize("kind", ["s3", "oss"])
def test_row_H1_a_bit_that_turned_on_the_way(here: World, name: str, kind: str) -> None:
    """Streamed between clouds: a damaged body is read again, never written."""
    source = here.oss if kind == "s3" else here.server
    source.core.put("source", f"{name}/k", b"body" * 1000)
    far = "oss://ali" if kind == "s3" else "s3://store"
    near = "s3://store" if kind == "s3" else "oss://ali"
    fault = source.faults.add(Fault("flip", operation="GetObject", key=f"{name}/k", times=1))
    run = here.sync(f"{far}@source/{name}/", f"{near}@destination/{name}/")
    source.faults.remove(fault)
    assert fault.occurred
    assert run.state == "success", run.log("bucket_sync.report")
    there = here.server if kind == "s3" else here.oss
    assert there.core.body("destination", f"{name}/k") == b"body" * 1000
