"""Is an endpoint out of reach, so that it makes no sense to try one key after the other?"""

from __future__ import annotations

from airflow_bucketsync.engine.errors import BucketsyncError, Unreachable

LONGEST = 60.0
"""Seconds in which nothing of an endpoint was heard, after which a task gives up."""
GIVEN_UP = 2.0
"""The same, once a request has used up its tries: it was not this request's bad luck."""


class Reach:
    """Since when nobody answers, by place."""

    def __init__(self) -> None:
        self._silent: dict[str, float] = {}

    def answered(self, place: str) -> None:
        """Somebody answered there."""
        if self._silent:
            self._silent.pop(place, None)

    def failed(self, place: str, error: BucketsyncError, now: float, *, last: bool) -> Unreachable | None:
        """Nobody answered there; the error to give up with, when that was so for too long.

        :param last: the request has used up its tries
        """
        seconds = now - self._silent.setdefault(place, now)
        if seconds < (GIVEN_UP if last else LONGEST):
            return None
        return Unreachable(
            f"nothing was heard from there for {seconds:.0f} s, so the task gives up and is tried again later; last: "
            f"{error.message}",
            location=error.location or place,
            code=error.code,
        )
