"""What must a session be, so that code which serves several kinds of stores can work with it?"""

from __future__ import annotations

from typing import Protocol

from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.location import Location


class Placed(Protocol):
    """Something that works at one location."""

    location: Location


class Translating(Placed, Protocol):
    """One that turns the errors of its client into ours."""

    def error(self, error: Exception, operation: str, key: str | None) -> BucketsyncError:
        """Our error for one of the client's."""
        ...
