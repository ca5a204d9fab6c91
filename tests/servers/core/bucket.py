"""Which objects and versions are in a bucket, in the order of their keys?"""

from __future__ import annotations

from collections.abc import Iterator

from sortedcontainers import SortedDict

from tests.servers.core.errors import IsDeleteMarker, KeyMissing, Locked, VersionMissing
from tests.servers.core.model import Attributes, BucketSettings, ObjectVersion, Upload

NULL_VERSION = "null"


class Bucket:
    """Current objects by key, and everything older (delete markers included) in ``history``, newest first.

    Python compares text by code point, which is the byte order of UTF-8.
    """

    def __init__(self, name: str, created: float, settings: BucketSettings) -> None:
        self.name, self.created, self.settings = name, created, settings
        self.current: SortedDict = SortedDict()
        self.history: SortedDict = SortedDict()
        self.replaced: dict[str, ObjectVersion | None] = {}  # state before the last change, for stale reads
        self.uploads: dict[str, Upload] = {}

    def is_empty(self) -> bool:
        """Are there neither objects nor versions?"""
        return not self.current and not self.history

    def latest(self, key: str) -> ObjectVersion | None:
        """Return the current object; None if there is none or a delete marker hides it."""
        return self.current.get(key)

    def marker(self, key: str) -> ObjectVersion | None:
        """Return the delete marker that hides the key, if one does."""
        if key in self.current:
            return None
        older = self.history.get(key)
        return older[0] if older and older[0].is_delete_marker else None

    def versions(self, key: str) -> list[ObjectVersion]:
        """Return all versions of a key, newest first."""
        latest = self.current.get(key)
        return ([latest] if latest is not None else []) + list(self.history.get(key, ()))

    def find(self, key: str, version_id: str | None = None) -> ObjectVersion:
        """Return the version asked for, or raise the reason why it can't be had."""
        if version_id is None:
            latest = self.current.get(key)
            if latest is None:
                raise KeyMissing(key, self.marker(key))
            return latest  # type: ignore[no-any-return]
        for version in self.versions(key):
            if version.version_id == version_id:
                if version.is_delete_marker:
                    raise IsDeleteMarker(version)
                return version
        raise VersionMissing(version_id)

    def insert(self, version: ObjectVersion) -> None:
        """Make ``version`` (object or delete marker) the newest of its key; a null version replaces the older one."""
        key, latest = version.key, self.current.get(version.key)
        if latest is None and not version.is_delete_marker and not self.history:
            self.replaced[key] = None
            self.current[key] = version
            return
        self.replaced[key] = latest
        older = list(self.history.get(key, ()))
        if latest is not None:
            older.insert(0, latest)
        if version.version_id == NULL_VERSION:
            older = [item for item in older if item.version_id != NULL_VERSION]
        if version.is_delete_marker:
            older.insert(0, version)
            self.current.pop(key, None)
        else:
            self.current[key] = version
        self._keep(key, older)

    def remove_current(self, key: str) -> ObjectVersion | None:
        """Drop the current object of an unversioned bucket."""
        latest = self.current.pop(key, None)
        self.replaced[key] = latest
        return latest

    def remove_version(self, key: str, version_id: str, now: float, bypass: bool = False) -> ObjectVersion | None:
        """Delete one version for good; the next older one becomes current. Unknown versions are no error."""
        versions = self.versions(key)
        gone = next((item for item in versions if item.version_id == version_id), None)
        if gone is None:
            return None
        lock = gone.attributes.lock
        if lock is not None and lock.forbids_delete(now, bypass):
            raise Locked(key)
        self.replaced[key] = self.current.get(key)
        rest = [item for item in versions if item is not gone]
        if rest and not rest[0].is_delete_marker:
            self.current[key] = rest.pop(0)
        else:
            self.current.pop(key, None)
        self._keep(key, rest)
        return gone

    def _keep(self, key: str, older: list[ObjectVersion]) -> None:
        if older:
            self.history[key] = older
        else:
            self.history.pop(key, None)

    def keys_from(self, start: str) -> Iterator[str]:
        """Yield the keys of current objects from ``start`` on."""
        return self.current.irange(start)  # type: ignore[no-any-return]

    def all_keys_from(self, start: str) -> Iterator[str]:
        """Yield the keys that have any version or marker, from ``start`` on."""
        now, old = self.current.irange(start), self.history.irange(start)
        left, right = next(now, None), next(old, None)
        while left is not None or right is not None:
            if right is None or (left is not None and left <= right):
                yield left
                if left == right:
                    right = next(old, None)
                left = next(now, None)
            else:
                yield right
                right = next(old, None)


def delete_marker(key: str, version_id: str, modified: float, sequence: int) -> ObjectVersion:
    """Return a delete marker."""
    return ObjectVersion(key, version_id, b"", 0, "", modified, sequence, Attributes(), is_delete_marker=True)
