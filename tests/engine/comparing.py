"""Comparisons of real stores, and what their reports, pages and tables say."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from airflow_bucketsync.engine.model.comparison import ComparisonReport
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.compare import compare_pair
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.retrying import RetryingStore
from tests.engine.stand import Stand, quick_retries

_NUMBERS = itertools.count(1)

Told = tuple[str, tuple[str, ...], int | None]
"""What differs, which names, at which byte."""


@dataclass(frozen=True)
class Comparison:
    """A finished comparison and its files."""

    report: ComparisonReport
    page: Mapping[str, Mapping[str, Any]]
    table: list[dict[str, str]]
    document: Mapping[str, Any]

    @property
    def told(self) -> dict[str, list[Told]]:
        """Of each key that is not `same` its differences; what has none, as the word it came to."""
        return {
            key: [
                (item["what"], tuple(item.get("names", ())), item.get("position"))
                for item in line.get("differences", [{"what": line["found"]}])
            ]
            for key, line in self.page.items()
        }


def compare(
    stand: Stand,
    source: ObjectStore,
    destination: ObjectStore,
    *,
    selection: Selection | None = None,
    lists: ObjectStore | None = None,
    fail_on_extra: bool = False,
    **policy: Any,
) -> Comparison:
    """One comparison."""
    spec = SyncSpec.of(
        source.location,
        destination.location,
        selection=selection,
        policy=SyncPolicy(**{"concurrency": 4, "verify": "content", **policy}),
    )
    name = f"compare-{next(_NUMBERS)}"
    retries = quick_retries()
    run = Run(
        spec=spec,
        run=name,
        source=RetryingStore(source, retries),
        destination=RetryingStore(destination, retries),
        workspace=Workspace(stand.workspace, pair=spec.pair, run=name),
        gate=retries.gate,
        lists=lists,
    )
    report = compare_pair(run, fail_on_extra=fail_on_extra)
    folder = Path(stand.workspace.location.bucket) / run.workspace.run_folder
    lines = [] if report.objects is None else stand.page(f"{run.workspace.run_folder}{report.objects}")[1:]
    page = {line["key"]: line for line in lines}
    assert len(page) == len(lines), "a key has two records"
    table = []
    if report.table is not None:
        with (folder / report.table).open(encoding="utf-8-sig", newline="") as file:
            table = list(csv.DictReader(file))
    document = orjson.loads((folder / "compare" / "report.json").read_bytes())
    return Comparison(report, page, table, document)
