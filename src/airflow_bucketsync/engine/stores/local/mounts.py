"""On which file system is a folder, and where on it: which two paths lead to one place?"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_INFO = Path("/proc/self/mountinfo")
_ESCAPE = re.compile(r"\\([0-7]{3})")
_SHARED = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "lustre", "gpfs", "beegfs", "9p", "afs"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One mounted file system.

    :param point: where it is mounted
    :param device: its number; equal ones are one file system
    :param root: which folder of it is mounted there
    :param kind: its type, such as `ext4`
    """

    point: str
    device: str
    root: str
    kind: str


def mounts(info: Path = _INFO) -> tuple[Mount, ...]:
    """What is mounted here, in the order of mounting; () where the system does not tell (only Linux does)."""
    try:
        lines = info.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ()
    return tuple(_mounts(lines))


def _mounts(lines: Sequence[str]) -> Iterator[Mount]:
    for line in lines:
        fields, _, after = line.partition(" - ")
        words, kind = fields.split(" "), after.split(" ")[0]
        if len(words) >= 5 and kind:
            root, point = (_ESCAPE.sub(lambda found: chr(int(found[1], 8)), word) for word in words[3:5])
            yield Mount(point=point, device=words[2], root=root, kind=kind)


def is_shared(path: str, known: Sequence[Mount]) -> bool:
    """Whether a folder lies on a file system that other machines mount too, as far as its type tells."""
    mount = _mount_of(os.path.realpath(path), known)
    return mount is not None and (mount.kind in _SHARED or mount.kind.startswith("fuse."))


def one_place(first: str, second: str, known: Sequence[Mount]) -> bool:
    """Whether one of two folders is the other or lies inside it, whatever links or mounts lead there.

    A folder that is not there yet is where its nearest one that is there says.
    """
    return _inside(first, second, known) or _inside(second, first, known)


def _inside(path: str, outer: str, known: Sequence[Mount]) -> bool:
    if _below(_origin(path, known), _origin(outer, known)):
        return True
    wanted = _file(outer)
    return wanted is not None and wanted in map(_file, _upwards(os.path.realpath(path)))


def _file(path: str) -> tuple[int, int] | None:
    """What tells two files apart; None = there is none, or it may not be looked at."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _upwards(path: str) -> Iterator[str]:
    """A folder and each one above it."""
    yield path
    while (parent := os.path.dirname(path)) != path:
        path = parent
        yield path


def _mount_of(path: str, known: Sequence[Mount]) -> Mount | None:
    holding = [mount for mount in known if _below(("", path), ("", mount.point))]
    return max(reversed(holding), key=lambda mount: len(mount.point), default=None)


def _origin(path: str, known: Sequence[Mount]) -> tuple[str, str] | None:
    """The file system and the path inside it."""
    real = os.path.realpath(path)
    mount = _mount_of(real, known)
    if mount is None:
        return None
    return mount.device, os.path.normpath(f"{mount.root.rstrip('/')}/{os.path.relpath(real, mount.point)}")


def _below(path: tuple[str, str] | None, outer: tuple[str, str] | None) -> bool:
    if path is None or outer is None or path[0] != outer[0]:
        return False
    return f"{path[1]}/".startswith(f"{outer[1].rstrip('/')}/")
