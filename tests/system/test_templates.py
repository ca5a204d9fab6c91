"""Does every template, and every DAG and pairs file of the documents, run as it stands? Only the places are of here."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_bucketsync.engine.model.location import Location
from tests.configuration.test_pairs_documents import BLOCKS, FILES, loaded
from tests.house import ROOT
from tests.system.airflow import Run, connection
from tests.system.world import ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, World, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(580)]

TEXTS = {path.stem: path.read_text() for path in FILES} | dict(BLOCKS)
TOLD = ("by-hand", "choosing", "clean-up", "concepts", "lists", "pairs-file", "precheck", "schedules", "uploads")
PAGES = ("README.md", *(f"docs/{name}.md" for name in TOLD))
EXAMPLES = [
    text
    for page in PAGES
    for text in re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)
    if "with DAG(" in text
]
"""DAGs of the documents; those of pipelines.md are run by `test_pipelines`."""
IDS = {
    "nightly", "divide", "clean_exports", "archive", "listed", "customers", "exports_hourly", "exports_second_copy",
    "exports_watched", "nightly_exports", "sweep_archive", "try_orders",
}  # fmt: skip
ALL_PAIRS = """\
from pathlib import Path

from airflow_bucketsync import load_pairs

for path in sorted(Path(__file__).parent.glob("*.yaml")):
    globals().update(load_pairs(path))  # the DAGs of each file
"""
PLACE = re.compile(r"(s3|oss)://(\w+)@([\w.-]+)/")
SEEDS = {("incoming", "a.csv"), ("incoming", "north/b.txt"), ("exports", "daily/c.csv"), ("data", "exports/orders.csv")}
DAY = "2026-07-14"
VARIABLE = re.compile(r"\{\{ var\.value\.(\w+) \}\}")


def here_and_now(value: Any, folder: Path) -> Any:
    """The same with folders of this test, and by hand."""
    if isinstance(value, dict):
        kept = {
            name: here_and_now(item, folder)
            for name, item in value.items()
            if name not in ("workspace", "schedule", "paused")
        }
        return kept | ({"schedule": None} if "source" in value else {})
    if isinstance(value, list):
        return [here_and_now(item, folder) for item in value]
    if value == "s3://new@data/":  # both connections lead to one server here
        return "s3://new@new-data/"
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
        (dags / f"{name}.yaml").write_text(yaml.safe_dump(file, sort_keys=False))
    (dags / "all_pairs.py").write_text(ALL_PAIRS)
    for number, text in enumerate(EXAMPLES):
        text = re.sub(r"schedule=(\"[^\"]*\"|\[[^\]]*\])", "schedule=None", text)
        (dags / f"example_{number}.py").write_text(text.replace("file:///", f"file://{folder}/tree/"))
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
        env |= {f"AIRFLOW_CONN_{name}".upper(): kinds[kind] for kind, name, _ in PLACE.findall("".join(EXAMPLES))}
        return env | {f"AIRFLOW_VAR_{name.upper()}": name.replace("_", "-") for name in variables}

    with world(folder, postgres=True, dags=dags, more=more) as made:
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
        for kind, _, bucket in PLACE.findall("".join(EXAMPLES)):
            core = (made.server if kind == "s3" else made.oss).core
            if bucket not in core.buckets:
                core.create_bucket(bucket)
        for bucket, key in SEEDS:
            made.server.core.put(bucket, key, "some text")
        made.server.core.put("lists", f"daily/{DAY}.csv", "data,exports/orders.csv\n")
        (folder / "tree" / "data" / "exports").mkdir(parents=True, exist_ok=True)
        made.airflow.post("/api/v2/pools", {"name": "transfers", "slots": 8})
        yield made
    shutil.rmtree(folder / "tree", ignore_errors=True)


def waves(folder: Path) -> list[list[str]]:
    """The syncs in groups that may run at once: no two of a group write to places of which one lies in the other."""
    found: list[tuple[list[str], list[Location]]] = []
    for file in syncs(folder).values():
        for sync in file["syncs"]:
            written = [place for side, place in locations({"syncs": [sync]}) if side == "destination"]
            apart = (
                wave
                for wave in found
                if not any(one.below(other) or other.below(one) for one in written for other in wave[1])
            )
            names, places = next(apart, ([], []))
            if not names:
                found.append((names, places))
            names.append(sync["name"])
            places += written
    return [names for names, _ in found]


def run_at_once(here: World, names: list[str]) -> dict[str, Run]:
    """A run of each sync."""
    begun = {name: here.airflow.trigger(f"bucket_sync__{name}") for name in names}
    return {name: here.airflow.wait(f"bucket_sync__{name}", run, timeout=400) for name, run in begun.items()}


def test_row_J4_every_template_and_every_example_runs(here: World) -> None:
    names = [sync["name"] for file in syncs(here.folder / "tree").values() for sync in file["syncs"]]
    assert len(names) > 20
    for name in names:
        here.airflow.wait_for_dag(f"bucket_sync__{name}", timeout=120)
    assert here.airflow.import_errors() == []
    ended = {name: run for wave in waves(here.folder / "tree") for name, run in run_at_once(here, wave).items()}
    assert {name: run.state for name, run in ended.items()} == dict.fromkeys(names, "success")
    moved = 0
    for run in ended.values():
        for task in (task for task in run.states() if task.endswith(".report")):
            counts = run.xcom(task, "summary")["counts"]
            assert set(counts) <= {"copied", "updated", "same", "extra"}, (run.dag_id, counts)
            moved += counts.get("copied", 0)
    assert moved >= 20, json.dumps({name: run.states() for name, run in ended.items()})


def test_row_J5_every_dag_of_the_documents_runs(here: World) -> None:
    for dag_id in sorted(IDS):
        here.airflow.wait_for_dag(dag_id, timeout=120)
    assert here.airflow.import_errors() == []
    ended = {}
    for dag_id in sorted(IDS):
        body = {"logical_date": f"{DAY}T00:00:00Z", "conf": {}}
        run = str(here.airflow.post(f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"])
        ended[dag_id] = here.airflow.wait(dag_id, run, timeout=180).state
    assert ended == dict.fromkeys(IDS, "success")
    assert here.keys("archive", "exports/").keys() >= {"a.csv"}
    assert here.keys("tables", "incoming/").keys() >= {"a.csv"}
