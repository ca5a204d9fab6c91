"""How much does one run take, and where did it stop?"""

from __future__ import annotations


class Bounds:
    """Counts what a run takes, until one more object would be too much. The first one is always taken.

    :param objects: the most objects of a run; None = any number
    :param bytes: the most bytes of a run; None = any number
    """

    __slots__ = ("_bytes", "_max_bytes", "_max_objects", "_objects", "cut", "last")

    def __init__(self, objects: int | None, bytes: int | None) -> None:  # noqa: A002 (the model's own word)
        self._max_objects = objects
        self._max_bytes = bytes
        self._objects = 0
        self._bytes = 0
        self.last: str | None = None
        """Key of the last object taken."""
        self.cut = False
        """Whether something was left for the next run."""

    def take(self, key: str, load: int) -> bool:
        """Whether this object is taken; after the first that is not, none is.

        :param load: bytes that it moves
        """
        if self.cut or (self._objects and self._too_much(load)):
            self.cut = True
            return False
        self._objects += 1
        self._bytes += load
        self.last = key
        return True

    def _too_much(self, load: int) -> bool:
        if self._max_objects is not None and self._objects >= self._max_objects:
            return True
        return self._max_bytes is not None and self._bytes + load > self._max_bytes
