"""What a server in memory holds, and what several stores share."""

from __future__ import annotations

import bisect
import itertools
import threading
from dataclasses import dataclass, field
from datetime import datetime

from airflow_bucketsync.engine.model.objects import (
    ObjectAttributes,
    ObjectInfo,
    PartReceipt,
)
from airflow_bucketsync.engine.stores.clock import Clock, SystemClock


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version: its bytes and all that is known of it; `info.key` is the whole key inside the bucket."""

    body: bytes
    info: ObjectInfo
    attributes: ObjectAttributes


@dataclass(slots=True)
class StoredUpload:
    """An open upload and the parts that arrived; `key` is the whole key inside the bucket."""

    key: str
    attributes: ObjectAttributes
    begun: datetime
    parts: dict[int, tuple[PartReceipt, bytes]] = field(default_factory=dict)


class Bucket:
    """Objects by key, their keys in order, and what versioning keeps."""

    def __init__(self) -> None:
        self.objects: dict[str, StoredObject] = {}
        self.order: list[str] = []  # code point order, which is the order of the UTF-8 bytes
        self.versions: dict[tuple[str, str], StoredObject] = {}
        self.uploads: dict[str, StoredUpload] = {}
        self.protected: dict[str, str] = {}
        """What protects a key from being deleted, in words."""

    def place(self, item: StoredObject) -> None:
        """Let a version be the current one."""
        key = item.info.key
        if key not in self.objects:
            bisect.insort(self.order, key)
        self.objects[key] = item
        if item.info.version_id is not None:
            self.versions[key, item.info.version_id] = item

    def remove(self, key: str) -> None:
        """Let nothing be current; old versions stay."""
        if self.objects.pop(key, None) is not None:
            del self.order[bisect.bisect_left(self.order, key)]


class MemoryServer:
    """What several memory stores share, so that they can copy from one another inside the server.

    :param versions: whether every write gets a version id, and old versions stay readable
    :param clock: gives objects their time
    :param region: the one all its buckets are in
    """

    def __init__(self, *, versions: bool = False, clock: Clock | None = None, region: str | None = None) -> None:
        self.versions = versions
        self.region = region
        self.clock: Clock = clock or SystemClock()
        self.lock = threading.RLock()
        self._buckets: dict[str, Bucket] = {}
        self._numbers = itertools.count(1)

    def bucket(self, name: str) -> Bucket:
        """The bucket of that name; it exists once it is asked for."""
        with self.lock:
            return self._buckets.setdefault(name, Bucket())

    def new_id(self, kind: str) -> str:
        """An id that was never given before."""
        return f"{kind}{next(self._numbers):08d}"
