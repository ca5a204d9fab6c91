"""What may a clean-up take, and what does it say when it is done?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.selection import Selection

CleanTrash = Literal["none", "deleted"]
"""Whether what is deleted is kept in the trash first."""
DRY_RUN = "dry_run"
"""The reason of what would be deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanLimits:
    """What forbids a clean-up to delete anything, asked before the first delete.

    :param max_deletes: objects; where more are selected, nothing is deleted
    :param max_delete_share: the same as a share of the objects below the location, 0.0 to 1.0
    :param max_delete_bytes: the same in bytes; None = no limit
    :param expected_objects: what a dry run said; where more are selected now, nothing is deleted. None = not asked
    """

    max_deletes: int = 1_000
    max_delete_share: float = 0.5
    max_delete_bytes: int | None = None
    expected_objects: int | None = None

    def __post_init__(self) -> None:
        for name in ("max_deletes", "max_delete_bytes", "expected_objects"):
            value = getattr(self, name)
            if value is None and name != "max_deletes":
                continue
            if type(value) is not int or value < 0:
                raise InvalidConfiguration(f"{name}: expected a whole number from 0, got {value!r:.40}")
        share = self.max_delete_share
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0.0 <= share <= 1.0:
            raise InvalidConfiguration(f"max_delete_share must be 0.0 to 1.0, got {share!r:.40}")


def check_rules(selection: Selection, *, older_than: timedelta | None, everything: bool) -> None:
    """Refuse rules that leave nothing out unless that is said, and rules that contradict each other.

    :raises InvalidConfiguration: with what to write
    """
    empty = selection == Selection() and older_than is None
    if empty and not everything:
        raise InvalidConfiguration(
            "a clean-up needs at least one rule (include, exclude, older_than, modified_before, min_size, …): without "
            "one it would take every object; say everything: true where that is meant"
        )
    if everything and not empty:
        raise InvalidConfiguration("everything: true goes with no rule; leave it out, or the rules")
    if older_than is not None and selection.modified_before is not None:
        raise InvalidConfiguration("older_than and modified_before say the same: give one of them")
    if older_than is not None and older_than <= timedelta(0):
        raise InvalidConfiguration(f"older_than must be above 0, got {older_than}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanReport:
    """What a clean-up found below a location, and did.

    :param listed: objects below the location, our own state apart
    :param selected: of these, the ones that the selection takes
    :param bytes: of the selected ones
    :param counts: selected objects by what became of them, in the words of a sync
    :param sizes: bytes, by the same words
    :param reasons: objects per `word: reason`
    :param unguarded: objects deleted where the store can't make a delete depend on what stands there: they were looked
        at right before
    :param trash: the folder below `_bucketsync/` where what was deleted is kept; "" = nothing is kept
    :param withheld: why nothing was deleted, in words; None = nothing stood in the way
    :param first: of what was selected, the first as lines (at most 20); what was not deleted before all others
    :param objects: name of the page with an outcome of each, in the clean-up's folder; None = there was nothing
    """

    location: str
    run: str
    started: datetime
    selection: Mapping[str, Any]
    dry_run: bool
    listed: int
    selected: int
    bytes: int
    counts: Mapping[str, int]
    sizes: Mapping[str, int]
    reasons: Mapping[str, int]
    unguarded: int
    trash: str
    withheld: str | None
    warnings: tuple[str, ...]
    first: tuple[Mapping[str, Any], ...]
    objects: str | None

    @property
    def green(self) -> bool:
        """Whether everything selected is gone, was changed by somebody meanwhile, or was only looked at."""
        return self.dry_run or not self.counts.get("withheld", 0)

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return {
            "location": self.location,
            "run": self.run,
            "started": self.started.isoformat(),
            "selection": dict(self.selection),
            "dry_run": self.dry_run,
            "green": self.green,
            "listed": self.listed,
            "selected": self.selected,
            "bytes": self.bytes,
            "counts": dict(self.counts),
            "sizes": dict(self.sizes),
            "reasons": dict(self.reasons),
            "unguarded": self.unguarded,
            "trash": self.trash,
            "withheld": self.withheld,
            "warnings": list(self.warnings),
            "first": [dict(line) for line in self.first],
            "objects": self.objects,
        }
