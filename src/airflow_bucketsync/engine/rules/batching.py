"""Into how many batches does the work go, and which object into which?

Two passes over the changes: the first one counts, and keeps the few large ones; then they are placed, largest first,
and after them all others as they come by, in key order. Nothing else is held in memory.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import accumulate

from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.units import MIB

OBJECT_COST = MIB
"""The bytes that take as long as what each object costs besides its bytes. Measured (Python 3.11, boto3 1.43, HTTP):
3.3 CPU ms to read and write an object of 4 KiB, and 3.38 CPU s to stream 1 GiB, which is 3.3 ms per MiB."""
LARGE_SHARE = 16
"""An object is large when it makes up a 16th of a batch or more: of these, there are at most 16 per batch."""


def batch_count(*, objects: int, bytes: int, policy: SyncPolicy) -> int:  # noqa: A002 (the model's own word)
    """How many batches: as many as objects or bytes ask for, whichever are more, within `max_batches`; none empty."""
    wanted = max(-(-objects // policy.batch_objects), -(-bytes // policy.batch_bytes))
    return min(wanted, policy.max_batches, objects)


class Balancer:
    """Gives each object to a batch: large ones to the one with the least to do, the others by key ranges.

    The load of a batch is the bytes in it, and `OBJECT_COST` per object. The large objects (those of `large_from`
    bytes and more) are placed first, in descending size, each in the batch with the least load. What room is then left
    below the level that all batches can be filled to is given to the others in key order: each batch takes one
    range of keys, as wide as its room. Tasks that run at the same time thus work on different prefixes, and the ranges
    of neighbouring numbers, which Airflow starts together, are far apart.

    - the fullest batch has at most 4/3 of the load it would have in the best distribution there is (Graham's bound);
    - it is above the mean by at most the largest of the other objects, unless it holds large objects only;
    - an object that alone makes up the mean load or more has its batch for itself;
    - no batch stays empty, and the same sizes in the same order always give the same numbers.

    :param count: batches; they are numbered from 0
    :param total_bytes: of all objects that will be placed
    :param total_objects: how many will be placed
    :param large_from: bytes from which on an object is to be offered first; at most `LARGE_SHARE * count` are
    """

    __slots__ = ("_loads", "_objects", "_ranges", "_total", "large_from")

    def __init__(self, count: int, *, total_bytes: int, total_objects: int) -> None:
        if count < 1:
            raise ValueError(f"there must be a batch to place objects in, got {count}")
        self._loads = [(0, number) for number in range(count)]  # sorted, so it is a heap
        self._objects = total_objects
        self._total = total_bytes + total_objects * OBJECT_COST
        self._ranges: _Ranges | None = None
        self.large_from = max(0, -(-self._total // (LARGE_SHARE * count)) - OBJECT_COST)

    def place(self, size: int) -> int:
        """The number of the batch that takes a large object of this size.

        :raises ValueError: the first of the others was placed before
        """
        if self._ranges is not None:
            raise ValueError("large objects are placed before the others: their room is given away by now")
        load, number = self._loads[0]
        heapq.heapreplace(self._loads, (load + size + OBJECT_COST, number))
        self._objects -= 1
        return number

    def place_in_order(self, size: int) -> int:
        """The number of the batch that takes the next of the other objects, which come in key order."""
        if self._ranges is None:
            self._ranges = _Ranges(self._loads, total=self._total, objects=self._objects)
        return self._ranges.place(size + OBJECT_COST)


@dataclass(slots=True)
class _Range:
    """A range of keys for one batch.

    :param until: the running total of loads at which it ends
    :param empty: nothing is in its batch so far
    :param empty_behind: batches of later ranges with nothing in them
    """

    number: int
    until: int
    empty: bool
    empty_behind: int


class _Ranges:
    """The other objects laid end to end in key order, cut into the rooms of the batches.

    An object belongs to the range in which its middle lies. Cuts are made at running totals, so that no error adds up.
    """

    def __init__(self, loads: list[tuple[int, int]], *, total: int, objects: int) -> None:
        filled = {number: load for load, number in loads}
        rest = total - sum(filled.values())
        members, held = 0, 0
        for load, _ in sorted(loads):
            if members and load * members - held >= rest:
                break  # the others fill those with less to a level below this one
            members, held = members + 1, held + load
        lowest = sorted(number for _, number in sorted(loads)[:members])
        order = [lowest[index] for index in spread(members)]
        empty_behind = sum(not filled[number] for number in order)
        self._ranges = []
        below = accumulate(filled[number] for number in order)
        for position, (number, taken) in enumerate(zip(order, below, strict=True), start=1):
            empty = not filled[number]
            empty_behind -= empty
            until = position * (rest + held) // members - taken
            self._ranges.append(_Range(number=number, until=until, empty=empty, empty_behind=empty_behind))
        self._at = 0
        self._passed = 0
        self._left = objects

    def place(self, load: int) -> int:
        """The number of the batch that takes the next object, of this load."""
        twice_middle = 2 * self._passed + load
        self._passed += load
        here = self._ranges[self._at]
        while self._at + 1 < len(self._ranges) and not here.empty:
            # One object may span several rooms, or be all that is left for them: then each takes one.
            if twice_middle < 2 * here.until and self._left > here.empty_behind:
                break
            self._at += 1
            here = self._ranges[self._at]
        here.empty = False
        self._left -= 1
        return here.number


def spread(count: int) -> list[int]:
    """The numbers below `count` so that 0 to n, for any n, stand far apart: 0 4 2 6 1 5 3 7 for 8."""
    width = max(count - 1, 1).bit_length()
    return sorted(range(count), key=lambda number: int(f"{number:0{width}b}"[::-1], 2))
