"""What is to be listed, and what a finished listing left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from airflow_bucketsync.engine.model.pages import PageRef

Side = Literal["source", "destination"]


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

    @property
    def index_name(self) -> str:
        """Where the index of its listing stands in the run's folder."""
        return f"list/{self.side}-{self.number:04d}.json"

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
    :param folder: of the run that listed, where that is another one and the listing is shared
    """

    unit: ListUnit
    pages: tuple[PageRef, ...]
    objects: int
    bytes: int
    requests: Mapping[str, int]
    refused: tuple[tuple[str, str], ...] = ()
    refused_count: int = 0
    folder: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        line: dict[str, Any] = {
            "unit": self.unit.to_json(),
            "pages": [page.to_json() for page in self.pages],
            "objects": self.objects,
            "bytes": self.bytes,
            "requests": dict(self.requests),
            "refused": [list(item) for item in self.refused],
            "refused_count": self.refused_count,
        }
        return line if self.folder is None else {**line, "folder": self.folder}

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
            folder=value.get("folder"),
        )
