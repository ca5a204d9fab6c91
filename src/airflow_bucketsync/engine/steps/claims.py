"""Which uploads below a place did any pair of this workspace begin, or mean to begin?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from airflow_bucketsync.engine.errors import InvalidLocation, ObjectNotFound
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectInfo, OpenUpload, PartReceipt
from airflow_bucketsync.engine.model.upload import OpenEntry
from airflow_bucketsync.engine.steps.journal import FOLDER, UploadJournal
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.bulk import in_threads
from airflow_bucketsync.engine.stores.gate import Gate

EARLIEST, LATEST = timedelta(minutes=-1), timedelta(minutes=15)
"""When the upload of an intent can have begun, from the moment the intent was written: clocks differ, retries wait."""

_AFTER_SLASH = chr(ord("/") + 1)
_Place = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One entry of some pair's journal.

    :param pair: folder of the pair
    :param document: as the workspace lists it
    :param place: where its key stands, whatever the connection is called
    :param same_connection: it names the very connection that is swept
    """

    entry: OpenEntry
    pair: str
    document: ObjectInfo
    place: _Place
    same_connection: bool

    @property
    def written(self) -> datetime:
        """When it was written last, by the workspace's clock."""
        return self.document.last_modified

    def workspace(self, store: ObjectStore) -> Workspace:
        """The folders of its pair and its run."""
        return Workspace(store, pair=self.pair, run=self.entry.run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What the journals of a workspace say about one location.

    :param unread: entries that this release can't read
    """

    location: Location
    all: Sequence[Claim] = ()
    unread: int = 0
    _by_id: dict[tuple[_Place, str], Claim] = field(default_factory=dict)
    _intents: dict[_Place, list[Claim]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for claim in self.all:
            if claim.entry.upload_id is not None:
                self._by_id[claim.place, claim.entry.upload_id] = claim
            elif claim.same_connection:
                self._intents.setdefault(claim.place, []).append(claim)

    def relative_key(self, claim: Claim) -> str:
        """The key of an entry as it is called below the location."""
        return claim.place[2].removeprefix(place_of(self.location, "")[2])

    def of(self, upload: OpenUpload, parts: Sequence[PartReceipt]) -> Claim | None:
        """Who began this upload: the entry with its id, else an intent for its key, made at its time.

        An intent never claims an upload that has parts: who does not know an id can't have sent any.
        """
        place = place_of(self.location, upload.key)
        claim = self._by_id.get((place, upload.upload_id))
        if claim is not None or parts:
            return claim
        near = (
            claim for claim in self._intents.get(place, ()) if EARLIEST <= upload.begun - claim.entry.begun <= LATEST
        )
        return next(near, None)


def place_of(location: Location, key: str) -> _Place:
    """Where a key stands, so that locations of which one lies in the other name an object alike."""
    if location.scheme == "file":
        return location.scheme, "", f"{location.bucket}/{key}"
    return location.scheme, location.bucket, location.full_key(key)


def read_claims(store: ObjectStore, location: Location, *, gate: Gate) -> Claims:
    """Every journal entry of the workspace whose key stands below the location."""
    scheme, bucket, prefix = place_of(location, "")
    claims: list[Claim] = []
    unread = 0
    for found in in_threads(lambda item: _read(store, location, *item), _documents(store), gate=gate):
        if isinstance(found, Claim):
            if found.place[:2] == (scheme, bucket) and found.place[2].startswith(prefix):
                claims.append(found)
        elif found == "unread":
            unread += 1
    gate.check()
    return Claims(location=location, all=claims, unread=unread)


def _read(store: ObjectStore, location: Location, pair: str, info: ObjectInfo) -> Claim | Literal["gone", "unread"]:
    journal = UploadJournal(Workspace(store, pair=pair, run="-"))
    entry = journal.read(info.key[len(pair) + 1 :])
    try:
        if entry is None:
            store.head(info.key, checksum=False)
            return "unread"
        destination = Location.parse(entry.destination)
    except ObjectNotFound:
        return "gone"
    except InvalidLocation:
        return "unread"
    return Claim(
        entry=entry,
        pair=pair,
        document=info,
        place=place_of(destination, entry.key),
        same_connection=destination.scheme == "file" or destination.conn_id == location.conn_id,
    )


def _documents(store: ObjectStore) -> Iterator[tuple[str, ObjectInfo]]:
    """Pair and document of every entry; the folders of runs, which hold most of a workspace, are jumped over."""
    after = ""
    while True:
        page = store.list_page(after=after, limit=1)
        for first in page.items:
            pair, slash, _ = first.key.partition("/")
            if slash:
                for info in listed_below(store, f"{pair}/{FOLDER}"):
                    if info.key.endswith(".json"):
                        yield pair, info
            after = pair + _AFTER_SLASH if slash else first.key
        if page.next_after is None:
            return
        if not page.items:
            after = page.next_after


def listed_below(store: ObjectStore, folder: str) -> Iterator[ObjectInfo]:
    """What lies in a folder of the workspace, with its times."""
    after = folder
    while True:
        page = store.list_page(after=after)
        for info in page.items:
            if not info.key.startswith(folder):
                return
            yield info
        if page.next_after is None:
            return
        after = page.next_after
