"""What do three ascending streams have of each key?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeVar

from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.objects import ObjectInfo

T = TypeVar("T", bound="Keyed")


class Keyed(Protocol):
    """What has a key."""

    @property
    def key(self) -> str:
        """At the destination."""
        ...


def merged(
    source: Iterator[T], destination: Iterator[ObjectInfo], known: Iterator[KnownObject]
) -> Iterator[tuple[str, T | None, ObjectInfo | None, KnownObject | None]]:
    """Three ascending streams as one: each key once, with what each stream has of it."""
    left, right, memory = next(source, None), next(destination, None), next(known, None)
    while left is not None or right is not None or memory is not None:
        items: tuple[Keyed | None, ...] = (left, right, memory)
        key = min(item.key for item in items if item is not None)
        one, two, three = None, None, None
        if left is not None and left.key == key:
            one, left = left, next(source, None)
        if right is not None and right.key == key:
            two, right = right, next(destination, None)
        if memory is not None and memory.key == key:
            three, memory = memory, next(known, None)
        yield key, one, two, three
