"""What do the changes of a plan come to that go by one after the other: tiers, ways, reasons, sizes, classes?"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

from airflow_bucketsync.engine.model.analysis import SIZES, Found, Row
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.review import Tier, Way
from airflow_bucketsync.engine.model.route import Transport
from airflow_bucketsync.engine.rules.largest import Largest
from airflow_bucketsync.engine.rules.most import Most
from airflow_bucketsync.engine.rules.parts import TooLarge, approach, is_large, part_size_for
from airflow_bucketsync.engine.rules.requests import Cell
from airflow_bucketsync.engine.rules.selection import STANDARD

IN_ARCHIVE_TIER = "INTELLIGENT_TIERING (an archive tier)"
_TIERS: tuple[Tier, ...] = ("attributes", "small", "medium", "large", "too_large")
_LEAST_BYTES = [least for _, least in SIZES]
_Sums = dict[str, list[int]]


class Reviewing:
    """Takes the changes of one plan, and counts them in memory that does not grow with them.

    :param destination: what the destination can do
    """

    def __init__(self, policy: SyncPolicy, destination: Capabilities) -> None:
        self.transport: Transport = "server"
        """To be set before the first change is taken."""
        self._policy = policy
        self._destination = destination
        self._cells: dict[tuple[str, bool, bool], Cell] = {}
        self._tiers: _Sums = {tier: [0, 0] for tier in _TIERS}
        self._reasons: _Sums = {}
        self._sizes = [[0, 0] for _ in SIZES]
        self._classes, self._archived = Most(), Most()
        self._largest = Largest()

    def take(self, change: Change) -> None:
        """The next change."""
        info, load = change.source, change.load
        way, tier, parts = self._way(change)
        cell = self._cell(way, change)
        cell.objects += 1
        cell.bytes += load
        cell.parts += parts
        for counts in (
            self._tiers[tier],
            self._reasons.setdefault(change.reason, [0, 0]),
            self._sizes[bisect_right(_LEAST_BYTES, load) - 1],
        ):
            counts[0] += 1
            counts[1] += load
        self._classes.add(info.storage_class or STANDARD, load)
        if change.kind == "copy":
            self._largest.see(info, key=change.key)

    def archived(self, info: ObjectInfo) -> None:
        """An object that can't be copied before it is restored."""
        name = info.storage_class or STANDARD
        self._archived.add(IN_ARCHIVE_TIER if name == "INTELLIGENT_TIERING" else name, info.size)

    # what it came to ------------------------------------------------------------------------------------------

    @property
    def cells(self) -> Iterable[Cell]:
        """Objects by the requests that they take."""
        return [cell for cell in self._cells.values() if cell.way != "too_large"]

    @property
    def tiers(self) -> tuple[Row, ...]:
        """Those with something in them."""
        return _rows(self._tiers)

    @property
    def reasons(self) -> tuple[Row, ...]:
        """The one with the most objects first."""
        return tuple(sorted(_rows(self._reasons), key=lambda row: (-row.objects, row.name)))

    @property
    def ways(self) -> tuple[Way, ...]:
        """In the order of their names."""
        found: dict[str, Way] = {}
        for cell in self.cells:
            old = found.get(cell.way, Way(name=cell.way, objects=0, bytes=0, parts=0))
            found[cell.way] = Way(
                name=cell.way,
                objects=old.objects + cell.objects,
                bytes=old.bytes + cell.bytes,
                parts=old.parts + cell.parts,
            )
        return tuple(found[name] for name in sorted(found))

    @property
    def sizes(self) -> tuple[Row, ...]:
        """All size classes, of the bytes that move."""
        pairs = zip(SIZES, self._sizes, strict=True)
        return tuple(Row(name=name, objects=objects, bytes=size) for (name, _), (objects, size) in pairs)

    @property
    def classes(self) -> tuple[Row, ...]:
        """Storage classes at the source."""
        return self._classes.table().named(STANDARD)

    @property
    def archived_classes(self) -> tuple[Row, ...]:
        """Storage classes of what is archived."""
        return self._archived.table().named(STANDARD)

    @property
    def largest(self) -> tuple[Found, ...]:
        """The largest objects to be copied."""
        return self._largest.found()

    # one change -----------------------------------------------------------------------------------------------

    def _way(self, change: Change) -> tuple[str, Tier, int]:
        """How it is brought over, in which tier, in how many parts."""
        if change.kind == "update":
            return "set_attributes", "attributes", 0
        size, policy = change.source.size, self._policy
        way = approach(size, transport=self.transport, policy=policy, destination=self._destination)
        if isinstance(way, TooLarge):
            return "too_large", "too_large", 0
        if way not in ("part_copy", "stream_parts"):
            return way, "small" if size <= policy.small_threshold else "medium", 0
        part_size = part_size_for(size, wanted=policy.part_size, destination=self._destination)
        return way, "large" if is_large(size, way, policy=policy) else "medium", -(-size // part_size)

    def _cell(self, way: str, change: Change) -> Cell:
        which = (way, change.destination is not None, change.source.size == 0)
        if which not in self._cells:
            self._cells[which] = Cell(way=which[0], replaces=which[1], empty=which[2])
        return self._cells[which]


def _rows(sums: Mapping[str, Sequence[int]]) -> tuple[Row, ...]:
    return tuple(Row(name=name, objects=counts[0], bytes=counts[1]) for name, counts in sums.items() if counts[0])
