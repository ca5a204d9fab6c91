"""One object to bring in step: what was planned of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from airflow_bucketsync.engine.model.objects import ObjectInfo

ChangeKind = Literal["copy", "update"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One object to bring in step.

    :param kind: `copy` the body, or `update` the attributes only
    :param source: the version that was planned; every read is pinned to it
    :param destination: what stands there now; None = nothing, and nothing may be overwritten
    :param reason: why it is not `same`
    :param renamed: its key at the destination; None = the source's own
    """

    kind: ChangeKind
    source: ObjectInfo
    destination: ObjectInfo | None
    reason: str
    renamed: str | None = None

    @property
    def key(self) -> str:
        """At the destination, and in every record of the run."""
        return self.source.key if self.renamed is None else self.renamed

    @property
    def source_key(self) -> str | None:
        """At the source, where that is another one."""
        return None if self.renamed is None else self.source.key

    @property
    def load(self) -> int:
        """Bytes that carrying it out moves."""
        return self.source.size if self.kind == "copy" else 0

    def to_json(self) -> dict[str, Any]:
        """As one line of a page."""
        line: dict[str, Any] = {"kind": self.kind, "reason": self.reason, "source": self.source.to_json()}
        if self.destination is not None:
            line["destination"] = self.destination.to_json()
        if self.renamed is not None:
            line["renamed"] = self.renamed
        return line

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Self:
        """Back from a line of a page."""
        destination = line.get("destination")
        return cls(
            renamed=line.get("renamed"),
            kind=line["kind"],
            reason=line["reason"],
            source=ObjectInfo.from_json(line["source"]),
            destination=None if destination is None else ObjectInfo.from_json(destination),
        )
