"""Do the syncs of a pairs file run, and is a broken entry seen where people look, in a real Airflow (SQLite)?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.airflow import Airflow
from tests.system.processes import wait_until
from tests.system.world import DAGS, World, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

PAIRS = """\
defaults:
  options: {{mode: auto, exclude: ["*.tmp"]}}
syncs:
  - name: upwards
    source: file://{folder}/data/in/
    destination: s3://store@destination/upwards/
  - name: typo
    source: file://{folder}/data/in/
    destination: s3://store@destination/typo/
    options: {{exlude: ["*.tmp"]}}
  - name: across
    source: s3://store@source/
    destination: oss://ali@destination/across/
    options: {{min_size: 2 B}}
  - name: twice
    source: file://{folder}/data/in/
    destinations:
      - {{name: near, location: "file://{folder}/data/near/"}}
      - {{name: far, location: "s3://store@{far}/far/"}}
"""
WORDS = "pairs.yaml, line 10, column 15: options: 'exlude' is not known here: did you mean `exclude`?"


def written(here: Path, **places: object) -> None:
    (here / "pairs.yaml").write_text(PAIRS.format(**places))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    dags, folder = tmp_path_factory.mktemp("dags"), tmp_path_factory.mktemp("pairs-file")
    shutil.copy(DAGS / "pairs.py", dags)
    written(dags, folder=folder, far="missing-bucket")
    with world(folder, postgres=False, dags=dags) as made:
        (folder / "data" / "in").mkdir()
        (folder / "data" / "in" / "hello.txt").write_text("hello")
        (folder / "data" / "in" / "half.tmp").write_text("half")
        made.put({"long": "long", "x": "x"})
        made.dags = dags  # type: ignore[attr-defined]
        yield made


def states(airflow: Airflow, *names: str) -> dict[str, str]:
    """How a run of each sync ends; they run at once."""
    runs = {name: airflow.trigger(f"bucket_sync__{name}") for name in names}
    return {name: airflow.wait(f"bucket_sync__{name}", run).state for name, run in runs.items()}


def test_J1_three_syncs_and_a_broken_one(here: World) -> None:
    airflow = here.airflow
    assert states(airflow, "upwards", "across", "typo") == {"upwards": "success", "across": "success", "typo": "failed"}
    assert here.keys("destination", "upwards/") == {"hello.txt": b"hello"}
    assert here.oss.core.body("destination", "across/long") == b"long"
    assert airflow.import_errors() == []


def test_J1_the_broken_entry_is_seen(here: World) -> None:
    found = here.airflow.wait_for_dag("bucket_sync__typo")
    assert found["dag_display_name"] == "bucket_sync__typo (broken)"
    assert found["description"] == WORDS
    assert "broken" in {tag["name"] for tag in found["tags"]}
    details = here.airflow.get("/api/v2/dags/bucket_sync__typo/details")
    assert WORDS in details["doc_md"]
    run = here.airflow.run("bucket_sync__typo")
    assert run.states() == {"broken": "failed"}
    assert WORDS in run.log("broken")


def test_A10_one_destination_down_leaves_the_other_alone(here: World) -> None:
    run = here.airflow.run("bucket_sync__twice")
    assert run.state == "failed"
    found = run.states()
    assert (found["near.report"], found["far.prepare"], found["far.report"]) == ("success", "failed", "failed")
    assert (here.folder / "data" / "near" / "hello.txt").read_text() == "hello"
    assert not (here.folder / "data" / "near" / "half.tmp").exists()


def test_J1_a_mended_entry_is_a_sync_again(here: World) -> None:
    text = (here.dags / "pairs.yaml").read_text()  # type: ignore[attr-defined]
    (here.dags / "pairs.yaml").write_text(text.replace("exlude", "exclude"))  # type: ignore[attr-defined]

    def mended() -> bool:
        return here.airflow.get("/api/v2/dags/bucket_sync__typo")["dag_display_name"] == "bucket_sync__typo"

    wait_until(mended, what="the mended entry", timeout=90)
    assert states(here.airflow, "typo") == {"typo": "success"}
    assert here.keys("destination", "typo/") == {"hello.txt": b"hello"}
