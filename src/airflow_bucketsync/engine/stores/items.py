"""What do the bulk verbs take and answer, key by key?"""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The answer for one key of `head_many`: details, or None when the object is not there, or an error."""

    key: str
    details: ObjectDetails | None = None
    error: BucketsyncError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """One key to delete, and the state it must be in."""

    key: str
    destination: Condition = field(default_factory=lambda: Condition.ANY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """The answer for one key of `delete_many`; without error the object is gone."""

    key: str
    error: BucketsyncError | None = None
