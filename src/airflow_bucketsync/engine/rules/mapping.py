"""Which keys can't stand beside each other at the destination?

On a file system names form a tree (a file can't also be a directory), and some fold names that differ in case.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import groupby

from airflow_bucketsync.engine.model.capabilities import NameFolding

ALSO_A_DIRECTORY = "also_a_directory"
"""The reason of a key that is refused because another key lies below it."""
SAME_NAME = "same_name"
"""The reason of keys that are refused because they would be one name at the destination."""


class TreeConflicts:
    """Finds keys that are also directories of other keys (`a` beside `a/b`) in one ascending stream.

    Whatever sorts between `a` and `a/b` begins with `a`: the keys that can still turn out to be directories are
    always prefixes of the key at hand, and their lengths are all that is kept.
    """

    __slots__ = ("_key", "_lengths")

    def __init__(self) -> None:
        self._key: str | None = None
        self._lengths: list[int] = []

    def see(self, key: str) -> list[str]:
        """Take the next key; the earlier keys, each named once, of which it shows that they are directories.

        :raises ValueError: the keys don't ascend
        """
        if self._key is None:
            self._key, self._lengths = key, [len(key)]
            return []
        if key <= self._key:
            raise ValueError(f"keys must ascend, but {key!r} came after {self._key!r}")
        lengths, previous = self._lengths, self._key
        while lengths and not key.startswith(previous[: lengths[-1]]):
            lengths.pop()
        directories = [length for length in lengths if key[length] == "/"]
        if directories:
            lengths = [length for length in lengths if key[length] != "/"]
        lengths.append(len(key))
        self._key, self._lengths = key, lengths
        return [key[:length] for length in directories]


def folded(name: str, folding: NameFolding) -> str:
    """The name under which a destination that folds names would keep this one.

    Unicode's canonical caseless form. It is coarser than most file systems are (`ß` and `ss` are found equal), since
    refusing a name is better than writing two objects into one file.
    """
    if folding == "none":
        return name
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def collisions(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, ...]]:
    """Groups of two or more keys that share a folded name, from pairs (folded name, key) in order of the name.

    :raises ValueError: the names don't ascend, so that a group may have been torn apart
    """
    previous: str | None = None
    for name, group in groupby(pairs, key=lambda pair: pair[0]):
        if previous is not None and name < previous:
            raise ValueError(f"folded names must ascend, but {name!r} came after {previous!r}")
        previous = name
        keys = tuple(key for _, key in group)
        if len(keys) > 1:
            yield keys
