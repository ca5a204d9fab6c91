"""What must hold at an object for a request to be carried out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Any state, absence, or one known version.

    :param absent: nothing may stand there
    :param etag: this version and no other (locally: this mtime and inode)
    :param version_id: read this version, where the store has versions
    :param size: and of this size, where the store can't say more
    """

    absent: bool = False
    etag: str | None = None
    version_id: str | None = None
    size: int | None = None

    ANY: ClassVar[Condition]
    ABSENT: ClassVar[Condition]

    @classmethod
    def matching(cls, version: ObjectInfo | Fingerprint) -> Self:
        """Exactly this version."""
        return cls(etag=version.etag, version_id=version.version_id, size=version.size)

    @classmethod
    def replacing(cls, version: ObjectInfo | None) -> Self:
        """For a write over what was seen: this version, or absence."""
        return cls(absent=True) if version is None else cls(etag=version.etag, size=version.size)

    @property
    def is_any(self) -> bool:
        """Whether nothing is asked."""
        return not self.absent and self.etag is None and self.version_id is None and self.size is None

    def holds(self, found: ObjectInfo) -> bool:
        """Whether an object that stands there is in this state."""
        if self.absent or (self.etag is not None and self.etag != found.etag):
            return False
        return self.size is None or self.size == found.size


Condition.ANY = Condition()
Condition.ABSENT = Condition(absent=True)
