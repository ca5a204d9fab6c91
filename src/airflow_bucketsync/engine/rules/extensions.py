"""Which keys have one of these extensions?

Upper and lower case are one. The extension is what comes after a dot of the last segment: `gz` and `tar.gz` both fit
`a.d/x.tar.gz`; `""` fits what has none (`README`, `.profile`, `a.d/x`, `x.`). A folder marker has none.
"""

from __future__ import annotations

from collections.abc import Iterable


class Extensions:
    """A list of extensions, of which one must fit; with or without their dot."""

    __slots__ = ("_endings", "_none")

    def __init__(self, extensions: Iterable[str]) -> None:
        words = {word.removeprefix(".").casefold() for word in extensions}
        self._none = "" in words
        self._endings = tuple(f".{word}" for word in words if word)

    def fit(self, key: str) -> bool:
        """Whether a key has one of them."""
        name = key.rpartition("/")[2].lstrip(".").casefold()
        if self._endings and name.endswith(self._endings):
            return True
        return self._none and not ("." in name and name.rpartition(".")[2])


def extension_of(key: str) -> str:
    """The extension of a key: what comes after the last dot of its last segment, in lower case; "" = it has none."""
    _, dot, ending = key.rpartition("/")[2].lstrip(".").casefold().rpartition(".")
    return ending if dot else ""
