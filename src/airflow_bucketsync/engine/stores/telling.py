"""What does a bucket tell of itself, beside its objects?"""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Literal, Protocol, runtime_checkable

from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.rounds import unwrapped

Versioning = Literal["on", "suspended", "off"]
Ownership = Literal["bucket", "writer"]


@runtime_checkable
class Telling(Protocol):
    """A store that can be asked about its bucket. Reads only; None = it does not tell, or not these credentials."""

    def versioning(self) -> Versioning | None:
        """Whether the bucket keeps versions of what is overwritten and deleted."""
        ...

    def ownership(self, key: str) -> Ownership | None:
        """Who owns what these credentials write: the bucket's owner, or the writer, who is somebody else.

        :param key: an object that they wrote
        """
        ...

    def server_time(self) -> datetime | None:
        """What the store's clock shows now, to the second, aware UTC."""
        ...

    def encryption_key(self, key: str) -> str | None:
        """The id of the key (of a key service) that an object is encrypted with; None = of none.

        :raises ObjectNotFound: there is no such object
        :raises AccessDenied: the credentials may not look at it
        """
        ...


def telling(store: ObjectStore) -> Telling | None:
    """The store, if it can be asked about its bucket; None = it is no bucket."""
    inner = unwrapped(store)
    return inner if isinstance(inner, Telling) else None


def read_date(header: str | None) -> datetime | None:
    """The time in a `Date` header; None = there is none that can be read."""
    try:
        return None if header is None else parsedate_to_datetime(header)
    except ValueError:
        return None
