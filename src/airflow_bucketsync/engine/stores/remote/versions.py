"""How is one version of an object read, by whoever may or may not name versions?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

from airflow_bucketsync.engine.errors import AccessDenied, NotSupported, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition

Read = TypeVar("Read")


class Reader(Protocol):
    """Whoever sends the request that reads."""

    names_versions: bool
    """Whether naming a version in a read was never refused."""


def read_version(reader: Reader, source: Condition, read: Callable[[Condition], Read]) -> Read:
    """What `read` answers of the version that `source` names.

    A version that is named is there to its end, whatever becomes of the key. Naming one takes a right of its own, and
    not every store knows how; where it is refused, or the version was removed for good, what is current is read, if its
    ETag is the one asked for.
    """
    if source.version_id is None or source.etag is None:
        return read(source)
    unnamed = replace(source, version_id=None)
    if not reader.names_versions:
        return read(unnamed)
    try:
        return read(source)
    except ObjectNotFound:
        return read(unnamed)
    except (AccessDenied, NotSupported):
        found = read(unnamed)
        reader.names_versions = False
        return found
