"""Objects as a store shows them: what a listing says, what a HEAD adds, what a write answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self

ChecksumAlgorithm = Literal["crc32", "crc32c", "crc64nvme", "crc64xz", "sha1", "sha256", "md5"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """A checksum of a whole object.

    :param algorithm: `crc64nvme`, `crc32c`, `crc32`, `sha256`, `sha1`, `md5`, or `crc64xz` (OSS)
    :param value: the digest in lower-case hexadecimal, whatever the store's own spelling
    :param parts: None for a checksum over the object's bytes; n for one over the checksums of n parts,
        which says nothing about an object cut into other parts
    """

    algorithm: ChecksumAlgorithm
    value: str
    parts: int | None = None

    def to_json(self) -> str:
        """One short text: `crc64nvme:0123…` or `sha256:0123…-3`."""
        return f"{self.algorithm}:{self.value}" + (f"-{self.parts}" if self.parts is not None else "")

    @classmethod
    def from_json(cls, value: str) -> Self:
        """Back from the short text."""
        algorithm, _, rest = value.partition(":")
        digest, dash, parts = rest.partition("-")
        return cls(algorithm=algorithm, value=digest, parts=int(parts) if dash else None)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """One version of one object, as far as it is known.

    :param key: relative to the location's prefix
    :param size: bytes
    :param last_modified: aware UTC; only ever compared for equality, except where `compare` says otherwise
    :param etag: the store's own fingerprint of this version, without quotes; what it means is in
        `Capabilities.etag_meaning` (locally: mtime in ns and inode)
    :param version_id: None on an unversioned bucket
    :param storage_class: None = the store's standard class
    :param checksum: None when unknown; listings rarely bring one
    """

    key: str
    size: int
    last_modified: datetime
    etag: str | None = None
    version_id: str | None = None
    storage_class: str | None = None
    checksum: Checksum | None = None

    def to_json(self) -> dict[str, Any]:
        """As one line of a page; what is None is left out."""
        line: dict[str, Any] = {"key": self.key, "size": self.size, "modified": self.last_modified.isoformat()}
        if self.etag is not None:
            line["etag"] = self.etag
        if self.version_id is not None:
            line["version"] = self.version_id
        if self.storage_class is not None:
            line["class"] = self.storage_class
        if self.checksum is not None:
            line["checksum"] = self.checksum.to_json()
        return line

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Self:
        """Back from a line of a page."""
        checksum = line.get("checksum")
        return cls(
            key=line["key"],
            size=line["size"],
            last_modified=datetime.fromisoformat(line["modified"]),
            etag=line.get("etag"),
            version_id=line.get("version"),
            storage_class=line.get("class"),
            checksum=None if checksum is None else Checksum.from_json(checksum),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What identifies one version of one object in `known`: equal fingerprints, equal content.

    :param size: bytes
    :param etag: the store's fingerprint (locally mtime_ns and inode)
    :param version_id: where the store has versions
    :param last_modified: aware UTC, for equality only: the same content at another time asks for a look at the metadata
    """

    size: int
    etag: str | None
    version_id: str | None = None
    last_modified: datetime | None = None

    @classmethod
    def of(cls, info: ObjectInfo) -> Self:
        """The fingerprint of a listed object."""
        return cls(size=info.size, etag=info.etag, version_id=info.version_id, last_modified=info.last_modified)

    def same_content(self, info: ObjectInfo) -> bool:
        """Whether `info` is surely the same content as this: same size and same known ETag."""
        return self.etag is not None and self.etag == info.etag and self.size == info.size

    def to_json(self) -> dict[str, Any]:
        """As a part of a line; what is None is left out."""
        line: dict[str, Any] = {"size": self.size}
        if self.etag is not None:
            line["etag"] = self.etag
        if self.version_id is not None:
            line["version"] = self.version_id
        if self.last_modified is not None:
            line["modified"] = self.last_modified.isoformat()
        return line

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Self:
        """Back from a part of a line."""
        modified = line.get("modified")
        return cls(
            size=line["size"],
            etag=line.get("etag"),
            version_id=line.get("version"),
            last_modified=None if modified is None else datetime.fromisoformat(modified),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectAttributes:
    """What belongs to an object besides its bytes.

    :param user_metadata: names in lower case without the store's prefix
    :param tags: None = not asked for or not readable, {} = has none
    :param redirect: website redirect location
    :param source_mtime: the modification time that a file system can keep, aware UTC
    :param mode: the permission bits that a file system can keep, at most 0o777
    """

    content_type: str | None = None
    content_encoding: str | None = None
    content_disposition: str | None = None
    content_language: str | None = None
    cache_control: str | None = None
    expires: str | None = None
    user_metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] | None = None
    storage_class: str | None = None
    redirect: str | None = None
    source_mtime: datetime | None = None
    mode: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDetails:
    """The answer of one HEAD or GET: the version and its attributes, tags apart.

    :param etag_is_md5: the ETag is surely the MD5 of the body (written whole, not encrypted with a key of KMS or ours)
    :param archived: the body can't be read before the object is restored
    :param locked: what protects it from being deleted (a retention rule, a legal hold), in words; None = nothing known
    :param untagged: the answer says that the object has no tags; False = it may have some, `tags` tells
    """

    info: ObjectInfo
    attributes: ObjectAttributes
    etag_is_md5: bool = False
    archived: bool = False
    untagged: bool = False
    locked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One proven page of a listing.

    :param items: strictly ascending in UTF-8 byte order
    :param next_after: list on after this key; None = the end. It is a plain key, good for days
    :param refused: names that can't be keys (local names that are no UTF-8, sockets, …) with the reason
    """

    items: tuple[ObjectInfo, ...]
    next_after: str | None
    refused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PutResult:
    """What a store answered to a write that made an object.

    :param checksum: the store's own checksum of what it holds, where it returns one
    """

    size: int
    etag: str | None
    version_id: str | None = None
    last_modified: datetime | None = None
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReceipt:
    """What a store answered to one part; `number` starts at 1.

    :param arrived: by the store's clock, where a listing of parts tells it
    """

    number: int
    size: int
    etag: str
    checksum: Checksum | None = None
    arrived: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenUpload:
    """A multipart upload begun and neither completed nor aborted."""

    key: str
    upload_id: str
    begun: datetime


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
