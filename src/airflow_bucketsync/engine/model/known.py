"""What does a pair remember of an object?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from airflow_bucketsync.engine.model.objects import Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownObject:
    """One line of the pair's memory: these two versions were proven equal.

    :param source: None in a delta = forget this key
    :param source_key: the key at the source, where that is another one
    """

    key: str
    source: Fingerprint | None
    destination: Fingerprint | None
    source_key: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As one line of a page."""
        line: dict[str, Any] = {"key": self.key}
        if self.source is not None:
            line["source"] = self.source.to_json()
        if self.destination is not None:
            line["destination"] = self.destination.to_json()
        if self.source_key is not None:
            line["source_key"] = self.source_key
        return line

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Self:
        """Back from a line of a page."""
        source, destination = line.get("source"), line.get("destination")
        return cls(
            key=line["key"],
            source_key=line.get("source_key"),
            source=None if source is None else Fingerprint.from_json(source),
            destination=None if destination is None else Fingerprint.from_json(destination),
        )
