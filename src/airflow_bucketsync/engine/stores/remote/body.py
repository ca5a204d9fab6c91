"""How do the bytes of an answer come in, and are they the range that was asked for?"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from airflow_bucketsync.engine.errors import ConnectionLost, ServerError
from airflow_bucketsync.engine.model.objects import ObjectDetails
from airflow_bucketsync.engine.stores.remote.place import Placed, Translating

_CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")

Watch = Callable[[memoryview, bool], None]
"""Sees every piece of a body, and whether it was the last; raises where they are not the object's bytes."""


class Body:
    """An open object: what the answer said of it, and its bytes straight from the connection.

    :param stream: has `readinto`
    :param length: bytes that must come
    :param known: exceptions of the client that `session.error` translates
    """

    def __init__(
        self,
        session: Translating,
        key: str,
        found: ObjectDetails,
        stream: Any,
        length: int,
        known: tuple[type[Exception], ...],
        watch: Watch | None = None,
    ) -> None:
        self._session = session
        self._key = key
        self._details = found
        self._stream = stream
        self._length = length
        self._left = length
        self._known = known
        self._watch = watch

    @property
    def details(self) -> ObjectDetails:
        """The version that is being read and its attributes."""
        return self._details

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill as much of `buffer` as is there; 0 = the end."""
        if not self._left:
            return 0
        try:
            # The HTTP library makes a copy of what it is asked for: a whole part would be in memory twice.
            count: int = self._stream.readinto(buffer[: min(self._left, _CHUNK)])
        except self._known as error:
            raise self._session.error(error, "GetObject", self._key) from None
        except Exception as error:  # the HTTP library's own, like a broken TLS record, which the client lets pass
            raise ConnectionLost(
                f"GetObject: the body could not be read ({type(error).__name__})",
                location=self._session.location.url,
                key=self._key,
            ) from None
        if not count and len(buffer):
            raise ConnectionLost(
                f"GetObject: the body ended after {self._length - self._left} of {self._length} bytes",
                location=self._session.location.url,
                key=self._key,
            )
        self._left -= count
        if self._watch is not None:
            self._watch(buffer[:count], not self._left)
        return count


def asked_range(start: int, length: int | None) -> str | None:
    """The header that asks for a range; None = for the whole object."""
    if start == 0 and length is None:
        return None
    return f"bytes={start}-{'' if length is None else start + length - 1}"


def checked_size(
    place: Placed, key: str, *, count: int, told: str, asked: str | None, start: int, length: int | None
) -> int:
    """The size of the whole object, when the answer is the range that was asked for.

    :param count: its Content-Length
    :param told: its Content-Range
    :raises ServerError: it is another range
    """
    if asked is None:
        return count
    # A store that ignores ranges would give the beginning of the object for every part of it.
    match = _RANGE.fullmatch(told)
    first, last, size = (int(text) for text in match.groups()) if match else (-1, -1, -1)
    expected = size - start if length is None else min(length, size - start)
    if first != start or last - first + 1 != count or count != expected:
        raise ServerError(
            f"GetObject: asked for {asked}, the answer is {told!r} with {count} bytes",
            location=place.location.url,
            key=key,
        )
    return size


def require_begun(place: Placed, key: str, size: int, start: int) -> None:
    """Go on only when a range that the store refused lies beyond the end.

    :raises ServerError: the object goes on there
    """
    if start < size:
        raise ServerError(
            f"GetObject: the store has no bytes from {start} on of {size}", location=place.location.url, key=key
        )


def announced_short(place: Placed, key: str, size: int, planned: int | None) -> ConnectionLost:
    """The error for an answer that is shorter than the very version it names."""
    return ConnectionLost(
        f"GetObject: the answer announces {size} bytes of the {planned} that this version has",
        location=place.location.url,
        key=key,
    )
