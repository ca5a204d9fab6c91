"""Inventories of S3 and OSS as lists: what is taken, and each rule that is broken."""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from arro3.core import Array, DataType, Table
from arro3.io import write_parquet

from airflow_bucketsync.engine.errors import InvalidConfiguration
from tests.engine.lists.making import FOLDER, S3_SCHEMA, Listed, csv_data

KEYS = ("a", "b/1", "c d", 'e,"f"', "g+h%20", "ü", "w/*")
MANIFEST = f"{FOLDER}2026-07-14T01-00Z/manifest.json"


@pytest.fixture
def pair() -> Listed:
    made = Listed()
    made.put({key: f"of {key}".encode() for key in KEYS})
    return made


def parquet(folder: Path, rows: list[dict[str, Any]], *, without: str = "") -> bytes:
    """Records as S3 writes them in Parquet."""
    types = {
        "bucket": ("Bucket", DataType.string()),
        "key": ("Key", DataType.string()),
        "version_id": ("VersionId", DataType.string()),
        "is_latest": ("IsLatest", DataType.bool()),
        "is_delete_marker": ("IsDeleteMarker", DataType.bool()),
        "size": ("Size", DataType.int64()),
        "last_modified_date": ("LastModifiedDate", DataType.int64()),
        "e_tag": ("ETag", DataType.string()),
        "storage_class": ("StorageClass", DataType.string()),
    }
    kept = {name: item for name, item in types.items() if name != without}

    def value(row: dict[str, Any], name: str) -> Any:
        found = row[name]
        return int(found.timestamp() * 1000) if isinstance(found, datetime) else found

    data = {name: Array([value(row, title) for row in rows], kind) for name, (title, kind) in kept.items()}
    data["last_modified_date"] = data["last_modified_date"].cast(DataType.timestamp("ms"))
    path = folder / "data.parquet"
    write_parquet(Table.from_pydict(data), str(path))
    return path.read_bytes()


def test_row_B8_an_inventory_in_csv(pair):
    name = pair.inventory({"1.csv.gz": csv_data(pair.rows(KEYS[:3])), "2.csv.gz": csv_data(pair.rows(KEYS[3:]))})
    ran = pair.take(name)
    assert ran.report.green
    assert set(pair.contents()) == set(KEYS)
    assert any("the inventory was begun at 2026-07-14T" in words for words in ran.report.warnings)
    assert "HeadObject" not in ran.report.requests["source"] or ran.report.verified
    assert pair.take(name).report.counts == {"same": len(KEYS)}


def test_row_B8_an_inventory_in_parquet(pair, tmp_path):
    name = pair.inventory(
        {"1.parquet": parquet(tmp_path, pair.rows())}, fileFormat="Parquet", fileSchema="message s3.inventory { }"
    )
    assert pair.take(name).report.counts == {"copied": len(KEYS)}
    assert set(pair.contents()) == set(KEYS)


def test_row_B8_an_inventory_of_oss(pair):
    data = csv_data([{**row, "ETag": str(row["ETag"]).upper(), "StorageClass": "Standard"} for row in pair.rows()])
    name = pair.inventory({"1.csv.gz": data}, version="2019-09-01", creationTimestamp="1784000000")
    manifest = json.loads(pair.contents(pair.lists)[name])
    for item in manifest["files"]:
        item["MD5checksum"] = item["MD5checksum"].upper()
    body = json.dumps(manifest).encode()
    pair.lists.put(name, body)
    pair.lists.put(name.replace(".json", ".checksum"), hashlib.md5(body).hexdigest().upper().encode())
    ran = pair.take(name)
    assert any("2026-07-14T" in words for words in ran.report.warnings)
    # ETags of this store are lower case: what was named is not there in that version.
    assert ran.report.counts == {"changed": len(KEYS)}


def test_what_changed_or_went_since_is_said(pair):
    name = pair.inventory({"1.csv.gz": csv_data(pair.rows())})
    pair.put({"a": b"newer"})
    pair.source.delete("b/1")
    ran = pair.take(name)
    assert ran.status("a") == ("changed", "source_changed")
    assert ran.status("b/1") == ("gone", "not_at_source")
    assert ran.report.counts == {"copied": len(KEYS) - 2, "changed": 1, "gone": 1}
    assert set(pair.contents()) == set(KEYS) - {"a", "b/1"}


def test_only_current_versions_below_the_source_are_taken(pair):
    rows = [
        *pair.rows(("a",)),
        *pair.rows(("b/1",), IsLatest=False),
        *pair.rows(("c d",), IsDeleteMarker=True),
        *pair.rows(("ü",), Key="elsewhere/x"),
        *pair.rows(("ü",), Key="in/_bucketsync/lock"),
        *pair.rows(("ü",), Key="in/"),
    ]
    ran = pair.take(pair.inventory({"1.csv.gz": csv_data(rows)}))
    assert set(pair.contents()) == {"a"}
    words = "5 records of the source_list were passed over: no_key 1, not_current 2, outside_source 1, state_name 1"
    assert words in ran.report.warnings


def test_what_an_inventory_does_not_say_is_looked_up(pair):
    schema = "Bucket, Key"
    name = pair.inventory({"1.csv": b'"source","in/a"\n"source","in/none"\n'}, fileSchema=schema)
    ran = pair.take(name)
    assert ran.report.counts == {"copied": 1, "gone": 1}


def test_an_inventory_that_was_copied_elsewhere(pair):
    name = pair.inventory({"1.csv.gz": csv_data(pair.rows())})
    for key, body in list(pair.contents(pair.lists).items()):
        pair.lists.put(key.replace("inventories/source/", "copy/"), body)
        pair.lists.delete(key)
    assert pair.take(name.replace("inventories/source/", "copy/")).report.counts == {"copied": len(KEYS)}


def test_records_that_contradict_each_other(pair):
    rows = [*pair.rows(("a",)), *pair.rows(("a",)), *pair.rows(("a",), Size=7)]
    said = pair.refused(pair.inventory({"1.csv.gz": csv_data(rows)}))
    assert "line 3: [contradiction] 'a' was named before" in said
    assert "with another size" in said


@pytest.mark.parametrize(
    ("changed", "rule", "words"),
    [
        ({"Bucket": "other"}, "other_bucket", "write 'source'"),
        ({"Size": "1e3"}, "bad_size", "'1e3' is no size"),
        ({"Size": "-1"}, "bad_size", "'-1' is no size"),
        ({"LastModifiedDate": "yesterday"}, "bad_time", "'yesterday' is no time"),
        ({"IsLatest": "maybe"}, "bad_truth", "'maybe' is neither"),
    ],
)
def test_each_broken_record_is_named_with_its_place(pair, changed, rule, words):
    said = pair.refused(pair.inventory({"1.csv.gz": csv_data([*pair.rows(("a",)), *pair.rows(("b/1",), **changed)])}))
    assert f"{FOLDER}data/1.csv.gz, line 2: [{rule}]" in said
    assert words in said


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ({"fileFormat": "ORC"}, "orc"),
        ({"fileFormat": "XML"}, "unknown_format"),
        ({"sourceBucket": "other"}, "other_bucket"),
        ({"sourceBucket": None}, "bad_manifest"),
        ({"fileSchema": "Key, Size"}, "bad_manifest"),
        ({"files": None}, "bad_manifest"),
        ({"files": [{"key": "x"}]}, "bad_manifest"),
        ({"files": [{"key": "x", "size": 1, "MD5checksum": "0" * 32}]}, "file_elsewhere"),
        ({"files": [{"key": f"{FOLDER}../x", "size": 1, "MD5checksum": "0" * 32}]}, "file_elsewhere"),
        ({"files": [{"key": f"{FOLDER}data/none.csv", "size": 1, "MD5checksum": "0" * 32}]}, "no_file"),
        ({"files": []}, "empty"),
    ],
)
def test_a_manifest_that_is_refused(pair, said, rule):
    assert f"[{rule}]" in pair.refused(pair.inventory({"1.csv.gz": csv_data(pair.rows())}, **said))


@pytest.mark.parametrize("content", [b"", b"0" * 32, b"no sum"])
def test_a_manifest_that_is_not_proven(pair, content):
    name = pair.inventory({"1.csv.gz": csv_data(pair.rows())})
    pair.lists.put(name.replace(".json", ".checksum"), content)
    assert "manifest.json: [bad_checksum] manifest.checksum is not the MD5" in pair.refused(name)


def test_a_manifest_without_its_checksum(pair):
    name = pair.inventory({"1.csv.gz": csv_data(pair.rows())})
    pair.lists.delete(name.replace(".json", ".checksum"))
    assert "manifest.checksum' is not there" in pair.refused(name)


def test_a_manifest_that_is_no_json(pair):
    pair.lists.put(MANIFEST, b"{")
    pair.lists.put(MANIFEST.replace(".json", ".checksum"), hashlib.md5(b"{").hexdigest().encode())
    assert "[bad_manifest] it is no JSON" in pair.refused(MANIFEST)


@pytest.mark.parametrize("kind", ["1.csv", "1.parquet"])
def test_a_data_file_that_is_not_the_one_of_the_manifest(pair, kind):
    name = pair.inventory({kind: gzip.decompress(csv_data(pair.rows()))}, fileFormat=kind[2:])
    pair.lists.put(f"{FOLDER}data/{kind}", gzip.decompress(csv_data(pair.rows(KEYS[:1]))))
    assert f"{FOLDER}data/{kind}: [bad_checksum]" in pair.refused(name)


def test_a_data_file_with_other_columns(pair):
    name = pair.inventory({"1.csv.gz": csv_data(pair.rows())}, fileSchema=f"{S3_SCHEMA}, IsMultipartUploaded")
    assert "[wrong_columns] 9 columns, and the manifest names 10" in pair.refused(name)


@pytest.mark.parametrize("body", [b"", b"PAR1", b"no Parquet at all", b"PAR1 no PAR1"])
def test_parquet_that_is_none(pair, body):
    name = pair.inventory({"1.parquet": body}, fileFormat="Parquet")
    assert "1.parquet: [bad_parquet]" in pair.refused(name)


def test_parquet_without_keys(pair, tmp_path):
    name = pair.inventory({"1.parquet": parquet(tmp_path, pair.rows(), without="key")}, fileFormat="Parquet")
    assert "1.parquet: [wrong_columns] it has no column bucket or key" in pair.refused(name)


def test_parquet_without_its_library(pair, tmp_path, monkeypatch):
    name = pair.inventory({"1.parquet": parquet(tmp_path, pair.rows())}, fileFormat="Parquet")
    monkeypatch.setitem(sys.modules, "arro3.io", None)
    with pytest.raises(InvalidConfiguration, match=r"install airflow-bucketsync\[parquet\]"):
        pair.take(name)
