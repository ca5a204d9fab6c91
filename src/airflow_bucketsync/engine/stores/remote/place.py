"""What must a session be, so that code which serves several kinds of stores can work with it?"""

from __future__ import annotations

from copy import copy
from typing import Any, Protocol, Self, cast

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


class RemotePlace:
    """A store that works at one location of a service, through a session."""

    location: Location

    def below(self, folder: str) -> Self:
        """The same store at a folder below its location."""
        other: Any = copy(self)
        other.location, other._session = self.location.child(folder), copy(other._session)
        other._session.location = other.location
        return cast(Self, other)
