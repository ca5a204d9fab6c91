"""Two Airflows that sync one pair at once: do they keep out of each other's way? (G13, I4, I5)"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.oss import Credential as OSSCredential
from tests.servers.s3 import Credential
from tests.servers.web.faults import Fault
from tests.system.airflow import Airflow, connection
from tests.system.places import KINDS, Places
from tests.system.postgres import Postgres
from tests.system.processes import wait_until
from tests.system.world import DAGS, GROUP, World, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(590)]

REPORT = f"{GROUP}.report"
OPTIONS = "delete, trash, max_deletes, max_delete_share, on_lock, verify, compare, batch_objects"
SECOND = "SECONDAIRFLOWKEY0001"
SECRET = "secret-of-the-second-airflow"
WRITES = ("CopyObject", "PutObject", "DeleteObject")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("first"), postgres=True, AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS=OPTIONS) as made:
        yield made


@pytest.fixture(scope="module")
def second(here: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """Another Airflow, of other people: its own database, workspace and access key; the same places."""
    here.server.add_credential(Credential(SECOND, SECRET))
    here.oss.add_credential(OSSCredential(SECOND, SECRET))
    env = {name: value for name, value in here.airflow.env.items() if "BUCKETSYNC" in name}
    keys = {"login": SECOND, "password": SECRET}
    s3 = {"endpoint_url": here.server.url, "region_name": "us-east-1"}
    oss = {"endpoint_kind": "custom", "endpoint": here.oss.url, "region": here.oss.region, "addressing": "path"}
    env |= {
        "AIRFLOW_CONN_STORE": connection("aws", **keys, extra=s3),
        "AIRFLOW_CONN_ALI": connection("bucketsync_oss", **keys, extra=oss),
        "AIRFLOW__BUCKETSYNC__WORKSPACE": "s3://store@workspace/second/",
    }
    home: Path = tmp_path_factory.mktemp("second") / "airflow"
    with Postgres() as database, Airflow(home, dags=DAGS, database=database.url, env=env) as airflow:
        yield airflow


@pytest.mark.parametrize("kind", KINDS)
def test_row_G13_two_airflows_take_turns(here: World, second: Airflow, kind: str) -> None:
    """Each deletes what the other has just copied, if they work on listings of different times at once."""
    old = {f"old/{number:03}": "old" for number in range(60)}
    new = {f"new/{number:03}": f"new {number}" for number in range(120)}
    same = {f"same/{number:03}": "same" for number in range(80)}
    places = Places(here, kind)
    places.put("source", new | same)
    places.put("destination", old | same | dict.fromkeys(list(new)[:40], "what it was before"))
    conf = places.conf(delete=True, on_lock="wait", batch_objects=20, max_delete_share=0.9)
    server, writers = here.oss if kind == "oss" else here.server, list[bool]()
    seen = Fault(
        "after",
        operation=WRITES,
        key_regex=f"^{places.name}/(?!_bucketsync/lock-)",
        hook=lambda call: writers.append(SECOND in call.header("Authorization")),
    )
    with ExitStack() as stack:
        for fault in (Fault("delay", seconds=0.1, operation="CopyObject"), seen):  # both are to be at work
            stack.callback(server.faults.remove, server.faults.add(fault))
        begun = [(airflow, airflow.trigger("bucket_sync", conf)) for airflow in (here.airflow, second)]
        runs = [airflow.wait("bucket_sync", run_id, timeout=300) for airflow, run_id in begun]
    reports = [run.xcom(REPORT, "summary") for run in runs]
    assert [run.state for run in runs] == ["success", "success"], reports
    assert places.keys("destination") == new | same
    counts = sorted((report["counts"] for report in reports), key=lambda counts: counts["same"])
    assert counts == [{"copied": 120, "same": 80, "trashed": 60}, {"same": 200}]
    (trash,) = {report["trash"] for report in reports if report["counts"].get("trashed")}
    kept = places.keys("destination", state=True)
    assert {key: kept[f"_bucketsync/{trash}{key}"] for key in old} == old
    assert not [key for key in kept if key.startswith("_bucketsync/lock-")], "the lock was given back"
    if kind != "file":
        assert len(writers) >= 120 + 60
        assert len(set(writers)) == 1, "one found nothing to do when its turn came"


def test_row_G13_the_second_one_is_told_who_is_at_work(here: World, second: Airflow) -> None:
    places = Places(here, "s3")
    places.put("source", {f"{number:03}": "x" for number in range(60)})
    with ExitStack() as stack:
        fault = here.server.faults.add(Fault("delay", seconds=0.5, operation="CopyObject"))
        stack.callback(here.server.faults.remove, fault)
        first = here.airflow.trigger("bucket_sync", places.conf(batch_objects=20))
        lock = _lock(places)
        later = second.run("bucket_sync", places.conf(), timeout=240)
        run = here.airflow.wait("bucket_sync", first, timeout=240)
    assert run.state == "success", run.log(REPORT)
    words = later.log(f"{GROUP}.plan")  # of its first try; a later one found the lock free
    assert "another run holds the lock of this pair" in words
    assert lock["run_id"] == first
    assert first in words
    assert later.state == "success", later.log(REPORT)


def _lock(places: Places) -> dict[str, str]:
    """What stands in the lock of a pair, as soon as somebody holds it."""

    def found() -> dict[str, str] | None:
        for key, body in places.keys("destination", state=True).items():
            if key.startswith("_bucketsync/lock-"):
                return json.loads(body)
        return None

    return wait_until(found, timeout=60, what="a lock")
