"""Which keys come next, and how is a page of a listing proven to be one?

Every page is asked for by `start-after` (the marker in the first version of the listing), the last key seen, so that
any key is a resume point; a continuation token is followed only across pages without keys, which have no last key. The
client's paginator is not used: it takes an empty answer for the end. Keys are asked for url-encoded, as XML 1.0 can't
carry every key, and decoded here, once; of a page that is not encoded, keys that may be others are refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any
from urllib.parse import unquote_plus

from airflow_bucketsync.engine.errors import ServerError
from airflow_bucketsync.engine.model.objects import ObjectInfo, Page
from airflow_bucketsync.engine.stores.remote.header_text import unquoted
from airflow_bucketsync.engine.stores.remote.paging import UNFOLLOWABLE, RawPage, counted, untrusted, walked
from airflow_bucketsync.engine.stores.s3.attributes import read_class
from airflow_bucketsync.engine.stores.s3.plain_keys import unlistable
from airflow_bucketsync.engine.stores.s3.session import Answer, Session

_OLD = " (a store that knows only the first version of listings needs its profile: bucketsync_profile)"


def list_page(session: Session, *, after: str, until: str | None, limit: int) -> Page:
    """One proven page of keys with `after < key <= until`.

    The object whose key is the location's prefix itself has no name inside the location: it is not listed.

    :raises ListingUntrusted: a page without its proof, out of order, or looping
    """
    return walked(
        session.location,
        lambda start_after, token: _asked(session, start_after, token, limit),
        lambda key, entry: _item(session, key, entry),
        after=after,
        until=until,
        unsure=unlistable,
    )


def _asked(session: Session, start_after: str | None, token: str | None, limit: int) -> RawPage[Mapping[str, Any]]:
    answer = _answer(session, start_after=start_after, token=token, limit=limit)
    unquote = unquote_plus if answer.get("EncodingType") == "url" else None
    contents = answer.get("Contents", [])
    if session.profile.list_version == 1:
        following, flaw = _marker(answer, token or start_after or "", unquote)
    else:
        following, flaw = answer.get("NextContinuationToken"), counted(answer.get("KeyCount"), len(contents))
        if answer.get("KeyCount") is None:
            flaw = f"{flaw}{_OLD}"
        elif answer.get("IsTruncated") and not following:
            flaw = flaw or UNFOLLOWABLE
    return RawPage(
        name=answer.get("Name"),
        prefix=str(answer.get("Prefix", "")),
        unquote=unquote,
        truncated=answer.get("IsTruncated"),
        grouped=bool(answer.get("CommonPrefixes")),
        flaw=flaw,
        token=following or None,
        entries=[(entry.get("Key", ""), entry) for entry in contents],
    )


def _marker(answer: Answer, asked: str, unquote: Callable[..., str] | None) -> tuple[str | None, str | None]:
    """The marker of the next page in the first version of the listing, and what is wrong with this one."""
    began, marker = (answer.get(name) or "" for name in ("Marker", "NextMarker"))
    if asked not in (began, began if unquote is None else unquote(began)):
        return None, f"it begins after {began!r} instead of {asked!r}"
    if answer.get("IsTruncated") and not marker and not answer.get("Contents"):
        return None, "it says that more follows, holds no key and has no marker"
    return marker if unquote is None else unquote(marker), None


def _answer(session: Session, *, start_after: str | None, token: str | None, limit: int) -> Answer:
    asked: dict[str, Any] = {
        "Prefix": session.location.prefix,
        "MaxKeys": max(1, min(limit, session.capabilities.page_limit)),
        # Set by us, the client leaves decoding to us.
        "EncodingType": "url" if session.profile.url_encode else None,
    }
    try:
        if session.profile.list_version == 1:
            return session.call("ListObjects", Marker=token or start_after, **asked)
        return session.call(
            "ListObjectsV2", StartAfter=start_after if token is None else None, ContinuationToken=token, **asked
        )
    except ServerError as error:
        # The client reports a 200 that ends in mid-document as a bare 500, without a code of S3.
        if error.code in ("ResponseParserError", "500"):
            raise untrusted(session.location, "it is no complete XML document") from None
        raise


def _item(session: Session, key: str, entry: Mapping[str, Any]) -> ObjectInfo:
    if entry.get("Size") is None or entry.get("LastModified") is None:
        raise untrusted(session.location, f"its entry for {key!r} has no size or no time")
    return ObjectInfo(
        key=key,
        size=entry["Size"],
        last_modified=entry["LastModified"].astimezone(UTC),
        etag=unquoted(entry.get("ETag")),
        storage_class=read_class(entry),
    )
