"""Which files a tree holds, in the order of their keys, from any key on.

Keys come in the byte order of their UTF-8, which is the order of the tree when a folder sorts as `name/`. Only the
names of one chain of folders are in memory; folders that lie wholly before the first key asked for are never opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from airflow_bucketsync.engine.errors import AccessDenied
from airflow_bucketsync.engine.model.names import STATE_PREFIX, is_temporary_name
from airflow_bucketsync.engine.model.objects import ObjectInfo, Page
from airflow_bucketsync.engine.stores.clock import Clock
from airflow_bucketsync.engine.stores.local.disk import LET, error_of, info_of, mtime_ns_of, word_of
from airflow_bucketsync.engine.stores.local.paths import FOLDER, LOOP, SYMLINK, LinkRefused, Root, Segments, is_link

_SCAN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OPEN_MAX = 16
"""Folders of the chain that are held open at once; the others are opened again when they are needed."""
_QUIET_NS = 20_000_000
"""A folder changed less than this before it was scanned may change again without a new modification time: the
kernel's clock for files ticks every 1 to 10 ms."""


@dataclass(slots=True)
class _Folder:
    """One folder of the chain that leads to where the walk is.

    :param prefix: of the keys below it, `b""` or ending in `/`
    :param real: its real path below the root
    :param names: what is still to come, last first; folders end in `/`
    :param state: device, inode and modification time when it was scanned
    :param quiet: whether an unchanged modification time proves that nothing changed since
    """

    prefix: bytes
    real: Segments
    names: list[bytes]
    state: tuple[int, int, int]
    quiet: bool
    descriptor: int | None = None


@dataclass(slots=True)
class _Found:
    items: list[ObjectInfo] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


class Walk:
    """A walk through a tree that can rest between pages.

    :param after: only keys that come after this one
    :param until: only keys up to this one; None = to the end
    """

    def __init__(self, root: Root, *, after: str, until: str | None, clock: Clock) -> None:
        self._root = root
        self._after = after.encode()
        self._until = None if until is None else until.encode()
        self._clock = clock
        self._chain: list[_Folder] = []
        self._begun = False

    def page(self, limit: int) -> Page:
        """The next page. `Page.refused` has what stands between its keys and can't be an object, each with a word:
        `not_utf8`, `symlink`, `symlink_outside`, `symlink_dangling`, `symlink_loop`, `fifo`, `socket`, `device`."""
        found = _Found()
        try:
            if not self._begun:
                self._enter_root()
                self._begun = True
            while self._chain and len(found.items) < limit:
                folder = self._chain[-1]
                if not folder.names:
                    self._leave()
                    continue
                name = folder.names.pop()
                if self._beyond(folder.prefix + name):
                    self._leave_all()
                elif name.endswith(b"/"):
                    self._enter(folder, name[:-1], found)
                else:
                    self._look_at(folder, name, found)
        finally:
            self._rest()
        while self._chain and not self._chain[-1].names:
            self._chain.pop()
        more = self._chain and not self._beyond(self._chain[-1].prefix + self._chain[-1].names[-1])
        return Page(
            items=tuple(found.items),
            next_after=found.items[-1].key if more else None,
            refused=tuple(found.refused),
        )

    def unchanged(self) -> bool:
        """Whether the folders on the way are as they were, so that the walk may go on."""
        above: _Folder | None = None
        try:
            for folder in self._chain:
                if not folder.quiet:
                    return False
                if above is not None and above.descriptor is not None and folder.real[:-1] == above.real:
                    folder.descriptor = os.open(folder.real[-1], FOLDER, dir_fd=above.descriptor)
                if self._state(self._descriptor(folder)) != folder.state:
                    return False
                if above is not None:
                    self._close(above)
                above = folder
        except (OSError, LinkRefused):
            return False
        finally:
            self._rest()
        return True

    def _beyond(self, key: bytes) -> bool:
        return self._until is not None and key > self._until

    def _enter_root(self) -> None:
        walked = self._root.open_folder(())
        try:
            descriptor = os.open(b".", _SCAN, dir_fd=walked)
        finally:
            os.close(walked)
        self._scan(b"", (), descriptor)

    def _enter(self, folder: _Folder, name: bytes, found: _Found) -> None:
        prefix = folder.prefix + name + b"/"
        if prefix == STATE_PREFIX.encode():
            return
        shown, reason = _text(prefix)
        if reason is not None:
            found.refused.append((shown, reason))
            return
        try:
            real, descriptor, linked = self._open(folder, name)
        except LinkRefused as error:
            found.refused.append((shown, error.code or SYMLINK))
            return
        except (FileNotFoundError, NotADirectoryError):
            return  # it went away, or became something else, since the folder above was scanned
        except PermissionError as error:
            raise self._unreadable(shown, error) from error
        if linked and self._state(descriptor)[:2] in [above.state[:2] for above in self._chain]:
            os.close(descriptor)
            found.refused.append((shown, LOOP))
            return
        self._scan(prefix, real, descriptor)

    def _open(self, folder: _Folder, name: bytes) -> tuple[Segments, int, bool]:
        """The real path of a folder, a descriptor to scan it by, and whether a link led there."""
        above = self._descriptor(folder)
        if not is_link(above, name):
            return (*folder.real, name), os.open(name, _SCAN, dir_fd=above), False
        if not self._root.follows:
            raise LinkRefused(SYMLINK, code=SYMLINK)
        real = self._root.resolve((*folder.real, name))
        walked = self._root.open_folder(real)
        try:
            return real, os.open(b".", _SCAN, dir_fd=walked), True
        finally:
            os.close(walked)

    def _scan(self, prefix: bytes, real: Segments, descriptor: int) -> None:
        """Read the names of a folder, those that can matter, and go into it."""
        try:
            state = self._state(descriptor)
            quiet = state[2] + _QUIET_NS < mtime_ns_of(self._clock.now())
            names = sorted(self._names(prefix, real, descriptor), reverse=True)
        except BaseException:
            os.close(descriptor)
            raise
        self._chain.append(_Folder(prefix, real, names, state, quiet, descriptor))
        held = [folder for folder in self._chain if folder.descriptor is not None]
        for folder in held[:-_OPEN_MAX]:
            self._close(folder)

    def _names(self, prefix: bytes, real: Segments, descriptor: int) -> Iterator[bytes]:
        cut = self._after.startswith(prefix)
        with os.scandir(descriptor) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                if self._sorts_as_folder(entry, real, name):
                    name += b"/"
                    if cut and prefix + name <= self._after and not self._after.startswith(prefix + name):
                        continue
                elif (cut and prefix + name <= self._after) or is_temporary_name(entry.name):
                    continue
                yield name

    def _sorts_as_folder(self, entry: os.DirEntry[str], real: Segments, name: bytes) -> bool:
        if entry.is_dir(follow_symlinks=False):
            return True
        if not self._root.follows or not entry.is_symlink():
            return False
        try:
            target = self._root.open_folder(self._root.resolve((*real, name)))
        except (OSError, LinkRefused):
            return False  # a file, or what `_look_at` refuses with its reason
        os.close(target)
        return True

    def _look_at(self, folder: _Folder, name: bytes, found: _Found) -> None:
        shown, reason = _text(folder.prefix + name)
        if reason is not None:
            found.refused.append((shown, reason))
            return
        try:
            state = os.stat(name, dir_fd=self._descriptor(folder), follow_symlinks=False)
            if stat.S_ISLNK(state.st_mode) and self._root.follows:
                state = self._root.real_state(self._root.resolve((*folder.real, name)))
        except LinkRefused as error:
            found.refused.append((shown, error.code or SYMLINK))
        except (FileNotFoundError, NotADirectoryError):
            return  # it went away since its folder was scanned
        except PermissionError as error:
            raise self._unreadable(shown, error) from error
        else:
            if stat.S_ISREG(state.st_mode):
                found.items.append(info_of(shown, state))
            elif stat.S_ISLNK(state.st_mode):
                found.refused.append((shown, SYMLINK))
            elif not stat.S_ISDIR(state.st_mode):
                found.refused.append((shown, word_of(state)))

    def _unreadable(self, key: str, error: OSError) -> AccessDenied:
        return AccessDenied(
            f"the folder or a file in it may not be read, so the listing would lack what is there; {LET}",
            location=self._root.location.url,
            key=key,
            code=error_of(error, {"location": "", "key": None}).code,
        )

    def _descriptor(self, folder: _Folder) -> int:
        if folder.descriptor is None:
            folder.descriptor = self._root.open_folder(folder.real)
        return folder.descriptor

    @staticmethod
    def _state(descriptor: int) -> tuple[int, int, int]:
        state = os.fstat(descriptor)
        return state.st_dev, state.st_ino, state.st_mtime_ns

    def _leave(self) -> None:
        self._close(self._chain.pop())

    def _leave_all(self) -> None:
        while self._chain:
            self._leave()

    def _rest(self) -> None:
        """Hold nothing open between pages."""
        for folder in self._chain:
            self._close(folder)

    @staticmethod
    def _close(folder: _Folder) -> None:
        if folder.descriptor is not None:
            os.close(folder.descriptor)
            folder.descriptor = None


def _text(name: bytes) -> tuple[str, str | None]:
    """A name as text, and the word for why it can't be a key."""
    try:
        return name.decode(), None
    except UnicodeDecodeError:
        return name.decode("utf-8", "backslashreplace"), "not_utf8"
