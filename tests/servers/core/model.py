"""What does the store hold?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.servers.core.body import Body

ARCHIVED_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE", "Archive", "ColdArchive", "DeepColdArchive"})


@dataclass(frozen=True, slots=True)
class Checksum:
    """A content checksum: algorithm, value as the dialect writes it, and whether it covers the whole object."""

    algorithm: str
    value: str
    kind: str = "FULL_OBJECT"


@dataclass(slots=True)
class Lock:
    """Write-once protection of one version."""

    mode: str | None = None
    until: float | None = None
    legal_hold: bool = False

    def forbids_delete(self, now: float, bypass: bool) -> bool:
        """Is deleting the version refused at ``now``?"""
        if self.legal_hold:
            return True
        if self.mode is None or self.until is None or self.until <= now:
            return False
        return not (bypass and self.mode == "GOVERNANCE")


@dataclass(slots=True)
class Restore:
    """A temporary readable copy of an archived object."""

    ready_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class PartInfo:
    """What is remembered of a part after completion."""

    number: int
    size: int
    checksum: Checksum | None = None


@dataclass(slots=True)
class Attributes:
    """Everything an object carries besides content; names of ``headers`` are lower case."""

    headers: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    storage_class: str = "STANDARD"
    encryption: dict[str, str] = field(default_factory=dict)
    lock: Lock | None = None
    acl: str = "private"
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ObjectVersion:
    """One version of one key; ``sequence`` grows with every write."""

    key: str
    version_id: str
    body: Body
    size: int
    etag: str
    modified: float
    sequence: int
    attributes: Attributes
    checksum: Checksum | None = None
    parts: tuple[PartInfo, ...] = ()
    is_delete_marker: bool = False
    restore: Restore | None = None
    renderings: dict[Any, str] | None = None  # the dialect's cached listing entries

    def is_archived(self, now: float) -> bool:
        """Must the content be restored before it can be read?"""
        if self.attributes.storage_class not in ARCHIVED_CLASSES:
            return False
        restore = self.restore
        return restore is None or not (restore.ready_at <= now < restore.expires_at)


@dataclass(slots=True)
class Part:
    """One part of an upload under way."""

    number: int
    body: Body
    size: int
    etag: str
    modified: float
    checksum: Checksum | None = None


@dataclass(slots=True)
class Upload:
    """A multipart upload; ``result`` is set once it was completed."""

    upload_id: str
    bucket: str
    key: str
    initiated: float
    attributes: Attributes
    checksum_algorithm: str | None = None
    checksum_kind: str | None = None
    owner: str = ""
    parts: dict[int, Part] = field(default_factory=dict)
    completed_with: tuple[tuple[int, str], ...] | None = None
    result: ObjectVersion | None = None


@dataclass(slots=True)
class BucketSettings:
    """The switches of one bucket."""

    region: str = "us-east-1"
    versioning: str = ""  # "", "Enabled" or "Suspended"
    public_read: bool = False
    public_write: bool = False
    owner_enforced: bool = True
    object_lock: bool = False
    default_lock: tuple[str, int] | None = None  # mode, seconds
    encryption: dict[str, str] = field(default_factory=dict)
    account: str = "123456789012"
    listing_oddity: Any = None
    tags: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)  # switches of one dialect
