"""What the mapped tasks of a run left behind: one page and one index per task and try."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, Self, TypeVar

import orjson

from airflow_bucketsync.engine.errors import ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.pages import PageRef, Schema
from airflow_bucketsync.engine.steps.segments import Line
from airflow_bucketsync.engine.steps.workspace import Workspace

T = TypeVar("T", bound=Line)
Kind = Literal["result", "findings", "begun", "receipts", "removed"]
_NAME = re.compile(r"(\d+)-try(\d+)\.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitIndex:
    """A finished task's page and totals; it is written last, so that it means a complete page.

    :param number: number of the batch or unit
    :param attempt: the try that wrote it; the highest one counts
    :param plan: digest of the plan it worked on
    :param requests: per side the requests of this try
    :param seconds: wall time of this try
    """

    kind: Kind
    number: int
    attempt: int
    plan: str
    page: PageRef
    counts: Mapping[str, int]
    bytes: int
    requests: Mapping[str, Mapping[str, int]]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return {
            "kind": self.kind,
            "number": self.number,
            "attempt": self.attempt,
            "plan": self.plan,
            "page": self.page.to_json(),
            "counts": dict(self.counts),
            "bytes": self.bytes,
            "requests": {side: dict(kinds) for side, kinds in self.requests.items()},
            "seconds": round(self.seconds, 3),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from a document."""
        return cls(
            kind=value["kind"],
            number=value["number"],
            attempt=value["attempt"],
            plan=value["plan"],
            page=PageRef.from_json(value["page"]),
            counts=value["counts"],
            bytes=value["bytes"],
            requests=value["requests"],
            seconds=value["seconds"],
        )


class Outcomes:
    """The outcomes of one task in the making: kept as lines, by key."""

    def __init__(self) -> None:
        self._lines: dict[str, bytes] = {}
        self.counts: Counter[str] = Counter()
        self.bytes = 0

    def __contains__(self, key: str) -> bool:
        return key in self._lines

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome; a key has one."""
        if outcome.key in self._lines:
            raise ValueError(f"two outcomes for {outcome.key!r}")
        self._lines[outcome.key] = orjson.dumps(outcome.to_json())
        self.counts[outcome.status] += 1
        if outcome.status in ("copied", "moved"):
            self.bytes += outcome.bytes

    def lines(self) -> Iterator[dict[str, Any]]:
        """All lines in key order."""
        for key in sorted(self._lines):
            yield orjson.loads(self._lines[key])


class Lines(Protocol):
    """What a task leaves in its page."""

    counts: Counter[str]
    bytes: int

    def lines(self) -> Iterator[dict[str, Any]]:
        """All lines in the order of the page."""
        ...


class LineList(Generic[T]):
    """Any lines in the making, with a word for each to count them by."""

    def __init__(self) -> None:
        self.items: list[T] = []
        self.counts: Counter[str] = Counter()
        self.bytes = 0

    def add(self, item: T, word: str, size: int = 0) -> None:
        """One more line."""
        self.items.append(item)
        self.counts[word] += 1
        self.bytes += size

    def lines(self) -> Iterator[dict[str, Any]]:
        """All lines in their order."""
        return (item.to_json() for item in self.items)


def write_unit(
    workspace: Workspace,
    kind: Kind,
    number: int,
    attempt: int,
    *,
    plan: str,
    lines: Lines,
    requests: Mapping[str, Mapping[str, int]],
    seconds: float,
) -> UnitIndex:
    """Store the page of a task, then its index."""
    name = f"{kind}/{number:04d}-try{attempt:02d}"
    index = UnitIndex(
        kind=kind,
        number=number,
        attempt=attempt,
        plan=plan,
        page=workspace.write_page(name, kind, lines.lines()),
        counts=dict(lines.counts),
        bytes=lines.bytes,
        requests=requests,
        seconds=seconds,
    )
    workspace.write_document(f"{name}.json", "unit_index", index.to_json())
    return index


def read_units(
    workspace: Workspace, kind: Kind, *, plan: str, damaged: list[str] | None = None
) -> dict[int, UnitIndex]:
    """The index of the highest complete try of each number; those of another plan don't count.

    :param damaged: where given, it takes the messages of damaged indexes, whose numbers then count as missing
    :raises PlanMismatch: an index is damaged, and `damaged` was not given
    """
    tries: dict[int, list[int]] = {}
    for name in workspace.list_names(f"{kind}/"):
        match = _NAME.fullmatch(name.removeprefix(f"{kind}/"))
        if match:
            tries.setdefault(int(match[1]), []).append(int(match[2]))
    found = {}
    for number, attempts in sorted(tries.items()):
        for attempt in sorted(attempts, reverse=True):
            try:
                index = _read_index(workspace, kind, number, attempt)
            except PlanMismatch as error:
                if damaged is None:
                    raise
                damaged.append(str(error))
                break  # an older try may say what is no longer true
            if index.plan == plan:
                found[number] = index
                break
    return found


class UnitCounts:
    """What the finished tasks of a kind counted, read again and again: an index is read once."""

    def __init__(self, workspace: Workspace, kind: Kind, *, plan: str) -> None:
        self._workspace = workspace
        self._kind: Kind = kind
        self._plan = plan
        self._known: dict[str, UnitIndex | None] = {}

    def read(self) -> dict[int, Mapping[str, int]]:
        """By number the counts of the highest try that was left for this plan; a damaged index counts nothing."""
        found: dict[int, UnitIndex] = {}
        for name in self._workspace.list_names(f"{self._kind}/"):
            match = _NAME.fullmatch(name.removeprefix(f"{self._kind}/"))
            if match is None:
                continue
            if name not in self._known:
                index = None
                with suppress(PlanMismatch):
                    index = _read_index(self._workspace, self._kind, int(match[1]), int(match[2]))
                self._known[name] = index
            known = self._known[name]
            if known is not None and known.plan == self._plan:
                before = found.get(known.number)
                if before is None or before.attempt < known.attempt:
                    found[known.number] = known
        return {number: index.counts for number, index in found.items()}


def _read_index(workspace: Workspace, kind: Kind, number: int, attempt: int) -> UnitIndex:
    name = f"{kind}/{number:04d}-try{attempt:02d}.json"
    try:
        index = UnitIndex.from_json(workspace.read_document(name, "unit_index"))
    except (KeyError, TypeError, AttributeError) as error:
        raise PlanMismatch(f"{name} is damaged: {type(error).__name__}: {error}") from None
    except ObjectNotFound:
        raise PlanMismatch(f"{name} went away while it was read") from None
    if (index.kind, index.number, index.attempt) != (kind, number, attempt):
        raise PlanMismatch(f"{name} is the index of {index.kind} {index.number}, try {index.attempt}")
    return index


def outcomes_of(workspace: Workspace, index: UnitIndex) -> Iterator[Outcome]:
    """The outcomes of a finished task, in key order."""
    schema: Schema = index.kind
    return workspace.read_page(index.page, schema, Outcome.from_json)


def requests_of(indexes: Iterable[UnitIndex]) -> dict[str, Counter[str]]:
    """Requests of several tasks together, per side."""
    total: dict[str, Counter[str]] = {"source": Counter(), "destination": Counter()}
    for index in indexes:
        for side, kinds in index.requests.items():
            total.setdefault(side, Counter()).update(kinds)
    return total


def speaks_of(found: Outcome, outcome: Outcome) -> bool:
    """Whether a finding is of the very versions that the copy speaks of, and not of those of an earlier try."""
    if found.key != outcome.key or found.source != outcome.source:
        return False
    seen, written = found.destination, outcome.destination
    return seen is None or written is None or None in (seen.etag, written.etag) or seen.etag == written.etag
