"""Does a pair's DAG take from the REST API what its author allows, and nothing else, in a real Airflow (SQLite)?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.airflow import Refused
from tests.system.world import DAGS, World, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(500)]

DAG = "bucket_sync__exports"
PAIRS = """\
syncs:
  - name: exports
    source: file://{folder}/data/in/
    destination: s3://store@destination/exports/
    options: {{mode: auto, exclude: ["*.tmp"], max_size: 1 KiB}}
    by_hand:
      dry_run: any
      prefixes: any
      include: any
      max_size: any
      verify: {{one_of: [metadata, content]}}
      max_objects: {{at_most: 2}}
"""
FILES = ("a/1.csv", "a/2.txt", "a/3.tmp", "b/1.csv", "ab/1.csv")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    dags, folder = tmp_path_factory.mktemp("dags"), tmp_path_factory.mktemp("by-hand")
    shutil.copy(DAGS / "pairs.py", dags)
    (dags / "pairs.yaml").write_text(PAIRS.format(folder=folder))
    with world(folder, postgres=False, dags=dags) as made:
        for name in FILES:
            file = Path(folder) / "data" / "in" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)
        made.airflow.wait_for_dag(DAG)
        yield made


def written(here: World) -> set[str]:
    return set(here.keys("destination", "exports/")) - {
        key for key in here.keys("destination", "exports/") if key.startswith("_bucketsync/")
    }


def test_J11_the_form_knows_the_pair(here: World) -> None:
    params = here.airflow.get(f"/api/v2/dags/{DAG}/details")["params"]
    assert list(params) == ["include", "prefixes", "max_size", "max_objects", "verify", "dry_run"]
    assert params["max_size"]["value"] == "1 KiB"
    assert params["verify"]["schema"]["enum"] == ["metadata", "content"]
    assert params["max_objects"]["schema"]["maximum"] == 2
    assert params["dry_run"]["value"] is False


def test_J11_what_is_allowed_narrows_the_run(here: World) -> None:
    dry = here.airflow.run(DAG, {"dry_run": True})
    assert dry.state == "success"
    assert written(here) == set()
    run = here.airflow.run(DAG, {"prefixes": ["a/"], "include": ["*.csv"], "verify": "content"})
    assert run.state == "success"
    assert written(here) == {"a/1.csv"}
    report = run.xcom("bucket_sync.report")
    assert report["by_hand"] == {"prefixes": '["a/"]', "include": '["*.csv"]', "verify": '"content"'}
    assert "by hand   include" in run.log("bucket_sync.report")
    assert "set by hand: " in run.log("bucket_sync.prepare")


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        ({"verify": "none"}, "verify"),
        ({"max_objects": 3}, "max_objects"),
        ({"max_objects": "2"}, "max_objects"),
        ({"dry_run": "yes"}, "dry_run"),
        ({"prefixes": "a/"}, "prefixes"),
        ({"include": {"*": 1}}, "include"),
    ],
)
def test_J11_what_the_form_refuses_is_no_run(here: World, conf: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused) as caught:
        here.airflow.trigger(DAG, conf)
    assert caught.value.status == 400
    assert words in str(caught.value)


HOSTILE: list[tuple[dict[str, Any], str]] = [
    ({"source": "file:///etc/"}, "'source' may not be set by hand"),
    ({"destination": "s3://store@workspace/"}, "'destination' may not be set by hand"),
    ({"exclude": []}, "'exclude' may not be set by hand"),
    ({"delete": True}, "'delete' may not be set by hand"),
    ({"Dry_Run": True}, "'Dry_Run' is not known here: did you mean 'dry_run'?"),
    ({"endpoint_url": "http://169.254.169.254/"}, "'endpoint_url' is not known here"),
    ({"prefixes": ["a/../../"]}, "has a '.' or '..' segment"),
    ({"prefixes": ["{{ conn.store.password }}/../"]}, "has a '.' or '..' segment"),
    ({"include": ["regex:(a+)+$"]}, "is no pattern for a run by hand"),
    ({"max_size": "1 TiB"}, "is above the author's 1024"),
]


def test_J11_what_the_form_lets_through_fails_before_anything_is_listed(here: World) -> None:
    before = written(here)
    runs = [(here.airflow.trigger(DAG, conf), words) for conf, words in HOSTILE]
    for run_id, words in runs:
        run = here.airflow.wait(DAG, run_id, timeout=200)
        assert run.state == "failed"
        states = run.states()
        assert states["bucket_sync.prepare"] == "failed", run.log("bucket_sync.prepare")
        assert states["bucket_sync.plan"] == "upstream_failed"
        assert words in run.log("bucket_sync.prepare")
    assert written(here) == before


def test_J11_a_run_without_anything_is_the_authors(here: World) -> None:
    run = here.airflow.run(DAG)
    assert run.state == "success"
    assert written(here) == {"a/1.csv", "a/2.txt", "b/1.csv", "ab/1.csv"}
    report = run.xcom("bucket_sync.report")
    assert (report["by_hand"], report["counts"]) == ({}, {"copied": 3, "same": 1})
