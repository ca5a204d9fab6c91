"""Does an entry of a pairs file hold together? What its fields say on their own is the models' to judge."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from airflow_bucketsync.configuration.options import OPTION_NAMES, Options, read_options
from airflow_bucketsync.configuration.pair import DagSettings, Pair, Sync
from airflow_bucketsync.configuration.pairs_words import EXAMPLE, place_of, problems
from airflow_bucketsync.configuration.places import is_template, refuse_overlap, refuse_workspace_inside
from airflow_bucketsync.configuration.sync_model import Schedule, SyncPart
from airflow_bucketsync.configuration.sync_routes import routed_option, wrong_routes
from airflow_bucketsync.configuration.tasks import DEFAULT_RETRIES
from airflow_bucketsync.configuration.yaml_tree import Block, Items, Node, Place, merged, plain
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location

ONE_GROUP = "bucket_sync"
"""The task group of a sync with one destination."""
UNREADABLE = "@hourly"
"""The schedule of a broken entry whose schedule can't be read: it would stay silent otherwise."""

_SCHEDULE: TypeAdapter[Any] = TypeAdapter(Schedule, config=ConfigDict(strict=True))
Problem = tuple[Place, str]


@dataclass(slots=True, kw_only=True)
class Checked:
    """What became of an entry: a sync, or problems."""

    sync: Sync | None = None
    problems: list[Problem] = field(default_factory=list)
    schedule: str | Sequence[str] | None = None


def checked_sync(name: str, node: Block) -> Checked:
    """The sync that an entry describes, the defaults included."""
    found = _checked_sync(name, node)
    if found.problems:
        found.schedule = readable_schedule(node)
    return found


def _checked_sync(name: str, node: Block) -> Checked:
    found = Checked()
    try:
        part = SyncPart.model_validate(plain(node))
    except ValidationError as error:
        found.problems = sorted(problems(error, node), key=lambda one: (one[0].line, one[0].column))
        return found
    pairs = dict[str, Pair]()
    found.problems = [*_ends(part, node), *wrong_routes(part, node)]
    if not found.problems:
        for number, (group, pair, options) in enumerate(_pairs(part, node)):
            pairs[group] = pair
            where = ("destination",) if part.destination is not None else ("destinations", number, "location")
            found.problems += _wrong_options(pair, node, options, part)
            found.problems += _wrong_places(pair, node, where)
        found.problems = list(dict.fromkeys([*found.problems, *_too_near(pairs, node)]))
    if not found.problems:
        found.sync = Sync(
            name=name, pairs=pairs, description=part.description, schedule=part.schedule, dag=_dag_settings(part)
        )
    return found


def readable_schedule(node: Block) -> Any:
    """The schedule, also of an entry that is broken elsewhere."""
    try:
        return _SCHEDULE.validate_python(plain(node.values["schedule"])) if "schedule" in node.values else None
    except ValidationError:
        return UNREADABLE


def _ends(part: SyncPart, node: Block) -> Iterator[Problem]:
    """Is there at least one destination, and has each a name of its own?"""
    if part.destination is None and part.destinations is None:
        yield node.place, f"destination is missing: add `destination: {EXAMPLE}`"
    elif part.destination is not None and part.destinations is not None:
        yield node.names["destinations"], "destinations: stands beside `destination`: write one of the two"
    elif part.destinations is not None and not part.destinations:
        yield node.values["destinations"].place, "destinations: the list is empty: write at least one"
    seen = dict[str, Place]()
    for number, destination in enumerate(part.destinations or ()):
        place = place_of(node, ("destinations", number, "name"))
        if destination.name in seen:
            yield (
                place,
                f"destinations.name: {destination.name!r} stands in line {seen[destination.name].line} too: rename one",
            )
        seen.setdefault(destination.name, place)
    if part.destinations is not None and part.asset is not None:
        yield (
            node.names["asset"],
            "asset: each destination has an event of its own: write `asset` below `destinations:`",
        )


def _pairs(part: SyncPart, node: Block) -> Iterator[tuple[str, Pair, Node | None]]:
    """Each pair with the id of its task group, and with its options as they stand in the file."""
    shared: dict[str, Any] = {
        "source": part.source,
        "by_hand": part.by_hand,
        "workspace": part.workspace,
        "pool": part.pool,
        "max_active_copies": part.max_active_copies,
        "retries": DEFAULT_RETRIES if part.retries is None else part.retries,
        "timeouts": part.timeouts or {},
        "resources": {task: place.model_dump(exclude_none=True) for task, place in (part.resources or {}).items()},
    }
    options = node.values.get("options")
    if part.destination is not None:
        yield ONE_GROUP, _pair(part.name, part.destination, options, part.asset, shared), options
    listed = node.values.get("destinations")
    for number, destination in enumerate(part.destinations or ()):
        entry = listed.values[number] if isinstance(listed, Items) else None
        own = merged(options, entry.values.get("options") if isinstance(entry, Block) else None)
        name = f"{part.name}.{destination.name}"
        made = routed_option(part, destination.name)
        yield destination.name, _pair(name, destination.location, own, destination.asset, shared, **made), own


def _pair(
    name: str, destination: str, options: Node | None, asset: str | None, shared: Mapping[str, Any], **made: Any
) -> Pair:
    given = plain(options) if isinstance(options, Block) else {}
    given = {option: value for option, value in given.items() if value is not None} | made
    return Pair(name=name, destination=destination, options=given, asset=asset, **shared)


def _wrong_options(pair: Pair, node: Block, options: Node | None, part: SyncPart) -> Iterator[Problem]:
    """Do they fit together, and can they stand here?"""
    try:
        given = read_options(pair.options)
    except InvalidConfiguration as error:
        yield _option_place(error.message, node, options), f"options: {error.message}"
    else:
        for option, words in _not_here(given, part):
            yield place_of(options or node, (option,)), f"options.{option}: {words}"


def _wrong_places(pair: Pair, node: Block, where: Sequence[int | str]) -> Iterator[Problem]:
    """Are they apart, as far as no template hides them?"""
    source, destination, workspace = (
        None if url is None or is_template(url) else Location.parse(url)
        for url in (pair.source, pair.destination, pair.workspace)
    )
    if source is None or destination is None:
        return
    try:
        refuse_overlap(source, destination)
    except InvalidConfiguration as error:
        yield place_of(node, where), f"{where[0]}: {error.message}"
    try:
        if workspace is not None:
            refuse_workspace_inside(workspace, source, destination)
    except InvalidConfiguration as error:
        yield place_of(node, ("workspace",)), f"workspace: {error.message}"


def _not_here(options: Options, part: SyncPart) -> Iterator[tuple[str, str]]:
    """Options that a pairs file can't have, each with the way out."""
    if options.mode == "until_quiet":
        yield (
            "mode",
            "until_quiet starts its DAG again and again, which is for a cut-over by hand: run the DAG `bucket_sync`, "
            "and write `auto` here",
        )
    if options.apply_plan is not None:
        yield (
            "apply_plan",
            "names one plan, and this sync makes a new one each time: give it to a run by hand, and write "
            "`approve_plan: true` here to be asked each time",
        )
    if options.move and part.routes is None and len(part.destinations or ()) > 1:
        yield (
            "move",
            "an object would be gone from the source before the other destinations have it: move from one destination "
            "of a sync of its own, give each object one destination by `routes:`, or write false",
        )


def _option_place(message: str, node: Block, options: Node | None) -> Place:
    """The first option that the message names; else all of them."""
    if isinstance(options, Block):
        for word in re.findall(r"[a-z_]+", message):
            if word in OPTION_NAMES and word in options.values:
                return options.values[word].place
        return node.names.get("options", options.place)
    return node.place


def _too_near(pairs: Mapping[str, Pair], node: Block) -> Iterator[Problem]:
    """Destinations of one sync must be apart: each would copy over, or delete, what the other wrote."""
    places = [
        (number, Location.parse(pair.destination))
        for number, pair in enumerate(pairs.values())
        if not is_template(pair.destination)
    ]
    for index, (number, place) in enumerate(places):
        for _, other in places[:index]:
            try:
                refuse_overlap(other, place)
            except InvalidConfiguration:
                yield (
                    place_of(node, ("destinations", number, "location")),
                    f"destinations.location: {place.url} and {other.url} overlap: give each a prefix of its own",
                )


def _dag_settings(part: SyncPart) -> DagSettings:
    given = {} if part.dag is None else part.dag.model_dump(exclude_none=True)
    return DagSettings(**given)
