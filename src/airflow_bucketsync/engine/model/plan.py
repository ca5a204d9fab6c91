"""What is to be done: units to list, changes, batches, and the manifest that holds them together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.route import Route
from airflow_bucketsync.engine.model.spec import SyncSpec

Side = Literal["source", "destination"]
Listed = Literal["full", "incremental"]
"""What a run lists: both sides, or the source only."""
ChangeKind = Literal["copy", "update"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUnit:
    """One key range of one side to list: keys with `after < key <= until`.

    :param number: counts up over both sides; names the pages
    :param until: None = to the end
    """

    number: int
    side: Side
    after: str = ""
    until: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"number": self.number, "side": self.side, "after": self.after, "until": self.until}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(number=value["number"], side=value["side"], after=value["after"], until=value["until"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingIndex:
    """The finished listing of one unit.

    :param objects: objects listed
    :param bytes: their sizes together
    :param requests: list requests sent
    :param refused: names that can't be keys, with the reason (the first 1,000)
    :param refused_count: how many there were
    """

    unit: ListUnit
    pages: tuple[PageRef, ...]
    objects: int
    bytes: int
    requests: Mapping[str, int]
    refused: tuple[tuple[str, str], ...] = ()
    refused_count: int = 0

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "unit": self.unit.to_json(),
            "pages": [page.to_json() for page in self.pages],
            "objects": self.objects,
            "bytes": self.bytes,
            "requests": dict(self.requests),
            "refused": [list(item) for item in self.refused],
            "refused_count": self.refused_count,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(
            unit=ListUnit.from_json(value["unit"]),
            pages=tuple(PageRef.from_json(page) for page in value["pages"]),
            objects=value["objects"],
            bytes=value["bytes"],
            requests=value["requests"],
            refused=tuple((name, reason) for name, reason in value["refused"]),
            refused_count=value["refused_count"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One object to bring in step.

    :param kind: `copy` the body, or `update` the attributes only
    :param source: the version that was planned; every read is pinned to it
    :param destination: what stands there now; None = nothing, and nothing may be overwritten
    :param reason: why it is not `same`
    """

    kind: ChangeKind
    source: ObjectInfo
    destination: ObjectInfo | None
    reason: str

    @property
    def load(self) -> int:
        """Bytes that carrying it out moves."""
        return self.source.size if self.kind == "copy" else 0

    def to_json(self) -> dict[str, Any]:
        """As one line of a page."""
        line: dict[str, Any] = {"kind": self.kind, "reason": self.reason, "source": self.source.to_json()}
        if self.destination is not None:
            line["destination"] = self.destination.to_json()
        return line

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Self:
        """Back from a line of a page."""
        destination = line.get("destination")
        return cls(
            kind=line["kind"],
            reason=line["reason"],
            source=ObjectInfo.from_json(line["source"]),
            destination=None if destination is None else ObjectInfo.from_json(destination),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownObject:
    """One line of the pair's memory: these two versions were proven equal.

    :param source: None in a delta = forget this key
    """

    key: str
    source: Fingerprint | None
    destination: Fingerprint | None

    def to_json(self) -> dict[str, Any]:
        """As one line of a page."""
        line: dict[str, Any] = {"key": self.key}
        if self.source is not None:
            line["source"] = self.source.to_json()
        if self.destination is not None:
            line["destination"] = self.destination.to_json()
        return line

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Self:
        """Back from a line of a page."""
        source, destination = line.get("source"), line.get("destination")
        return cls(
            key=line["key"],
            source=None if source is None else Fingerprint.from_json(source),
            destination=None if destination is None else Fingerprint.from_json(destination),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The work of one mapped copy task."""

    number: int
    page: PageRef
    objects: int
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"number": self.number, "page": self.page.to_json(), "objects": self.objects, "bytes": self.bytes}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(
            number=value["number"],
            page=PageRef.from_json(value["page"]),
            objects=value["objects"],
            bytes=value["bytes"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The immutable manifest of a run.

    :param batches: pages of changes, one per copy task
    :param decided: outcomes the plan itself decided (refused, skipped, failed, extra, and withheld in a dry run)
    :param delta: what the plan learned for `known` (newly proven equal, or forgotten)
    :param route: the way of the bytes
    :param blind: the destination may not be listed, so everything is written, whatever stands there
    :param counts: objects per outcome word decided here, and `planned` for the changes
    :param reasons: objects per `word: reason`, for changes per `planned: reason`
    :param listed: per side: `objects`, `bytes`
    :param requests: per side the requests that listing and planning took
    :param selected_out: source objects left out, per rule of the selection
    :param mode: what was listed; `full` where an incremental run found the memory damaged
    :param resume: key of the last object taken, where a bound left others for the next run; None = nothing was left
    :param splits: keys that cut the next listing into ranges
    """

    spec: SyncSpec
    run: str
    batches: tuple[Batch, ...]
    decided: PageRef | None
    delta: PageRef | None
    route: Route
    counts: Mapping[str, int]
    reasons: Mapping[str, int]
    bytes: int
    listed: Mapping[str, Mapping[str, int]]
    requests: Mapping[str, Mapping[str, int]]
    selected_out: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    blind: bool = False
    mode: Listed = "full"
    resume: str | None = None
    splits: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of what is to be done: spec and pages, whatever the run is called and however it was listed."""
        parts = [
            self.spec.to_json(),
            [batch.to_json() for batch in self.batches],
            None if self.decided is None else self.decided.to_json(),
            None if self.delta is None else self.delta.to_json(),
            self.route.transport,
            self.blind,
            self.resume,
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return {
            "digest": self.digest,
            "spec": self.spec.to_json(),
            "run": self.run,
            "batches": [batch.to_json() for batch in self.batches],
            "decided": None if self.decided is None else self.decided.to_json(),
            "delta": None if self.delta is None else self.delta.to_json(),
            "route": self.route.to_json(),
            "counts": dict(self.counts),
            "reasons": dict(self.reasons),
            "bytes": self.bytes,
            "listed": {side: dict(totals) for side, totals in self.listed.items()},
            "requests": {side: dict(kinds) for side, kinds in self.requests.items()},
            "selected_out": dict(self.selected_out),
            "warnings": list(self.warnings),
            "blind": self.blind,
            "mode": self.mode,
            "resume": self.resume,
            "splits": list(self.splits),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from a document."""
        decided, delta = value["decided"], value["delta"]
        return cls(
            spec=SyncSpec.from_json(value["spec"]),
            run=value["run"],
            batches=tuple(Batch.from_json(batch) for batch in value["batches"]),
            decided=None if decided is None else PageRef.from_json(decided),
            delta=None if delta is None else PageRef.from_json(delta),
            route=Route.from_json(value["route"]),
            counts=value["counts"],
            reasons=value["reasons"],
            bytes=value["bytes"],
            listed=value["listed"],
            requests=value["requests"],
            selected_out=value["selected_out"],
            warnings=tuple(value["warnings"]),
            blind=value["blind"],
            mode=value["mode"],
            resume=value["resume"],
            splits=tuple(value["splits"]),
        )
