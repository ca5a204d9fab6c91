"""Which folders may a sync be limited to, and which of them are needed?"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_bucketsync.engine.errors import InvalidConfiguration

MAX_PREFIXES = 100
"""Each is a range of keys that is listed by itself, with at least one request at either side."""
LONGEST_KEY = 1024
"""Bytes of a key, together with the prefix of its location."""


def check_prefixes(prefixes: Sequence[str]) -> None:
    """Refuse what is no folder of a location.

    :raises InvalidConfiguration: with what to write instead
    """
    if len(prefixes) > MAX_PREFIXES:
        raise InvalidConfiguration(
            f"prefixes: {len(prefixes)} folders are more than {MAX_PREFIXES}; name folders further up, or make several "
            "pairs"
        )
    for prefix in prefixes:
        if not isinstance(prefix, str):
            raise InvalidConfiguration(f"prefixes: {prefix!r:.80} is no text; write folders, like 'a/b/'")
        name = prefix.strip("/")
        if not name:
            raise InvalidConfiguration(
                f"prefixes: {prefix!r:.80} is no folder of a location; write one like 'a/b/', or leave `prefixes` out "
                "to take everything"
            )
        if not prefix.endswith("/") or prefix.startswith("/"):
            right = prefix.lstrip("/").rstrip("/") + "/"
            raise InvalidConfiguration(f"prefixes: {prefix!r:.80} is no folder of a location; write {right!r:.80}")
        try:
            size = len(prefix.encode())
        except UnicodeEncodeError:
            raise InvalidConfiguration(
                f"prefixes: {prefix!r:.80} can't be written as UTF-8, so no key begins with it; write it anew"
            ) from None
        if size > LONGEST_KEY:
            raise InvalidConfiguration(
                f"prefixes: {prefix!r:.80} has {size:,} bytes and keys have {LONGEST_KEY:,}; name a folder further up"
            )


def outermost(prefixes: Sequence[str]) -> tuple[str, ...]:
    """The folders that lie in no other of them, ascending, each once."""
    found: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not found or not prefix.startswith(found[-1]):
            found.append(prefix)
    return tuple(found)
