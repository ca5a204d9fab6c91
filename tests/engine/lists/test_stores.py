"""Lists with real stores: S3 and OSS on the strict servers, and folders."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import pytest

from airflow_bucketsync.engine.errors import InvalidList
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.oss.client import make_client
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from airflow_bucketsync.engine.stores.retrying import RetryingStore
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.engine.lists.making import csv_data
from tests.engine.stand import Stand, quick_retries
from tests.engine.ways import Pair
from tests.servers.s3 import S3Server

OBJECTS = {"a": b"1", "b/1": b"2", "b/2": b"3", "c d+e%20": b"4", 'q,"r"': b"5", "ü": b"6", "z": b"7"}
WAYS = ("server_copy", "stream_parts", "oss_copy", "s3_to_oss", "oss_to_s3")


@pytest.fixture(params=WAYS)
def pair(request: pytest.FixtureRequest, stand: Stand, other: S3Server) -> Pair:
    """A pair for some ways from bucket to bucket."""
    made = Pair.make(request.param, stand, other)
    made.put(OBJECTS)
    return made


def test_a_list_in_csv(pair, stand):
    lists = stand.local("lists")
    lists.put(
        "a.csv", f'{pair.source},b/*\n{pair.source},"q,""r"""\n{pair.source},c d+e%20\n{pair.source},no\n'.encode()
    )
    selection = Selection(source_list=f"{lists.location.url}a.csv")
    ran = pair.sync(selection=selection, lists=lists)
    assert ran.report.counts == {"copied": 4, "gone": 1}
    assert pair.contents() == {key: OBJECTS[key] for key in ("b/1", "b/2", 'q,"r"', "c d+e%20")}
    assert pair.sync(selection=selection, lists=lists).report.counts == {"same": 4, "gone": 1}


def records(store: ObjectStore, bucket: str) -> list[Mapping[str, object]]:
    """The records of an inventory of what a store lists."""
    return [
        {
            "Bucket": bucket,
            "Key": info.key,
            "VersionId": "",
            "IsLatest": True,
            "IsDeleteMarker": False,
            "Size": info.size,
            "LastModifiedDate": info.last_modified,
            "ETag": info.etag,
            "StorageClass": info.storage_class or "STANDARD",
        }
        for info in store.list_page().items
    ]


def test_an_inventory_in_a_bucket_of_the_same_service(pair, stand):
    bucket = stand.bucket(at=pair.source_at)
    lists = stand.remote(bucket, at=pair.source_at)
    body = csv_data(records(pair.source_store(), pair.source))
    schema = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass"
    lists.put("p/i/daily/data/1.csv.gz", body)
    file = {"key": "p/i/daily/data/1.csv.gz", "size": len(body), "MD5checksum": hashlib.md5(body).hexdigest()}
    manifest = json.dumps(
        {"sourceBucket": pair.source, "fileFormat": "CSV", "fileSchema": schema, "files": [file]}
    ).encode()
    lists.put("p/i/daily/t/manifest.json", manifest)
    lists.put("p/i/daily/t/manifest.checksum", hashlib.md5(manifest).hexdigest().encode())
    pair.source_at.core.put(pair.source, "a", b"newer")
    selection = Selection(source_list=f"{lists.location.url}p/i/daily/t/manifest.json")
    ran = pair.sync(selection=selection, lists=lists)
    assert ran.report.counts == {"copied": len(OBJECTS) - 1, "changed": 1}
    assert "ListObjectsV2" not in ran.report.requests["source"]
    assert pair.contents() == {key: body for key, body in OBJECTS.items() if key != "a"}


def test_a_folder_has_no_bucket(stand):
    source, destination, lists = (stand.local(name) for name in ("in", "out", "lists"))
    for key in ("a", "b/1", "c"):
        source.put(key, b"1")
    lists.put("l/a.csv", f",a\n{source.location.bucket},b/*\n".encode())
    ran = stand.sync(
        source, destination, lists=lists, selection=Selection(source_list=f"{lists.location.url}l/a.csv"), name="pair"
    )
    assert ran.report.counts == {"copied": 2}
    lists.put("l/b.csv", b",../a\n,b//1\nbucket,a\n")
    with pytest.raises(InvalidList) as caught:
        stand.sync(
            source, destination, lists=lists, selection=Selection(source_list=f"{lists.location.url}l/b.csv"), name="p2"
        )
    said = str(caught.value)
    assert "l/b.csv, line 1: [impossible_key]" in said or "b.csv, line 1: [impossible_key]" in said
    assert "b.csv, line 2: [impossible_key]" in said
    assert "b.csv, line 3: [other_bucket]" in said


def test_stores_say_whether_they_sign(stand):
    bucket, there = stand.bucket(), stand.bucket(at=stand.oss_server)
    place = Location(scheme="s3", conn_id="c", bucket=bucket)
    client = stand.server.client(config=client_config(path_style=True, anonymous=True))
    unsigned = S3Store(place, client)
    assert unsigned.anonymous
    assert RetryingStore(unsigned, quick_retries()).anonymous
    unsigned.close()
    place = Location(scheme="oss", conn_id="c", bucket=there)
    unsigned_oss = OSSStore(place, make_client(stand.oss_server.url, there, None, stand.oss_server.region))
    assert unsigned_oss.anonymous
    unsigned_oss.close()
    signed = (stand.s3(bucket), stand.oss(there), stand.local("x"))
    assert not any(store.anonymous for store in signed)
