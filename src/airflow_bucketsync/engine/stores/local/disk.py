"""What the disk's errors mean, and what a file's state is as an object's version."""

from __future__ import annotations

import calendar
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TypedDict

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    BucketsyncError,
    NotSupported,
    ObjectNotFound,
    ServerError,
    StoreFull,
)
from airflow_bucketsync.engine.model.capabilities import NameFolding
from airflow_bucketsync.engine.model.objects import EPOCH, ObjectAttributes, ObjectDetails, ObjectInfo, PutResult

LET = "give that right to the user that the worker runs as"
_MEANING: dict[int, tuple[type[BucketsyncError], str]] = {
    errno.ENOENT: (ObjectNotFound, "there is no such file"),
    errno.ENOTDIR: (NotSupported, "a file stands where a folder is needed; move it away, or name another folder"),
    errno.EISDIR: (NotSupported, "a folder of this name stands there"),
    errno.EACCES: (AccessDenied, f"the permissions of the file or of a folder above it forbid this; {LET}"),
    errno.EPERM: (AccessDenied, "the system forbids this"),
    errno.ENOSPC: (StoreFull, "no space (or no inode) is left on the disk"),
    errno.EDQUOT: (StoreFull, "the disk quota is used up"),
    errno.EROFS: (StoreFull, "the file system is read-only"),
    errno.ENAMETOOLONG: (NotSupported, "the name is too long for this file system"),
    errno.EINVAL: (NotSupported, "this file system can't hold such a name"),
    errno.EILSEQ: (NotSupported, "this file system can't hold such a name"),
    errno.EFBIG: (NotSupported, "the file would be larger than this file system allows"),
    errno.ELOOP: (NotSupported, "a symbolic link stands in the way"),
}
_SPECIAL = (
    (stat.S_ISLNK, "symlink", "a symbolic link"),
    (stat.S_ISDIR, "folder", "a folder"),
    (stat.S_ISFIFO, "fifo", "a named pipe"),
    (stat.S_ISSOCK, "socket", "a socket"),
    (stat.S_ISCHR, "device", "a character device"),
    (stat.S_ISBLK, "device", "a block device"),
)


class Place(TypedDict):
    """What every error names."""

    location: str
    key: str | None


def error_of(error: OSError, place: Place) -> BucketsyncError:
    """What an error of the disk is to the engine; one that is not known may pass (EIO, ESTALE, EMFILE)."""
    kind, message = _MEANING.get(error.errno or 0, (ServerError, "the file system failed"))
    return kind(message, code=errno.errorcode.get(error.errno or 0), **place)


@contextmanager
def disk_errors(location: str, key: str | None = None) -> Iterator[None]:
    """Let only the engine's own errors leave the block."""
    try:
        yield
    except OSError as error:
        raise error_of(error, {"location": location, "key": key}) from error


def kind_of(state: os.stat_result) -> str:
    """What stands there when it is no regular file, in words."""
    return next((words for matches, _, words in _SPECIAL if matches(state.st_mode)), "something that is no file")


def word_of(state: os.stat_result) -> str:
    """The same as one word for reports."""
    return next((word for matches, word, _ in _SPECIAL if matches(state.st_mode)), "device")


def fingerprint(state: os.stat_result) -> str:
    """The ETag of a file: modification time, inode and size; only ever equal to itself."""
    return f"{state.st_mtime_ns:x}-{state.st_ino:x}-{state.st_size:x}"


def time_of(mtime_ns: int) -> datetime:
    """A modification time in microseconds, aware UTC; what no calendar can say is the nearest it can."""
    try:
        return EPOCH + timedelta(microseconds=mtime_ns // 1000)
    except OverflowError:
        return (datetime.max if mtime_ns > 0 else datetime.min).replace(tzinfo=UTC)


def mtime_ns_of(time: datetime) -> int:
    """A time as the disk keeps it."""
    # By calendar fields: the difference of a pendulum time and another is no plain timedelta.
    return calendar.timegm(time.utctimetuple()) * 1_000_000_000 + time.microsecond * 1000


def info_of(key: str, state: os.stat_result) -> ObjectInfo:
    """A file's state as a listing shows it."""
    return ObjectInfo(key=key, size=state.st_size, last_modified=time_of(state.st_mtime_ns), etag=fingerprint(state))


def details_of(key: str, state: os.stat_result) -> ObjectDetails:
    """A file's state as a HEAD shows it: of the attributes a file has its modification time and its mode."""
    info = info_of(key, state)
    return ObjectDetails(
        info=info, attributes=ObjectAttributes(source_mtime=info.last_modified, mode=state.st_mode & 0o777)
    )


def result_of(state: os.stat_result) -> PutResult:
    """A file's state as the answer to the write that made it."""
    return PutResult(size=state.st_size, etag=fingerprint(state), last_modified=time_of(state.st_mtime_ns))


def apply_attributes(descriptor: int, attributes: ObjectAttributes) -> None:
    """Give an open file what a file can keep of these: its mode, and its modification time."""
    if attributes.mode is not None:
        os.fchmod(descriptor, attributes.mode & 0o777)
    if attributes.source_mtime is not None:
        set_mtime(descriptor, mtime_ns_of(attributes.source_mtime))


def set_mtime(descriptor: int, mtime_ns: int) -> None:
    """Give an open file its modification time."""
    os.utime(descriptor, ns=(mtime_ns, mtime_ns))


def name_folding(path: str) -> NameFolding:
    """Whether the file system takes names that differ in case for one, found out without writing."""
    while not os.path.exists(path) and path != "/":
        path = os.path.dirname(path)
    while path != "/":
        above, name = os.path.split(path)
        if name.swapcase() != name:
            try:
                same = os.path.samefile(path, os.path.join(above, name.swapcase()))
            except OSError:
                same = False
            return "case" if same else "none"
        path = above
    return "none"
