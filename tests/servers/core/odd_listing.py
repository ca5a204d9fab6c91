"""Which wrong pages does a broken or odd store send?

An oddity is words separated by spaces: ``page_cap=3 no_token``. Known words: page_cap=N, empty_page (each listing opens
with an empty page that has a token), no_token, same_token, truncated_false, utf16_order, duplicate, out_of_order,
wrong_prefix, no_prefix, no_name, no_count, no_truncated.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.servers.core.bucket import Bucket
from tests.servers.core.listing import Page, list_page

ORDERS = ("utf16_order", "duplicate", "out_of_order")
DROPPED = {"no_prefix": "Prefix", "no_name": "Name", "no_count": "KeyCount", "no_truncated": "IsTruncated"}
WORDS = frozenset(
    {"page_cap", "empty_page", "no_token", "same_token", "truncated_false", "wrong_prefix", *ORDERS, *DROPPED}
)


@dataclass(frozen=True, slots=True)
class Oddity:
    """The oddities of one listing."""

    words: frozenset[str] = frozenset()
    page_cap: int = 1000

    def __contains__(self, word: str) -> bool:
        return word in self.words

    @property
    def changes_order(self) -> bool:
        """Are the entries not simply the keys in order?"""
        return any(word in self.words for word in ORDERS)


NONE = Oddity()


def parse_oddity(text: str | None) -> Oddity:
    """Return the oddities named, or raise ValueError at an unknown word."""
    if not text:
        return NONE
    cap, words = 1000, set()
    for item in text.split():
        word, _, value = item.partition("=")
        if word not in WORDS:
            raise ValueError(f"unknown listing oddity {word!r}; known: {', '.join(sorted(WORDS))}")
        words.add(word)
        if word == "page_cap":
            cap = int(value)
    return Oddity(frozenset(words), cap)


def odd_keys(bucket: Bucket, prefix: str, oddity: Oddity, limit: int) -> list[str]:
    """Return all keys in the wrong order that shows with pages of ``limit``."""
    keys = [key for key in bucket.current if key.startswith(prefix)]
    if "utf16_order" in oddity:
        keys.sort(key=lambda key: key.encode("utf-16-be", "surrogatepass"))
    if "out_of_order" in oddity:
        for at in range(limit, len(keys), limit):
            keys[at - 1], keys[at] = keys[at], keys[at - 1]
    if "duplicate" in oddity and limit > 1:
        repeated: list[str] = []
        for key in keys:
            if repeated and len(repeated) % limit == 0:
                repeated.append(repeated[-1])
            repeated.append(key)
        keys = repeated
    return keys


def odd_page(
    bucket: Bucket, prefix: str, delimiter: str, oddity: Oddity, position: str, limit: int
) -> tuple[Page, str | None]:
    """Return the page from ``position`` and the position of the next; kinds: k after a key, i index, empty start."""
    if "empty_page" in oddity and not position:
        return Page(), "k"
    if oddity.changes_order:
        start = int(position[1:]) if position.startswith("i") else 0
        keys, stop = odd_keys(bucket, prefix, oddity, limit), start + limit
        return Page([bucket.current[key] for key in keys[start:stop]]), f"i{stop}" if stop < len(keys) else None
    page = list_page(bucket, prefix, delimiter, position[1:], limit)
    return page, None if page.last is None else f"k{page.last}"


def marked_position(bucket: Bucket, prefix: str, oddity: Oddity, marker: str, limit: int) -> str:
    """Return the position after ``marker``, the last key of the page before."""
    if not oddity.changes_order or not marker:
        return f"k{marker}" if marker else ""
    return f"i{odd_keys(bucket, prefix, oddity, limit).index(marker) + 1}"


def kept_fields(fields: list[tuple[str, str]], oddity: Oddity) -> str:
    """Return the elements of a listing's head without those the oddity drops."""
    dropped = {DROPPED[word] for word in oddity.words if word in DROPPED}
    return "".join(f"<{name}>{text}</{name}>" for name, text in fields if name not in dropped)
