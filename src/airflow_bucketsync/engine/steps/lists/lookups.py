"""What stands under these keys now? Told by as few requests as the keys allow: listings where they are dense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError, NotSupported, ObjectNotFound
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.gate import Gate

CHUNK = 1_000
"""Keys that are looked up together: as many as a page of a listing has."""
DENSE = 50
"""Keys that a page must tell of for another page to be asked for: so many HEADs take longer than a page does."""

Found = ObjectInfo | BucketsyncError | None
"""What stands there; an error where that could not be asked; None = nothing."""


def looked_up(store: ObjectStore, keys: Sequence[str], *, gate: Gate, prove_absence: bool) -> Mapping[str, Found]:
    """What stands under each key.

    A page of a listing from the first key on tells of all keys up to its end. Where few keys lie among many objects,
    and where listing is not allowed, each key is asked for.

    :param keys: ascending
    :param prove_absence: ask for each key that a listing does not have, since a broken listing may lack it
    """
    found: dict[str, Found] = {}
    asked: list[str] = []
    at = 0
    while at < len(keys):
        gate.check()
        asked.append(keys[at])  # a listing begins after a key
        told = _told(store, keys, at, found)
        at += 1 + told
        if told < min(DENSE, len(keys) - at + told):
            asked += keys[at:]
            break
    if prove_absence:
        known = set(asked)
        asked += [key for key in keys if key not in known and found.get(key) is None]
    for head in store.head_many(asked, gate=gate) if asked else ():
        found[head.key] = head.error if head.details is None else head.details.info
        if isinstance(head.error, ObjectNotFound):
            found[head.key] = None
    gate.check()
    return found


def _told(store: ObjectStore, keys: Sequence[str], at: int, found: dict[str, Found]) -> int:
    """Take what one page of a listing tells of the keys behind this one; how many these are."""
    if at + 1 == len(keys):
        return 0
    try:
        page = store.list_page(after=keys[at], until=keys[-1], limit=store.capabilities.page_limit)
    except (AccessDenied, NotSupported):
        return 0
    except ObjectNotFound:
        page = None
    listed = {} if page is None else {info.key: info for info in page.items}
    end = None if page is None else page.next_after
    told = 0
    for key in keys[at + 1 :]:
        if end is not None and key > end:
            break
        found[key] = listed.get(key)
        told += 1
    return told
