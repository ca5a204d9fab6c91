"""Does a table of routes fit the destinations of its sync, and which part of it does each of them get?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_bucketsync.configuration.pairs_words import place_of, unknown_name
from airflow_bucketsync.configuration.sync_model import SyncPart
from airflow_bucketsync.configuration.yaml_tree import Block, Place
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.routing import RouteRule


def wrong_routes(part: SyncPart, node: Block) -> Iterator[tuple[Place, str]]:
    """What is wrong with the table of a sync, line by line."""
    if part.routes is None:
        return
    if part.destinations is None:
        yield (
            node.names["routes"],
            "routes: divide a source among several destinations: write `destinations:` with a name for each, in place "
            "of `destination:`",
        )
        return
    names = [destination.name for destination in part.destinations]
    led_to = {part.routes.default}
    for number, line in enumerate(part.routes.rules):
        led_to.add(line.to)
        if line.to not in names:
            yield place_of(node, ("routes", "rules", number, "to")), _no_destination("routes.rules.to", line.to, names)
        try:
            RouteRule(**dict(line))
        except InvalidConfiguration as error:
            yield place_of(node, ("routes", "rules", number)), f"routes.rules: {error.message}"
    yield from _wrong_default(part, node, names)
    for number, name in enumerate(names):
        if name not in led_to and led_to <= {*names, None}:  # or the unknown name is meant for it
            yield (
                place_of(node, ("destinations", number, "name")),
                f"destinations.name: no line of `routes` leads to {name!r}: add one, or remove the destination",
            )


def routed_option(part: SyncPart, name: str) -> Mapping[str, Any]:
    """What the table gives a destination, as an option of its pair; nothing where there is no table."""
    return {} if part.routes is None else {"routed": {"table": part.routes.table().to_json(), "to": name}}


def _wrong_default(part: SyncPart, node: Block, names: list[str]) -> Iterator[tuple[Place, str]]:
    if part.routes is None:
        return
    default, unmatched, last = part.routes.default, part.routes.unmatched, names[-1] if names else "…"
    if default is None and unmatched == "default":
        yield (
            place_of(node, ("routes", "unmatched")),
            f"routes.unmatched: `default` needs the name of a destination: add `default: {last}`",
        )
    if default is None:
        return
    place = place_of(node, ("routes", "default"))
    if default not in names:
        yield place, _no_destination("routes.default", default, names)
    if unmatched != "default":
        yield (
            place,
            f"routes.default: says something beside `unmatched: default` only, not {unmatched}: write that, or remove "
            "this line",
        )


def _no_destination(where: str, name: str, names: list[str]) -> str:
    return f"{where}: {unknown_name(name, names, 'is the name of no entry of `destinations`')}"
