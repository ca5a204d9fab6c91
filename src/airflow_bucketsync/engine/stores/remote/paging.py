"""How is a page of a listing proven to be one, and which page comes next?

Every page is asked for by the last key seen, so that any key is a resume point; a continuation token is followed only
across pages without keys, which have no last key. Keys are asked for url-encoded, as XML 1.0 can't carry every key, and
decoded here, once; of a page that is not encoded, keys that may be others are refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from airflow_bucketsync.engine.errors import ListingUntrusted
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectInfo, Page

_EMPTY_PAGES = 1000
"""Pages without keys that are followed in a row; a store that gives more would be walked for ever."""

E = TypeVar("E")


UNFOLLOWABLE = "it says that more follows and has no continuation token"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPage(Generic[E]):
    """A page as the store wrote it.

    :param name: the bucket that it names
    :param prefix: as echoed
    :param unquote: undoes the url-encoding of keys and prefix; None = there is none
    :param truncated: whether more follows; None = it doesn't say
    :param grouped: whether it holds groups of keys
    :param flaw: what else of its proof does not hold; None = nothing
    :param token: for the next page
    :param entries: key as written, and whatever else the page says of it
    """

    name: str | None
    prefix: str
    unquote: Callable[..., str] | None
    truncated: bool | None
    grouped: bool
    flaw: str | None
    token: str | None
    entries: Sequence[tuple[str, E]]


Ask = Callable[[str | None, str | None], RawPage[E]]
"""Asks for the page after a full key, or that of a continuation token."""
Item = Callable[[str, E], ObjectInfo]
"""The object of a key and its entry."""
Unsure = Callable[[str], str | None]
"""Why a full key of a page that is not encoded may stand for another; None = it is what it is."""


def counted(count: int | None, held: int) -> str | None:
    """What is wrong with the number of keys that a page says it has; None = nothing."""
    return None if count == held else f"it counts {count} keys and holds {held}"


def walked(
    location: Location,
    ask: Ask[E],
    item: Item[E],
    *,
    after: str,
    until: str | None,
    unsure: Unsure | None = None,
) -> Page:
    """One proven page of keys with `after < key <= until`.

    The object whose key is the location's prefix itself has no name inside the location: it is not listed.

    :raises ListingUntrusted: a page without its proof, out of order, or looping
    """
    # Also at the beginning: strictly after the prefix itself, which is no key of this location.
    start_after: str | None = location.full_key(after) or None
    token: str | None = None
    seen: set[str] = set()
    waiting: list[tuple[str, str]] = []
    for _ in range(_EMPTY_PAGES):
        page = ask(None if token is not None else start_after, token)
        items, refused, doubtful = _proven(location, page, item, after, unsure)
        if items or not page.truncated:
            return _cut(items, waiting + refused, until, more=bool(page.truncated))
        waiting += doubtful
        token = page.token
        if token is None:
            raise untrusted(location, f"it shows only keys that may stand for others, like {doubtful[0][0]!r}")
        if token in seen:
            raise untrusted(location, "it goes round in circles: a continuation token came twice")
        seen.add(token)
    raise untrusted(location, f"{_EMPTY_PAGES} pages in a row hold no key")


def _proven(
    location: Location, page: RawPage[E], item: Item[E], after: str, unsure: Unsure | None
) -> tuple[list[ObjectInfo], list[tuple[str, str]], list[tuple[str, str]]]:
    """The entries of a page that has its proof, names that may stand for other keys, and those of them at its end.

    The real place of such a name is not known: a page goes on after a sure key, and what stood behind it comes again.
    """
    if page.name != location.bucket:
        raise untrusted(location, f"it names the bucket {page.name!r}")
    # Some stores echo the prefix as it was sent; it is ours either way.
    if location.prefix not in (page.prefix, _decoded(location, page.prefix, page.unquote)):
        raise untrusted(location, f"it has the prefix {page.prefix!r} instead of ours")
    if page.truncated is None:
        raise untrusted(location, "it does not say whether more follows")
    if page.grouped:
        raise untrusted(location, "it groups keys, which was not asked for")
    if page.flaw is not None:
        raise untrusted(location, page.flaw)
    items: list[ObjectInfo] = []
    refused: list[tuple[str, str]] = []
    doubtful: list[tuple[str, str]] = []
    last = after
    for written, entry in page.entries:
        full_key = _decoded(location, written, page.unquote)
        if full_key == location.prefix and not last:
            continue
        if not full_key.startswith(location.prefix):
            raise untrusted(location, f"it holds the key {full_key!r} outside the prefix")
        reason = unsure(full_key) if page.unquote is None and unsure is not None else None
        if reason is not None:
            doubtful.append((full_key[len(location.prefix) :], reason))
            continue
        found = item(full_key[len(location.prefix) :], entry)
        # The order of code points is the order of UTF-8 bytes.
        if found.key <= last:
            raise untrusted(location, f"its keys are not ascending: {found.key!r} follows {last!r}")
        last = found.key
        items.append(found)
        refused += doubtful
        doubtful.clear()
    return items, refused if page.truncated else refused + doubtful, doubtful


def _cut(items: list[ObjectInfo], refused: list[tuple[str, str]], until: str | None, *, more: bool) -> Page:
    last = items[-1].key if items else None
    if until is not None:
        more = more and last is not None and last < until
        items = [item for item in items if item.key <= until]
        refused = [(name, reason) for name, reason in refused if name <= until]
    return Page(items=tuple(items), next_after=last if more else None, refused=tuple(refused))


def _decoded(location: Location, text: str, unquote: Callable[..., str] | None) -> str:
    try:
        return text if unquote is None else unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise untrusted(location, f"it holds {text!r}, which is no UTF-8") from None


def untrusted(location: Location, what: str) -> ListingUntrusted:
    """The error for a page that is none."""
    settings = "endpoint and bucketsync_profile" if location.scheme == "s3" else "endpoint"
    return ListingUntrusted(
        f"a page of the listing can't be trusted: {what}; if it stays so, check the connection's {settings}",
        location=location.url,
    )


def untrusted_parts(location: Location, what: str, key: str | None = None) -> ListingUntrusted:
    """The error for a listing of parts or uploads that is none."""
    return ListingUntrusted(
        f"the listing of {what} can't be trusted: it lacks its proof or repeats itself",
        location=location.url,
        key=key,
    )
