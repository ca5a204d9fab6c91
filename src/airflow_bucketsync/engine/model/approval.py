"""What did a person say of a plan, or of what it deletes?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

Answer = Literal["apply", "delete", "keep", "none"]
"""Yes to a whole plan, yes to its deletions, no; `none` = nobody answered in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The answer of a person who was asked whether a plan may be carried out, or may delete.

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
