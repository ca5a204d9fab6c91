"""What do three ascending streams have of each key?"""

from __future__ import annotations

from collections.abc import Iterator

from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.objects import ObjectInfo


def merged(
    source: Iterator[ObjectInfo], destination: Iterator[ObjectInfo], known: Iterator[KnownObject]
) -> Iterator[tuple[str, ObjectInfo | None, ObjectInfo | None, KnownObject | None]]:
    """Three ascending streams as one: each key once, with what each stream has of it."""
    left, right, memory = next(source, None), next(destination, None), next(known, None)
    while left is not None or right is not None or memory is not None:
        key = min(item.key for item in (left, right, memory) if item is not None)
        one = two = three = None
        if left is not None and left.key == key:
            one, left = left, next(source, None)
        if right is not None and right.key == key:
            two, right = right, next(destination, None)
        if memory is not None and memory.key == key:
            three, memory = memory, next(known, None)
        yield key, one, two, three
