"""Turn the list of a run into what the plan reads: pages of objects as they stand at the source."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

from airflow_bucketsync.engine.errors import BucketsyncError, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.pages import PageRef, Schema
from airflow_bucketsync.engine.model.source_list import ListEntry, ListPlace
from airflow_bucketsync.engine.rules.list_records import BrokenRule
from airflow_bucketsync.engine.rules.renaming import Renaming
from airflow_bucketsync.engine.steps.lists.folders import expanded
from airflow_bucketsync.engine.steps.lists.lookups import CHUNK, Found, looked_up
from airflow_bucketsync.engine.steps.lists.ordering import Once, in_order, order
from airflow_bucketsync.engine.steps.lists.reading import Reading, begin_reading, read_entries
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.spool import Spool
from airflow_bucketsync.engine.steps.workspace import PageWriter, Workspace

DOCUMENT = "list/source_list.json"
PAGE_OBJECTS = 250_000
MAX_FOLDERS = 10_000
_TOO_MANY_FOLDERS = BrokenRule(
    "too_many_folders",
    f"more than {MAX_FOLDERS} folder entries are too many to be listed one by one: name wider folders",
)
_NO_SUMS = (
    "the list names checksums (sums), and verify is {verify}, which looks at none: set verify to metadata or "
    "content, or leave the sums out"
)

_NO_MOVE = BrokenRule(
    "move_renames",
    "the list gives objects other keys at the destination, and with `move` a later list could overwrite the only copy "
    "of what was moved: leave `move` out, or those fields",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceList:
    """What the list of a run came to.

    :param objects: that stand at the source
    :param bytes: their sizes together
    :param pages: of these objects, ascending
    :param missing: pages of outcomes: what is named and is not there, or could not be looked at
    :param expected: pages of the checksums that objects must have, ascending
    :param names: pages of the keys at the destination that it gives to objects by themselves, ascending
    :param warnings: what a person should know
    """

    objects: int
    bytes: int
    pages: tuple[PageRef, ...]
    missing: tuple[PageRef, ...] = ()
    expected: tuple[PageRef, ...] = ()
    names: tuple[PageRef, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As a document; `pages` stand in the listing's index."""
        return {
            "objects": self.objects,
            "bytes": self.bytes,
            "missing": [page.to_json() for page in self.missing],
            "expected": [page.to_json() for page in self.expected],
            "names": [page.to_json() for page in self.names],
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from a document."""
        return cls(
            objects=value["objects"],
            bytes=value["bytes"],
            pages=(),
            missing=tuple(PageRef.from_json(page) for page in value["missing"]),
            expected=tuple(PageRef.from_json(page) for page in value["expected"]),
            names=tuple(PageRef.from_json(page) for page in value["names"]),
            warnings=tuple(value["warnings"]),
        )


def read_source_list(workspace: Workspace) -> SourceList:
    """What the list of this run came to.

    :raises PlanMismatch: it is missing or damaged; nothing may be planned without it
    """
    try:
        return SourceList.from_json(workspace.read_document(DOCUMENT, "source_list"))
    except ObjectNotFound:
        raise PlanMismatch("what the source_list came to is missing: clear `list`", key=DOCUMENT) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PlanMismatch(f"{DOCUMENT} is damaged: {type(error).__name__}: {error}") from None


def take_list(run: Run, name: str) -> SourceList:
    """Read the run's list, hold it against every rule, look up what it does not say, and write the pages.

    :param name: which the pages of objects begin with
    :raises InvalidList: rules are broken; it names all of them, and nothing was written but pages of this run
    """
    reading = begin_reading(run)
    with ExitStack() as stack:
        single = stack.enter_context(Spool())
        folders: list[ListEntry] = []
        alone = Once(in_order(_without_folders(run, reading, folders)), reading.files, reading.violations)
        for entry in alone:
            single.write(entry.to_line())
        reading.violations.require_none()
        if not single.count and not folders and not reading.passed:
            reading.violations.add(ListPlace.parse(run.spec.selection.source_list).name, _EMPTY)
            reading.violations.require_none()
        entries: Iterable[ListEntry] = (ListEntry.from_line(line) for line in single)
        overlaps: Once | None = None
        if folders:
            below = in_order(_expanded(run, reading, folders))
            overlaps = Once(heapq.merge(single, below, key=order), reading.files, reading.violations, versions=False)
            both = stack.enter_context(Spool())
            for entry in overlaps:
                both.write(entry.to_line())
            reading.violations.require_none()
            entries = (ListEntry.from_line(line) for line in both)
        duplicates = alone.duplicates + (0 if overlaps is None else overlaps.duplicates)
        found = _Writing(run, name).write(entries, warnings=_warnings(reading, duplicates))
    run.workspace.write_document(DOCUMENT, "source_list", found.to_json())
    return found


_EMPTY = BrokenRule("empty", "it names no object: look at how it was made")


def _without_folders(run: Run, reading: Reading, folders: list[ListEntry]) -> Iterator[ListEntry]:
    """The entries of single objects; those of folders are put aside."""
    told = run.spec.policy.verify in ("none", "listing")
    moves = run.spec.policy.move
    for entry in read_entries(run, reading):
        if moves and entry.destination_key is not None:
            moves = False  # once is enough
            reading.violations.add(reading.files.place(entry.file, entry.line), _NO_MOVE)
        if entry.folder:
            folders.append(entry)
            if len(folders) > MAX_FOLDERS:
                reading.violations.add(reading.files.place(entry.file, entry.line), _TOO_MANY_FOLDERS)
                folders.clear()
            continue
        if entry.sums and told:
            told = False  # once is enough
            words = _NO_SUMS.format(verify=run.spec.policy.verify)
            reading.violations.add(reading.files.place(entry.file, entry.line), BrokenRule("sums_unverified", words))
        yield entry


def _expanded(run: Run, reading: Reading, folders: list[ListEntry]) -> Iterator[ListEntry]:
    seen: set[str] = set()
    for entry in folders:
        if entry.key in seen:
            continue
        seen.add(entry.key)
        try:
            yield from expanded(run, entry)
        except BrokenRule as broken:
            reading.violations.add(reading.files.place(entry.file, entry.line), broken)


def _warnings(reading: Reading, duplicates: int) -> tuple[str, ...]:
    found = []
    if duplicates:
        found.append(f"the source_list names objects again {duplicates} times; each is taken once")
    if reading.passed:
        words = ", ".join(f"{rule} {count}" for rule, count in sorted(reading.passed.items()))
        found.append(f"{reading.passed.total()} records of the source_list were passed over: {words}")
    if reading.made is not None:
        found.append(
            f"the inventory was begun at {reading.made.isoformat(timespec='seconds')}: what was written since is not "
            "in it, and what it says is the same or new is told of the versions it names"
        )
    return tuple(found)


class _Pages:
    """Pages of one schema, begun anew after so many lines."""

    def __init__(self, workspace: Workspace, name: str, schema: Schema) -> None:
        self._workspace = workspace
        self._name = name
        self._schema: Schema = schema
        self._writer: PageWriter | None = None
        self._finished: list[PageRef] = []

    def write(self, line: Mapping[str, Any]) -> None:
        if self._writer is None:
            self._writer = self._workspace.page_writer(f"{self._name}-{len(self._finished):05d}", self._schema)
        self._writer.write(line)
        if self._writer.count >= PAGE_OBJECTS:
            self._finished.append(self._writer.finish())
            self._writer = None

    def finish(self) -> tuple[PageRef, ...]:
        if self._writer is not None:
            self._finished.append(self._writer.finish())
            self._writer = None
        return tuple(self._finished)


class _Writing:
    """The pages of a list in the making."""

    def __init__(self, run: Run, name: str) -> None:
        self._run = run
        self._infos = _Pages(run.workspace, name, "listing")
        self._missing = _Pages(run.workspace, "list/missing", "outcomes")
        self._expected = _Pages(run.workspace, "list/expected", "expected")
        self._names = _Pages(run.workspace, "list/names", "names")
        self._renaming = Renaming(run.spec.selection.key_mapping)
        self._objects = 0
        self._bytes = 0

    def write(self, entries: Iterable[ListEntry], *, warnings: tuple[str, ...]) -> SourceList:
        source = iter(entries)
        while chunk := list(islice(source, CHUNK)):
            unknown = [entry.key for entry in chunk if entry.info is None]
            found = looked_up(self._run.source, unknown, gate=self._run.gate, prove_absence=True) if unknown else {}
            for entry in chunk:
                self._run.gate.check()
                self._take(entry, entry.info or found.get(entry.key))
        return SourceList(
            objects=self._objects,
            bytes=self._bytes,
            pages=self._infos.finish(),
            missing=self._missing.finish(),
            expected=self._expected.finish(),
            names=self._names.finish(),
            warnings=warnings,
        )

    def _take(self, entry: ListEntry, found: Found) -> None:
        if isinstance(found, ObjectInfo):
            self._objects += 1
            self._bytes += found.size
            self._infos.write(found.to_json())
            if entry.destination_key is not None:
                self._names.write({"key": entry.key, "name": entry.destination_key})
            if entry.sums:
                sums = [item.to_json() for item in entry.sums]
                self._expected.write({"key": entry.key, "sums": sums})
        else:
            self._missing.write(self._outcome(entry, found).to_json())

    def _outcome(self, entry: ListEntry, error: BucketsyncError | None) -> Outcome:
        """What becomes of an object that is named and was not found."""
        name = self._renaming.name(entry.key) if entry.destination_key is None else entry.destination_key
        key = name if isinstance(name, str) else entry.key
        source_key = None if name == entry.key else entry.key
        if error is not None:
            return Outcome(key=key, source_key=source_key, status="failed", reason=error.reason, message=str(error))
        message = "the list names it, and it is not at the source"
        if self._run.spec.policy.on_missing == "skip":
            return Outcome(key=key, source_key=source_key, status="gone", reason="not_at_source", message=message)
        return Outcome(key=key, source_key=source_key, status="failed", reason="gone", message=message)
