"""Why did the store refuse?

StoreError
├── BucketMissing, BucketExists, BucketNotEmpty
├── KeyMissing (carries the delete marker in the way), VersionMissing, IsDeleteMarker
├── ConditionFailed, NotModified
├── Locked, Archived, RestoreRunning, RestoreNotNeeded
└── UploadMissing, PartMissing, PartOrder, PartTooSmall
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.servers.core.model import ObjectVersion


class StoreError(Exception):
    """The store refused an operation; the dialect says it in its own words."""


class BucketMissing(StoreError):
    """No bucket of that name."""


class BucketExists(StoreError):
    """The name is taken."""


class BucketNotEmpty(StoreError):
    """Objects or versions are left."""


class KeyMissing(StoreError):
    """No current object under the key; ``marker`` is the delete marker hiding it, if any."""

    def __init__(self, key: str, marker: ObjectVersion | None = None) -> None:
        super().__init__(key)
        self.marker = marker


class VersionMissing(StoreError):
    """No such version of the key."""


class IsDeleteMarker(StoreError):
    """The version asked for is a delete marker and has no content."""

    def __init__(self, marker: ObjectVersion) -> None:
        super().__init__(marker.key)
        self.marker = marker


class ConditionFailed(StoreError):
    """A precondition did not hold; ``condition`` names it."""

    def __init__(self, condition: str) -> None:
        super().__init__(condition)
        self.condition = condition


class NotModified(StoreError):
    """The reader already has this content."""

    def __init__(self, version: ObjectVersion) -> None:
        super().__init__(version.key)
        self.version = version


class Locked(StoreError):
    """Retention or a legal hold protects the version."""


class Archived(StoreError):
    """The content must be restored before it can be read."""

    def __init__(self, version: ObjectVersion) -> None:
        super().__init__(version.key)
        self.version = version


class RestoreRunning(StoreError):
    """A restore of this version is under way."""


class RestoreNotNeeded(StoreError):
    """The storage class needs no restore."""


class UploadMissing(StoreError):
    """The multipart upload never was, was aborted, or was completed."""


class PartMissing(StoreError):
    """A part named at completion is absent or has another ETag."""

    def __init__(self, number: int, etag: str) -> None:
        super().__init__(f"part {number}")
        self.number, self.etag = number, etag


class PartOrder(StoreError):
    """The parts named at completion do not ascend."""


class PartTooSmall(StoreError):
    """A part other than the last is below the minimum size."""

    def __init__(self, number: int, size: int, etag: str) -> None:
        super().__init__(f"part {number}")
        self.number, self.size, self.etag = number, size, etag
