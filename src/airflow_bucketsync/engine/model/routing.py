"""Which objects of one source go to which of several destinations, as people ask for it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from airflow_bucketsync.engine.errors import InvalidConfiguration

Unmatched = Literal["ignore", "fail", "default"]
MAX_ROUTES = 1000
"""Lines of a routing table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRule:
    """One line of a routing table; everything that it names must hold.

    :param to: name of the destination
    :param match: globs and `regex:…`, one must fit, read as those of `include`
    :param extensions: one of these, upper and lower case alike; "" = none
    :param min_size: bytes, inclusive
    :param max_size: bytes, inclusive
    """

    to: str
    match: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    min_size: int | None = None
    max_size: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.match, str) or isinstance(self.extensions, str):
            raise InvalidConfiguration(f"route to {self.to!r:.80}: match and extensions are lists of texts")
        if not self.to:
            raise InvalidConfiguration("a route names no destination: give it one as `to`")
        if not self.match and not self.extensions and self.min_size is None and self.max_size is None:
            raise InvalidConfiguration(
                f"route to {self.to!r:.80} takes everything, so no line after it is ever asked: give it match, "
                "extensions, min_size or max_size, or make it the default of `unmatched: default`"
            )
        check_extensions(self.extensions)
        check_sizes(self.min_size, self.max_size)

    def to_json(self) -> dict[str, Any]:
        """As JSON; what stands at its default is left out."""
        lists = {"match": list(self.match), "extensions": list(self.extensions)}
        sizes = {"min_size": self.min_size, "max_size": self.max_size}
        return (
            {"to": self.to}
            | {name: words for name, words in lists.items() if words}
            | {name: size for name, size in sizes.items() if size is not None}
        )

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(
            to=value["to"],
            match=tuple(value.get("match", ())),
            extensions=tuple(value.get("extensions", ())),
            min_size=value.get("min_size"),
            max_size=value.get("max_size"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingTable:
    """Lines that are asked in their order; the first that fits says where an object goes.

    :param unmatched: objects that no line takes: `ignore` = they go nowhere and are counted, `fail` = the plan fails,
        `default` = they go to `default`
    :param default: name of a destination
    """

    rules: tuple[RouteRule, ...]
    unmatched: Unmatched = "ignore"
    default: str | None = None

    def __post_init__(self) -> None:
        if not self.rules or len(self.rules) > MAX_ROUTES:
            raise InvalidConfiguration(f"a routing table has 1 to {MAX_ROUTES:,} lines, this one {len(self.rules)}")
        if self.unmatched not in get_args(Unmatched):
            raise InvalidConfiguration(f"unmatched: {self.unmatched!r} is none of {', '.join(get_args(Unmatched))}")
        if (self.default is not None) != (self.unmatched == "default"):
            raise InvalidConfiguration(
                f"unmatched is {self.unmatched} and default {self.default!r}: `unmatched: default` needs the name of a "
                "destination as `default`, and only it"
            )

    @property
    def destinations(self) -> tuple[str, ...]:
        """The names of all destinations, each once, in the order of the lines."""
        names = [rule.to for rule in self.rules] + ([] if self.default is None else [self.default])
        return tuple(dict.fromkeys(names))

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        value: dict[str, Any] = {"rules": [rule.to_json() for rule in self.rules], "unmatched": self.unmatched}
        return value if self.default is None else value | {"default": self.default}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(
            rules=tuple(RouteRule.from_json(rule) for rule in value["rules"]),
            unmatched=value.get("unmatched", "ignore"),
            default=value.get("default"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """What a routing table gives one of its destinations.

    :param to: the destination's name in the table
    """

    table: RoutingTable
    to: str

    def __post_init__(self) -> None:
        if self.to not in self.table.destinations:
            raise InvalidConfiguration(
                f"no line of the routing table names {self.to!r:.80}; it names {', '.join(self.table.destinations)}"
            )

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"table": self.table.to_json(), "to": self.to}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(table=RoutingTable.from_json(value["table"]), to=value["to"])


def check_extensions(extensions: tuple[str, ...]) -> None:
    """Refuse what can't be an extension.

    :raises InvalidConfiguration: with what to write instead
    """
    for word in extensions:
        if "/" in word or "*" in word:
            raise InvalidConfiguration(f"extensions: {word!r:.80} is no extension; write csv or .csv, globs in include")


def check_sizes(min_size: int | None, max_size: int | None) -> None:
    """Refuse sizes that no object can have.

    :raises InvalidConfiguration: with the option
    """
    for name, size in (("min_size", min_size), ("max_size", max_size)):
        if (size or 0) < 0:
            raise InvalidConfiguration(f"{name} must not be negative, got {size}")
    if min_size is not None and max_size is not None and min_size > max_size:
        raise InvalidConfiguration(f"min_size ({min_size}) is above max_size ({max_size})")
