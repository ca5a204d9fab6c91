"""Where is a list of objects kept, what may it say of an object, and what may not be asked together with one?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Self, get_args

from airflow_bucketsync.engine.errors import InvalidConfiguration, InvalidLocation
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import EPOCH, Checksum, ObjectInfo
from airflow_bucketsync.engine.model.policy import SyncPolicy

ListEncoding = Literal["plain", "url"]
DEFAULT_EXPANSION = 10_000
MANIFEST = "manifest.json"
"""The name that an inventory's manifest has at S3 and at OSS; its data files stand beside the manifest's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPlace:
    """A file that lists objects.

    :param folder: below which everything of the list lies
    :param name: of the file, relative to `folder`
    """

    folder: Location
    name: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Take the URL of a list apart. The folder of an inventory's manifest is that of the inventory, one further up.

        :raises InvalidLocation: it is no URL of a file
        """
        whole = Location.parse(url)
        if url.endswith("/"):
            raise InvalidLocation(f"source_list: {whole.url} is a folder: name the file that lists the objects")
        path = whole.bucket if whole.scheme == "file" else whole.prefix
        folders = path.strip("/").split("/") if path.strip("/") else []
        if not folders:
            raise InvalidLocation(f"source_list: {whole.url} names no file: add the key of the list")
        last = 2 if folders[-1] == MANIFEST and len(folders) > 1 + (whole.scheme == "file") else 1
        name = "/".join(folders[-last:])
        if whole.scheme == "file":
            if len(folders) == last:
                raise InvalidLocation(f"source_list: {url!r:.200} lies in the root folder: put it into a folder")
            return cls(folder=replace(whole, bucket=path[: -len(name) - 1]), name=name)
        return cls(folder=replace(whole, prefix=path[: -len(name) - 1]), name=name)

    @property
    def file(self) -> str:
        """The last segment of its name."""
        return self.name.rpartition("/")[2]

    @property
    def url(self) -> str:
        """Where it is."""
        return self.folder.url + self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """What one record of a list says of one object; None where it says nothing.

    :param key: relative to the source; of a folder entry with a `/` at its end
    :param file: which file of the list, from 0
    :param line: which line or record of it, from 1
    :param folder: it stands for everything below `key`
    :param sums: checksums that the object must have
    :param destination_key: relative to the destination, where that is another one; needs a key mapping
    """

    key: str
    file: int
    line: int
    folder: bool = False
    size: int | None = None
    last_modified: datetime | None = None
    etag: str | None = None
    storage_class: str | None = None
    sums: tuple[Checksum, ...] = ()
    destination_key: str | None = None

    @property
    def info(self) -> ObjectInfo | None:
        """The version it names; None = it does not say enough to pin one."""
        if self.size is None or self.etag is None or self.last_modified is None:
            return None
        return ObjectInfo(
            key=self.key,
            size=self.size,
            last_modified=self.last_modified,
            etag=self.etag,
            storage_class=self.storage_class,
        )

    @classmethod
    def of(cls, info: ObjectInfo, *, file: int, line: int) -> Self:
        """The entry of a listed object."""
        return cls(
            key=info.key,
            file=file,
            line=line,
            size=info.size,
            last_modified=info.last_modified,
            etag=info.etag,
            storage_class=info.storage_class,
        )

    def to_line(self) -> list[Any]:
        """As one line to be sorted: by key, then by place."""
        modified = None if self.last_modified is None else (self.last_modified - EPOCH).total_seconds()
        sums = [item.to_json() for item in self.sums]
        said = [self.size, modified, self.etag, self.storage_class, sums, self.destination_key]
        return [self.key, self.file, self.line, *said]

    @classmethod
    def from_line(cls, line: Sequence[Any]) -> Self:
        """Back from a line."""
        key, file, number, size, modified, etag, storage_class, sums, destination_key = line
        return cls(
            key=key,
            file=file,
            line=number,
            size=size,
            last_modified=None if modified is None else datetime.fromtimestamp(modified, EPOCH.tzinfo),
            etag=etag,
            storage_class=storage_class,
            sums=tuple(Checksum.from_json(item) for item in sums),
            destination_key=destination_key,
        )


def check_encoding(encoding: str) -> None:
    """Refuse a word that is no encoding of a list.

    :raises InvalidConfiguration: says which words there are
    """
    if encoding not in get_args(ListEncoding):
        raise InvalidConfiguration(f"list_encoding: {encoding!r:.80} is none of {', '.join(get_args(ListEncoding))}")


def forbidden_by_list(policy: SyncPolicy) -> str | None:
    """Why a run of this policy can't take its objects from a list, in words; None = it can."""
    if policy.delete:
        return (
            "delete: a source_list is no complete listing of the source, so nothing can be told from an object that "
            "it does not name: leave `delete` out, or the list"
        )
    if policy.mode in ("incremental", "until_quiet"):
        return (
            f"mode: {policy.mode} lists the source again and again, and with a source_list nothing is listed: "
            "leave `mode` out, or the list"
        )
    if policy.since_watermark:
        return "since_watermark: a source_list has no watermark: leave it out, or use modified_after"
    return None
