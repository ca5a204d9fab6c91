"""How is an inventory of S3 or OSS read? Nothing of it is believed that its checksums do not prove."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import orjson

from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.source_list import ListEntry, ListPlace
from airflow_bucketsync.engine.rules.list_inventory import (
    DataFile,
    InventoryRecords,
    Manifest,
    column_of,
    read_manifest,
)
from airflow_bucketsync.engine.rules.list_records import BrokenRule, Named
from airflow_bucketsync.engine.steps.lists.files import ListFiles, unpacked
from airflow_bucketsync.engine.steps.lists.parquet import parquet_rows
from airflow_bucketsync.engine.steps.lists.rows import csv_rows
from airflow_bucketsync.engine.steps.lists.violations import Violations

_MD5 = re.compile(rb"\s*\"?([0-9a-fA-F]{32})\"?\s*")


class Inventory:
    """One inventory.

    :param named: what its records may name
    :param passed: counts the records that are passed over, by rule
    """

    def __init__(
        self, files: ListFiles, place: ListPlace, named: Named, violations: Violations, passed: Counter[str]
    ) -> None:
        self._files = files
        self._place = place
        self._named = named
        self._violations = violations
        self._passed = passed
        self.made: datetime | None = None

    def __iter__(self) -> Iterator[ListEntry]:
        manifest = self._manifest()
        self.made = manifest.made
        for item in manifest.files:
            file = self._files.number(item.key)
            try:
                yield from self._entries(manifest, item, file)
            except BrokenRule as broken:
                self._violations.add(self._files.place(file), broken)

    def _manifest(self) -> Manifest:
        """The manifest, proven.

        :raises BrokenRule: with the rule
        """
        data = self._files.whole(self._place.name)
        checksum = self._files.whole(self._place.name.removesuffix(".json") + ".checksum")
        match = _MD5.fullmatch(checksum)
        if match is None or match[1].decode().lower() != hashlib.md5(data, usedforsecurity=False).hexdigest():
            raise BrokenRule(
                "bad_checksum",
                "manifest.checksum is not the MD5 of manifest.json: copy both again, or have the inventory made again",
            )
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise BrokenRule(
                "bad_manifest", f"it is no JSON ({error}): name the manifest.json as it was made"
            ) from None
        manifest = read_manifest(value)
        self._named.require_bucket(manifest.source_bucket)
        return manifest

    def _entries(self, manifest: Manifest, item: DataFile, file: int) -> Iterator[ListEntry]:
        name = _below(self._place.folder, item.key)
        if manifest.format == "CSV":
            records = InventoryRecords(self._named, manifest.columns, encoded=True, passed=self._pass_over)
            for line, row in csv_rows(unpacked(name, self._files.chunks(name, item))):
                yield from self._entry(records, row, file, line)
            return
        with tempfile.NamedTemporaryFile(suffix=".parquet") as kept:
            for chunk in self._files.chunks(name, item):
                kept.write(chunk)
            kept.flush()
            columns, rows = parquet_rows(kept.name)
            named = [column_of(column) for column in columns]
            if not {"bucket", "key"} <= set(named):
                raise BrokenRule("wrong_columns", "it has no column bucket or key: have the inventory made again")
            records = InventoryRecords(self._named, named, encoded=False, passed=self._pass_over)
            for line, values in enumerate(rows, start=1):
                yield from self._entry(records, values, file, line)

    def _entry(self, records: InventoryRecords, row: object, file: int, line: int) -> Iterator[ListEntry]:
        try:
            entry = records.entry(row, file=file, line=line)  # type: ignore[arg-type]
        except BrokenRule as broken:
            self._violations.add(self._files.place(file, line), broken)
            return
        if entry is not None:
            yield entry

    def _pass_over(self, rule: str) -> None:
        self._passed[rule] += 1


def _below(folder: Location, key: str) -> str:
    """The name of a data file below the inventory's folder, also where the inventory was copied elsewhere.

    :raises BrokenRule: `file_elsewhere`
    """
    if folder.scheme != "file" and folder.prefix and key.startswith(folder.prefix):
        name = key[len(folder.prefix) :]
    else:
        last = (folder.bucket if folder.scheme == "file" else folder.prefix).strip("/").rpartition("/")[2]
        _, found, name = f"/{key}".rpartition(f"/{last}/") if last else ("", "/", key)
        name = name if found else ""
    if not name or any(segment in ("", ".", "..") for segment in name.split("/")):
        raise BrokenRule(
            "file_elsewhere",
            f"{key!r:.200} does not lie below the inventory's folder {folder.url}: keep the folders of an "
            "inventory as they were made",
        )
    return name
