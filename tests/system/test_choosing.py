"""Which objects, under which names, to which places: every way of a pairs file in a real Airflow (SQLite)."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.engine.lists.making import S3_SCHEMA, csv_data
from tests.engine.lists.test_inventories import parquet
from tests.servers.core.store import ObjectStore
from tests.system.airflow import Run
from tests.system.world import DAGS, World, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

SYNCS = """\
syncs:
  - name: choose
    source: s3://store@source/choose/
    destinations:
      - {{name: flat, location: "s3://store@destination/flat/", options: {{recursive: false}}}}
      - name: after
        location: s3://store@destination/after/
        options: {{start_after: b.tmp, delete: true, trash: none, max_delete_share: 1.0}}
      - name: patterns
        location: s3://store@destination/patterns/
        options: {{include: ["**/*.md", "*.csv"], exclude: ["regex:^old/"]}}
      - {{name: endings, location: "s3://store@destination/endings/", options: {{extensions: [csv, ""]}}}}
      - {{name: sizes, location: "s3://store@destination/sizes/", options: {{min_size: 1 KiB, max_size: 1 MiB}}}}
      - {{name: cold, location: "s3://store@destination/cold/", options: {{storage_classes: [STANDARD_IA]}}}}
      - {{name: tagged, location: "s3://store@destination/tagged/", options: {{tags: {{team: red}}}}}}
      - name: times
        location: s3://store@destination/times/
        options: {{modified_after: "2000-01-01T00:00:00Z", modified_before: "2001-01-01T00:00:00+01:00"}}
      - {{name: prefixes, location: "s3://store@destination/prefixes/", options: {{prefixes: [docs/, old/]}}}}
  - name: names
    source: s3://store@source/names/
    destinations:
      - name: map
        location: s3://store@destination/map/
        options: {{key_mapping: {{prefix_map: {{in/: out/, in/b/: b/}}}}}}
      - name: root
        location: s3://store@destination/root/
        options: {{key_mapping: {{relative_root: in/}}, include: ["in/**"]}}
      - name: folder
        location: s3://store@destination/folder/
        options: {{key_mapping: {{relative_folder: new/}}, on_collision: first}}
      - {{name: refuse, location: "s3://store@destination/refuse/", options: {{key_mapping: flatten}}}}
      - {{name: fail, location: "s3://store@destination/fail/", options: {{key_mapping: flatten, on_collision: fail}}}}
  - name: routed
    source: s3://store@source/routed/
    destinations:
      - {{name: tables, location: "s3://store@destination/tables/"}}
      - {{name: pictures, location: "oss://ali@destination/pictures/"}}
      - {{name: plain, location: "file://{folder}/data/plain/"}}
    routes:
      rules:
        - {{to: tables, extensions: [csv]}}
        - {{to: pictures, match: ["**/*.png", "p/**"]}}
        - {{to: plain, extensions: [""]}}
      unmatched: ignore
  - name: thrice
    source: s3://store@source/thrice/
    destinations:
      - {{name: near, location: "file://{folder}/data/near/"}}
      - {{name: other, location: "oss://ali@destination/thrice/"}}
      - {{name: third, location: "s3://store@missing-bucket/thrice/"}}
  - name: listed
    source: s3://store@source/listed/
    destinations:
      - name: csv
        location: s3://store@destination/csv/
        options: {{source_list: "s3://store@source/lists/some.csv"}}
      - name: jsonl
        location: s3://store@destination/jsonl/
        options: {{source_list: "s3://store@source/lists/some.jsonl"}}
      - name: inventory
        location: s3://store@destination/inventory/
        options: {{source_list: "s3://store@source/lists/daily/2026-07-14T01-00Z/manifest.json"}}
      - name: parquet
        location: s3://store@destination/parquet/
        options: {{source_list: "s3://store@source/lists/columns/2026-07-14T01-00Z/manifest.json"}}
      - name: broken
        location: s3://store@destination/broken/
        options: {{source_list: "file://{folder}/data/lists/broken.csv"}}
  - name: markers
    source: s3://store@source/markers/
    destinations:
      - {{name: with, location: "s3://store@destination/with/"}}
      - {{name: without, location: "s3://store@destination/without/", options: {{folder_markers: skip}}}}
  - name: inventory_of_oss
    source: oss://ali@source/listed/
    destination: s3://store@destination/from-oss/
    options: {{source_list: "oss://ali@source/lists/daily/2026-07-14T01-00Z/manifest.json"}}
  - name: again
    source: s3://store@source/names/
    destination: s3://store@destination/refuse/
    options: {{source_list: "file://{folder}/data/lists/again.jsonl.zst", key_mapping: {{relative_root: in/}}}}
"""
BY_NAME = """\
from pathlib import Path

from airflow.sdk import DAG
from airflow_bucketsync import bucket_sync

with DAG("by_name", schedule=None, catchup=False):
    bucket_sync("inventory_of_oss", pairs_file=Path(__file__).with_name("pairs.yaml"))
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    dags, folder = tmp_path_factory.mktemp("dags"), tmp_path_factory.mktemp("choosing")
    shutil.copy(DAGS / "pairs.py", dags)
    (dags / "pairs.yaml").write_text(SYNCS.format(folder=folder))
    (dags / "by_name.py").write_text(BY_NAME)
    shutil.copy(DAGS / "analyse_bucket.py", dags)
    with world(folder, postgres=False, dags=dags) as made:
        (folder / "data" / "lists").mkdir()
        yield made


def taken(here: World, prefix: str) -> set[str]:
    """Keys below a prefix of the destination, what is our own apart."""
    return {key for key in here.keys("destination", prefix) if not key.startswith("_bucketsync/")}


def keep_inventory(core: ObjectStore, keys: tuple[str, ...], *, columns: Path | None = None, **said: str) -> None:
    """Keep an inventory of these objects of the bucket `source` beside them, as the service writes it.

    :param columns: a folder to make the data file in, in Parquet; None = it is CSV
    """
    rows = [
        {
            "Bucket": "source",
            "Key": key,
            "VersionId": "",
            "IsLatest": True,
            "IsDeleteMarker": False,
            "Size": found.size,
            "LastModifiedDate": datetime.fromtimestamp(int(found.modified), UTC),
            "ETag": found.etag,
            "StorageClass": found.attributes.storage_class,
        }
        for key, found in ((key, core.find("source", key)) for key in keys)
    ]
    data = csv_data(rows) if columns is None else parquet(columns, rows)
    folder, ending = ("lists/daily", "csv.gz") if columns is None else ("lists/columns", "parquet")
    name = f"{folder}/data/1.{ending}"
    core.put("source", name, data)
    file = {"key": name, "size": len(data), "MD5checksum": hashlib.md5(data).hexdigest()}
    told = {"sourceBucket": "source", "destinationBucket": "arn:aws:s3:::source", "version": "2016-11-30"}
    form, schema = ("CSV", S3_SCHEMA) if columns is None else ("Parquet", "message s3.inventory { }")
    more = {"creationTimestamp": "1784000000000", "fileFormat": form, "fileSchema": schema, "files": [file]}
    manifest = json.dumps({**told, **more, **said}).encode()
    core.put("source", f"{folder}/2026-07-14T01-00Z/manifest.json", manifest)
    core.put("source", f"{folder}/2026-07-14T01-00Z/manifest.checksum", hashlib.md5(manifest).hexdigest().encode())


def summary(run: Run, group: str) -> Any:
    """What the report of a group handed over."""
    return run.xcom(f"{group}.report", "summary")


def ends(run: Run) -> dict[str, str]:
    """How the report of each group ended."""
    return {name.removesuffix(".report"): state for name, state in run.states().items() if name.endswith(".report")}


def test_rows_B2_to_B7_A11_and_B13(here: World) -> None:
    here.put({f"choose/{key}": "1" for key in ("a.csv", "b.tmp", "docs/x.md", "docs/deep/y.md", "noext", "old/z.csv")})
    here.put({"choose/big.bin": "b" * 2048})
    client = here.server.client()
    try:
        client.put_object(Bucket="source", Key="choose/cold", Body=b"c", StorageClass="STANDARD_IA")
        client.put_object(Bucket="source", Key="choose/red", Body=b"r", Tagging="team=red&x=y")
    finally:
        client.close()
    everything = {"a.csv", "b.tmp", "docs/x.md", "docs/deep/y.md", "noext", "old/z.csv", "big.bin", "cold", "red"}
    here.put({"after/b.tmp": "kept", "after/extra": "goes", "after/a": "kept"}, bucket="destination")
    run = here.airflow.run("bucket_sync__choose", timeout=300)
    assert run.state == "success", ends(run)
    found = {name.removesuffix(".report"): taken(here, f"{name.removesuffix('.report')}/") for name in ends(run)}
    assert found == {
        "flat": {"a.csv", "b.tmp", "noext", "big.bin", "cold", "red"},
        "after": {key for key in everything if key > "b.tmp"} | {"b.tmp", "a"},
        "patterns": {"a.csv", "docs/x.md", "docs/deep/y.md"},
        "endings": {"a.csv", "noext", "old/z.csv", "cold", "red"},
        "sizes": {"big.bin"},
        "cold": {"cold"},
        "tagged": {"red"},
        "times": set(),
        "prefixes": {"docs/x.md", "docs/deep/y.md", "old/z.csv"},
    }
    assert summary(run, "patterns")["selected_out"] == {"exclude": 1, "include": 5}
    assert summary(run, "sizes")["selected_out"] == {"min_size": 8}
    assert summary(run, "sizes")["selected_out_first"] == {"min_size": ["a.csv"]}
    assert summary(run, "times")["selected_out"] == {"modified_before": 9}
    assert "min_size" in run.log("sizes.report")
    assert summary(run, "after")["counts"]["deleted"] == 1


def test_rows_C9_and_C10_names_and_collisions(here: World) -> None:
    here.put({"names/in/a/x.csv": "1", "names/in/b/x.csv": "2", "names/y.txt": "3"})
    run = here.airflow.run("bucket_sync__names", timeout=240)
    assert taken(here, "map/") == {"out/a/x.csv", "b/x.csv", "y.txt"}
    assert taken(here, "root/") == {"a/x.csv", "b/x.csv"}
    assert here.keys("destination", "folder/new/") == {"x.csv": b"1", "y.txt": b"3"}
    assert taken(here, "refuse/") == {"y.txt"}
    assert taken(here, "fail/") == set()
    states = ends(run)
    assert states == {
        "map": "success", "root": "success", "folder": "success", "refuse": "failed", "fail": "failed",
    }  # fmt: skip
    assert summary(run, "refuse")["counts"] == {"copied": 1, "refused": 2}
    assert "'in/a/x.csv', 'in/b/x.csv' would all be 'x.csv'" in run.log("refuse.report")
    assert "'in/a/x.csv', 'in/b/x.csv' would all be 'x.csv' at the destination" in run.log("fail.plan")


def test_row_B8_a_page_of_a_run_is_a_list_again(here: World) -> None:
    """Stands on the run above: what was refused there comes under names that don't collide."""
    pages = [key for key in here.server.core.keys("workspace") if "/names.refuse/" in key and "/report/objects" in key]
    (page,) = pages
    (here.folder / "data" / "lists" / "again.jsonl.zst").write_bytes(here.server.core.body("workspace", page))
    run = here.airflow.run("bucket_sync__again")
    assert run.state == "success", run.log("bucket_sync.report")
    assert taken(here, "refuse/") == {"y.txt", "a/x.csv", "b/x.csv"}


def test_row_A12_routes(here: World) -> None:
    keys = ("a.CSV", "dots.in/noext", "dots.in/v1.2/x.csv", "p/table.csv", "p/x.png", "other.bin", "README")
    here.put({f"routed/{key}": key for key in keys})
    run = here.airflow.run("bucket_sync__routed", timeout=180)
    assert run.state == "success", ends(run)
    assert taken(here, "tables/") == {"a.CSV", "dots.in/v1.2/x.csv", "p/table.csv"}
    pictures = {
        key for key in here.oss.core.keys("destination") if key.startswith("pictures/") and "_bucket" not in key
    }
    assert pictures == {"pictures/p/x.png"}
    plain = here.folder / "data" / "plain"
    assert {str(path.relative_to(plain)) for path in plain.rglob("*") if path.is_file()} == {"dots.in/noext", "README"}
    assert summary(run, "tables")["selected_out"] == {"other_destination": 3, "unmatched": 1}
    assert summary(run, "plain")["selected_out_first"]["unmatched"] == ["other.bin"]


def test_row_A10_one_of_three_is_down_and_the_next_run_repairs_it(here: World) -> None:
    here.put({f"thrice/{number:03d}": "x" for number in range(30)})
    before = here.server.log.last_index
    first = here.airflow.run("bucket_sync__thrice", timeout=180)
    assert first.state == "failed"
    assert ends(first) == {"near": "success", "other": "success", "third": "failed"}
    assert len(list((here.folder / "data" / "near").glob("0*"))) == 30
    assert "missing-bucket" in first.log("third.prepare")
    here.server.core.create_bucket("missing-bucket")
    again = here.airflow.run("bucket_sync__thrice", timeout=180)
    assert again.state == "success", ends(again)
    counts = {name: summary(again, name)["counts"] for name in ("near", "other", "third")}
    assert counts == {"near": {"same": 30}, "other": {"same": 30}, "third": {"copied": 30}}
    log = [item for item in here.server.log.since(before) if item.bucket == "source" and "thrice" in f"{item.query}"]
    assert [item.operation for item in log if item.operation.startswith("List")] == ["ListObjectsV2"] * 2


def test_rows_B8_B9_and_H6_lists(here: World) -> None:
    bodies = {f"f/{number}": f"body {number}" for number in range(5)} | {"single": "s", "spaced name": "n"}
    here.put({f"listed/{key}": body for key, body in bodies.items()})
    here.put({"lists/some.csv": "bucket,key\nsource,listed/f/*\nsource,listed/single\nsource,listed/gone\n"})
    right, wrong = (hashlib.sha256(text.encode()).hexdigest() for text in ("s", "other"))
    records = [
        {"sourceBucket": "source", "sourceKey": "listed/single", "sums": {"sha256": right}},
        {"sourceBucket": "source", "sourceKey": "listed/f/1", "sums": f"sha256:{wrong}"},
        {"sourceBucket": "source", "sourceKey": "listed/f/2", "destinationRelativeFolderKey": "elsewhere/"},
    ]
    here.put({"lists/some.jsonl": "".join(json.dumps(record) + "\n" for record in records)})
    keep_inventory(here.server.core, ("listed/f/3", "listed/spaced name"))
    keep_inventory(here.server.core, ("listed/f/4", "listed/single"), columns=here.folder)
    broken = "source,listed/f*\nother,listed/single\nsource,elsewhere/x\nsource,listed/none/*\n"
    (here.folder / "data" / "lists" / "broken.csv").write_text(broken)
    run = here.airflow.run("bucket_sync__listed", timeout=240)
    assert ends(run) == {
        "csv": "success", "jsonl": "failed", "inventory": "success", "parquet": "success", "broken": "failed",
    }  # fmt: skip
    assert taken(here, "csv/") == {*(f"f/{number}" for number in range(5)), "single"}
    assert summary(run, "csv")["counts"] == {"copied": 6, "gone": 1}
    assert summary(run, "jsonl")["counts"] == {"copied": 2, "failed": 1}
    assert "the list expects sha256" in run.log("jsonl.report")
    assert {"single", "elsewhere/2"} <= taken(here, "jsonl/")
    assert taken(here, "inventory/") == {"f/3", "spaced name"}
    assert taken(here, "parquet/") == {"f/4", "single"}
    assert taken(here, "broken/") == set()
    said = run.log("broken.list", map_index=0)
    for line, rule in enumerate(("bad_wildcard", "other_bucket", "outside_source"), 1):
        assert f"line {line}: [{rule}]" in said


def test_row_B8_an_inventory_of_oss(here: World) -> None:
    for key in ("a", "b c"):
        here.oss.core.put("source", f"listed/{key}", key)
    keep_inventory(here.oss.core, ("listed/a", "listed/b c"), version="2019-09-01", creationTimestamp="1784000000")
    run = here.airflow.run("bucket_sync__inventory_of_oss")
    assert run.state == "success", run.log("bucket_sync.report")
    assert taken(here, "from-oss/") == {"a", "b c"}


def test_a_pair_by_its_name_in_a_dag_of_ones_own(here: World) -> None:
    """Stands on the run above: the same pair, in step already."""
    run = here.airflow.run("by_name")
    assert run.state == "success", run.log("bucket_sync.report")
    assert summary(run, "bucket_sync")["pair"] == "inventory_of_oss"
    assert summary(run, "bucket_sync")["counts"] == {"same": 2}


def test_folder_markers_are_copied_or_skipped(here: World) -> None:
    here.put({"markers/a/": "", "markers/a/x": "x"})
    run = here.airflow.run("bucket_sync__markers", timeout=180)
    assert run.state == "success", ends(run)
    assert taken(here, "with/") == {"a/", "a/x"}
    assert taken(here, "without/") == {"a/x"}


def test_row_B11_a_bucket_is_analysed_by_hand(here: World) -> None:
    sizes = {"a.csv": 10, "b/c.csv": 5_000, "b/d/e.gz": 70_000, "b/d/noext": 0}
    here.put({f"analysed/{key}": "x" * size for key, size in sizes.items()})
    before = here.server.log.last_index
    run = here.airflow.run("analyse_bucket", {"source": "s3://store@source/analysed/"})
    assert run.state == "success", run.log("analyse")
    told = run.xcom("analyse", "summary")
    assert (told["objects"], told["bytes"]) == (4, sum(sizes.values()))
    page = here.server.core.body("workspace", f"pages/{told['page']}").decode()
    assert page.lower().startswith("<!doctype html>")
    assert "b/d/e.gz" in page
    writes = {item.operation for item in here.server.log.since(before) if item.bucket == "source"}
    assert writes == {"ListObjectsV2"}
