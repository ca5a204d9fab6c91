"""The verbs of a memory store that make an object from parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from airflow_bucketsync.engine.errors import (
    BodyCorrupted,
    NotSupported,
    ObjectNotFound,
)
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import (
    Checksum,
    ObjectAttributes,
    OpenUpload,
    PartReceipt,
    PutResult,
)
from airflow_bucketsync.engine.stores.base import Body, ObjectStore
from airflow_bucketsync.engine.stores.checksums import checksum_of
from airflow_bucketsync.engine.stores.memory.core import MemoryCore
from airflow_bucketsync.engine.stores.memory.server import StoredUpload


class MultipartMemory(MemoryCore):
    """A location in memory that takes objects in parts."""

    def begin_upload(self, key: str, *, attributes: ObjectAttributes | None = None) -> str:
        """Begin an object in parts."""
        with self._request("begin_upload", key):
            if not self._capabilities.multipart:
                raise NotSupported("this store has no multipart uploads", **self._at(key))
            self._check_name(key)
            upload_id = self.server.new_id("upload")
            self._bucket.uploads[upload_id] = StoredUpload(
                self.location.full_key(key), attributes or ObjectAttributes(), self.server.clock.now()
            )
            return upload_id

    def upload_part(
        self, key: str, upload_id: str, number: int, body: Body, *, checksum: Checksum | None = None
    ) -> PartReceipt:
        """Send a part; the same number again replaces it."""
        data = bytes(body)
        with self._request("upload_part", key):
            self._check_bytes(key, data, checksum)
            return self._place_part(key, upload_id, number, data)

    def copy_part(
        self,
        key: str,
        upload_id: str,
        number: int,
        *,
        source_store: ObjectStore,
        source_key: str,
        start: int,
        length: int,
        source: Condition,
    ) -> PartReceipt:
        """Make a part from a range of an object on the same server."""
        with self._request("copy_part", key):
            if not self._capabilities.part_copy:
                raise NotSupported("this store has no part copies", **self._at(key))
            item = self._source(source_store, source_key, source)
            if start < 0 or length < 1 or start + length > len(item.body):
                raise NotSupported(
                    f"the range {start} + {length} is not within the {len(item.body)} bytes of the source",
                    **self._at(key),
                )
            return self._place_part(key, upload_id, number, item.body[start : start + length])

    def list_parts(self, key: str, upload_id: str) -> Sequence[PartReceipt]:
        """The parts that arrived, ascending."""
        with self._request("list_parts", key):
            upload = self._upload(key, upload_id)
            return tuple(upload.parts[number][0] for number in sorted(upload.parts))

    def complete_upload(
        self,
        key: str,
        upload_id: str,
        parts: Sequence[PartReceipt],
        *,
        size: int,
        checksum: Checksum | None = None,
        destination: Condition = Condition.ANY,
    ) -> PutResult:
        """Make the object from its parts; a second time there is no such upload any more."""
        with self._request("complete_upload", key):
            upload = self._upload(key, upload_id)
            bodies = self._chosen(key, upload, parts)
            data = b"".join(bodies)
            if len(data) != size:
                raise BodyCorrupted(f"the parts have {len(data)} bytes, {size} were expected", **self._at(key))
            self._check_size(key, size, self._capabilities.max_object, "object")
            self._check_bytes(key, data, checksum)
            self._check_write(key, destination)
            digests = b"".join(hashlib.md5(body, usedforsecurity=False).digest() for body in bodies)
            etag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(bodies)}"
            result = self._place(key, data, upload.attributes, etag=etag, checksum=checksum)
            del self._bucket.uploads[upload_id]
            return result

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop an open upload; one that is not there is no error."""
        with self._request("abort_upload", key):
            self._bucket.uploads.pop(upload_id, None)

    def list_uploads(self) -> Iterator[OpenUpload]:
        """Open uploads below the location."""
        with self._request("list_uploads", ""):
            found = [
                OpenUpload(key=self.location.relative_key(upload.key), upload_id=upload_id, begun=upload.begun)
                for upload_id, upload in self._bucket.uploads.items()
                if upload.key.startswith(self.location.prefix)
            ]
        yield from sorted(found, key=lambda upload: (upload.key, upload.upload_id))

    def _upload(self, key: str, upload_id: str) -> StoredUpload:
        upload = self._bucket.uploads.get(upload_id)
        if upload is None or upload.key != self.location.full_key(key):
            raise ObjectNotFound("there is no such open upload", code="NoSuchUpload", **self._at(key))
        return upload

    def _place_part(self, key: str, upload_id: str, number: int, data: bytes) -> PartReceipt:
        upload = self._upload(key, upload_id)
        self._check_size(key, len(data), self._capabilities.max_part, "part")
        if not 1 <= number <= self._capabilities.max_parts:
            raise NotSupported(f"parts are numbered 1 to {self._capabilities.max_parts}, not {number}", **self._at(key))
        receipt = PartReceipt(number=number, size=len(data), etag=hashlib.md5(data, usedforsecurity=False).hexdigest())
        if self._capabilities.checksums:
            receipt = replace(receipt, checksum=checksum_of(self._capabilities.checksums[0], data))
        receipt = replace(receipt, arrived=self.server.clock.now())
        upload.parts[number] = (receipt, data)
        return receipt

    def _chosen(self, key: str, upload: StoredUpload, parts: Sequence[PartReceipt]) -> list[bytes]:
        """The bodies of the parts that the object is to be made of.

        :raises NotSupported: no parts, parts out of order, or one that is too small
        :raises BodyCorrupted: a part is not there, or not as its receipt says
        """
        numbers = [part.number for part in parts]
        if not numbers or numbers != sorted(set(numbers)):
            raise NotSupported("an object needs parts, each number once and ascending", **self._at(key))
        bodies = []
        for part in parts:
            stored = upload.parts.get(part.number)
            if stored is None or stored[0].etag != part.etag:
                raise BodyCorrupted(
                    f"part {part.number} is not what its receipt says", code="InvalidPart", **self._at(key)
                )
            bodies.append(stored[1])
        if any(len(body) < self._capabilities.min_part for body in bodies[:-1]):
            raise NotSupported(
                f"only the last part may be smaller than {self._capabilities.min_part} bytes",
                code="EntityTooSmall",
                **self._at(key),
            )
        return bodies
