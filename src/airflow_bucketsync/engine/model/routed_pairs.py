"""What does each destination of a routing table get?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.routing import Routed, RoutingTable
from airflow_bucketsync.engine.model.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedPair:
    """One destination of a routing table.

    :param name: in the table; the pair's own name may end in it
    :param selection: exactly what the table gives this destination; nothing else there is ever deleted
    """

    name: str
    destination: Location
    selection: Selection


def routed_pairs(
    table: RoutingTable, destinations: Mapping[str, Location], *, selection: Selection | None = None
) -> tuple[RoutedPair, ...]:
    """One pair per destination of a routing table, in its order; each is a sync of its own over the same source.

    Every selected object is in at most one of the selections: in none where no line takes it and `unmatched` is no
    `default`. A sync of any of them counts and names those; with `unmatched: fail` each of them fails before it
    writes.

    :param destinations: where each name of the table is
    :param selection: which objects of the source take part at all
    :raises InvalidConfiguration: a name without a place, a place without a name, places that overlap
    """
    missing = [name for name in table.destinations if name not in destinations]
    if missing:
        raise InvalidConfiguration(
            f"routes: {', '.join(map(repr, missing))} stand in the table, and not among the destinations "
            f"({', '.join(destinations) or 'none'}); add them there, or correct `to`"
        )
    unused = [name for name in destinations if name not in table.destinations]
    if unused:
        raise InvalidConfiguration(
            f"routes: no line leads to {', '.join(map(repr, unused))}; add one, or leave the destination out"
        )
    for (one, here), (two, there) in combinations(destinations.items(), 2):
        if here.below(there) or there.below(here):
            raise InvalidConfiguration(
                f"routes: the destinations {one!r} ({here.url}) and {two!r} ({there.url}) overlap, so each would take "
                "the other's objects for its own: name places of which neither lies in the other, or one name for both"
            )
    base = selection or Selection()
    return tuple(
        RoutedPair(
            name=name,
            destination=destinations[name],
            selection=replace(base, routed=Routed(table=table, to=name)),
        )
        for name in table.destinations
    )
