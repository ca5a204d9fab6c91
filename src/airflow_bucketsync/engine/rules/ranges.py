"""Which ranges of keys hold everything below some folders, and hardly anything else?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.prefixes import LONGEST_KEY, outermost
from airflow_bucketsync.engine.rules.splits import MAX_SPLITS

LAST_CHARACTER = "\U0010ffff"
"""Comes after every other one: what is listed after a text and this lies behind the text, but for odd names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRange:
    """Keys with `after < key <= until` that are asked for together.

    :param below: what counts of them begins with this; "" = all of them
    :param until: None = to the end
    """

    below: str = ""
    after: str = ""
    until: str | None = None


def key_ranges(
    prefixes: Sequence[str], location: Location, *, after: str = "", until: str | None = None
) -> Iterator[KeyRange]:
    """The ranges of keys with `after < key <= until` that hold what lies below one of the folders, ascending and
    disjoint; no folders = one range.

    `after` can't name the place right before a folder's marker `a/`: a range begins behind `a.` and the last character,
    and ends with `a0`. What else lies there does not begin with `below`.
    """
    if not prefixes:
        yield KeyRange(after=after, until=until)
        return
    for prefix in outermost(prefixes):
        stem = prefix[:-1]
        last = f"{stem}0" if until is None else min(f"{stem}0", until)
        # Also behind the range before this one: `a.` with two last characters and a `/` begins in that of `a/`.
        after = max(after, _before(stem, location))
        if after < last:
            yield KeyRange(below=prefix, after=after, until=last)
            after = last


def _before(stem: str, location: Location) -> str:
    """A text that comes before the marker of the folder of this name, and after almost everything else that does."""
    bound = right_before(f"{stem}/")
    return bound if fits(bound, location) else f"{stem}."


def right_before(key: str) -> str:
    """A text that comes before a key, and after almost everything else that does."""
    code = ord(key[-1]) - 1
    if code < 0:
        return key[:-1]
    # No text holds half a pair of UTF-16.
    return key[:-1] + chr(code if not 0xD800 <= code < 0xE000 else 0xD7FF) + LAST_CHARACTER


def fits(key: str, location: Location) -> bool:
    """Whether a key is short enough to be asked for."""
    return len(location.full_key(key).encode()) < LONGEST_KEY  # OSS takes one byte less than S3


def cuts(prefixes: Sequence[str], *locations: Location) -> tuple[str, ...]:
    """Where a first listing is cut into tasks, before there is one that tells of sizes: between folders; ascending.

    :param locations: at each of them a cut must be short enough to be asked for
    """
    folders = outermost(prefixes)
    tasks = min(len(folders), MAX_SPLITS + 1)
    firsts = (folders[len(folders) * task // tasks] for task in range(1, tasks))
    return tuple(sorted({min(_before(first[:-1], location) for location in locations) for first in firsts}))
