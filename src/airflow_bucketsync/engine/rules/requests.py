"""Which requests does carrying out a plan take, when nothing fails?

Said as a range where it depends on what no listing tells: an object's tags are read where it may have some (after the
first answer, a store that counts them tells by itself), and a trash is asked what it keeps. Where both ends are equal,
the run sends that many. Retries, the lock of the pair, and deletions where keys are mapped come on top.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.fidelity import copy_needs_attributes
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.review import Asked, Requests

Side = Literal["source", "destination"]
_ORDER: tuple[Asked, ...] = ("list", "look", "tags", "read", "put", "copy", "begin", "part", "complete", "delete")


@dataclass(slots=True, kw_only=True)
class Cell:
    """Objects that take the same requests.

    :param replaces: something stands in their place
    :param empty: they have no bytes
    """

    way: str
    replaces: bool
    empty: bool
    objects: int = 0
    bytes: int = 0
    parts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What both stores can do, and which of them are asked by requests at all.

    :param blind: whatever stands at the destination is written over
    :param listed: objects that the destination's listing has, before the run
    """

    policy: SyncPolicy
    source: Capabilities
    destination: Capabilities
    asked: frozenset[Side]
    blind: bool = False
    listed: int = 0


class _Sum:
    """Requests per side and kind, in the making."""

    def __init__(self, sides: Sides) -> None:
        self.sides = sides
        self.least: Counter[tuple[Side, Asked]] = Counter()
        self.most: Counter[tuple[Side, Asked]] = Counter()

    def add(self, side: Side, kind: Asked, least: int, most: int | None = None) -> None:
        self.least[side, kind] += least
        self.most[side, kind] += least if most is None else most

    def tags(self, side: Side, objects: int) -> None:
        """Of objects that were looked at or read before."""
        able = self.sides.source if side == "source" else self.sides.destination
        if able.tags and self.sides.policy.preserved.keeps("tags"):
            self.add(side, "tags", 0 if able.counts_tags else objects, objects)

    def rows(self) -> tuple[Requests, ...]:
        kinds = ((side, kind) for side in ("source", "destination") for kind in _ORDER)
        return tuple(
            Requests(side=side, kind=kind, at_least=self.least[side, kind], at_most=most)
            for side, kind in kinds
            if side in self.sides.asked and (most := self.most[side, kind])
        )


def expected_requests(
    cells: Iterable[Cell], sides: Sides, *, deletes: int = 0, in_step: int = 0
) -> tuple[Requests, ...]:
    """What the work of a plan asks of both sides.

    :param deletes: objects that are deleted at the destination
    :param in_step: objects that a move deletes at the source without copying them
    """
    total, policy, objects = _Sum(sides), sides.policy, 0
    for cell in cells:
        _of_copies(total, cell)
        objects += cell.objects
    read = policy.verify == "content"
    if policy.verify == "listing" and objects:
        pages = -(-(sides.listed + objects) // sides.destination.page_limit)
        total.add("destination", "list", 1, pages + 1)
    if policy.verify in ("metadata", "content"):
        _of_looks(total, objects, objects if read else 0)
    if policy.move:
        _of_looks(total, objects + in_step, objects + in_step if read else 0, maybe=in_step)
        total.add("destination", "look", 0, objects + in_step)
        _of_deletes(total, "source", objects + in_step)
        total.add("source", "delete", 0, 1)  # whether it may delete there is tried before anything is copied
    if deletes:
        trash = policy.keeps_when_run
        total.add("destination", "look", deletes, (4 if trash else 1) * deletes)
        total.add("destination", "copy", 0, deletes if trash else 0)
        total.add("source", "look", 0, (2 if trash else 1) * deletes)
        total.add("source", "list", 0, deletes)
        _of_deletes(total, "destination", deletes)
    return total.rows()


def _of_copies(total: _Sum, cell: Cell) -> None:
    """Of bringing these objects over, without verifying them."""
    sides, count = total.sides, cell.objects
    if cell.way == "server_copy":
        if copy_needs_attributes(
            empty=cell.empty,
            source=sides.source,
            destination=sides.destination,
            preserve=sides.policy.preserved,
        ):
            total.add("source", "look", count)
        total.add("destination", "copy", count)
    elif cell.way == "stream":
        total.add("source", "read", count)
        total.tags("source", count)
        total.add("destination", "put", count)
    elif cell.way == "set_attributes":
        total.add("source", "look", count)
        total.tags("source", count)
        total.add("destination", "look", 0, count)
        total.add("destination", "copy", count)
    else:
        total.add("source", "look", count)
        total.tags("source", count)
        total.add("source", "read", cell.parts if cell.way == "stream_parts" else 0)
        total.add("destination", "begin", count)
        total.add("destination", "part", cell.parts)
        total.add("destination", "complete", count)
    if cell.way != "set_attributes":
        least, most = _looks_before(sides, cell)
        total.add("destination", "look", least * count, most * count)
    if cell.replaces and sides.policy.trash == "all":
        total.add("destination", "look", count, 4 * count)
        total.add("destination", "copy", 0, count)


def _looks_before(sides: Sides, cell: Cell) -> tuple[int, int]:
    """How often the destination is looked at right before a write, because the store can't hold it to a condition."""
    able = sides.destination
    if sides.blind:
        return 0, 0
    if able.conditional_put == "none" or (cell.replaces and able.conditional_put != "full"):
        return 1, 1
    if cell.way == "server_copy" and not able.conditional_copy:
        return 1, 1
    # A store that can only be told to create may ignore that in a bucket that keeps versions.
    return (0, 1) if able.conditional_put == "create_only" else (0, 0)


def _of_looks(total: _Sum, objects: int, read: int, *, maybe: int = 0) -> None:
    """Of holding both sides against each other, object by object.

    :param read: bodies that are read
    :param maybe: bodies of objects that nobody copied just now: read where no checksum tells
    """
    for side in ("source", "destination"):
        total.add(side, "look", objects)
        total.tags(side, objects)
    # A source's checksum that can be made of blocks spares reading its body.
    total.add("source", "read", 0, read + maybe)
    total.add("destination", "read", read, read + 2 * maybe)


def _of_deletes(total: _Sum, side: Side, objects: int) -> None:
    able = total.sides.source if side == "source" else total.sides.destination
    if able.conditional_delete:
        total.add(side, "delete", -(-objects // able.delete_batch), objects)
    else:
        total.add(side, "look", 0, objects)
        total.add(side, "delete", objects)
