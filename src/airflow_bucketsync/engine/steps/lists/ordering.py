"""How do the entries of a list come into order, each key once?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any

from airflow_bucketsync.engine.model.source_list import ListEntry
from airflow_bucketsync.engine.rules.list_records import BrokenRule, contradiction, joined
from airflow_bucketsync.engine.steps.lists.files import ListFiles
from airflow_bucketsync.engine.steps.lists.violations import Violations
from airflow_bucketsync.engine.steps.spool import sorted_lines

SORTED = 50_000
"""Entries that are sorted in memory at a time, some 40 MB; the others wait in temporary files."""

order: Callable[[Any], Any] = itemgetter(0, 1, 2)
"""By key in code points, which is the order of UTF-8 bytes, then by place."""


def in_order(entries: Iterable[ListEntry]) -> Iterator[list[Any]]:
    """Any number of entries as lines, by key, then in the order of the list."""
    return sorted_lines((entry.to_line() for entry in entries), key=order, chunk=SORTED)


class Once:
    """Ascending lines as entries, each key once.

    :param violations: told where two records of one key contradict each other
    :param versions: whether that concerns what they say of its version; what we listed ourselves may have changed since
    """

    def __init__(
        self, lines: Iterable[list[Any]], files: ListFiles, violations: Violations, *, versions: bool = True
    ) -> None:
        self._lines = lines
        self._files = files
        self._violations = violations
        self._versions = versions
        self.duplicates = 0

    def __iter__(self) -> Iterator[ListEntry]:
        before: ListEntry | None = None
        for line in self._lines:
            entry = ListEntry.from_line(line)
            if before is None or before.key != entry.key:
                if before is not None:
                    yield before
                before = entry
                continue
            self.duplicates += 1
            before = self._joined(before, entry)
        if before is not None:
            yield before

    def _joined(self, one: ListEntry, other: ListEntry) -> ListEntry:
        field = contradiction(one, other, versions=self._versions)
        if field is None:
            return joined(one, other)
        self._violations.add(
            self._files.place(other.file, other.line),
            BrokenRule(
                "contradiction",
                f"{one.key!r:.200} was named before, in {self._files.place(one.file, one.line)}, with another {field}: "
                "keep one of the two",
            ),
        )
        return one
