"""How far is a task, how fast is it, and how long will it still take?"""

from __future__ import annotations

from collections import deque
from typing import Any

from airflow_bucketsync.engine.model.units import format_seconds, format_size
from airflow_bucketsync.engine.rules.batching import OBJECT_COST

WINDOW = 60.0
"""Seconds over which a rate is taken: what was long ago says nothing about a store that has slowed down."""
SPACING = 1.0
"""Seconds between two marks in that window, and the least a rate is taken over."""
SETTLED = 5.0
"""Seconds of work before what is left is guessed at."""


class Figures:
    """The progress of one try of a task, from what it is told; it reads no clock.

    The share is one of load, bytes and `OBJECT_COST` per object, as batches are balanced by: it moves evenly with small
    and with large objects, and never falls. What earlier tries did counts into it, and into no rate.

    :param objects: how many there are
    :param bytes: of all of them
    :param noun: what they are called: `objects`, `parts`
    :param earlier: objects and bytes that earlier tries finished
    :param at: seconds on any monotonic clock, when this try begins
    """

    def __init__(
        self,
        *,
        objects: int,
        bytes: int,  # noqa: A002 (the model's own word)
        noun: str = "objects",
        earlier: tuple[int, int] = (0, 0),
        at: float = 0.0,
    ) -> None:
        self._noun = noun
        self._all = (objects, bytes)
        self._done = earlier
        self._marks = deque([(at, *earlier)])

    def add(self, *, objects: int = 0, bytes: int = 0, earlier: bool = False) -> None:  # noqa: A002
        """Count what was finished; bytes may be counted before the object they belong to.

        :param earlier: it was found finished: an earlier try or run did it
        :raises ValueError: less than nothing
        """
        if objects < 0 or bytes < 0:
            raise ValueError(f"what is done stays done, got {objects} objects and {bytes} bytes")
        self._done = (self._done[0] + objects, self._done[1] + bytes)
        if earlier:
            self._marks = deque((at, done + objects, size + bytes) for at, done, size in self._marks)

    def at(self, seconds: float) -> dict[str, Any]:
        """The figures at this moment, small and ready for the task's state.

        `objects` (or the noun) and `bytes` as [done, all], `share` from 0 to 1, `rate` in bytes and `objects_rate` in
        objects per second over the last minute, `seconds_left` (None = nobody knows), and all of it as a `text`.
        """
        seconds = max(seconds, self._marks[-1][0])
        while len(self._marks) > 1 and self._marks[1][0] <= seconds - WINDOW:
            self._marks.popleft()
        began, objects_then, bytes_then = self._marks[0]
        span = seconds - began
        objects_rate = (self._done[0] - objects_then) / span if span >= SPACING else 0.0
        rate = (self._done[1] - bytes_then) / span if span >= SPACING else 0.0
        if seconds - self._marks[-1][0] >= SPACING:
            self._marks.append((seconds, *self._done))
        objects, size = (min(done, most) for done, most in zip(self._done, self._all, strict=True))
        load, left = _load(objects, size), _load(self._all[0] - objects, self._all[1] - size)
        pace = _load(objects_rate, rate)
        figures: dict[str, Any] = {
            self._noun: [objects, self._all[0]],
            "bytes": [size, self._all[1]],
            # Cut, not rounded: only what is complete is 1.
            "share": int(10_000 * load / (load + left)) / 10_000 if left else 1.0,
            "rate": round(rate),
            f"{self._noun}_rate": round(objects_rate, 1),
            "seconds_left": 0 if not left else round(left / pace) if pace > 0 and span >= SETTLED else None,
        }
        return {**figures, "text": self._text(figures)}

    def _text(self, figures: dict[str, Any]) -> str:
        noun, left = self._noun, figures["seconds_left"]
        words = [f"{figures[noun][0]:,} of {figures[noun][1]:,} {noun}"]
        if self._all[1]:
            words.append(_of(*figures["bytes"]))
        words.append(f"{int(figures['share'] * 100)} %")
        if self._all[1]:
            words.append(f"{format_size(figures['rate'])}/s")
        words.append(f"{figures[f'{noun}_rate']:,.1f} {noun}/s")
        if left is None:
            words.append("time left unknown")
        elif left:
            words.append(f"about {format_seconds(left)} left")
        return ", ".join(words)


def _load(objects: float, size: float) -> float:
    return size + objects * OBJECT_COST


def _of(done: int, most: int) -> str:
    """`3.1 of 10.0 GiB`, or with both units where they differ."""
    one, unit = format_size(done).split()
    other, last = format_size(most).split()
    return f"{one} of {other} {last}" if unit == last else f"{one} {unit} of {other} {last}"
