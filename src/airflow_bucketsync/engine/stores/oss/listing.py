"""Which keys come next, and what becomes of the symlinks among them?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import unquote

from airflow_bucketsync.engine.errors import BucketsyncError, FinalError, ServerError
from airflow_bucketsync.engine.model.objects import ObjectInfo, Page
from airflow_bucketsync.engine.model.policy_words import SymlinkObjects
from airflow_bucketsync.engine.stores.oss.attributes import read_class
from airflow_bucketsync.engine.stores.oss.reading import head
from airflow_bucketsync.engine.stores.oss.session import Session
from airflow_bucketsync.engine.stores.oss.symlinks import is_listed_link, marked
from airflow_bucketsync.engine.stores.remote.header_text import unquoted
from airflow_bucketsync.engine.stores.remote.paging import UNFOLLOWABLE, RawPage, counted, untrusted, walked

_OPERATION = "ListObjectsV2"
_LOOKS = 8
"""Symlinks of a page that are looked at together."""

RawEntry = dict[str, str | None]
"""The elements of an entry; None = an empty one."""


def list_page(
    session: Session, *, after: str, until: str | None, limit: int, symlink_objects: SymlinkObjects = "follow"
) -> Page:
    """One proven page of keys with `after < key <= until`; symlinks as what they stand for, or refused by name.

    :raises ListingUntrusted: a page without its proof, out of order, or looping
    """
    links: set[str] = set()
    most = str(max(1, min(limit, session.capabilities.page_limit)))

    def ask(start_after: str | None, token: str | None) -> RawPage[RawEntry]:
        return _asked(session, start_after, token, most)

    def item(key: str, entry: RawEntry) -> ObjectInfo:
        if is_listed_link(entry.get("Type")):
            links.add(key)
        return _item(session, key, entry)

    page = walked(session.location, ask, item, after=after, until=until)
    return _resolved(session, page, links, symlink_objects) if links else page


def _asked(session: Session, start_after: str | None, token: str | None, most: str) -> RawPage[RawEntry]:
    answer = session.call(
        _OPERATION,
        params={
            "prefix": session.location.prefix or None,
            "start-after": start_after,
            "continuation-token": token,
            "max-keys": most,
        },
    )
    try:
        root = session.document(_OPERATION, None, answer, "ListBucketResult")
    except ServerError as error:
        if error.code not in (None, "ParseError"):
            raise
        raise untrusted(session.location, "it is no complete XML document") from None
    decode = unquote if root.findtext("EncodingType") == "url" else None
    token = root.findtext("NextContinuationToken")
    told = root.findtext("KeyCount") or ""
    truncated = {"true": True, "false": False}.get(root.findtext("IsTruncated") or "")
    entries: list[tuple[str, RawEntry]] = []
    for node in root.findall("Contents"):
        entry = {child.tag: child.text for child in node}
        entries.append((entry.get("Key") or "", entry))
    return RawPage(
        name=root.findtext("Name"),
        prefix=root.findtext("Prefix") or "",
        unquote=decode,
        truncated=truncated,
        grouped=root.find("CommonPrefixes") is not None,
        flaw=counted(int(told) if told.isdecimal() else None, len(entries))
        or (UNFOLLOWABLE if truncated and not token else None),
        token=decode(token) if token and decode else token,
        entries=entries,
    )


def _item(session: Session, key: str, entry: RawEntry) -> ObjectInfo:
    size, modified = entry.get("Size") or "", entry.get("LastModified") or ""
    try:
        return ObjectInfo(
            key=key,
            size=int(size),
            last_modified=datetime.fromisoformat(modified).astimezone(UTC),
            etag=unquoted(entry.get("ETag")),
            storage_class=read_class(entry.get("StorageClass")),
        )
    except ValueError:
        raise untrusted(session.location, f"its entry for {key!r} has no size or no time") from None


def _resolved(session: Session, page: Page, links: set[str], symlink_objects: SymlinkObjects) -> Page:
    """The page with each symlink as the object that it stands for, or among the refused."""
    found = [item for item in page.items if item.key in links]
    if symlink_objects == "skip":
        answers: list[ObjectInfo | str] = ["symlink"] * len(found)
    else:
        with ThreadPoolExecutor(max_workers=min(_LOOKS, len(found)), thread_name_prefix="symlinks") as pool:
            answers = list(pool.map(lambda item: _followed(session, item), found))
    known = dict(zip((item.key for item in found), answers, strict=True))
    items = [known.get(item.key, item) for item in page.items]
    return Page(
        items=tuple(item for item in items if isinstance(item, ObjectInfo)),
        next_after=page.next_after,
        refused=(*page.refused, *((key, answer) for key, answer in known.items() if isinstance(answer, str))),
    )


def _followed(session: Session, item: ObjectInfo) -> ObjectInfo | str:
    try:
        info = head(session, item.key).info
    except FinalError as error:
        return _reason(error)
    return ObjectInfo(
        key=item.key,
        size=info.size,
        last_modified=info.last_modified,
        etag=marked(info.etag),
        storage_class=info.storage_class,
    )


def _reason(error: BucketsyncError) -> str:
    return f"symlink that can't be followed: {error.message}"
