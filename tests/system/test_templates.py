"""Does every template, and every pairs file in the documents, run as it stands? Only the places are of here."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_bucketsync.engine.model.location import Location
from tests.configuration.test_pairs_documents import BLOCKS, FILES, loaded
from tests.system.airflow import connection
from tests.system.world import ACCESS_KEY, DAGS, SECRET_KEY, SESSION_TOKEN, World, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(580)]

TEXTS = {path.stem: path.read_text() for path in FILES} | dict(BLOCKS)
VARIABLE = re.compile(r"\{\{ var\.value\.(\w+) \}\}")


def here_and_now(value: Any, folder: Path) -> Any:
    """The same with folders of this test, and by hand."""
    if isinstance(value, dict):
        kept = {
            name: here_and_now(item, folder) for name, item in value.items() if name not in ("workspace", "schedule")
        }
        return kept | ({"schedule": None} if "source" in value else {})
    if isinstance(value, list):
        return [here_and_now(item, folder) for item in value]
    if isinstance(value, str) and value.startswith("file:///"):
        return f"file://{folder}/{value.removeprefix('file:///')}"
    return value


def syncs(folder: Path) -> dict[str, dict[str, Any]]:
    """Each pairs file by its name, with names of its own for its syncs."""
    found = {}
    for name, text in TEXTS.items():
        file = here_and_now(loaded(text), folder)
        for sync in file["syncs"]:
            sync["name"] = re.sub(r"\W", "_", f"{name}_{sync['name']}")
        found[name] = file
    return found


def locations(file: Mapping[str, Any]) -> Iterator[tuple[str, Location]]:
    """Each location of a pairs file with what it is: `source` or `destination`."""
    for sync in file["syncs"]:
        urls = [("source", sync["source"])]
        urls += [("destination", item["location"]) for item in sync.get("destinations") or ()]
        urls += [("destination", sync["destination"])] if "destination" in sync else []
        for side, url in urls:
            yield side, Location.parse(VARIABLE.sub(lambda found: found[1].replace("_", "-"), url))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    dags, folder = tmp_path_factory.mktemp("dags"), tmp_path_factory.mktemp("templates")
    files = syncs(folder / "tree")
    for name, file in files.items():
        text = (DAGS / "pairs.py").read_text().replace("pairs.yaml", f"{name}.yaml")
        (dags / f"{re.sub(r'[^A-Za-z0-9]', '_', name)}.py").write_text(text)
        (dags / f"{name}.yaml").write_text(yaml.safe_dump(file, sort_keys=False))
    places = [place for file in files.values() for place in locations(file)]
    variables = {name for text in TEXTS.values() for name in VARIABLE.findall(text)}

    def more(server: Any, oss: Any) -> dict[str, str]:
        store = connection(
            "aws",
            login=ACCESS_KEY,
            password=SECRET_KEY,
            extra={"endpoint_url": server.url, "region_name": "us-east-1", "aws_session_token": SESSION_TOKEN},
        )
        ali = connection(
            "bucketsync_oss",
            login=ACCESS_KEY,
            password=SECRET_KEY,
            extra={"endpoint_kind": "custom", "endpoint": oss.url, "region": oss.region, "addressing": "path"},
        )
        kinds = {"s3": store, "oss": ali}
        env = {f"AIRFLOW_CONN_{place.conn_id}".upper(): kinds[place.scheme] for _, place in places if place.conn_id}
        return env | {f"AIRFLOW_VAR_{name.upper()}": name.replace("_", "-") for name in variables}

    with world(folder, postgres=False, dags=dags, more=more) as made:
        for side, place in places:
            if place.scheme == "file":
                root = Path(place.bucket)
                if side == "source":
                    (root / "b").mkdir(parents=True, exist_ok=True)
                    for key in ("a.csv", "b/c.parquet"):
                        (root / key).write_text("some text")
                else:
                    root.parent.mkdir(parents=True, exist_ok=True)
                continue
            core = (made.server if place.scheme == "s3" else made.oss).core
            if place.bucket not in core.buckets:
                core.create_bucket(place.bucket)
            for key in ("a.csv", "b/c.parquet") if side == "source" else ():
                core.put(place.bucket, place.full_key(key), "some text")
        made.airflow.post("/api/v2/pools", {"name": "transfers", "slots": 8})
        yield made
    shutil.rmtree(folder / "tree", ignore_errors=True)


def test_row_J4_every_template_and_every_example_runs(here: World) -> None:
    names = [sync["name"] for file in syncs(here.folder / "tree").values() for sync in file["syncs"]]
    assert len(names) > 20
    for name in names:
        here.airflow.wait_for_dag(f"bucket_sync__{name}", timeout=120)
    assert here.airflow.import_errors() == []
    # One after the other where places are shared: copies of one destination hold its lock.
    ended = {name: here.airflow.run(f"bucket_sync__{name}", timeout=180) for name in names}
    assert {name: run.state for name, run in ended.items()} == dict.fromkeys(names, "success")
    moved = 0
    for run in ended.values():
        for task in (task for task in run.states() if task.endswith(".report")):
            counts = run.xcom(task, "summary")["counts"]
            assert set(counts) <= {"copied", "updated", "same"}, (run.dag_id, counts)
            moved += counts.get("copied", 0)
    assert moved >= 20, json.dumps({name: run.states() for name, run in ended.items()})
    assert os.listdir(here.folder / "tree")
