"""What every verb of a local store needs: its place, its names checked, files opened and written."""

from __future__ import annotations

import os
import stat
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from airflow_bucketsync.engine.errors import BodyCorrupted, NotSupported, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.names import is_temporary_name
from airflow_bucketsync.engine.model.objects import Checksum, PutResult
from airflow_bucketsync.engine.model.policy_words import FollowLinks
from airflow_bucketsync.engine.stores.base import Body
from airflow_bucketsync.engine.stores.checksums import COMPUTABLE, checksum_of
from airflow_bucketsync.engine.stores.clock import Clock, SystemClock
from airflow_bucketsync.engine.stores.local.disk import Place, disk_errors, result_of
from airflow_bucketsync.engine.stores.local.paths import Root, file_state, misshapen, state_of
from airflow_bucketsync.engine.stores.local.writing import check, place_file, temporary_file

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Folder:
    """A location on the disk, its requests counted."""

    def __init__(self, location: Location, *, follow_links: FollowLinks, clock: Clock | None) -> None:
        self.location = location
        self.service = "disk"
        self.anonymous = False
        self.requests: Counter[str] = Counter()
        self._clock: Clock = clock or SystemClock()
        self._root = Root(location, follow_links)
        self._lock = threading.Lock()

    def _write(self, key: str, fill: Callable[[int], None], destination: Condition) -> PutResult:
        self._require_writable(key)
        place = self._place(key)
        with disk_errors(**place), self._root.folder_of(key, create=True) as final:
            check(state_of(*final), destination, place)  # before the work; once more before the rename
            with temporary_file(final[0]) as (descriptor, name):
                fill(descriptor)
                return result_of(place_file(descriptor, (final[0], name), final, destination, place))

    def _open_file(self, key: str) -> tuple[int, os.stat_result]:
        """An open regular file and its state; pipes and devices are not even opened."""
        self._require_name(key)
        with self._reading(key), self._root.file_of(key) as (folder, name):
            file_state(folder, name)
            descriptor = os.open(name, _READ, dir_fd=folder)
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            os.close(descriptor)
            raise ObjectNotFound("no regular file stands there", **self._place(key))
        return descriptor, state

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        """Errors of the disk while looking for an object: a file where a folder is named means that it is not there."""
        place = self._place(key)
        with disk_errors(**place):
            try:
                yield
            except (FileNotFoundError, NotADirectoryError) as error:
                raise ObjectNotFound(f"there is no such file: {error.strerror}", **place) from None

    def _place(self, key: str) -> Place:
        return {"location": self.location.url, "key": key}

    def _count(self, verb: str) -> None:
        with self._lock:
            self.requests[verb] += 1

    def _require_name(self, key: str) -> None:
        reason = misshapen(key)
        if reason is not None:
            raise NotSupported(reason, **self._place(key))

    def _require_writable(self, key: str) -> None:
        self._require_name(key)
        if is_temporary_name(key.rpartition("/")[2]):
            raise NotSupported("the name is kept for files that are being written", **self._place(key))

    def _require_no_version(self, key: str, version_id: str | None) -> None:
        if version_id is not None:
            raise ObjectNotFound("a folder keeps no versions", **self._place(key))

    def _require_bytes(self, key: str, body: Body, checksum: Checksum | None) -> None:
        if checksum is None or checksum.parts is not None or checksum.algorithm not in COMPUTABLE:
            return
        found = checksum_of(checksum.algorithm, body)
        if found.value != checksum.value:
            raise BodyCorrupted(
                f"the bytes have {found.to_json()}, {checksum.to_json()} was sent with them", **self._place(key)
            )
