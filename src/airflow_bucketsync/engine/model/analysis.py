"""What is in a bucket, in figures?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.units import GIB, KIB, MIB

SIZES: tuple[tuple[str, int], ...] = (
    ("0–1K", 0), ("1K–8K", KIB), ("8K–64K", 8 * KIB), ("64K–512K", 64 * KIB), ("512K–1M", 512 * KIB),
    ("1M–8M", MIB), ("8M–64M", 8 * MIB), ("64M–512M", 64 * MIB), ("512M–1G", 512 * MIB), ("1G+", GIB),
)  # fmt: skip
"""Size classes with their least bytes; each ends right below the next. K, M and G are 1,024 of the one before."""
AGES: tuple[tuple[str, int], ...] = (
    ("under a day", 0), ("1–7 days", 1), ("7–30 days", 7), ("30–91 days", 30), ("91–365 days", 91), ("365+ days", 365),
)  # fmt: skip
"""Age classes with their least days; each ends right below the next. What is newer than the start is in the first."""
DEEPEST = 32
"""`/` in a key from which on keys are counted together."""

Readable = Literal["yes", "maybe", "restored"]
"""Whether objects of a storage class can be read: at once, it depends on the object, or only where restored before."""
TroubleKind = Literal["refused", "folder", "path_store", "s3", "oss", "also_a_directory", "same_name"]
"""Where, or with what, a key is trouble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How many objects have something in common, and their bytes.

    :param missed: objects that may have been counted into the others before this row began; 0 = the row is exact
    """

    name: str
    objects: int
    bytes: int
    missed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of which there can be any number: the first ones, and the others together.

    :param others: what is in no row, so that the sums are exact
    :param names: how many different names were seen; None = too many to be told apart
    """

    rows: tuple[Row, ...]
    others: Row
    names: int | None

    def named(self, unnamed: str) -> tuple[Row, ...]:
        """The rows with a word for the name "", and the others as the last one."""
        rows = [replace(row, name=row.name or unnamed) for row in self.rows]
        if self.others.objects:
            count = "" if self.names is None else f"{self.names - len(rows):,} "
            rows.append(replace(self.others, name=f"{count}others"))
        return tuple(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """One storage class.

    :param name: as the store says it; `STANDARD` where it says nothing
    """

    name: str
    objects: int
    bytes: int
    readable: Readable


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One object worth naming.

    :param modified: as ISO 8601
    """

    key: str
    size: int
    modified: str
    storage_class: str | None = None

    @classmethod
    def of(cls, info: ObjectInfo, *, key: str | None = None) -> Found:
        """Of a listed object.

        :param key: that it is named by; None = its own
        """
        return cls(
            key=key or info.key,
            size=info.size,
            modified=info.last_modified.isoformat(),
            storage_class=info.storage_class,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Keys that can't be brought somewhere, or not beside each other.

    :param first: some of them with the reason (at most 5)
    """

    kind: TroubleKind
    objects: int
    first: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """The figures of one listing. Every sum is exact; tables of any number of names say what they merged.

    :param started: ages are counted from it
    :param seconds: that the listing took
    :param requests: that it took
    :param page: keys of one page of the listing, at most
    :param listed: objects below the location, our own state apart
    :param left_out: of these, objects that the selection leaves out, by its rule
    :param objects: of these, the ones that all tables speak of
    :param empty: objects without a byte
    :param markers: keys that end in `/`
    :param marker_bytes: of these
    :param ahead: objects modified more than 15 minutes after the start, by the clock of this worker
    """

    location: str
    started: datetime
    seconds: float
    requests: int
    page: int
    selection: Mapping[str, Any]
    listed: int
    left_out: Mapping[str, int]
    objects: int
    bytes: int
    empty: int
    markers: int
    marker_bytes: int
    ahead: int
    sizes: tuple[Row, ...]
    ages: tuple[Row, ...]
    depths: tuple[Row, ...]
    classes: tuple[ClassRow, ...]
    extensions: Table
    folders: Table
    largest: tuple[Found, ...]
    oldest: Found | None
    newest: Found | None
    troubles: tuple[Trouble, ...]

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return {**asdict(self), "started": self.started.isoformat(), "selection": dict(self.selection)}
