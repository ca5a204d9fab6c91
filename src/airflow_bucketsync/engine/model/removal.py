"""What may a run take away? The objects that a plan names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from airflow_bucketsync.engine.model.pages import PageRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What a plan names to be taken away after everything else went well.

    :param deletes: pages of `ObjectInfo`: what stands at the destination and not at the source
    :param same: pages of `Outcome`: what is in step already, for a move to delete at the source
    :param bytes: of `deletes`
    :param moves: whether the verified objects are to be deleted at the source
    """

    deletes: tuple[PageRef, ...] = ()
    same: tuple[PageRef, ...] = ()
    bytes: int = 0
    moves: bool = False

    @property
    def objects(self) -> int:
        """How many `deletes` there are."""
        return sum(page.count for page in self.deletes)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "deletes": [page.to_json() for page in self.deletes],
            "same": [page.to_json() for page in self.same],
            "bytes": self.bytes,
            "moves": self.moves,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(
            deletes=tuple(PageRef.from_json(page) for page in value["deletes"]),
            same=tuple(PageRef.from_json(page) for page in value["same"]),
            bytes=value["bytes"],
            moves=value["moves"],
        )
