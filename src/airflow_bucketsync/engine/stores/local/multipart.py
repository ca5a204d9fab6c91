"""The verbs of a local store that make a file from parts; how the parts lie on the disk is in `uploads`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_bucketsync.engine.errors import NotSupported
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import Checksum, ObjectAttributes, OpenUpload, PartReceipt, PutResult
from airflow_bucketsync.engine.model.policy_words import FollowLinks
from airflow_bucketsync.engine.stores.base import Body, ObjectStore
from airflow_bucketsync.engine.stores.clock import Clock
from airflow_bucketsync.engine.stores.local.access import Folder
from airflow_bucketsync.engine.stores.local.disk import disk_errors, result_of
from airflow_bucketsync.engine.stores.local.uploads import Uploads


class MultipartFolder(Folder):
    """A folder that takes files in parts."""

    def __init__(self, location: Location, *, follow_links: FollowLinks, clock: Clock | None) -> None:
        super().__init__(location, follow_links=follow_links, clock=clock)
        self._uploads = Uploads(self._root)

    def begin_upload(self, key: str, *, attributes: ObjectAttributes | None = None) -> str:
        """Begin a file in parts; the parts lie below `_bucketsync/uploads/`."""
        self._count("begin_upload")
        self._require_writable(key)
        with disk_errors(**self._place(key)):
            return self._uploads.begin(key, attributes=attributes or ObjectAttributes(), begun=self._clock.now())

    def upload_part(
        self, key: str, upload_id: str, number: int, body: Body, *, checksum: Checksum | None = None
    ) -> PartReceipt:
        """Write a part; the same number again replaces it."""
        self._count("upload_part")
        self._require_bytes(key, body, checksum)
        with disk_errors(**self._place(key)):
            return self._uploads.write_part(key, upload_id, number, body, self._place(key))

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
        """Not supported, and not needed: `copy` takes files of any size.

        :raises NotSupported: always
        """
        raise NotSupported("a folder has no part copies; copy the file as a whole", **self._place(key))

    def list_parts(self, key: str, upload_id: str) -> Sequence[PartReceipt]:
        """The parts that arrived, ascending."""
        self._count("list_parts")
        with disk_errors(**self._place(key)):
            return self._uploads.parts(key, upload_id, self._place(key))

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
        """Make the file from its parts; a second time there is no such upload any more."""
        self._count("complete_upload")
        self._require_writable(key)
        with disk_errors(**self._place(key)):
            return result_of(
                self._uploads.complete(
                    key,
                    upload_id,
                    parts,
                    size=size,
                    checksum=checksum,
                    destination=destination,
                    place=self._place(key),
                )
            )

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop an open upload and what arrived of it; one that is not there is no error."""
        self._count("abort_upload")
        with disk_errors(**self._place(key)):
            self._uploads.drop(upload_id)

    def list_uploads(self) -> Iterator[OpenUpload]:
        """Open uploads below the location."""
        self._count("list_uploads")
        with disk_errors(self.location.url):
            found = tuple(self._uploads.list_open())
        yield from found
