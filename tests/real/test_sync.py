"""Does a whole run bring everything over between real servers, and find nothing to do when it runs again?"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from airflow_bucketsync.engine import sync
from airflow_bucketsync.engine.model.fidelity import held_tags
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.units import MIB
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.local import LocalStore
from tests.engine.stores.contract import TORTURE_KEYS, listing, read
from tests.engine.torture.hostile import body_of, headers_of, metadata_of, tags_of
from tests.real.capable import TRUST

LARGE = "large object.bin"
SIZE = 11 * MIB + 7
POLICY = SyncPolicy(concurrency=4, small_threshold=5 * MIB, large_threshold=8 * MIB, part_size=5 * MIB)
PAIRS = [(source, destination) for source in TRUST for destination in TRUST]


def attributes_of(key: str, server: str) -> ObjectAttributes:
    """Attributes that belong to one key only, as the server can hold them."""
    headers = {name.replace("-", "_"): value for name, value in headers_of(key).items()}
    tags = held_tags(tags_of(key), TRUST[server].capabilities)
    return ObjectAttributes(**headers, user_metadata=metadata_of(key), tags=tags)


def writes_of(store: ObjectStore) -> int:
    """Requests so far that could change a bucket."""
    return sum(count for verb, count in store.requests.items() if not verb.startswith(("Get", "Head", "List")))


@pytest.fixture
def workspace(tmp_path):
    """Where runs keep their pages."""
    store = LocalStore(Location(scheme="file", bucket=str(tmp_path / "workspace")), may_be_missing=True)
    yield store
    store.close()


@pytest.mark.parametrize(("source_server", "destination_server"), PAIRS)
def test_a_bucket_with_everything(source_server, destination_server, make_store, bucket, workspace):
    """By copies inside one server, by streams between two."""
    source = make_store(source_server, f"{bucket}-from", "some where/")
    destination = make_store(destination_server, f"{bucket}-to")
    keys = [key for key in TORTURE_KEYS if source.refusal(key) is None and destination.refusal(key) is None]
    keys = [key for key in keys if not any(other.startswith(key.rstrip("/") + "/") for other in keys)]
    assert len(keys) > 70
    for key in keys:
        source.put(key, body_of(key), attributes=attributes_of(key, source_server))
    large = random.Random(1).randbytes(SIZE)
    upload = source.begin_upload(LARGE, attributes=attributes_of(LARGE, source_server))
    parts = [
        source.upload_part(LARGE, upload, number, large[start : start + 6 * MIB])
        for number, start in enumerate(range(0, SIZE, 6 * MIB), 1)
    ]
    source.complete_upload(LARGE, upload, parts, size=SIZE)

    report = sync(source, destination, workspace=workspace, policy=POLICY)
    assert report.counts == {"copied": len(keys) + 1}
    assert report.verified
    drops_tags = (source_server, destination_server) == ("versitygw", "minio")
    assert report.lost == ({"tags": len(keys) + 1} if drops_tags else {})
    assert listing(destination) == sorted([*keys, LARGE], key=str.encode)
    for key in [*keys, LARGE]:
        assert read(destination, key, chunk=MIB) == (large if key == LARGE else body_of(key)), repr(key)
        wanted, found = (store.head(key).attributes for store in (source, destination))
        assert replace(found, source_mtime=None) == replace(wanted, source_mtime=None), repr(key)
        assert dict(found.user_metadata) == metadata_of(key), repr(key)
        wanted_tags = held_tags(dict(source.tags(key)), destination.capabilities)
        assert len(wanted_tags) >= 1
        assert dict(destination.tags(key)) == wanted_tags, repr(key)
    writes = writes_of(destination)
    copied_inside = destination.requests["CopyObject"] > 0
    assert copied_inside == (source_server == destination_server)

    again = sync(source, destination, workspace=workspace, policy=POLICY)
    assert again.counts == {"same": len(keys) + 1}
    assert writes_of(destination) == writes
