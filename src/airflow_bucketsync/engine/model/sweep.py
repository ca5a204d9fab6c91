"""What a sweep of open uploads says: of each one, and of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self

Asked = Literal["ours", "all"]
"""Whose uploads a sweep may abort."""
Owner = Literal["ours", "ours_by_intent", "stranger"]
"""The journal names its id; the journal names its key and time; neither."""
Done = Literal["aborted", "would_abort", "young", "in_use", "left", "gone", "failed", "forgotten", "would_forget"]
"""What became of an upload; the last two are of journal entries that no open upload belongs to."""

OLDER_THAN = timedelta(days=7)
"""How long nothing may have been seen of an upload, unless said otherwise."""
LEAST = timedelta(hours=1)
"""No upload is abandoned within this time: clocks of stores differ, and a task may wait that long for its next try."""
_SHOWN_ID = 12


def shortened(upload_id: str | None) -> str | None:
    """Enough of an upload's id to find it in a store's own listing."""
    if upload_id is None or len(upload_id) <= _SHOWN_ID:
        return upload_id
    return f"{upload_id[:_SHOWN_ID]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptUpload:
    """One open upload, or one journal entry without an open upload, and what was done about it.

    :param upload_id: shortened; None = of an entry that never learned it
    :param age: seconds since it was begun
    :param idle: seconds since the last sign that somebody uses it
    :param parts: that arrived; None = could not be looked at
    :param size: bytes that arrived
    :param pair: folder of the pair that it belongs to
    :param run: the run that began it
    """

    key: str
    upload_id: str | None
    begun: datetime
    age: int
    idle: int
    parts: int | None
    size: int | None
    owner: Owner
    done: Done
    pair: str | None = None
    run: str | None = None
    message: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As one line of a page; what is None is left out."""
        line: dict[str, Any] = {
            "key": self.key,
            "upload_id": self.upload_id,
            "begun": self.begun.isoformat(),
            "age": self.age,
            "idle": self.idle,
            "parts": self.parts,
            "size": self.size,
            "owner": self.owner,
            "done": self.done,
            "pair": self.pair,
            "run": self.run,
            "message": self.message,
        }
        return {name: value for name, value in line.items() if value is not None}

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Self:
        """Back from a line of a page."""
        return cls(
            key=line["key"],
            upload_id=line.get("upload_id"),
            begun=datetime.fromisoformat(line["begun"]),
            age=line["age"],
            idle=line["idle"],
            parts=line.get("parts"),
            size=line.get("size"),
            owner=line["owner"],
            done=line["done"],
            pair=line.get("pair"),
            run=line.get("run"),
            message=line.get("message"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """What a sweep found below a location, and did.

    :param older_than: seconds without a sign of use after which an upload may be aborted
    :param clock: what ages were counted by: the `store`'s own, or the `worker`'s where the store's can't be asked
    :param counts: uploads by what was done
    :param sizes: bytes that arrived, by the same words
    :param owners: open uploads by whose they are
    :param unread: journal entries that this release can't read; their uploads count as strangers'
    :param first: of what is not young, the first (at most 20); failures before all others
    :param uploads: name of the page with a record of each, in the sweep's folder; None = there was nothing
    """

    location: str
    run: str
    older_than: int
    whose: Asked
    dry_run: bool
    clock: Literal["store", "worker"]
    counts: Mapping[str, int]
    sizes: Mapping[str, int]
    owners: Mapping[str, int]
    unread: int
    first: tuple[SweptUpload, ...]
    uploads: str | None

    @property
    def failed(self) -> int:
        """Uploads that could not be looked at or aborted."""
        return self.counts.get("failed", 0)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "location": self.location,
            "run": self.run,
            "older_than": self.older_than,
            "whose": self.whose,
            "dry_run": self.dry_run,
            "clock": self.clock,
            "counts": dict(self.counts),
            "sizes": dict(self.sizes),
            "owners": dict(self.owners),
            "unread": self.unread,
            "first": [item.to_json() for item in self.first],
            "uploads": self.uploads,
        }
