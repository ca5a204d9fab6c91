"""What a sweep of the trash says: of each run's folder, and of all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

Done = Literal["deleted", "would_delete", "young", "in_use", "left", "failed"]
"""What became of a folder; `left` = its name is none of ours."""

OLDER_THAN = timedelta(days=30)
"""How long a run's trash is kept, unless said otherwise."""
LEAST = timedelta(days=1)
"""No trash is swept sooner: who deleted something wrongly finds out the next day."""
_FOLDER = re.compile(r"([0-9]{8}T[0-9]{6})-([0-9a-f]{12})(-[2-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrashName:
    """The name of a run's trash folder, taken apart.

    :param made: when the run began, aware UTC
    :param run: digest of its id
    """

    made: datetime
    run: str

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """None = it is no folder of ours."""
        match = _FOLDER.fullmatch(name)
        if match is None:
            return None
        try:
            made = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            return None
        return cls(made=made, run=match[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptFolder:
    """One folder of the trash, and what was done about it.

    :param folder: its name below `_bucketsync/trash/`; "" = objects that lie in no folder
    :param age: seconds since the run began, or since the newest object in it was written, whichever is less
    :param bytes: of its objects together
    """

    folder: str
    objects: int
    bytes: int
    age: int | None
    done: Done
    message: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As one line of a page; what is None is left out."""
        line: dict[str, Any] = {
            "folder": self.folder,
            "objects": self.objects,
            "bytes": self.bytes,
            "age": self.age,
            "done": self.done,
            "message": self.message,
        }
        return {name: value for name, value in line.items() if value is not None}

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Self:
        """Back from a line of a page."""
        return cls(
            folder=line["folder"],
            objects=line["objects"],
            bytes=line["bytes"],
            age=line.get("age"),
            done=line["done"],
            message=line.get("message"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrashSweepReport:
    """What a sweep of the trash found below a location, and did.

    :param older_than: seconds for which a run's trash is kept
    :param clock: what ages were counted by: the `store`'s own, or the `worker`'s where the store's can't be asked
    :param counts: folders by what was done
    :param objects: objects in them, by the same words
    :param sizes: bytes in them, by the same words
    :param first: the first folders (at most 20), failures before all others
    :param folders: name of the page with a record of each, in the sweep's folder; None = there was nothing
    """

    location: str
    run: str
    older_than: int
    dry_run: bool
    clock: Literal["store", "worker"]
    counts: Mapping[str, int]
    objects: Mapping[str, int]
    sizes: Mapping[str, int]
    first: tuple[SweptFolder, ...]
    folders: str | None

    @property
    def failed(self) -> int:
        """Folders of which something could not be deleted."""
        return self.counts.get("failed", 0)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "location": self.location,
            "run": self.run,
            "older_than": self.older_than,
            "dry_run": self.dry_run,
            "clock": self.clock,
            "counts": dict(self.counts),
            "objects": dict(self.objects),
            "sizes": dict(self.sizes),
            "first": [item.to_json() for item in self.first],
            "folders": self.folders,
        }
