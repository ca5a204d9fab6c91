"""What a run may take away: the objects that a plan names, and what a person said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from airflow_bucketsync.engine.model.pages import PageRef

Answer = Literal["delete", "keep", "none"]
"""What a person said; `none` = nobody answered in time."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The answer of a person who was asked whether a plan may delete.

    :param plan: digest of the plan that was asked for; it approves no other
    :param by: who answered; None = nobody did
    """

    plan: str
    answer: Answer
    by: str | None
    at: datetime

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return {"plan": self.plan, "answer": self.answer, "by": self.by, "at": self.at.isoformat()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from a document."""
        return cls(plan=value["plan"], answer=value["answer"], by=value["by"], at=datetime.fromisoformat(value["at"]))
