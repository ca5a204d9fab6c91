"""What does a list name? Read by its kind, which its file's name tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from airflow_bucketsync.engine.model.source_list import MANIFEST, ListEntry, ListPlace
from airflow_bucketsync.engine.rules.list_records import BrokenRule, Named
from airflow_bucketsync.engine.rules.renaming import Renaming
from airflow_bucketsync.engine.steps.lists.files import ListFiles, require_store
from airflow_bucketsync.engine.steps.lists.inventories import Inventory
from airflow_bucketsync.engine.steps.lists.own_pages import read_own_page
from airflow_bucketsync.engine.steps.lists.rows import read_csv, read_jsonl
from airflow_bucketsync.engine.steps.lists.violations import Violations
from airflow_bucketsync.engine.steps.run import Run

KINDS = (
    "name a list in CSV (.csv, .csv.gz) or JSON Lines (.jsonl, .jsonl.gz), the manifest.json of an inventory, or a "
    "page of a run (.jsonl.zst)"
)


@dataclass
class Reading:
    """One list being read.

    :param passed: records that were passed over, by rule or word
    :param made: when an inventory began
    """

    files: ListFiles
    violations: Violations
    passed: Counter[str] = field(default_factory=Counter)
    made: datetime | None = None


def begin_reading(run: Run) -> Reading:
    """The list of a run, opened.

    :raises InvalidList: it can't be
    """
    place = ListPlace.parse(run.spec.selection.source_list)
    store = require_store(run.lists, place)
    return Reading(ListFiles(store, place, gate=run.gate), Violations(place.url))


def read_entries(run: Run, reading: Reading) -> Iterator[ListEntry]:
    """The entries of the run's list as it has them; what breaks a rule goes to the violations.

    :raises InvalidList: there are so many that the rest is not read
    """
    place = ListPlace.parse(run.spec.selection.source_list)
    try:
        yield from _entries(run, reading, place)
    except BrokenRule as broken:  # of a file as a whole
        reading.violations.add(place.file if not reading.files.names else reading.files.names[-1], broken)


def _entries(run: Run, reading: Reading, place: ListPlace) -> Iterator[ListEntry]:
    files, violations = reading.files, reading.violations
    named = Named(source=run.spec.source, refusal=run.source.refusal)
    name = place.name.lower()
    if place.file == MANIFEST:
        inventory = Inventory(files, place, named, violations, reading.passed)
        yield from inventory
        reading.made = inventory.made
    elif name.endswith((".csv", ".csv.gz")):
        yield from read_csv(files, place.name, named, violations, encoding=run.spec.selection.list_encoding)
    elif name.endswith((".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")):
        yield from read_jsonl(files, place.name, named, violations, anonymous=run.source.anonymous)
    elif name.endswith(".jsonl.zst"):
        renaming = Renaming(run.spec.selection.key_mapping)
        yield from read_own_page(files, place.name, named, violations, reading.passed, renaming=renaming)
    elif name.endswith((".parquet", ".orc", "symlink.txt", ".checksum")):
        raise BrokenRule("part_of_inventory", f"{place.file!r:.200} is a part of an inventory: name its manifest.json")
    else:
        raise BrokenRule("unknown_kind", f"{place.file!r:.200} is no kind of list that we know: {KINDS}")
