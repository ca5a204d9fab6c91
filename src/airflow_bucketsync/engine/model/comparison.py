"""What was found when one place was held against another, without copying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from airflow_bucketsync.engine.model.outcome import Outcome

Found = Literal["same", "differ", "missing", "extra", "skipped", "not_looked_at"]
"""What an object comes to: `missing` and `extra` at the destination; `skipped` is nobody's business here."""

OUT_OF_STEP: tuple[Found, ...] = ("differ", "missing", "not_looked_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One way in which an object differs.

    :param what: `size`, `checksum`, `content`, `user_metadata`, `tags`, `mtime`, `mode`, `storage_class`, `redirect`,
        or the name of a header (`content_type`, `expires`, …)
    :param names: of user metadata or tags: those that differ
    :param position: offset of the first byte that differs, counted from 0
    :param source: what the source has, where it may be shown: values of user metadata, tags and redirects never are
    :param destination: what the destination has, likewise
    :param follows: where one side ends at `position`: which, and how many bytes of the other follow
    """

    what: str
    names: tuple[str, ...] = ()
    position: int | None = None
    source: str | None = None
    destination: str | None = None
    follows: str | None = None

    @property
    def words(self) -> str:
        """For people."""
        found = []
        if self.names:
            found.append(", ".join(self.names))
        if self.source is not None or self.destination is not None:
            found.append(
                f"{self.source or 'nothing'} at the source, {self.destination or 'nothing'} at the destination"
            )
        if self.position is not None:
            where = f"first difference at byte {self.position}"
            found.append(where if self.follows is None else f"{where}, where {self.follows}")
        text = "; ".join(found)
        return text if self.what == "content" or not text else f"{self.what}: {text}"

    def to_json(self) -> dict[str, Any]:
        """As JSON; what is not known is left out."""
        line: dict[str, Any] = {"what": self.what}
        if self.names:
            line["names"] = list(self.names)
        for name in ("position", "source", "destination", "follows"):
            value = getattr(self, name)
            if value is not None:
                line[name] = value
        return line


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedObject:
    """One object of a comparison.

    :param outcome: the same in the words of a sync, so that the page can be the list of another one: `unverified` is
        what differs or is missing
    :param differences: in which ways it differs
    """

    found: Found
    outcome: Outcome
    differences: tuple[Difference, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As one line of a page."""
        line = {**self.outcome.to_json(), "found": self.found}
        return {**line, "differences": [item.to_json() for item in self.differences]} if self.differences else line


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonReport:
    """How far a pair is in step.

    :param level: what was looked at: `listing`, `metadata` or `content`
    :param started: aware UTC
    :param ended: aware UTC
    :param counts: objects that are `same`, `differ`, `missing` at the destination, `extra` there, `skipped` (nothing
        that a sync would bring over), `not_looked_at`
    :param differences: objects per word of difference (`size`, `checksum`, `content`, `tags`, …)
    :param first: the first findings for people (at most 20), `extra` ones apart
    :param first_extra: the first keys that are `extra` (at most 20)
    :param selected_out: source objects that were left out, per rule
    :param requests: per side the requests by operation
    :param warnings: what a person should know
    :param fail_on_extra: whether an extra object means that the pair is not in step
    :param objects: name of the page with one record per object that is not `same`, in the run's folder; None = all are
    :param table: name of the same in CSV, one row per finding
    """

    pair: str
    run: str
    source: str
    destination: str
    level: str
    started: datetime
    ended: datetime
    counts: Mapping[str, int]
    differences: Mapping[str, int] = field(default_factory=dict)
    first: tuple[Mapping[str, Any], ...] = ()
    first_extra: tuple[str, ...] = ()
    selected_out: Mapping[str, int] = field(default_factory=dict)
    requests: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    fail_on_extra: bool = False
    objects: str | None = None
    table: str | None = None

    @property
    def in_step(self) -> bool:
        """Whether every source object stands at the destination, equal, and all could be looked at."""
        words = (*OUT_OF_STEP, *(("extra",) if self.fail_on_extra else ()))
        return not any(self.counts.get(word, 0) for word in words)

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return {
            "pair": self.pair,
            "run": self.run,
            "source": self.source,
            "destination": self.destination,
            "level": self.level,
            "started": self.started.isoformat(),
            "ended": self.ended.isoformat(),
            "in_step": self.in_step,
            "counts": dict(self.counts),
            "differences": dict(self.differences),
            "first": [dict(item) for item in self.first],
            "first_extra": list(self.first_extra),
            "selected_out": dict(self.selected_out),
            "requests": {side: dict(kinds) for side, kinds in self.requests.items()},
            "warnings": list(self.warnings),
            "fail_on_extra": self.fail_on_extra,
            "objects": self.objects,
            "table": self.table,
        }
