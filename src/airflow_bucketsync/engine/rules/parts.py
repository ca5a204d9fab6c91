"""How is an object of this size brought over: in one request or in parts, in which parts, in which groups?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.plan import PartGroup
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.route import Transport
from airflow_bucketsync.engine.model.units import MIB, format_size

Approach = Literal["server_copy", "part_copy", "stream", "stream_parts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TooLarge:
    """The object can't be brought over.

    :param message: why, for people
    """

    message: str


def check_object(size: int, destination: Capabilities) -> str | None:
    """Why the destination can't hold an object of this size, in words for a report; None = it can."""
    if size > destination.max_object:
        return f"{_exact(size)} is more than the {_exact(destination.max_object)} an object may have there"
    if not destination.multipart:
        limit = max(destination.max_put, destination.max_copy)
        return None if size <= limit else f"{_exact(size)} is more than the {_exact(limit)} of one write, without parts"
    limit = max(destination.max_parts * destination.max_part, destination.max_put, destination.max_copy)
    if size > limit:
        return (
            f"{_exact(size)} is more than {destination.max_parts:,} parts of {_exact(destination.max_part)}, "
            f"the most an object can be made of there"
        )
    return None


def approach(size: int, *, transport: Transport, policy: SyncPolicy, destination: Capabilities) -> Approach | TooLarge:
    """How an object of this size is brought over; a size at a threshold belongs to the lower tier.

    Where the store can't copy an object of this size by itself, the bytes pass through us.
    """
    refusal = check_object(size, destination)
    if refusal is not None:
        return TooLarge(message=refusal)
    in_parts = destination.multipart and size <= destination.max_parts * destination.max_part
    if transport == "server":
        if size <= min(destination.max_copy, policy.large_threshold):
            return "server_copy"
        if in_parts and destination.part_copy:
            return "part_copy"
        if size <= destination.max_copy:
            return "server_copy"
    if size <= min(policy.small_threshold, destination.max_put, policy.buffer_size):
        return "stream"
    if in_parts:
        return "stream_parts"
    if size <= destination.max_put:
        return "stream"
    return TooLarge(
        message=f"{_exact(size)} is more than the {_exact(destination.max_put)} of one write, and there are no parts"
    )


def is_large(size: int, way: Approach | TooLarge, *, policy: SyncPolicy) -> bool:
    """Whether the parts of this object go as mapped tasks of their own, not inside a batch."""
    return way in ("part_copy", "stream_parts") and size > policy.large_threshold


def part_size_for(size: int, *, wanted: int, destination: Capabilities) -> int:
    """The size of every part but the last: as wanted, within what the destination takes, and large enough that the
    parts are not too many (then whole MiB where that fits).

    :raises ValueError: no part size makes this object; `check_object` says so beforehand
    """
    least = max(-(-size // destination.max_parts), destination.min_part)
    if least > destination.max_part:
        raise ValueError(f"{size} bytes don't fit {destination.max_parts} parts of at most {destination.max_part}")
    if wanted >= least:
        return min(wanted, destination.max_part)
    whole = -(-least // MIB) * MIB
    return whole if least > destination.min_part and whole <= destination.max_part else least


def part_ranges(size: int, part_size: int) -> Iterator[tuple[int, int, int]]:
    """The parts as (number from 1, start, length): together every byte once, none empty.

    :raises ValueError: nothing to cut (an empty object is written in one request), or no part size
    """
    if size <= 0 or part_size <= 0:
        raise ValueError(f"{size} bytes can't be cut into parts of {part_size}")
    return (
        (number, start, min(part_size, size - start)) for number, start in enumerate(range(0, size, part_size), start=1)
    )


def group_count(*, parts: int, bytes: int, policy: SyncPolicy) -> int:  # noqa: A002 (the model's own word)
    """How many groups: as many as bytes or parts ask for, whichever are more, within `max_batches`; none empty."""
    wanted = max(-(-bytes // policy.group_bytes), -(-parts // policy.batch_objects))
    return min(wanted, policy.max_batches, parts)


def part_groups(sizes: Iterable[tuple[int, int]], *, count: int, total_bytes: int) -> Iterator[PartGroup]:
    """Cut all parts of all uploads, laid end to end, into `count` groups of nearly equal bytes.

    A group is above the mean by one part at most. Fewer come out where parts are larger than the mean; the numbers
    are consecutive.

    :param sizes: of each upload in the plan's order: bytes of the object, bytes of a part
    """
    base, number = 0, 0
    share, first, last, parts, size_of_group = -1, (0, 1), (0, 1), 0, 0
    for upload, (size, part_size) in enumerate(sizes):
        every, part = -(-size // part_size), 1
        while part <= every:
            offset = base + (part - 1) * part_size
            owner = offset * count // total_bytes
            if owner != share and parts:
                yield PartGroup(number=number, first=first, last=last, parts=parts, bytes=size_of_group)
                number, parts, size_of_group = number + 1, 0, 0
            if not parts:
                first = (upload, part)
            share = owner
            ends = -(-(owner + 1) * total_bytes // count) - base  # where the next group begins, in this upload
            until = min(every, -(-ends // part_size))
            parts += until - part + 1
            size_of_group += min(size, until * part_size) - (part - 1) * part_size
            last, part = (upload, until), until + 1
        base += size
    if parts:
        yield PartGroup(number=number, first=first, last=last, parts=parts, bytes=size_of_group)


def _exact(size: int) -> str:
    """A size for people that tells two neighbours apart."""
    return f"{format_size(size)} ({size:,} bytes)"
