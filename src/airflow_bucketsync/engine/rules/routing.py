"""Which of several destinations does an object go to?"""

from __future__ import annotations

from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.routing import RouteRule, RoutingTable
from airflow_bucketsync.engine.rules.extensions import Extensions
from airflow_bucketsync.engine.rules.patterns import Patterns


class Router:
    """A routing table made ready to be asked once per object.

    :raises InvalidConfiguration: a pattern that can't be read, with its line
    """

    __slots__ = ("_default", "_lines")

    def __init__(self, table: RoutingTable) -> None:
        self._lines = tuple(_Line(number, rule) for number, rule in enumerate(table.rules, start=1))
        self._default = table.default

    def destination_of(self, info: ObjectInfo) -> str | None:
        """The name of the first line's destination that takes the object, else the default; None = it goes nowhere."""
        return next((line.to for line in self._lines if line.takes(info)), self._default)


class _Line:
    """One line of the table."""

    __slots__ = ("_extensions", "_match", "_max_size", "_min_size", "to")

    def __init__(self, number: int, rule: RouteRule) -> None:
        self.to = rule.to
        self._match = Patterns(f"route {number} (to {rule.to}): match", rule.match) if rule.match else None
        self._extensions = Extensions(rule.extensions) if rule.extensions else None
        self._min_size, self._max_size = rule.min_size, rule.max_size

    def takes(self, info: ObjectInfo) -> bool:
        """Whether everything that the line names holds."""
        return (
            (self._match is None or self._match.fit(info.key))
            and (self._extensions is None or self._extensions.fit(info.key))
            and (self._min_size is None or info.size >= self._min_size)
            and (self._max_size is None or info.size <= self._max_size)
        )
