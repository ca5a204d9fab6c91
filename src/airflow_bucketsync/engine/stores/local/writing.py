"""How a file becomes an object at once or never: a temporary name in the same folder, fsync, rename."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from airflow_bucketsync.engine.errors import NotSupported, ObjectChanged
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.names import temporary_name
from airflow_bucketsync.engine.stores.local.disk import Place, fingerprint, kind_of
from airflow_bucketsync.engine.stores.local.paths import state_of, sync_folder

_NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_NO_COPY_RANGE = (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EPERM)
_NESTED_MAX = 300
_CHUNK = 1 << 30
_BUFFER = 1 << 20


@contextmanager
def temporary_file(folder: int) -> Iterator[tuple[int, bytes]]:
    """A new file under a temporary name: its descriptor and name. Afterwards the name is gone, one way or the other."""
    name = temporary_name(secrets.token_hex(12)).encode()
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o666, dir_fd=folder)
    try:
        yield descriptor, name
    finally:
        os.close(descriptor)
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)


def write_all(descriptor: int, body: memoryview, offset: int = 0) -> None:
    """Write every byte at `offset`."""
    done = 0
    while done < len(body):
        done += os.pwrite(descriptor, body[done:], offset + done)


def copy_range(source: int, start: int, length: int, destination: int, offset: int) -> int:
    """Copy bytes from file to file inside the kernel, where it can; returns how many there were."""
    done = 0
    in_kernel = hasattr(os, "copy_file_range")
    while done < length:
        count = min(length - done, _CHUNK)
        if in_kernel:
            try:
                copied = os.copy_file_range(source, destination, count, start + done, offset + done)
            except OSError as error:
                if error.errno not in _NO_COPY_RANGE:
                    raise
                in_kernel = False
                continue
            if not copied:
                # Some file systems answer 0 where they can't; reading tells the end of the file from that.
                in_kernel = False
                continue
        else:
            chunk = os.pread(source, min(count, _BUFFER), start + done)
            if not chunk:
                break
            write_all(destination, memoryview(chunk), offset + done)
            copied = len(chunk)
        done += copied
    return done


def copy_file(source: int, size: int, destination: int) -> int:
    """Copy a whole file, leaving out its holes; returns how many bytes the copy stands for."""
    at = 0
    while at < size:
        try:
            begin = os.lseek(source, at, os.SEEK_DATA)
            end = min(os.lseek(source, begin, os.SEEK_HOLE), size)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                break
            begin, end = at, size
        if begin >= size:
            break
        copied = copy_range(source, begin, end - begin, destination, begin)
        if copied < end - begin:
            return begin + copied
        at = end
    os.ftruncate(destination, size)
    return size


def check(state: os.stat_result | None, wanted: Condition, place: Place) -> None:
    """Hold a condition against what stands there; a symbolic link stands for nothing.

    :raises ObjectChanged: it does not hold
    """
    if state is not None and not stat.S_ISREG(state.st_mode):
        state = None
    if wanted.is_any:
        return
    if wanted.absent:
        if state is not None:
            raise ObjectChanged("a file stands there", **place)
        return
    if state is None:
        raise ObjectChanged("the file is gone", **place)
    if (
        (wanted.etag is not None and wanted.etag != fingerprint(state))
        or wanted.version_id is not None  # a folder keeps no versions
        or (wanted.size is not None and wanted.size != state.st_size)
    ):
        raise ObjectChanged(f"another version stands there: {state.st_size} bytes, ETag {fingerprint(state)}", **place)


def place_file(
    descriptor: int, temporary: tuple[int, bytes], final: tuple[int, bytes], destination: Condition, place: Place
) -> os.stat_result:
    """Give a finished file its name at once, if `destination` holds; returns its state.

    The file's bytes are on the disk before it gets its name, and so is the name when this returns: each costs one
    fsync. "Nothing may stand there" is certain (a hard link is never made over anything); for one known version the
    look at it comes right before the rename, so that the window in which somebody else's write is lost is a few
    microseconds, but not closed.

    :raises ObjectChanged: `destination` does not hold
    :raises NotSupported: a folder or something special stands there
    """
    os.fsync(descriptor)
    for _ in range(3):
        standing = state_of(*final)
        if standing is not None and not (stat.S_ISREG(standing.st_mode) or stat.S_ISLNK(standing.st_mode)):
            if not stat.S_ISDIR(standing.st_mode):
                raise NotSupported(f"{kind_of(standing)} stands there, and is not replaced", **place)
            if not remove_empty(*final):
                raise NotSupported("a folder of this name stands there, with files below it", **place)
            standing = None
        check(standing, destination, place)
        if destination.absent and standing is None:
            try:
                os.link(temporary[1], final[1], src_dir_fd=temporary[0], dst_dir_fd=final[0], follow_symlinks=False)
            except FileExistsError:
                continue
            except OSError as error:
                if error.errno not in _NO_HARD_LINKS:
                    raise
            else:
                os.unlink(temporary[1], dir_fd=temporary[0])
                break
        try:
            os.rename(temporary[1], final[1], src_dir_fd=temporary[0], dst_dir_fd=final[0])
        except IsADirectoryError:
            continue
        break
    else:
        raise ObjectChanged("what stands there changes all the time", **place)
    sync_folder(final[0])
    return os.fstat(descriptor)


def remove_empty(folder: int, name: bytes, depth: int = 0) -> bool:
    """Remove a folder that holds nothing but empty folders; whether it is gone. Folders are no objects."""
    with suppress(OSError):
        os.rmdir(name, dir_fd=folder)
        return True
    if depth > _NESTED_MAX:
        return False
    below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        with os.scandir(below) as entries:
            folders = []
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    return False
                folders.append(os.fsencode(entry.name))
        if not all(remove_empty(below, inner, depth + 1) for inner in folders):
            return False
    finally:
        os.close(below)
    with suppress(OSError):
        os.rmdir(name, dir_fd=folder)
        return True
    return False
