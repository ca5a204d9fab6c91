"""Which keys of a bucket are trouble elsewhere: in a folder, at another service, beside each other?

Judged as they stand below the location, by the rules that the stores and the plan go by; a prefix at a destination
makes keys longer. Folder markers are counted apart: no folder holds one, and none needs to.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import groupby
from types import TracebackType
from typing import Self

from airflow_bucketsync.engine.model.analysis import Trouble, TroubleKind
from airflow_bucketsync.engine.model.bucket_keys import misshapen_oss, misshapen_s3
from airflow_bucketsync.engine.rules.mapping import TreeConflicts, folded
from airflow_bucketsync.engine.steps.spool import Spool, sorted_lines
from airflow_bucketsync.engine.stores.local.paths import misshapen
from airflow_bucketsync.engine.stores.s3.plain_keys import no_path

SHOWN = 5
"""Keys that are named of each kind."""
IN_MEMORY = 20_000
"""Names that are sorted in memory at a time: some 5 MB."""
ORDER: tuple[TroubleKind, ...] = ("refused", "folder", "path_store", "s3", "oss", "also_a_directory", "same_name")


class Troubles:
    """Sees every key in order; close it afterwards. Names that could fold into one are sorted on disk."""

    def __init__(self) -> None:
        self._tree = TreeConflicts()
        self._plain = Spool()
        self._folded = Spool()
        self._counts: dict[TroubleKind, int] = {}
        self._first: dict[TroubleKind, tuple[tuple[str, str], ...]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._plain.__exit__(kind, error, traceback)
        self._folded.__exit__(kind, error, traceback)

    def see(self, key: str) -> None:
        """The next key.

        :raises ValueError: the keys don't ascend
        """
        checks: tuple[tuple[TroubleKind, str | None], ...] = (
            ("folder", None if key.endswith("/") else misshapen(key)),
            ("path_store", no_path(key)),
            ("s3", misshapen_s3(key)),
            ("oss", misshapen_oss(key)),
        )
        for kind, reason in checks:
            if reason is not None:
                self._add(kind, key, reason)
        for directory in self._tree.see(key):
            self._add("also_a_directory", directory, "other keys lie below it: a folder holds a file or a folder")
        name = folded(key, "case")
        if name == key:
            self._plain.write(key)
        else:
            self._folded.write([name, key])

    def refuse(self, count: int, first: list[tuple[str, str]]) -> None:
        """Names that the source itself can't give a key."""
        if count:
            self._counts["refused"] = count
            self._first["refused"] = tuple(first[:SHOWN])

    def _add(self, kind: TroubleKind, key: str, reason: str) -> None:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        first = self._first.get(kind, ())
        if len(first) < SHOWN:
            self._first[kind] = (*first, (key, reason))

    def found(self) -> tuple[Trouble, ...]:
        """All keys were seen: what there is, kind by kind."""
        for _, pairs in groupby(self._names(), key=lambda pair: pair[0]):
            earlier, named = "", False
            for _, key in pairs:  # never held together: there can be any number of spellings
                if earlier:
                    for one, other in ((earlier, key), (key, earlier))[named:]:
                        self._add("same_name", one, f"one name with {other!r:.200} where case does not count")
                    named = True
                earlier = key
        return tuple(
            Trouble(kind=kind, objects=self._counts[kind], first=self._first[kind])
            for kind in ORDER
            if kind in self._counts
        )

    def _names(self) -> Iterator[tuple[str, str]]:
        """Folded name and key, by the name. Of keys that are their own folded name, the listing's order is that."""
        if not self._folded.count:
            return
        others = sorted_lines(self._folded, key=tuple, chunk=IN_MEMORY)
        pairs = heapq.merge(((key, key) for key in self._plain), ((name, key) for name, key in others))
        yield from pairs
