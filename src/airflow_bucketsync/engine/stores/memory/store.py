"""A store in memory: the reference for the contract, and the store that step tests run on."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from typing import Self

from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.names import is_state_name
from airflow_bucketsync.engine.model.objects import (
    Checksum,
    ObjectAttributes,
    ObjectDetails,
    ObjectInfo,
    Page,
    PutResult,
)
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.stores.base import Body, ObjectStore
from airflow_bucketsync.engine.stores.bulk import ThreadedBulk
from airflow_bucketsync.engine.stores.clock import Clock
from airflow_bucketsync.engine.stores.memory.core import MEMORY_CAPABILITIES, MemoryCore
from airflow_bucketsync.engine.stores.memory.multipart import MultipartMemory
from airflow_bucketsync.engine.stores.memory.server import MemoryServer
from airflow_bucketsync.engine.stores.probing import Probing


class _Reading:
    """A range of one version."""

    def __init__(self, details: ObjectDetails, body: memoryview) -> None:
        self.details = details
        self._rest = body

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill as much of `buffer` as is there; 0 = the end."""
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class MemoryStore(MultipartMemory, Probing, ThreadedBulk):
    """A bucket in memory that behaves like S3: MD5 ETags, conditions, versions, tags, uploads.

    :param server: shared by stores that copy from one another; None = one of its own
    :param capabilities: what it says it can do, and holds itself to
    :param settings: kept in the user's sight only: a server in memory has no ACLs
    :param clock: of its own server, when `server` is None
    """

    def __init__(
        self,
        location: Location,
        *,
        server: MemoryServer | None = None,
        capabilities: Capabilities = MEMORY_CAPABILITIES,
        settings: WriteSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings or WriteSettings()
        super().__init__(location, server=server, capabilities=capabilities, clock=clock)

    @property
    def capabilities(self) -> Capabilities:
        """What this store says it can do."""
        return self._capabilities

    @property
    def settings(self) -> WriteSettings:
        """What it was made with."""
        return self._settings

    def region(self) -> str | None:
        """The region of the server."""
        return self.server.region

    def refusal(self, key: str) -> str | None:
        """Why this key can't stand here; None = it can."""
        if is_state_name(key):
            return "the name is kept for bucketsync's own state"
        return self._misshapen(key)

    def list_page(self, *, after: str = "", until: str | None = None, limit: int = 1000) -> Page:
        """One page of keys with `after < key <= until`."""
        limit = max(1, min(limit, self._capabilities.page_limit))
        prefix = self.location.prefix
        with self._request("list", after):
            order = self._bucket.order
            items: list[ObjectInfo] = []
            at = bisect.bisect_right(order, prefix + after) if after else bisect.bisect_left(order, prefix)
            for full_key in itertools.islice(order, at, None):
                key = full_key[len(prefix) :]
                if not full_key.startswith(prefix) or (until is not None and key > until):
                    break
                if not key:
                    continue
                if len(items) == limit:
                    return Page(items=tuple(items), next_after=items[-1].key)
                items.append(replace(self._bucket.objects[full_key].info, key=key, checksum=None))
            return Page(items=tuple(items), next_after=None)

    def head(self, key: str, *, version_id: str | None = None, checksum: bool = True) -> ObjectDetails:
        """The object's version and its attributes, tags apart."""
        with self._request("head", key):
            return self._details(self._find(key, version_id), checksum=checksum)

    def tags(self, key: str, *, version_id: str | None = None) -> Mapping[str, str]:
        """The object's tags."""
        with self._request("tags", key):
            return dict(self._find(key, version_id).attributes.tags or {})

    @contextmanager
    def open(
        self, key: str, *, start: int = 0, length: int | None = None, source: Condition = Condition.ANY
    ) -> Iterator[_Reading]:
        """Read a range of the version that `source` names."""
        with self._request("get", key):
            item = self._find(key, source.version_id)
            self._check(key, item, source)
            end = len(item.body) if length is None else start + length
            reading = _Reading(self._details(item, checksum=True), memoryview(item.body)[start:end])
        yield reading

    def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: ObjectAttributes | None = None,
        checksum: Checksum | None = None,
        destination: Condition = Condition.ANY,
    ) -> PutResult:
        """Write a whole object."""
        data = bytes(body)
        with self._request("put", key):
            self._check_size(key, len(data), self._capabilities.max_put, "put")
            self._check_bytes(key, data, checksum)
            self._check_write(key, destination)
            return self._place(key, data, attributes or ObjectAttributes(), checksum=checksum)

    def can_copy_from(self, source: ObjectStore, key: str | None = None) -> str | None:
        """None when `source` is on the same server."""
        if isinstance(source, MemoryCore) and source.server is self.server:
            return None
        return "the source is on another server"

    def copy(
        self,
        key: str,
        *,
        source_store: ObjectStore,
        source_key: str,
        source: Condition,
        destination: Condition = Condition.ANY,
        attributes: ObjectAttributes | None = None,
        keep_tags: bool = True,
        storage_class: str | None = None,
    ) -> PutResult:
        """Copy an object inside the server."""
        with self._request("copy", key):
            item = self._source(source_store, source_key, source)
            self._check_size(key, len(item.body), self._capabilities.max_copy, "copy")
            self._check_write(key, destination)
            wanted = replace(item.attributes, storage_class=storage_class) if attributes is None else attributes
            if not keep_tags:
                wanted = replace(wanted, tags=None)
            elif wanted.tags is None:
                wanted = replace(wanted, tags=item.attributes.tags)
            return self._place(key, item.body, wanted, checksum=item.info.checksum)

    def set_attributes(self, key: str, attributes: ObjectAttributes, *, destination: Condition) -> PutResult:
        """Replace the attributes; tags stay when `attributes.tags` is None."""
        with self._request("copy", key):
            item = self._find(key)
            self._check_size(key, len(item.body), self._capabilities.max_copy, "copy")
            self._check_write(key, destination)
            if attributes.tags is None:
                attributes = replace(attributes, tags=item.attributes.tags)
            if attributes.storage_class is None:
                attributes = replace(attributes, storage_class=item.attributes.storage_class)
            return self._place(key, item.body, attributes, checksum=item.info.checksum)

    def delete(self, key: str, *, destination: Condition = Condition.ANY) -> None:
        """Delete one object; one that is not there is no error. Without conditional deletes it is looked at before."""
        looks = not destination.is_any and not self._capabilities.conditional_delete
        if looks:
            with self._request("head", key):
                item = self._bucket.objects.get(self.location.full_key(key))
                if item is None:
                    return
                self._check(key, item, destination)
        with self._request("delete", key):
            item = self._bucket.objects.get(self.location.full_key(key))
            if item is None:
                return
            if not looks:
                self._check(key, item, destination)
            self._bucket.remove(item.info.key)

    def below(self, folder: str) -> Self:
        """The same store at a folder below its location."""
        other = copy(self)
        other.location = self.location.child(folder)
        return other

    def close(self) -> None:
        """Nothing to let go of."""

    def damage(self, key: str, body: bytes) -> None:
        """Change an object's bytes behind the store's back: ETag, checksum and time stay. For tests of verifiers."""
        with self.server.lock:
            item = self._find(key)
            self._bucket.place(replace(item, body=body, info=replace(item.info, size=len(body))))
