"""How do people write routes from one source to several destinations, and which syncs does that make?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airflow_bucketsync.configuration.option_types import Extensions, Size, Text, Texts
from airflow_bucketsync.configuration.options import read_options
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.routed_pairs import routed_pairs
from airflow_bucketsync.engine.model.routing import MAX_ROUTES, RouteRule, RoutingTable, Unmatched


class Line(BaseModel):
    """One line of a routing table; everything that it names must hold."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    to: Text = Field(description="Name of the destination.")
    match: Texts = Field((), description="Globs and `regex:…`, one must fit; read as those of `include`.")
    extensions: Extensions = Field((), description='One of these extensions, in any case; `""` = none.')
    min_size: Size | None = Field(None, description="At least this size (`10 MiB`).")
    max_size: Size | None = Field(None, description="At most this size.")


class Routes(BaseModel):
    """A routing table: its lines are asked in order, the first that fits says where an object goes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    rules: Annotated[list[Line], Field(min_length=1, max_length=MAX_ROUTES)] = Field(description="The lines.")
    unmatched: Unmatched = Field("ignore", description="What no line takes: `ignore`, `fail`, or `default`.")
    default: Text | None = Field(None, description="Name of a destination, for `unmatched: default`.")

    def table(self) -> RoutingTable:
        """The table.

        :raises InvalidConfiguration: values that do not fit together
        """
        rules = tuple(RouteRule(**dict(line)) for line in self.rules)
        return RoutingTable(rules=rules, unmatched=self.unmatched, default=self.default)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedSync:
    """One destination of a routing table, as `bucket_sync(source, destination, group_id=…, **options)` takes it.

    :param name: in the table
    :param destination: location URL
    :param options: those that were given, and what the table gives this destination
    """

    name: str
    destination: str
    options: Mapping[str, Any]


def read_routes(given: Mapping[str, Any]) -> RoutingTable:
    """A routing table as people wrote it, checked.

    :raises InvalidConfiguration: an unknown field, or a value with its line and the reason
    """
    try:
        return Routes.model_validate(dict(given)).table()
    except ValidationError as error:
        raise InvalidConfiguration("; ".join(_words(problem) for problem in error.errors())) from None


def routed_syncs(
    routes: Mapping[str, Any], destinations: Mapping[str, str], options: Mapping[str, Any] | None = None
) -> tuple[RoutedSync, ...]:
    """One sync per destination of a routing table, in its order.

    :param routes: `rules`, `unmatched` and `default`
    :param destinations: location URL of each name in the table
    :param options: options of all of them
    :raises InvalidConfiguration: a table or options that can't be read, a name without a destination, a destination
        without a line, destinations that overlap
    :raises InvalidLocation: a URL that is no location
    """
    table, given = read_routes(routes), dict(options or {})
    if "routed" in given:
        raise InvalidConfiguration("routed: a table of routes makes it; leave it out of the options")
    places = {name: Location.parse(url) for name, url in destinations.items()}
    pairs = routed_pairs(table, places, selection=read_options(given).selection())
    return tuple(
        RoutedSync(
            name=pair.name,
            destination=pair.destination.url,
            options=given | {"routed": {"table": table.to_json(), "to": pair.name}},
        )
        for pair in pairs
    )


def _words(problem: Any) -> str:
    steps = [str(step + 1) if isinstance(step, int) else str(step) for step in problem["loc"]]
    place = ".".join(step for step in steps if not step.startswith("function-"))
    reason = problem["msg"].removeprefix("Value error, ")
    given = "" if problem["type"] in ("value_error", "missing") else f", got {problem['input']!r:.80}"
    return f"routes: {place}: {reason}{given}"
