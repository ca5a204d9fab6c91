"""How a key becomes a file below the root, without ever leaving it.

A key is walked segment by segment, each opened inside the folder before it and never through a symbolic link, so that
no `..`, no link and no race with somebody who moves folders leads outside, and no path is too long for the system.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from airflow_bucketsync.engine.errors import NotSupported
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.policy_words import FollowLinks
from airflow_bucketsync.engine.stores.local.disk import kind_of

# Why a link is refused, in a word for reports and in words for people.
SYMLINK = "symlink"
OUTSIDE = "symlink_outside"
DANGLING = "symlink_dangling"
LOOP = "symlink_loop"
_LINKS = {
    SYMLINK: "a symbolic link stands in the way, and links are not followed here",
    OUTSIDE: "a symbolic link leaves the folder",
    DANGLING: "a symbolic link leads to nothing",
    LOOP: "a symbolic link leads in a circle",
}

NAME_MAX = 255
"""Bytes of one segment, on every file system in use."""

# O_PATH needs no permission to read the folder; where a system lacks it, reading is asked for.
_WALK = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
FOLDER = _WALK | os.O_NOFOLLOW
"""How a folder is opened to walk on from it."""
_NO_DIRECTORY = (errno.ENOTDIR, errno.ELOOP)

Segments = tuple[bytes, ...]


class LinkRefused(NotSupported):
    """A symbolic link that is not followed; `code` is the word for it."""


def misshapen(key: str) -> str | None:
    """Why no file can have this key as its path, in words; None = one can. No I/O."""
    if key == STATE_PREFIX.rstrip("/"):
        return "the name is kept for the folder of bucketsync's own state"
    try:
        segments = key.encode().split(b"/")
    except UnicodeEncodeError:
        return "the name is no Unicode text"
    if not key:
        return "the name is empty"
    if key.endswith("/"):
        return "a name that ends in '/' is a folder, and a folder is no object"
    for segment in segments:
        if not segment:
            return "an empty segment ('//', or '/' at the start) is no file name"
        if segment in (b".", b".."):
            return f"a segment {segment.decode()!r} is no file name"
        if b"\x00" in segment:
            return "a file name can't hold NUL"
        if len(segment) > NAME_MAX:
            return f"a segment of {len(segment)} bytes is longer than a file name may be ({NAME_MAX})"
    return None


class Root:
    """The folder of a location, and the only way into it.

    :param follow_links: whether reading follows links whose real path is inside; writing never does
    """

    def __init__(self, location: Location, follow_links: FollowLinks) -> None:
        self.location = location
        self.path = os.fsencode(location.bucket)
        self.follows = follow_links == "inside_root"

    def open_folder(self, segments: Sequence[bytes], *, create: bool = False) -> int:
        """A descriptor to walk on from; the root itself may be reached through links, it is the user's choice.

        :raises LinkRefused: a segment is a symbolic link
        """
        if create:
            os.makedirs(self.path, exist_ok=True)
        folder = os.open(self.path, _WALK)
        try:
            for segment in segments:
                below = self._open_segment(folder, segment, create=create)
                os.close(folder)
                folder = below
        except BaseException:
            os.close(folder)
            raise
        return folder

    def _open_segment(self, folder: int, segment: bytes, *, create: bool) -> int:
        for _ in range(10):  # somebody may remove an empty folder between making and opening it
            try:
                return os.open(segment, FOLDER, dir_fd=folder)
            except FileNotFoundError:
                if not create:
                    raise
            except OSError as error:
                if error.errno in _NO_DIRECTORY and is_link(folder, segment):
                    raise self._refused(segment.decode("utf-8", "backslashreplace"), SYMLINK) from None
                raise
            with suppress(FileExistsError):
                os.mkdir(segment, dir_fd=folder)
                sync_folder(folder)
        raise FileNotFoundError(errno.ENOENT, "the folder vanishes again and again")

    @contextmanager
    def folder_of(self, key: str, *, create: bool = False) -> Iterator[tuple[int, bytes]]:
        """The folder a key lies in, open for as long as the block runs, and the key's last segment."""
        *above, name = key.encode().split(b"/")
        try:
            folder = self.open_folder(above, create=create)
        except LinkRefused as error:
            raise self._refused(key, error.code or SYMLINK) from None
        try:
            yield folder, name
        finally:
            os.close(folder)

    @contextmanager
    def file_of(self, key: str) -> Iterator[tuple[int, bytes]]:
        """As `folder_of`, for reading: links are followed where that was asked for."""
        segments = tuple(key.encode().split(b"/"))
        try:
            folder, name = self._open_followed(segments) if self.follows else self._open_real(segments)
        except LinkRefused as error:
            raise self._refused(key, error.code or SYMLINK) from None
        try:
            yield folder, name
        finally:
            os.close(folder)

    def _open_followed(self, segments: Segments) -> tuple[int, bytes]:
        with suppress(LinkRefused):
            folder, name = self._open_real(segments)
            if not is_link(folder, name):
                return folder, name
            os.close(folder)
        return self._open_real(self.resolve(segments))

    def _open_real(self, segments: Segments) -> tuple[int, bytes]:
        return self.open_folder(segments[:-1]), segments[-1] if segments else b"."

    def real_state(self, segments: Segments) -> os.stat_result:
        """The state of what stands at a real path."""
        folder, name = self._open_real(segments)
        try:
            return os.stat(name, dir_fd=folder, follow_symlinks=False)
        finally:
            os.close(folder)

    def resolve(self, segments: Segments) -> Segments:
        """The real path of a path inside the root, as segments.

        :raises LinkRefused: a link on the way leaves the root, leads to nothing, or in a circle
        """
        path = b"/".join((self.path, *segments))
        name = segments[-1].decode("utf-8", "backslashreplace")
        try:
            real = os.path.realpath(path, strict=True)
        except FileNotFoundError:
            if os.path.lexists(path):
                raise self._refused(name, DANGLING) from None
            raise
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise self._refused(name, LOOP) from None
            raise
        root = os.path.realpath(self.path, strict=True)
        if real == root:
            return ()
        if not real.startswith(root + b"/"):
            raise self._refused(name, OUTSIDE)
        return tuple(real[len(root) + 1 :].split(b"/"))

    def _refused(self, key: str, word: str) -> LinkRefused:
        return LinkRefused(_LINKS[word], location=self.location.url, key=key, code=word)


def is_link(folder: int, name: bytes) -> bool:
    """Whether a symbolic link stands there."""
    state = state_of(folder, name)
    return state is not None and stat.S_ISLNK(state.st_mode)


def state_of(folder: int, name: bytes) -> os.stat_result | None:
    """What stands there, links not followed; None = nothing."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def file_state(folder: int, name: bytes) -> os.stat_result:
    """The state of the regular file that stands there.

    :raises FileNotFoundError: nothing stands there, or something that is no object
    """
    state = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISREG(state.st_mode):
        raise FileNotFoundError(errno.ENOENT, f"{kind_of(state)} stands there, which is no object")
    return state


def sync_folder(folder: int) -> None:
    """Make sure that what was created in or renamed into a folder survives a power failure."""
    descriptor = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
