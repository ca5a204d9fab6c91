"""What became of each object, and of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self, get_args

from airflow_bucketsync.engine.model.drift import Drift
from airflow_bucketsync.engine.model.objects import Fingerprint
from airflow_bucketsync.engine.model.route import Route

Status = Literal[
    "copied",
    "updated",
    "moved",
    "same",
    "changed",
    "gone",
    "refused",
    "skipped",
    "failed",
    "unverified",
    "deleted",
    "trashed",
    "withheld",
    "extra",
]
STATUSES: tuple[str, ...] = get_args(Status)
RED: frozenset[str] = frozenset({"failed", "unverified", "refused", "withheld"})
"""Words that make a run red (`withheld` unless by dry run or a person's decision)."""
WRITTEN: frozenset[str] = frozenset({"copied", "updated", "moved"})
"""Words for objects that this run wrote to the destination."""
REMOVED: frozenset[str] = frozenset({"deleted", "trashed", "moved"})
"""Words for objects that this run took away: at the destination, or at the source."""

CopyMode = Literal["server_copy", "part_copy", "stream", "stream_parts", "set_attributes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one object.

    :param key: relative to the pair's locations; the one at the destination, where keys are mapped
    :param source_key: the key at the source, where that is another one; always told of an object that can't have a
        name there (`key` is its own then), or would share one
    :param status: one word of `STATUSES`
    :param reason: why, one short word (`new`, `size`, `archived`, `destination_changed`, …)
    :param message: the error for people, where there is one
    :param bytes: size of what was copied
    :param seconds: wall time spent on this object
    :param mode: how it was copied
    :param attempts: tries it took
    :param lost: attributes that the destination can't hold
    :param source: the source version this speaks of
    :param destination: what stands at the destination now
    :param verified: None = not looked at after writing
    :param kept: where the object that stood there before is kept: `trash/<folder>/` below `_bucketsync/`, or
        `version/<id>`
    """

    key: str
    status: Status
    reason: str | None = None
    message: str | None = None
    bytes: int = 0
    seconds: float = 0.0
    mode: CopyMode | None = None
    attempts: int = 0
    lost: tuple[str, ...] = ()
    source: Fingerprint | None = None
    destination: Fingerprint | None = None
    verified: bool | None = None
    kept: str | None = None
    source_key: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As one line of a page; what stands at its default is left out."""
        line: dict[str, Any] = {"key": self.key, "status": self.status}
        for name in ("reason", "message", "mode", "verified", "kept", "source_key"):
            value = getattr(self, name)
            if value is not None:
                line[name] = value
        if self.bytes:
            line["bytes"] = self.bytes
        if self.seconds:
            line["seconds"] = round(self.seconds, 6)
        if self.attempts:
            line["attempts"] = self.attempts
        if self.lost:
            line["lost"] = list(self.lost)
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
            status=line["status"],
            reason=line.get("reason"),
            message=line.get("message"),
            bytes=line.get("bytes", 0),
            seconds=line.get("seconds", 0.0),
            mode=line.get("mode"),
            attempts=line.get("attempts", 0),
            lost=tuple(line.get("lost", ())),
            source=None if source is None else Fingerprint.from_json(source),
            destination=None if destination is None else Fingerprint.from_json(destination),
            verified=line.get("verified"),
            kept=line.get("kept"),
            source_key=line.get("source_key"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run did, proved and left out.

    :param mode: `full`, or `dry_run`
    :param started: start of `prepare`, aware UTC
    :param ended: when the report was made, aware UTC
    :param seconds: wall time between both
    :param counts: objects per outcome word; words that did not occur are left out
    :param reasons: objects per `word: reason`
    :param bytes: bytes of the objects that were written
    :param requests: per side (`source`, `destination`, `workspace`) the requests by operation
    :param verify: the level asked for
    :param verified: green, with a level above `none` (`changed` and `gone` keys don't stop it)
    :param changed_anything: whether the destination was written to
    :param red: the words that made the run red
    :param tolerated: the words that occurred and were tolerated by name
    :param incomplete: tasks that failed or whose page is missing; never green with one
    :param lost: attributes the destination could not hold, with the number of objects
    :param warnings: what a person should know
    :param failures: the first failed keys with reason and message, for people (at most 20)
    :param route: the way of the bytes; None when there was no plan
    :param objects: name of the page with one record per object that is not `same`, in the run's folder
    :param resume: key of the last object taken, where a bound left others for the next run
    :param rounds: which of the runs of `mode: until_quiet` this is, from 1
    :param next_round: whether another run is to follow at once
    :param approval: what a person said of the plan or its deletions: `answer` (`apply`, `delete`, `keep`, `none`),
        `by`, `at`
    :param drift: of a run that applied a reviewed plan: what was no longer as in that plan
    :param trash: folder below `_bucketsync/` at the destination where what was taken away is kept; "" = there is none
    :param selected_out: source objects that were left out, per rule
    :param selected_out_first: the first keys of each rule (at most 3)
    :param by_hand: the options that this run had set by hand, otherwise than the pair's author
    :param review: of a dry run: what its plan comes to (`model.review.PlanReview` as JSON)
    :param precheck: how many of its lines ended how, whether that was remembered, and since when; None = there was none
    """

    pair: str
    run: str
    mode: str
    source: str
    destination: str
    started: datetime
    ended: datetime
    seconds: float
    counts: Mapping[str, int]
    reasons: Mapping[str, int]
    bytes: int
    requests: Mapping[str, Mapping[str, int]]
    verify: str
    verified: bool
    changed_anything: bool
    red: tuple[str, ...] = ()
    tolerated: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()
    lost: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    failures: tuple[Mapping[str, Any], ...] = ()
    plan_digest: str | None = None
    route: Route | None = None
    objects: str | None = None
    resume: str | None = None
    rounds: int = 1
    next_round: bool = False
    approval: Mapping[str, Any] | None = None
    drift: Drift | None = None
    trash: str = ""
    selected_out: Mapping[str, int] = field(default_factory=dict)
    selected_out_first: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by_hand: Mapping[str, Any] = field(default_factory=dict)
    review: Mapping[str, Any] | None = None
    precheck: Mapping[str, Any] | None = None

    @property
    def green(self) -> bool:
        """Whether nothing is missing."""
        return not self.red and not self.incomplete

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return {
            "pair": self.pair,
            "run": self.run,
            "mode": self.mode,
            "source": self.source,
            "destination": self.destination,
            "started": self.started.isoformat(),
            "ended": self.ended.isoformat(),
            "seconds": round(self.seconds, 3),
            "green": self.green,
            "counts": dict(self.counts),
            "reasons": dict(self.reasons),
            "bytes": self.bytes,
            "requests": {side: dict(kinds) for side, kinds in self.requests.items()},
            "verify": self.verify,
            "verified": self.verified,
            "changed_anything": self.changed_anything,
            "red": list(self.red),
            "tolerated": list(self.tolerated),
            "incomplete": list(self.incomplete),
            "lost": dict(self.lost),
            "warnings": list(self.warnings),
            "failures": [dict(failure) for failure in self.failures],
            "plan_digest": self.plan_digest,
            "route": None if self.route is None else self.route.to_json(),
            "objects": self.objects,
            "resume": self.resume,
            "rounds": self.rounds,
            "next_round": self.next_round,
            "approval": None if self.approval is None else dict(self.approval),
            "drift": None if self.drift is None else self.drift.to_json(),
            "trash": self.trash,
            "selected_out": dict(self.selected_out),
            "selected_out_first": {rule: list(keys) for rule, keys in self.selected_out_first.items()},
            "by_hand": dict(self.by_hand),
            "review": None if self.review is None else dict(self.review),
            "precheck": None if self.precheck is None else dict(self.precheck),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from a document."""
        return cls(
            pair=value["pair"],
            run=value["run"],
            mode=value["mode"],
            source=value["source"],
            destination=value["destination"],
            started=datetime.fromisoformat(value["started"]),
            ended=datetime.fromisoformat(value["ended"]),
            seconds=value["seconds"],
            counts=value["counts"],
            reasons=value["reasons"],
            bytes=value["bytes"],
            requests=value["requests"],
            verify=value["verify"],
            verified=value["verified"],
            changed_anything=value["changed_anything"],
            red=tuple(value["red"]),
            tolerated=tuple(value["tolerated"]),
            incomplete=tuple(value["incomplete"]),
            lost=value["lost"],
            warnings=tuple(value["warnings"]),
            failures=tuple(value["failures"]),
            plan_digest=value["plan_digest"],
            route=None if value["route"] is None else Route.from_json(value["route"]),
            objects=value["objects"],
            resume=value["resume"],
            rounds=value["rounds"],
            next_round=value["next_round"],
            approval=value.get("approval"),
            drift=None if value.get("drift") is None else Drift.from_json(value["drift"]),
            trash=value.get("trash", ""),
            selected_out=value.get("selected_out", {}),
            selected_out_first={rule: tuple(keys) for rule, keys in value.get("selected_out_first", {}).items()},
            by_hand=value.get("by_hand", {}),
            review=value.get("review"),
            precheck=value.get("precheck"),
        )
