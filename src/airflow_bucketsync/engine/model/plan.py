"""What is to be done: batches of changes, groups of parts, and the manifest that holds them together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from airflow_bucketsync.engine.model.drift import Drift
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.removal import Removal
from airflow_bucketsync.engine.model.route import Route
from airflow_bucketsync.engine.model.spec import SyncSpec

Listed = Literal["full", "incremental"]
"""What a run lists: both sides, or the source only."""


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
class PartGroup:
    """The work of one mapped `upload_parts` task: parts of large objects, in the order of the plan's uploads.

    :param first: number of the first upload (from 0), and of its first part in this group (from 1)
    :param last: the same of the last one; what lies between is in the group as a whole
    :param bytes: of the parts together
    """

    number: int
    first: tuple[int, int]
    last: tuple[int, int]
    parts: int
    bytes: int

    def within(self, upload: int, parts: int) -> tuple[int, int] | None:
        """The first and the last part of an upload that are in this group; None = it has none of them.

        :param parts: how many the upload has
        """
        if not self.first[0] <= upload <= self.last[0]:
            return None
        first = self.first[1] if upload == self.first[0] else 1
        return first, self.last[1] if upload == self.last[0] else parts

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "number": self.number,
            "first": list(self.first),
            "last": list(self.last),
            "parts": self.parts,
            "bytes": self.bytes,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(
            number=value["number"],
            first=(value["first"][0], value["first"][1]),
            last=(value["last"][0], value["last"][1]),
            parts=value["parts"],
            bytes=value["bytes"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The immutable manifest of a run.

    :param batches: pages of changes, one per copy task
    :param uploads: page of the large objects; None = there are none
    :param groups: their parts, one group per `upload_parts` task
    :param open_uploads: the pair's upload journal names uploads of earlier runs
    :param removal: what is to be taken away after everything else went well; None = nothing
    :param trash: folder below `_bucketsync/` where what is deleted or overwritten is kept; "" = nothing is kept
    :param lock: this run holds the pair's lock
    :param locked: who holds it instead, where that is why this run does nothing
    :param withheld: why nothing of it is carried out, a short word (`rejected`); "" = it is. A person may say yes
        to the same plan later, so it is no part of its digest
    :param drift: how far all was still as in the plan that this run was to apply; None = it applied none
    :param estimate: how long the work takes, roughly (`rules.estimate.Estimate` as JSON)
    :param decided: outcomes the plan itself decided (refused, skipped, failed, extra, withheld)
    :param delta: what the plan learned for `known` (newly proven equal, or forgotten)
    :param route: the way of the bytes
    :param blind: the destination may not be listed, so everything is written, whatever stands there
    :param counts: objects per outcome word decided here, and `planned` for the changes
    :param reasons: objects per `word: reason`, for changes per `planned: reason`
    :param listed: per side: `objects`, `bytes`
    :param requests: per side the requests that listing and planning took
    :param selected_out: source objects left out, per rule of the selection
    :param selected_out_first: the first keys of each rule (at most 3)
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
    selected_out_first: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    blind: bool = False
    mode: Listed = "full"
    resume: str | None = None
    splits: tuple[str, ...] = ()
    uploads: PageRef | None = None
    groups: tuple[PartGroup, ...] = ()
    open_uploads: bool = False
    estimate: Mapping[str, Any] = field(default_factory=dict)
    removal: Removal | None = None
    trash: str = ""
    lock: bool = False
    locked: str | None = None
    withheld: str = ""
    drift: Drift | None = None

    @property
    def dry(self) -> bool:
        """Whether it is only to be looked at: it names all work, and nothing of it is carried out."""
        return self.spec.policy.dry_run or bool(self.withheld)

    @property
    def asks(self) -> bool:
        """Whether a person is to be asked before it is carried out; never for one that changes nothing."""
        removal = self.removal
        changes = self.batches or self.groups or (removal is not None and (removal.deletes or removal.same))
        return self.spec.policy.approve_plan and not self.spec.policy.dry_run and bool(changes)

    @property
    def writes(self) -> bool:
        """Whether the run writes or deletes anything at all."""
        return not self.dry and bool(self.batches or self.groups or self.open_uploads or self.removal)

    @property
    def uploads_unit(self) -> int:
        """The number under which the results of the large objects stand, beside those of the batches."""
        return max((batch.number for batch in self.batches), default=-1) + 1

    @property
    def results(self) -> tuple[tuple[int, int, str], ...]:
        """The result pages that a finished run has: number, objects, and the task that writes it."""
        if self.dry:
            return ()
        found = [(batch.number, batch.objects, f"copy {batch.number}") for batch in self.batches]
        if self.uploads is not None:
            found.append((self.uploads_unit, self.uploads.count, "complete_uploads"))
        return tuple(found)

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
            None if self.uploads is None else self.uploads.to_json(),
            [group.to_json() for group in self.groups],
            None if self.removal is None else self.removal.to_json(),
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
            "selected_out_first": {rule: list(keys) for rule, keys in self.selected_out_first.items()},
            "warnings": list(self.warnings),
            "blind": self.blind,
            "mode": self.mode,
            "resume": self.resume,
            "splits": list(self.splits),
            "uploads": None if self.uploads is None else self.uploads.to_json(),
            "groups": [group.to_json() for group in self.groups],
            "open_uploads": self.open_uploads,
            "estimate": dict(self.estimate),
            "removal": None if self.removal is None else self.removal.to_json(),
            "trash": self.trash,
            "lock": self.lock,
            "locked": self.locked,
            "withheld": self.withheld,
            "drift": None if self.drift is None else self.drift.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from a document."""
        decided, delta, uploads, removal = (value[name] for name in ("decided", "delta", "uploads", "removal"))
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
            selected_out_first={rule: tuple(keys) for rule, keys in value.get("selected_out_first", {}).items()},
            warnings=tuple(value["warnings"]),
            blind=value["blind"],
            mode=value["mode"],
            resume=value["resume"],
            splits=tuple(value["splits"]),
            uploads=None if uploads is None else PageRef.from_json(uploads),
            groups=tuple(PartGroup.from_json(group) for group in value["groups"]),
            open_uploads=value["open_uploads"],
            estimate=value["estimate"],
            removal=None if removal is None else Removal.from_json(removal),
            trash=value["trash"],
            lock=value["lock"],
            locked=value["locked"],
            withheld=value.get("withheld", ""),
            drift=None if value.get("drift") is None else Drift.from_json(value["drift"]),
        )
