"""Buckets that keep versions through the DAG, S3 and OSS (row B14)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.servers.web.faults import Fault
from tests.system.world import World, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

NUMBERS = itertools.count()
CONNECTIONS = {"s3": "store", "oss": "ali"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Every bucket but the workspace keeps versions."""
    with world(tmp_path_factory.mktemp("versions"), postgres=True) as made:
        for server in (made.server, made.oss):
            for bucket in ("source", "destination"):
                server.core.bucket(bucket).settings.versioning = "Enabled"
        yield made


@pytest.mark.parametrize(
    ("near", "far", "reads"),
    [("s3", "s3", "CopyObject"), ("s3", "oss", "GetObject"), ("oss", "s3", "GetObject")],
)
def test_row_B14_current_versions_through_the_dag(here: World, near: str, far: str, reads: str) -> None:
    """What is current is copied, what changes on the way is said, and the next run takes it up."""
    name = f"case-{next(NUMBERS)}"
    servers = {"s3": here.server, "oss": here.oss}
    source, destination = servers[near].core, servers[far].core
    ends = (f"{near}://{CONNECTIONS[near]}@source/{name}/", f"{far}://{CONNECTIONS[far]}@destination/{name}/")
    for body in (b"first", b"second"):
        for key in ("k", "deleted", "late"):
            source.put("source", f"{name}/{key}", body)
    source.delete("source", f"{name}/deleted")
    destination.put("destination", f"{name}/k", b"old")
    (old,) = destination.bucket("destination").versions(f"{name}/k")

    def overwrite(call: object) -> None:
        source.put("source", f"{name}/late", b"third")

    def delete(call: object) -> None:
        source.delete("source", f"{name}/late")

    def stands() -> dict[str, bytes]:
        found = destination.keys("destination", f"{name}/")
        return {key.removeprefix(f"{name}/"): destination.body("destination", key) for key in found}

    struck = servers[near].faults.add(Fault("before", operation=reads, key=f"{name}/late", times=1, hook=overwrite))
    run = here.sync(*ends)
    assert struck.occurred
    assert run.state == "success", run.log("bucket_sync.report")
    assert run.xcom("bucket_sync.report")["counts"] == {"copied": 1, "changed": 1}
    assert here.outcomes(run)["late"]["reason"] == "source_changed"
    assert stands() == {"k": b"second"}
    assert destination.bucket("destination").versions(f"{name}/k")[1:] == [old]

    run = here.sync(*ends)
    assert run.state == "success", run.log("bucket_sync.report")
    assert run.xcom("bucket_sync.report")["counts"] == {"copied": 1, "same": 1}
    assert stands() == {"k": b"second", "late": b"third"}
    assert len(destination.bucket("destination").versions(f"{name}/k")) == 2

    source.put("source", f"{name}/late", b"fourth")
    struck = servers[near].faults.add(Fault("before", operation=reads, key=f"{name}/late", times=1, hook=delete))
    run = here.sync(*ends)
    assert struck.occurred
    assert run.state == "success", run.log("bucket_sync.report")
    assert run.xcom("bucket_sync.report")["counts"] == {"gone": 1, "same": 1}
    assert stands() == {"k": b"second", "late": b"third"}
