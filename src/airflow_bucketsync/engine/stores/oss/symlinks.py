"""How does the store speak of a symlink that stands for another object of its bucket?

OSS lists a symlink with the link's own size and ETag, answers HEAD and GET with those of the object that it stands for,
and copies the link itself. So a followed symlink has its object's size and an ETag of our own making, by which every
verb knows it again days later: a mark, and the ETag of the object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from airflow_bucketsync.engine.model.condition import Condition

if TYPE_CHECKING:
    from airflow_bucketsync.engine.stores.oss.session import Session

_MARK = "symlink:"
_TYPE = "Symlink"


def marked(etag: str | None) -> str | None:
    """The ETag of a symlink that stands for an object with this one."""
    return None if etag is None else _MARK + etag.removeprefix(_MARK)


def plain(etag: str | None) -> str | None:
    """The ETag that the store knows."""
    return None if etag is None else etag.removeprefix(_MARK)


def is_marked(etag: str | None) -> bool:
    """Whether it is the ETag of a symlink."""
    return etag is not None and etag.startswith(_MARK)


def is_link(headers: Mapping[str, str]) -> bool:
    """Whether the answer of a HEAD or GET came by way of a symlink."""
    return headers.get("x-oss-object-type") == _TYPE


def is_listed_link(kind: str | None) -> bool:
    """Whether the type in a listing is that of a symlink."""
    return kind == _TYPE


def behind(session: Session, key: str, source: Condition) -> tuple[str, Condition]:
    """The full key of the object that a symlink stands for, and the condition that names its version.

    :raises ObjectNotFound: the symlink is gone
    :raises ObjectChanged: it is no symlink any more
    """
    answer = session.call("GetSymlink", key, params={"versionId": source.version_id})
    target = answer.headers.get("x-oss-symlink-target")
    if not target:
        raise session.unanswered("GetSymlink", "x-oss-symlink-target", key)
    return unquote(target), replace(source, etag=plain(source.etag), version_id=None)
