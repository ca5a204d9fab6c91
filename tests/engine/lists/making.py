"""Pairs in memory whose objects are named by a list, and inventories as S3 and OSS write them."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import InvalidList
from airflow_bucketsync.engine.in_process import sync
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.stores.memory import MemoryStore
from tests.engine.steps.pairs import Pair, Ran

S3_SCHEMA = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass"
FOLDER = "inventories/source/daily/"


class Listed(Pair):
    """A pair beside which stand lists."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.lists = MemoryStore(Location.parse("memory://lists/"), clock=self.clock)
        self._runs = 0

    def take(self, name: str, content: bytes | str | None = None, *, check: bool = False, **options: Any) -> Ran:
        """One run whose objects a list names."""
        if content is not None:
            self.lists.put(name, content.encode() if isinstance(content, str) else content)
        rules = {item: options.pop(item) for item in SELECTED & options.keys()}
        self.unlock()
        self._runs += 1
        report = sync(
            self.source,
            self.destination,
            workspace=self.pages,
            lists=self.lists,
            selection=Selection(source_list=f"memory://lists/{name}", **rules),
            policy=SyncPolicy(**{"concurrency": 1, **options}),
            name="pair",
            run=f"listed-{self._runs}",
            clock=self.clock,
            retries=self.retries(),
            check=check,
        )
        return Ran(report, self.outcomes(report))

    def refused(self, name: str, content: bytes | str | None = None, **options: Any) -> str:
        """What is said of a list that breaks rules; nothing may have been written."""
        before = self.writes()
        with pytest.raises(InvalidList) as caught:
            self.take(name, content, **options)
        assert self.writes() == before
        assert "nothing was copied" in str(caught.value)
        return str(caught.value)

    # inventories --------------------------------------------------------------------------------------------------

    def rows(self, keys: Sequence[str] | None = None, **changed: Any) -> list[dict[str, Any]]:
        """The records of the source's objects, as an inventory has them."""
        found = []
        for info in self.source.list_page(limit=1000).items:
            if keys is None or info.key in keys:
                row = {
                    "Bucket": "source",
                    "Key": self.source.location.full_key(info.key),
                    "VersionId": "",
                    "IsLatest": True,
                    "IsDeleteMarker": False,
                    "Size": info.size,
                    "LastModifiedDate": info.last_modified,
                    "ETag": info.etag,
                    "StorageClass": "STANDARD",
                }
                found.append({**row, **changed})
        return found

    def inventory(self, data: Mapping[str, bytes], **said: Any) -> str:
        """Keep an inventory with these data files; the name of its manifest."""
        for name, body in data.items():
            self.lists.put(f"{FOLDER}data/{name}", body)
        files = [
            {"key": f"{FOLDER}data/{name}", "size": len(body), "MD5checksum": hashlib.md5(body).hexdigest()}
            for name, body in data.items()
        ]
        manifest = {
            "sourceBucket": "source",
            "destinationBucket": "arn:aws:s3:::lists",
            "version": "2016-11-30",
            "creationTimestamp": "1784000000000",
            "fileFormat": "CSV",
            "fileSchema": S3_SCHEMA,
            "files": files,
            **said,
        }
        body = json.dumps(manifest).encode()
        name = f"{FOLDER}2026-07-14T01-00Z/manifest.json"
        self.lists.put(name, body)
        self.lists.put(f"{FOLDER}2026-07-14T01-00Z/manifest.checksum", hashlib.md5(body).hexdigest().encode())
        return name


SELECTED = {
    "list_encoding",
    "max_expansion",
    "include",
    "exclude",
    "prefixes",
    "start_after",
    "min_size",
    "key_mapping",
    "modified_after",
    "tags",
}


def csv_data(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Records as S3 writes them: everything in quotes, keys percent-encoded."""
    from urllib.parse import quote_plus

    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for row in rows:
        time = row["LastModifiedDate"]
        said = {
            **row,
            "Key": quote_plus(row["Key"], safe="/"),
            "IsLatest": str(row["IsLatest"]).lower(),
            "IsDeleteMarker": str(row["IsDeleteMarker"]).lower(),
            "LastModifiedDate": time if isinstance(time, str) else time.isoformat().replace("+00:00", "Z"),
        }
        writer.writerow([said[name.strip()] for name in S3_SCHEMA.split(",")])
    return gzip.compress(text.getvalue().encode())
