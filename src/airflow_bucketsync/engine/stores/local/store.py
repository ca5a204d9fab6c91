"""A local folder as a store: files are objects, relative paths are keys."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import copy
from typing import Self

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    NotSupported,
    ObjectChanged,
    ObjectNotFound,
)
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.names import STATE_PREFIX, is_state_name
from airflow_bucketsync.engine.model.objects import (
    Checksum,
    ObjectAttributes,
    ObjectDetails,
    Page,
    PutResult,
)
from airflow_bucketsync.engine.model.policy_words import FollowLinks
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.stores.base import Body, ObjectStore
from airflow_bucketsync.engine.stores.bulk import ThreadedBulk
from airflow_bucketsync.engine.stores.clock import Clock
from airflow_bucketsync.engine.stores.local.disk import (
    LET,
    apply_attributes,
    details_of,
    disk_errors,
    fingerprint,
    mtime_ns_of,
    name_folding,
    result_of,
    set_mtime,
)
from airflow_bucketsync.engine.stores.local.multipart import MultipartFolder
from airflow_bucketsync.engine.stores.local.paths import Root, file_state, misshapen, state_of
from airflow_bucketsync.engine.stores.local.reading import FileBody
from airflow_bucketsync.engine.stores.local.tree import Walk
from airflow_bucketsync.engine.stores.local.writing import check, copy_file, write_all

MAX_FILE = 2**63 - 1
_WALKS_MAX = 8
"""Walks that wait for their next page; a listing that is not gone on with is forgotten."""


class LocalStore(MultipartFolder, ThreadedBulk):
    """A folder. Empty folders are no objects; folders that become empty by a delete stay.

    Conditions: absence is certain (`put` makes a hard link, which never replaces anything, where the disk has them);
    one known version is looked at right before the rename or unlink, which leaves a window of microseconds.
    Everything written is on the disk when the call returns: one fsync for the file, one for its folder.

    :param follow_links: symbolic links when reading: `none`, or `inside_root`; writing never follows any
    :param may_be_missing: whether a folder that does not exist lists as empty (a destination before its first write)
    :param clock: gives uploads their time
    """

    def __init__(
        self,
        location: Location,
        *,
        follow_links: FollowLinks = "none",
        may_be_missing: bool = False,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(location, follow_links=follow_links, clock=clock)
        self._may_be_missing = may_be_missing
        self._follows: FollowLinks = follow_links
        self._walks: dict[tuple[str, str | None], Walk] = {}
        self._capabilities: Capabilities | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What this folder can do and hold; whether it folds names is looked up once."""
        if self._capabilities is None:
            self._capabilities = Capabilities(
                part_copy=False,
                tags=False,
                user_metadata=False,
                redirect=False,
                keeps_mtime=True,
                max_put=MAX_FILE,
                max_copy=MAX_FILE,
                min_part=1,
                max_part=MAX_FILE,
                max_object=MAX_FILE,
                page_limit=10_000,  # a folder that changes all the time is scanned anew for each page
                etag_meaning="opaque",
                conditional_put="full",
                conditional_delete=True,
                name_folding=name_folding(self.location.bucket),
            )
        return self._capabilities

    @property
    def settings(self) -> WriteSettings:
        """Nothing is sent: a folder has no ACL of this kind and no encryption of its own."""
        return WriteSettings()

    def region(self) -> str | None:
        """None: a folder is in no region."""
        return None

    def refusal(self, key: str) -> str | None:
        """Why this key can't stand here; None = it can."""
        if is_state_name(key):
            return "the name is kept for bucketsync's own state"
        return misshapen(key)

    def list_page(self, *, after: str = "", until: str | None = None, limit: int = 1000) -> Page:
        """One page of keys with `after < key <= until`; a walk goes on from page to page while its folders rest.

        :raises AccessDenied: a folder can't be read
        """
        self._count("list")
        with self._lock:
            walk = self._walks.pop((after, until), None)
        with disk_errors(self.location.url):
            if walk is None or not walk.unchanged():
                walk = Walk(self._root, after=after, until=until, clock=self._clock)
            try:
                page = walk.page(max(1, limit))
            except FileNotFoundError:
                if self._may_be_missing:
                    return Page(items=(), next_after=None)
                raise ObjectNotFound(
                    "there is no such folder; make it, or name another", location=self.location.url
                ) from None
        if page.next_after is not None:
            with self._lock:
                self._walks[page.next_after, until] = walk
                while len(self._walks) > _WALKS_MAX:
                    del self._walks[next(iter(self._walks))]
        return page

    def head(self, key: str, *, version_id: str | None = None, checksum: bool = True) -> ObjectDetails:
        """The file's version; of attributes it has its modification time."""
        self._count("head")
        self._require_name(key)
        self._require_no_version(key, version_id)
        with self._reading(key), self._root.file_of(key) as (folder, name):
            return details_of(key, file_state(folder, name))

    def tags(self, key: str, *, version_id: str | None = None) -> Mapping[str, str]:
        """Nothing: files have no tags."""
        return {}

    @contextmanager
    def open(
        self, key: str, *, start: int = 0, length: int | None = None, source: Condition = Condition.ANY
    ) -> Iterator[FileBody]:
        """Read a range of the version that `source` names; what was read is that version, or an error says no."""
        self._count("open")
        place = self._place(key)
        descriptor, state = self._open_file(key)
        try:
            check(state, source, place)
            end = state.st_size if length is None else min(start + length, state.st_size)
            body = FileBody(descriptor, state, start, end, place)
            yield body
            body.require_unchanged()
        finally:
            os.close(descriptor)

    def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: ObjectAttributes | None = None,
        checksum: Checksum | None = None,
        destination: Condition = Condition.ANY,
    ) -> PutResult:
        """Write a whole file; of the attributes it keeps `source_mtime` and `mode`."""
        self._count("put")
        self._require_bytes(key, body, checksum)

        def fill(descriptor: int) -> None:
            with memoryview(body) as view, view.cast("B") as plain:
                write_all(descriptor, plain)
            if attributes is not None:
                apply_attributes(descriptor, attributes)

        return self._write(key, fill, destination)

    def can_copy_from(self, source: ObjectStore, key: str | None = None) -> str | None:
        """None when `source` is a folder too."""
        return None if isinstance(source, LocalStore) else "the source is no local folder"

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
        """Copy a file inside the kernel, with its permission bits, its holes and its modification time."""
        self._count("copy")
        if not isinstance(source_store, LocalStore):
            raise NotSupported("the source is no local folder; its bytes must be streamed", **self._place(key))
        origin = source_store._place(source_key)
        opened, state = source_store._open_file(source_key)
        try:
            check(state, source, origin)

            def fill(descriptor: int) -> None:
                copied = copy_file(opened, state.st_size, descriptor)
                if copied != state.st_size or fingerprint(os.fstat(opened)) != fingerprint(state):
                    raise ObjectChanged("the file changed while it was copied", **origin)
                os.fchmod(descriptor, stat.S_IMODE(state.st_mode) & 0o777)
                given = None if attributes is None else attributes.source_mtime
                set_mtime(descriptor, state.st_mtime_ns if given is None else mtime_ns_of(given))

            return self._write(key, fill, destination)
        finally:
            os.close(opened)

    def set_attributes(self, key: str, attributes: ObjectAttributes, *, destination: Condition) -> PutResult:
        """Set the modification time and the mode, where they are given; a file has no other attribute."""
        self._count("set_attributes")
        self._require_name(key)
        with self._reading(key), self._root.folder_of(key) as (folder, name):
            state = file_state(folder, name)
            check(state, destination, self._place(key))
            if attributes.mode is not None:
                opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
                try:
                    apply_attributes(opened, ObjectAttributes(mode=attributes.mode))
                finally:
                    os.close(opened)
            if attributes.source_mtime is not None:
                mtime_ns = mtime_ns_of(attributes.source_mtime)
                os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=folder, follow_symlinks=False)
            state = file_state(folder, name)
        return result_of(state)

    def delete(self, key: str, *, destination: Condition = Condition.ANY) -> None:
        """Delete one file; one that is not there is no error. Folders that become empty stay, but that of our state.

        :raises NotSupported: a symbolic link stands there or on the way; what it leads to is not ours to delete
        """
        self._count("delete")
        self._require_name(key)
        place = self._place(key)
        with (
            disk_errors(**place),
            suppress(FileNotFoundError, NotADirectoryError),
            self._root.folder_of(key) as (folder, name),
        ):
            state = state_of(folder, name)
            if state is None or stat.S_ISDIR(state.st_mode):
                return
            if not stat.S_ISREG(state.st_mode):
                raise NotSupported("no regular file stands there, so it is not deleted", **place)
            check(state, destination, place)
            os.unlink(name, dir_fd=folder)
            if self.location.bucket.endswith(f"/{STATE_PREFIX.rstrip('/')}"):
                with suppress(OSError):  # there is more in it
                    os.rmdir(self.location.bucket)

    def require_deletable(self) -> None:
        """Whether files may be deleted in the folder itself; folders inside it may have other permissions.

        :raises AccessDenied: they may not
        """
        if not os.access(self.location.bucket, os.W_OK | os.X_OK):
            raise AccessDenied("files can't be deleted in this folder; " + LET, location=self.location.url)

    def below(self, folder: str) -> Self:
        """The same store at a folder below its location."""
        other = copy(self)
        other.location = self.location.child(folder)
        other._root = Root(other.location, self._follows)
        other._walks, other._may_be_missing = {}, True
        return other

    def close(self) -> None:
        """Forget the listings that were not gone on with."""
        with self._lock:
            self._walks.clear()
