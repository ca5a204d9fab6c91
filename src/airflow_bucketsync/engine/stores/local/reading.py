"""A file that is read as one version of an object: all of it, or an error, never a mix."""

from __future__ import annotations

import os

from airflow_bucketsync.engine.errors import ObjectChanged
from airflow_bucketsync.engine.stores.local.disk import Place, details_of, disk_errors, fingerprint


class FileBody:
    """A range of an open file; size, modification time and inode are looked at again at the end.

    :param descriptor: open for reading, not owned
    :param state: of that descriptor when it was opened
    :param end: where the range ends, not beyond the file
    """

    def __init__(self, descriptor: int, state: os.stat_result, start: int, end: int, place: Place) -> None:
        self.details = details_of(place["key"] or "", state)
        self._descriptor = descriptor
        self._etag = fingerprint(state)
        self._at = start
        self._end = end
        self._place = place

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill as much of `buffer` as is there; 0 = the end.

        :raises ObjectChanged: the file changed while it was read
        """
        wanted = min(len(buffer), self._end - self._at)
        done = 0
        with disk_errors(**self._place):
            while done < wanted:
                count = os.preadv(self._descriptor, [buffer[done:wanted]], self._at)
                if not count:
                    raise ObjectChanged("the file got shorter while it was read", **self._place)
                done += count
                self._at += count
        if self._at >= self._end:
            self.require_unchanged()
        return done

    def require_unchanged(self) -> None:
        """Go on only when the file is still the version that was opened.

        :raises ObjectChanged: it is not
        """
        with disk_errors(**self._place):
            state = os.fstat(self._descriptor)
        if fingerprint(state) != self._etag:
            raise ObjectChanged("the file changed while it was read", **self._place)
