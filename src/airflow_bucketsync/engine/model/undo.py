"""What an undo says: of each object that a run changed, and of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self, get_args

from airflow_bucketsync.engine.model.outcome import Outcome

Done = Literal[
    "restored",
    "removed",
    "would_restore",
    "would_remove",
    "same",
    "changed",
    "not_kept",
    "moved",
    "failed",
]
"""What became of an object.

`restored` = what the run deleted or overwrote is back; `removed` = what it added is gone; `same` = that is so already;
`changed` = somebody changed it since, so it was left; `not_kept` = nothing of it was kept, or it was swept;
`moved` = its source is gone, so it was left.
"""
DONE: tuple[str, ...] = get_args(Done)


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoneObject:
    """One object that a run changed, and what was done about it.

    :param outcome: the same as a run would say it, so that an undo can be undone
    """

    done: Done
    outcome: Outcome

    def to_json(self) -> dict[str, Any]:
        """As one line of a page, which can be read as one of a run's outcomes."""
        return {"done": self.done, **self.outcome.to_json()}

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Self:
        """Back from a line of a page."""
        if line["done"] not in DONE:
            raise ValueError(f"{line['done']!r:.40} is no word of an undo")
        return cls(done=line["done"], outcome=Outcome.from_json(line))


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoReport:
    """What an undo found, and did.

    :param of: folder of the run that was undone, in the workspace
    :param spec: of its pair, as JSON
    :param run: the undo's own id
    :param started: when its first try began, aware UTC
    :param ended: None = not yet, or it was killed
    :param counts: objects by what was done
    :param sizes: bytes that are back or gone, by the same words
    :param trash: folder below `_bucketsync/` where this undo kept what it removed or overwrote
    :param warnings: what a person should know
    :param first: of what was not simply done, the first (at most 20); failures before all others
    :param objects: name of the page with a record of each, in the undo's folder; None = there was nothing
    """

    of: str
    spec: Mapping[str, Any]
    run: str
    dry_run: bool
    started: datetime
    counts: Mapping[str, int]
    sizes: Mapping[str, int]
    trash: str
    ended: datetime | None = None
    warnings: tuple[str, ...] = ()
    first: tuple[UndoneObject, ...] = ()
    objects: str | None = None

    @property
    def destination(self) -> str:
        """Its URL."""
        return str(self.spec["destination"])

    @property
    def failed(self) -> int:
        """Objects that could not be looked at or brought back."""
        return self.counts.get("failed", 0)

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return {
            "of": self.of,
            "spec": dict(self.spec),
            "run": self.run,
            "dry_run": self.dry_run,
            "started": self.started.isoformat(),
            "ended": None if self.ended is None else self.ended.isoformat(),
            "counts": dict(self.counts),
            "sizes": dict(self.sizes),
            "trash": self.trash,
            "warnings": list(self.warnings),
            "first": [item.to_json() for item in self.first],
            "objects": self.objects,
        }
