"""Into how many batches does the work go, and which object into which?

Two passes over the changes: the first one counts, and keeps the few large ones; then they are placed, largest first,
and after them all others as they come by. Nothing else is held in memory.
"""

from __future__ import annotations

import heapq

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
    """Gives each object to the batch with the least to do.

    The load of a batch is the bytes in it, and `OBJECT_COST` per object. Offered the large objects first (those of
    `large_from` bytes and more, in descending size) and then the others in any order:

    - the fullest batch has at most 4/3 of the load it would have in the best distribution there is (Graham's bound);
    - it is above the mean by at most the largest of the other objects, unless it holds large objects only;
    - an object that alone makes up the mean load or more has its batch for itself;
    - no batch stays empty, and the same sizes in the same order always give the same numbers.

    :param count: batches; they are numbered from 0
    :param total_bytes: of all objects that will be placed
    :param total_objects: how many will be placed
    :param large_from: bytes from which on an object is to be offered first; at most `LARGE_SHARE * count` are
    """

    __slots__ = ("_loads", "large_from")

    def __init__(self, count: int, *, total_bytes: int, total_objects: int) -> None:
        if count < 1:
            raise ValueError(f"there must be a batch to place objects in, got {count}")
        self._loads = [(0, number) for number in range(count)]  # sorted, so it is a heap
        total = total_bytes + total_objects * OBJECT_COST
        self.large_from = max(0, -(-total // (LARGE_SHARE * count)) - OBJECT_COST)

    def place(self, size: int) -> int:
        """The number of the batch that takes an object of this size."""
        load, number = self._loads[0]
        heapq.heapreplace(self._loads, (load + size + OBJECT_COST, number))
        return number
