"""Which way do the bytes of a run go, and whose region do they leave?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from airflow_bucketsync.engine.model.units import format_size

Transport = Literal["server", "stream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way of a run's bytes.

    :param transport: `server` = the destination copies by itself, `stream` = bytes pass through the workers
    :param reason: why
    :param source_region: of the bucket, None = it has none or the store doesn't tell
    :param destination_region: likewise
    :param leaving: bytes that leave the source's region, which its owner may have to pay for
    :param buffer: bytes of object data that one task holds at most; 0 where no body passes through it
    """

    transport: Transport
    reason: str
    source_region: str | None = None
    destination_region: str | None = None
    leaving: int = 0
    buffer: int = 0

    def with_bytes(self, total: int) -> Self:
        """The same way for so many bytes: they leave a region where the destination is in another one, or in none."""
        leaves = self.source_region is not None and self.source_region != self.destination_region
        return replace(self, leaving=total if leaves else 0)

    def __str__(self) -> str:
        """In one line for people."""
        way = "the store copies by itself" if self.transport == "server" else "through the workers"
        line = f"{way}: {self.reason}"
        if self.transport == "stream":
            line += f"; at most {format_size(self.buffer)} of object data in each task's memory"
        if self.leaving:
            line += f"; {format_size(self.leaving)} leave {self.source_region} for {self.destination_region or 'here'}"
        return line

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "transport": self.transport,
            "reason": self.reason,
            "source_region": self.source_region,
            "destination_region": self.destination_region,
            "leaving": self.leaving,
            "buffer": self.buffer,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(**value)
