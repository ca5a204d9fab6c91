"""The pages and documents a run leaves behind: their schemas, versions and references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from airflow_bucketsync.engine.errors import PlanMismatch

Schema = Literal[
    "listing",  # ObjectInfo per line, ascending
    "changes",  # Change per line: the work of one batch
    "uploads",  # Upload per line: the large objects of a plan
    "begun",  # Begun per line: what `begin_uploads` made of them
    "receipts",  # Receipt per line: the parts that arrived
    "upload",  # one entry of the upload journal
    "sweep",  # what a sweep of open uploads was asked, and what it found
    "swept",  # SweptUpload per line
    "clean",  # what a clean-up chose, and what became of it
    "result",  # Outcome per line: what a batch did
    "findings",  # Outcome per line: what verify saw
    "extra",  # ObjectInfo per line, ascending: what may be deleted at the destination
    "removed",  # Outcome per line: what became of what was to be taken away
    "approval",  # what a person said of it, or of the whole plan
    "kept_plan",  # where a plan lies that can be carried out later
    "drift",  # Drifted per line, ascending: what is no longer as it was when the plan was reviewed
    "outcomes",  # Outcome per line: what the plan decided, what the report says
    "known",  # KnownObject per line, ascending
    "expected",  # of a list: key and expected checksums per line, ascending
    "names",  # of a list: key and its name at the destination per line, ascending by key
    "source_list",  # what a list of objects came to
    "failed",  # FailedObject per line, ascending
    "kept",  # what a task kept in the trash: key, ETag, size, time, and where
    "undo",  # what an undo was asked, and what it did
    "trash_sweep",  # what a sweep of the trash was asked, and what it found
    "trash_folders",  # SweptFolder per line
    "analysis",  # what is in a bucket, in figures, and what follows from them
    "run",
    "unit_index",  # what a copy or verify task left: its page, counts and requests
    "listing_index",
    "shared_listing",  # of a source that several syncs read
    "manifest",
    "review",  # what a plan comes to, for people
    "report",
    "comparison",  # how far a pair is in step
    "known_pointer",
    "lock",
    "precheck",  # what was asked of a pair before its first write
    "checkpoint",
]
VERSIONS: Mapping[str, int] = {
    "listing": 1,
    "changes": 1,
    "uploads": 1,
    "begun": 1,
    "receipts": 1,
    "upload": 1,
    "sweep": 1,
    "swept": 1,
    "clean": 1,
    "result": 1,
    "findings": 1,
    "extra": 1,
    "removed": 1,
    "approval": 1,
    "kept_plan": 1,
    "drift": 1,
    "outcomes": 1,
    "known": 1,
    "expected": 1,
    "names": 1,
    "source_list": 1,
    "failed": 1,
    "kept": 1,
    "undo": 1,
    "trash_sweep": 1,
    "trash_folders": 1,
    "analysis": 1,
    "run": 1,
    "unit_index": 1,
    "listing_index": 1,
    "shared_listing": 1,
    "manifest": 1,
    "review": 1,
    "report": 1,
    "comparison": 1,
    "known_pointer": 1,
    "lock": 1,
    "precheck": 1,
    "checkpoint": 2,
}
"""The version written today. A reader takes every version from 1 to this one and refuses later ones by name."""


def header(schema: Schema) -> dict[str, Any]:
    """The first line of a page, and the first two fields of a document."""
    return {"schema": f"bucketsync/{schema}", "version": VERSIONS[schema]}


def check_header(value: Mapping[str, Any], schema: Schema, *, name: str) -> int:
    """The version that a page or document was written with.

    :param name: what to call it in the error
    :raises PlanMismatch: another schema, or a version later than this release knows
    """
    if not isinstance(value, Mapping) or value.get("schema") != f"bucketsync/{schema}":
        raise PlanMismatch(f"{name} is not a bucketsync/{schema} document")
    version = value.get("version")
    if type(version) is not int or not 1 <= version <= VERSIONS[schema]:
        raise PlanMismatch(
            f"{name} has version {version!r:.40} of bucketsync/{schema}; this release reads 1 to {VERSIONS[schema]}"
        )
    return version


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRef:
    """Where a page is, and what must be found there.

    :param name: key in the workspace, relative to the run's folder
    :param count: lines, without the header
    :param size: stored bytes
    :param digest: SHA-256 of the stored bytes, hexadecimal
    """

    name: str
    count: int
    size: int
    digest: str

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"name": self.name, "count": self.count, "size": self.size, "digest": self.digest}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(name=value["name"], count=value["count"], size=value["size"], digest=value["digest"])
