"""Where do the checks work, and what may be read or written there?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from airflow_bucketsync.engine.conformance.findings import Answer
from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectAttributes, ObjectInfo
from airflow_bucketsync.engine.stores.base import Body, ObjectStore
from airflow_bucketsync.engine.stores.clock import Clock
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.retrying import Retries, RetryingStore, unwrapped

OTHER = "0123456789abcdef0123456789abcdef"
"""An ETag that no object has."""
OTHER_VERSION = Condition(etag=OTHER)
LAST = "\U0010ffff"
"""Sorts after everything else that stands in its folder."""
_CHUNK = 256 * 1024
_SAMPLES = 20
_ATTEMPTS = 4


class Place:
    """A store and everything that the checks made there.

    :param store: at the scratch prefix, or (reading only) at a prefix that holds objects
    :param samples: objects that the reading checks look at, when they are not made here; None = they are made
    """

    def __init__(
        self, store: ObjectStore, *, gate: Gate, clock: Clock, samples: Sequence[ObjectInfo] | None = None
    ) -> None:
        self.bare = unwrapped(store)
        """Without retries: some refusals are called transient, and would be asked for again and again."""
        self.store = RetryingStore(self.bare, Retries(gate=gate, attempts=_ATTEMPTS))
        """With few: what is wrong with a listing, say, is wrong each time."""
        self.can = store.capabilities
        self.gate = gate
        self.clock = clock
        self.keys: set[str] = set()
        """Every key that may have been written."""
        self.uploads: set[tuple[str, str]] = set()
        """Every upload that was begun, by key and id."""
        self.keeps_versions = False
        self._samples = samples

    @property
    def writes(self) -> bool:
        """Whether anything may be written here."""
        return self._samples is None

    def key(self, name: str) -> str:
        """A key to write to; it is remembered, to be removed at the end."""
        self.keys.add(name)
        return name

    def put(self, name: str, body: Body = b"body", *, attributes: ObjectAttributes | None = None) -> str:
        """Write an object; returns its key."""
        made = self.store.put(self.key(name), body, attributes=attributes)
        self.keeps_versions = self.keeps_versions or made.version_id is not None
        return name

    def begin(self, name: str, *, attributes: ObjectAttributes | None = None) -> str:
        """Begin an upload in parts; returns its id."""
        upload = self.store.begin_upload(self.key(name), attributes=attributes)
        self.uploads.add((name, upload))
        return upload

    def read(self, key: str, *, start: int = 0, length: int | None = None, source: Condition = Condition.ANY) -> bytes:
        """The bytes of an object, or of a range of it."""
        found = bytearray()
        buffer = memoryview(bytearray(_CHUNK))
        with self.bare.open(key, start=start, length=length, source=source) as body:
            while count := body.readinto(buffer):
                found += buffer[:count]
        return bytes(found)

    def listed(self, *, after: str = "", until: str | None = None, limit: int = 1000, most: int = 1000) -> list[str]:
        """Keys of a listing, page by page; it is not gone on with after `most`."""
        keys: list[str] = []
        while len(keys) < most:
            page = self.store.list_page(after=after, until=until, limit=limit)
            keys += [info.key for info in page.items]
            if page.next_after is None:
                break
            after = page.next_after
        return keys[:most]

    def below(self, folder: str, *, limit: int = 1000) -> list[str]:
        """Keys that stand in a folder of the scratch prefix."""
        return self.listed(after=folder, until=folder + LAST, limit=limit)

    def samples(self) -> tuple[ObjectInfo, ...]:
        """Objects to read: made by us once, or found."""
        if self._samples is not None:
            return tuple(self._samples)
        folder = "read/"
        if folder + "0" not in self.keys:
            for name, size in _MADE.items():
                self.put(folder + name, sample_body(name, size))
        return tuple(self.store.list_page(after=folder, until=folder + LAST).items)


_MADE = {"0": 0, "a/x": 1, "a/y": 10, "b": 1000, "sort!": 3, "sort-a": 4, "sort/x": 5, "sort0": 6, "z": 100_000}
"""Names and sizes of the objects that the reading checks look at, in byte order."""


def sample_body(name: str, size: int) -> bytes:
    """Bytes that differ from name to name and from place to place."""
    line = f"{name} {size} ".encode() + bytes(range(256))
    return (line * (size // len(line) + 1))[:size]


def refused(kind: type[BucketsyncError], call: Callable[[], object]) -> bool:
    """Whether a call is refused in this way; other errors go on."""
    try:
        call()
    except kind:
        return True
    return False


def first_samples(store: ObjectStore) -> tuple[ObjectInfo, ...]:
    """The first objects of a prefix that is only read."""
    return tuple(store.list_page(limit=_SAMPLES).items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that should hold.

    :param group: what it is about, in a word
    :param name: what should hold
    :param run: finds out
    :param knob: the capability that says so; "" = the contract of every store does
    :param reads: whether nothing is written beyond the samples
    """

    group: str
    name: str
    run: Callable[[Place], Answer]
    knob: str = ""
    reads: bool = False
