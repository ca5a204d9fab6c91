"""What is remembered of an object that a run could not bring in step?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from airflow_bucketsync.engine.model.outcome import Status

TRIED_AGAIN: frozenset[str] = frozenset({"failed", "unverified", "changed"})
"""Outcome words of objects that the next run tries first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedObject:
    """An object that is tried first by the next run, and forgotten once it is in step, gone, or not selected.

    :param status: what the last run said of it, one of `TRIED_AGAIN`
    :param reason: why, one short word
    :param since: start of the first run that could not do it, aware UTC
    :param runs: how many runs in a row could not
    :param source_key: the key at the source, where that is another one
    """

    key: str
    status: Status
    reason: str | None
    since: datetime
    runs: int
    source_key: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As one line of a page."""
        line = {
            "key": self.key,
            "status": self.status,
            "reason": self.reason,
            "since": self.since.isoformat(),
            "runs": self.runs,
        }
        return line if self.source_key is None else {**line, "source_key": self.source_key}

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Self:
        """Back from a line of a page."""
        return cls(
            key=line["key"],
            status=line["status"],
            reason=line["reason"],
            since=datetime.fromisoformat(line["since"]),
            runs=line["runs"],
            source_key=line.get("source_key"),
        )
