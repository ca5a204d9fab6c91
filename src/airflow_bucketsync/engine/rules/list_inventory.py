"""What does the manifest of an inventory say, and what does one record of it name?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from airflow_bucketsync.engine.model.source_list import ListEntry
from airflow_bucketsync.engine.rules.list_records import BrokenRule, Named, decoded, size_of, time_of, truth_of

PASSED_OVER = ("outside_source", "state_name", "no_key")
"""Rules that records of an inventory may break: it speaks of a whole bucket, not of this source only."""
COLUMNS: Mapping[str, str] = {
    "bucket": "bucket",
    "key": "key",
    "islatest": "is_latest",
    "isdeletemarker": "is_delete_marker",
    "size": "size",
    "lastmodifieddate": "last_modified",
    "etag": "etag",
    "storageclass": "storage_class",
}
"""Fields of an inventory that we read, by their names without underscores and in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One data file of an inventory.

    :param key: as the manifest names it, inside the inventory's bucket
    :param md5: hexadecimal
    """

    key: str
    size: int
    md5: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The manifest of an inventory.

    :param columns: of CSV: our name per column, None = one that we don't read
    :param made: when the inventory began
    """

    source_bucket: str
    format: Literal["CSV", "Parquet"]
    columns: tuple[str | None, ...]
    files: tuple[DataFile, ...]
    made: datetime | None


def read_manifest(value: Any) -> Manifest:
    """The manifest of an inventory of S3 or OSS.

    :raises BrokenRule: `bad_manifest`, `orc`, or `unknown_format`
    """
    if not isinstance(value, dict):
        raise _bad("it is no JSON object")
    texts = {name: value.get(name) for name in ("sourceBucket", "fileFormat", "fileSchema")}
    for name, text in texts.items():
        if not isinstance(text, str) or not text:
            raise _bad(f"{name} is missing")
    word = str(texts["fileFormat"])
    if word.upper() == "ORC":
        raise BrokenRule("orc", "an inventory in ORC can't be read: let the inventory be made as Parquet or CSV")
    names: dict[str, Literal["CSV", "Parquet"]] = {"CSV": "CSV", "PARQUET": "Parquet"}
    if word.upper() not in names:
        raise BrokenRule(
            "unknown_format", f"fileFormat {word!r:.40} is none of CSV, Parquet: let it be made as one of these"
        )
    kind = names[word.upper()]
    columns = tuple(column_of(name) for name in str(texts["fileSchema"]).split(",")) if kind == "CSV" else ()
    if kind == "CSV" and not {"bucket", "key"} <= set(columns):
        raise _bad("fileSchema names no Bucket or no Key")
    files = value.get("files")
    if not isinstance(files, list):
        raise _bad("files is no list")
    return Manifest(
        source_bucket=str(texts["sourceBucket"]),
        format=kind,
        columns=columns,
        files=tuple(_file(item) for item in files),
        made=_made(value.get("creationTimestamp")),
    )


def column_of(name: str) -> str | None:
    """Our name of a column; None = one that we don't read."""
    return COLUMNS.get(name.strip().replace("_", "").lower())


def _bad(words: str) -> BrokenRule:
    return BrokenRule(
        "bad_manifest", f"it is no manifest of an inventory: {words}; name the manifest.json as it was made"
    )


def _file(value: Any) -> DataFile:
    found = value if isinstance(value, dict) else {}
    key, size, md5 = found.get("key"), found.get("size"), found.get("MD5checksum")
    if not isinstance(key, str) or not key or type(size) is not int or not isinstance(md5, str) or len(md5) != 32:
        raise _bad("an entry of files lacks key, size or MD5checksum")
    return DataFile(key=key, size=size, md5=md5.lower())


def _made(value: Any) -> datetime | None:
    """The time in milliseconds (S3) or seconds (OSS) since 1970; None = it can't be told."""
    text = str(value)
    if not text.isascii() or not text.isdigit() or len(text) > 14:
        return None
    seconds = int(text)
    return datetime.fromtimestamp(seconds / 1000 if seconds > 10**11 else seconds, UTC)


class InventoryRecords:
    """Records of an inventory as entries; counts those that name nothing to sync.

    :param encoded: keys are percent-encoded (CSV)
    :param passed: told the rule of each record that is passed over
    """

    def __init__(
        self, named: Named, columns: Sequence[str | None], *, encoded: bool, passed: Callable[[str], None]
    ) -> None:
        self._named = named
        self._encoded = encoded
        self._passed = passed
        self._width = len(columns)
        self._at = {name: index for index, name in enumerate(columns) if name is not None}

    def entry(self, row: Sequence[Any], *, file: int, line: int) -> ListEntry | None:
        """The entry of a record; None = it is passed over: not the current version, or not below the source.

        :raises BrokenRule: with the rule
        """
        if len(row) != self._width:
            raise BrokenRule(
                "wrong_columns",
                f"{len(row)} columns, and the manifest names {self._width}: have the inventory made again",
            )
        said = {name: row[index] for name, index in self._at.items()}
        current = truth_of(said.get("is_latest"), otherwise=True)
        if not current or truth_of(said.get("is_delete_marker"), otherwise=False):
            self._passed("not_current")
            return None
        key = said["key"]
        if not isinstance(key, str):
            raise BrokenRule("no_key", "the record has no key: have the inventory made again")
        storage_class = said.get("storage_class") or None
        try:
            return self._named.entry(
                str(said["bucket"]),
                decoded(key) if self._encoded else key,
                file=file,
                line=line,
                folders=False,
                size=size_of(said.get("size")),
                last_modified=time_of(said.get("last_modified")),
                etag=(said.get("etag") or "").strip('"') or None,
                storage_class=None if storage_class is None or storage_class.upper() == "STANDARD" else storage_class,
            )
        except BrokenRule as broken:
            if broken.rule not in PASSED_OVER:
                raise
            self._passed(broken.rule)
            return None
