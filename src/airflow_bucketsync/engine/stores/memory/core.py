"""What every verb of a memory store needs: hooks, conditions, and objects made as S3 makes them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal, TypedDict

from airflow_bucketsync.engine.errors import (
    BodyCorrupted,
    NotSupported,
    ObjectChanged,
    ObjectNotFound,
)
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import (
    Checksum,
    ObjectAttributes,
    ObjectDetails,
    ObjectInfo,
    PutResult,
)
from airflow_bucketsync.engine.model.storage_classes import S3_CLASSES
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.checksums import checksum_of
from airflow_bucketsync.engine.stores.clock import Clock
from airflow_bucketsync.engine.stores.memory.server import MemoryServer, StoredObject

MAX_KEY = 1024
"""Bytes of a key, as on S3."""

MEMORY_CAPABILITIES = Capabilities(
    min_part=1,
    checksums=("crc64nvme", "crc32c", "crc32", "sha256", "sha1", "md5"),
    copies_redirect=True,
    class_names="s3",
    storage_classes=S3_CLASSES,
)

Hook = Callable[[Literal["before", "after"], str, str], None]
"""Called as `(when, verb, key)`. An error raised `before` means that the request was not applied, one raised `after`
that it was, and only its answer was lost."""


class Place(TypedDict):
    """What every error names."""

    location: str
    key: str


class MemoryCore:
    """A location on a server in memory: its requests counted, its conditions held, its objects made."""

    def __init__(
        self, location: Location, *, server: MemoryServer | None, capabilities: Capabilities, clock: Clock | None
    ) -> None:
        self.location = location
        self.server = server or MemoryServer(clock=clock)
        self.service = f"memory {id(self.server):x}"
        self.anonymous = False
        self.requests: Counter[str] = Counter()
        self.hooks: list[Hook] = []
        self._capabilities = capabilities
        self._bucket = self.server.bucket(location.bucket)

    @contextmanager
    def _request(self, verb: str, key: str) -> Iterator[None]:
        with self.server.lock:
            self.requests[verb] += 1
        for hook in self.hooks:
            hook("before", verb, key)
        with self.server.lock:
            yield
        for hook in self.hooks:
            hook("after", verb, key)

    def _at(self, key: str) -> Place:
        return {"location": self.location.url, "key": key}

    def _find(self, key: str, version_id: str | None = None) -> StoredObject:
        full_key = self.location.full_key(key)
        if version_id is None:
            item = self._bucket.objects.get(full_key)
        else:
            item = self._bucket.versions.get((full_key, version_id))
        if item is None:
            raise ObjectNotFound("there is no such object", code="NoSuchKey", **self._at(key))
        return item

    def _source(self, source_store: ObjectStore, key: str, source: Condition) -> StoredObject:
        if not isinstance(source_store, MemoryCore) or source_store.server is not self.server:
            raise NotSupported("the source is on another server; its bytes must be streamed", **self._at(key))
        item = source_store._find(key, source.version_id)
        source_store._check(key, item, source)
        return item

    def _details(self, item: StoredObject, *, checksum: bool) -> ObjectDetails:
        return ObjectDetails(
            info=replace(
                item.info,
                key=self.location.relative_key(item.info.key),
                checksum=item.info.checksum if checksum else None,
            ),
            attributes=replace(item.attributes, tags=None),
            etag_is_md5=self._capabilities.etag_meaning == "md5" and "-" not in (item.info.etag or "-"),
            locked=self._bucket.protected.get(item.info.key),
        )

    def _check(self, key: str, item: StoredObject | None, wanted: Condition) -> None:
        """Hold a condition against what stands there."""
        if wanted.is_any:
            return
        if wanted.absent:
            if item is not None:
                raise ObjectChanged("an object stands there", code="PreconditionFailed", **self._at(key))
            return
        if item is None:
            raise ObjectChanged("the object is gone", code="PreconditionFailed", **self._at(key))
        info = item.info
        if (
            (wanted.etag is not None and wanted.etag != info.etag)
            or (wanted.version_id is not None and wanted.version_id != info.version_id)
            or (wanted.size is not None and wanted.size != info.size)
        ):
            raise ObjectChanged("another version stands there", code="PreconditionFailed", **self._at(key))

    def _check_write(self, key: str, destination: Condition) -> None:
        self._check_name(key)
        self._check(key, self._bucket.objects.get(self.location.full_key(key)), destination)

    def _misshapen(self, key: str) -> str | None:
        if not key:
            return "the name is empty"
        try:
            size = len(self.location.full_key(key).encode())
        except UnicodeEncodeError:
            return "the name is no Unicode text"
        return f"with its prefix the name has {size} bytes, at most {MAX_KEY} are possible" if size > MAX_KEY else None

    def _check_name(self, key: str) -> None:
        reason = self._misshapen(key)
        if reason is not None:
            raise NotSupported(reason, **self._at(key))

    def _check_size(self, key: str, size: int, most: int, what: str) -> None:
        if size > most:
            raise NotSupported(f"{size} bytes are more than one {what} may have ({most})", **self._at(key))

    def _check_bytes(self, key: str, data: bytes, checksum: Checksum | None) -> None:
        if checksum is None or checksum.parts is not None:
            return
        if checksum.algorithm not in self._capabilities.checksums:
            raise NotSupported(f"this store knows no {checksum.algorithm}", **self._at(key))
        found = checksum_of(checksum.algorithm, data)
        if found.value != checksum.value:
            raise BodyCorrupted(
                f"the bytes have {found.to_json()}, {checksum.to_json()} was sent with them",
                code="BadDigest",
                **self._at(key),
            )

    def _place(
        self,
        key: str,
        data: bytes,
        attributes: ObjectAttributes,
        *,
        etag: str | None = None,
        checksum: Checksum | None = None,
    ) -> PutResult:
        can = self._capabilities
        if (checksum is None or checksum.parts is not None) and can.checksums:
            checksum = checksum_of(can.checksums[0], data)
        if not can.user_metadata:
            attributes = ObjectAttributes(tags=attributes.tags, source_mtime=attributes.source_mtime)
        if not can.tags:
            attributes = replace(attributes, tags=None)
        kept = attributes.source_mtime if can.keeps_mtime else None
        info = ObjectInfo(
            key=self.location.full_key(key),
            size=len(data),
            last_modified=kept or self.server.clock.now(),
            etag=etag or hashlib.md5(data, usedforsecurity=False).hexdigest(),
            version_id=self.server.new_id("version") if self.server.versions else None,
            storage_class=attributes.storage_class,
            checksum=checksum,
        )
        self._bucket.place(StoredObject(data, info, attributes))
        return PutResult(
            size=info.size,
            etag=info.etag,
            version_id=info.version_id,
            last_modified=info.last_modified,
            checksum=checksum,
        )
