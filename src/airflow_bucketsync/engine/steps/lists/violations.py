"""Which rules does a list break, and where? Gathered, and told together."""

from __future__ import annotations

from airflow_bucketsync.engine.errors import InvalidList
from airflow_bucketsync.engine.rules.list_records import BrokenRule

MAX_VIOLATIONS = 100
"""Where a list breaks so many rules, the rest of it is not read."""


class Violations:
    """The rules that a list breaks.

    :param url: of the list
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._found: list[str] = []

    def add(self, place: str, broken: BrokenRule) -> None:
        """Take a broken rule.

        :param place: the file, and the line or record of it
        :raises InvalidList: there are enough of them
        """
        self._found.append(f"{place}: [{broken.rule}] {broken.words}")
        if len(self._found) >= MAX_VIOLATIONS:
            raise self._error(f"at least {MAX_VIOLATIONS} violations")

    def require_none(self) -> None:
        """Nothing, where no rule is broken.

        :raises InvalidList: names every rule, its place and the remedy
        """
        if self._found:
            raise self._error(f"{len(self._found)} violation{'s' if len(self._found) > 1 else ''}")

    def _error(self, count: str) -> InvalidList:
        return InvalidList(
            "\n- ".join((f"the source_list {self._url} was not taken, nothing was copied: {count}", *self._found))
        )
