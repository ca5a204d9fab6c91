"""What did a run by hand set, within what its pair's author allows?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from airflow_bucketsync.engine.model.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """What makes a run differ from the runs that its pair's author wrote down.

    :param given: the options that are not the author's in this run, as JSON
    :param selection: the author's, by which the pair's checkpoint is known
    :param aside: the run takes a part of the pair, or judges it otherwise, so the next one knows nothing of it but
        what was proven of single objects: the pair's place, times and failed objects stay as they are
    """

    given: Mapping[str, Any]
    selection: Selection
    aside: bool

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"given": dict(self.given), "selection": self.selection.to_json(), "aside": self.aside}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(given=value["given"], selection=Selection.from_json(value["selection"]), aside=value["aside"])
