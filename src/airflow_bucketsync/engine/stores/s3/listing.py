"""Which keys come next, and how is a page of a listing proven to be one?

Every page is asked for by `start-after`, the last key seen, so that any key is a resume point; a continuation token is
followed only across pages without keys, which have no last key. The client's paginator is not used: it takes an empty
answer for the end. Keys are always asked for url-encoded, as XML 1.0 can't carry every key, and decoded here, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any
from urllib.parse import unquote_plus

from airflow_bucketsync.engine.errors import ListingUntrusted, ServerError
from airflow_bucketsync.engine.model.objects import ObjectInfo, Page
from airflow_bucketsync.engine.stores.s3.attributes import read_class
from airflow_bucketsync.engine.stores.s3.reading import unquoted
from airflow_bucketsync.engine.stores.s3.session import Answer, Session

_OPERATION = "ListObjectsV2"
_EMPTY_PAGES = 1000
"""Pages without keys that are followed in a row; a store that gives more would be walked for ever."""


def list_page(session: Session, *, after: str, until: str | None, limit: int) -> Page:
    """One proven page of keys with `after < key <= until`.

    The object whose key is the location's prefix itself has no name inside the location: it is not listed.

    :raises ListingUntrusted: a page without its proof, out of order, or looping
    """
    location = session.location
    # Also at the beginning: strictly after the prefix itself, which is no key of this location.
    start_after = location.full_key(after) or None
    token: str | None = None
    seen: set[str] = set()
    for _ in range(_EMPTY_PAGES):
        answer = _answer(session, start_after=start_after, token=token, limit=limit)
        items, next_token = _proven(session, answer, after)
        if items or not answer["IsTruncated"]:
            return _page(items, until, more=answer["IsTruncated"])
        token = next_token
        if token is None or token in seen:
            raise _untrusted(session, "it goes round in circles: a continuation token came twice")
        seen.add(token)
    raise _untrusted(session, f"{_EMPTY_PAGES} pages in a row hold no key")


def _answer(session: Session, *, start_after: str | None, token: str | None, limit: int) -> Answer:
    try:
        return session.call(
            _OPERATION,
            Prefix=session.location.prefix,
            StartAfter=start_after if token is None else None,
            ContinuationToken=token,
            MaxKeys=max(1, min(limit, session.capabilities.page_limit)),
            # Set by us, the client leaves decoding to us.
            EncodingType="url",
        )
    except ServerError as error:
        # The client reports a 200 that ends in mid-document as a bare 500, without a code of S3.
        if error.code in ("ResponseParserError", "500"):
            raise _untrusted(session, "it is no complete XML document") from None
        raise


def _proven(session: Session, answer: Answer, after: str) -> tuple[list[ObjectInfo], str | None]:
    """The entries of a page that has its proof, and its token."""
    location = session.location
    encoded = answer.get("EncodingType") == "url"
    if answer.get("Name") != location.bucket:
        raise _untrusted(session, f"it names the bucket {answer.get('Name')!r}")
    # Some stores echo the prefix as it was sent; it is ours either way.
    echoed = str(answer.get("Prefix", ""))
    if location.prefix not in (echoed, _decoded(session, echoed) if encoded else echoed):
        raise _untrusted(session, f"it has the prefix {echoed!r} instead of ours")
    truncated, count, contents = answer.get("IsTruncated"), answer.get("KeyCount"), answer.get("Contents", [])
    if truncated is None:
        raise _untrusted(session, "it does not say whether more follows")
    if answer.get("CommonPrefixes"):
        raise _untrusted(session, "it groups keys, which was not asked for")
    if count != len(contents):
        raise _untrusted(session, f"it counts {count} keys and holds {len(contents)}")
    token = answer.get("NextContinuationToken")
    if truncated and not token:
        raise _untrusted(session, "it says that more follows and has no continuation token")
    items = []
    last = after
    for entry in contents:
        key = entry.get("Key", "")
        full_key = _decoded(session, key) if encoded else key
        if full_key == location.prefix and not last:
            continue
        if not full_key.startswith(location.prefix):
            raise _untrusted(session, f"it holds the key {full_key!r} outside the prefix")
        item = _item(session, full_key[len(location.prefix) :], entry)
        # The order of code points is the order of UTF-8 bytes.
        if item.key <= last:
            raise _untrusted(session, f"its keys are not ascending: {item.key!r} follows {last!r}")
        last = item.key
        items.append(item)
    return items, token


def _item(session: Session, key: str, entry: Mapping[str, Any]) -> ObjectInfo:
    if entry.get("Size") is None or entry.get("LastModified") is None:
        raise _untrusted(session, f"its entry for {key!r} has no size or no time")
    return ObjectInfo(
        key=key,
        size=entry["Size"],
        last_modified=entry["LastModified"].astimezone(UTC),
        etag=unquoted(entry.get("ETag")),
        storage_class=read_class(entry),
    )


def _page(items: list[ObjectInfo], until: str | None, *, more: bool) -> Page:
    last = items[-1].key if items else None
    if until is not None and last is not None and last >= until:
        return Page(items=tuple(item for item in items if item.key <= until), next_after=None)
    return Page(items=tuple(items), next_after=last if more else None)


def _decoded(session: Session, text: str) -> str:
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise _untrusted(session, f"it holds {text!r}, which is no UTF-8") from None


def _untrusted(session: Session, what: str) -> ListingUntrusted:
    return ListingUntrusted(f"a page of the listing can't be trusted: {what}", location=session.location.url)
