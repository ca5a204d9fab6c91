"""At which byte do two objects part?"""

from __future__ import annotations

from airflow_bucketsync.engine.errors import BodyCorrupted
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import Checksum, ObjectDetails
from airflow_bucketsync.engine.stores.base import ObjectBody, ObjectStore
from airflow_bucketsync.engine.stores.checksums import COMBINABLE, checksum_of, combined
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.transfer import new_buffer

BLOCK = 8 * 1024 * 1024
"""Bytes of each side that are held against each other at a time."""


def first_difference(
    source: ObjectStore, destination: ObjectStore, here: ObjectDetails, there: ObjectDetails, *, gate: Gate
) -> int | None:
    """The offset of the first byte that differs between two objects, the end of the shorter one where that is all;
    None = they are equal.

    Where the source holds a checksum that can be put together from blocks, only the destination is read unless it
    differs; otherwise both are.

    :raises BodyCorrupted: a body is not what its store's checksum says, and no byte differs
    """
    end = min(here.info.size, there.info.size)
    whole = here.info.size == there.info.size
    stored = here.info.checksum
    comparable = stored is not None and stored.parts is None and stored.algorithm in COMBINABLE
    try:
        if whole and stored is not None and comparable:
            found = _checksum_of_object(destination, there, stored, gate=gate)
            if found == stored:
                return None
        position = _position(source, destination, here, there, gate=gate, start=0, end=None if whole else end)
    except BodyCorrupted as error:
        if error.location != destination.location.url:
            raise
        position = _behind_checksum(source, destination, here, there, gate=gate)
    return end if position is None and not whole else position


def _behind_checksum(
    source: ObjectStore, destination: ObjectStore, here: ObjectDetails, there: ObjectDetails, *, gate: Gate
) -> int | None:
    """The same where the destination's own checksum refused the bytes: of each half it says nothing."""
    end = min(here.info.size, there.info.size)
    for start, stop in ((0, end // 2), (end // 2, end)):
        position = _position(source, destination, here, there, gate=gate, start=start, end=stop)
        if position is not None:
            return position
    if here.info.size != there.info.size:
        return None
    # Either they were changed on their way here, and now they are not, or they are refused again.
    return _position(source, destination, here, there, gate=gate, start=0, end=None)


def _checksum_of_object(store: ObjectStore, details: ObjectDetails, like: Checksum, *, gate: Gate) -> Checksum:
    blocks: list[tuple[Checksum, int]] = []
    buffer = new_buffer(min(BLOCK, max(details.info.size, 1)))
    with gate.buffer(len(buffer)), store.open(details.info.key, source=Condition.matching(details.info)) as body:
        while count := _fill(body, buffer):
            gate.check()
            blocks.append((checksum_of(like.algorithm, buffer[:count]), count))
    return combined(like.algorithm, blocks)


def _position(
    source: ObjectStore,
    destination: ObjectStore,
    here: ObjectDetails,
    there: ObjectDetails,
    *,
    gate: Gate,
    start: int,
    end: int | None,
) -> int | None:
    """The first byte that differs between two offsets; None = none does.

    :param end: None = that of both objects
    """
    length = None if end is None else end - start
    if length == 0:
        return None
    block = min(BLOCK, max(here.info.size, 1))
    left, right = new_buffer(block), new_buffer(block)
    done = start
    with (
        gate.buffer(2 * block),
        source.open(here.info.key, start=start, length=length, source=Condition.matching(here.info)) as one,
        destination.open(there.info.key, start=start, length=length, source=Condition.matching(there.info)) as two,
    ):
        while True:
            gate.check()
            first, second = _fill(one, left), _fill(two, right)
            if left[:first] != right[:second]:
                return done + _first_unequal(left[:first], right[:second])
            if not first:
                return None
            done += first


def _first_unequal(left: memoryview, right: memoryview) -> int:
    """The index at which two unequal buffers part, found by halves: a loop over the bytes takes seconds."""
    low, high = 0, min(len(left), len(right))
    if left[:high] == right[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if left[low:middle] != right[low:middle] else (middle, high)
    return low


def _fill(body: ObjectBody, buffer: memoryview) -> int:
    """Fill the buffer as far as the body goes."""
    done = 0
    while done < len(buffer):
        count = body.readinto(buffer[done:])
        if not count:
            break
        done += count
    return done
