"""What of an object's attributes another store can hold, what is lost, and what differs."""

from __future__ import annotations

import mimetypes
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.objects import ObjectAttributes, ObjectDetails

MTIME = "mtime"
"""User metadata that keeps a file's modification time: seconds since the epoch with a fraction, a common form."""

DEFAULT_CONTENT_TYPE = "binary/octet-stream"
"""What S3 answers for an object that was written without a content type."""

EXPIRES_TOLERANCE = timedelta(seconds=10)

_HEADERS = (
    "content_type",
    "content_encoding",
    "content_disposition",
    "content_language",
    "cache_control",
    "expires",
    "redirect",
)
_COMPRESSED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
_TYPES = mimetypes.MimeTypes()
"""The standard library's own table: the same on every machine, unlike the system's."""


def kept_mtime(attributes: ObjectAttributes) -> datetime | None:
    """The modification time of a file that is kept in the object's user metadata."""
    text = attributes.user_metadata.get(MTIME)
    if text is None:
        return None
    try:
        whole, _, fraction = text.strip().partition(".")
        micros = int((fraction + "000000")[:6])
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
            seconds=int(whole), microseconds=-micros if whole.startswith("-") else micros
        )
    except (ValueError, OverflowError):
        return None


def mtime_text(mtime: datetime) -> str:
    """A modification time as user metadata holds it."""
    micros = (mtime - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    return f"{sign}{micros // 1_000_000}.{micros % 1_000_000:06d}"


def adapted(
    details: ObjectDetails, *, source: Capabilities, destination: Capabilities
) -> tuple[ObjectAttributes, tuple[str, ...]]:
    """What is to be written at the destination, and the names of what it can't hold.

    A file has no content type: one is chosen by its name, as browsers would want it, and its modification time goes
    into the user metadata. A file system holds nothing but the modification time.
    """
    attributes = details.attributes
    mtime = attributes.source_mtime or details.info.last_modified
    if not destination.user_metadata:
        kept = kept_mtime(attributes) or mtime
        lost = [name for name in _HEADERS if getattr(attributes, name) not in (None, DEFAULT_CONTENT_TYPE)]
        lost += ["user_metadata"] if set(attributes.user_metadata) - {MTIME} else []
        lost += ["tags"] if attributes.tags else []
        return ObjectAttributes(source_mtime=kept), tuple(lost)
    lost = []
    if not source.user_metadata:
        metadata = dict(attributes.user_metadata)
        if source.keeps_mtime:
            metadata[MTIME] = mtime_text(mtime)
        content_type = attributes.content_type or _type_of(details.info.key)
        attributes = replace(attributes, content_type=content_type, user_metadata=metadata, tags=None)
    if attributes.tags and not destination.tags:
        lost.append("tags")
        attributes = replace(attributes, tags=None)
    return replace(attributes, storage_class=None, source_mtime=None), tuple(lost)


def _type_of(key: str) -> str | None:
    """The content type that a file's name stands for; of `a.tar.gz` that of the gzip file it is."""
    name = key.rpartition("/")[2]
    content_type, compression = _TYPES.guess_type(f"./{name}")  # or `data:…` and `x://[` would be read as URLs
    return content_type if compression is None else _COMPRESSED.get(compression)


def differences(wanted: ObjectAttributes, found: ObjectAttributes) -> tuple[str, ...]:
    """The names of the attributes in which an object differs from what it must have.

    Tags take part only where both are known. `expires` may differ by 10 seconds.
    """
    names = []
    for name in _HEADERS:
        left, right = getattr(wanted, name), getattr(found, name)
        if name == "content_type":
            left, right = left or DEFAULT_CONTENT_TYPE, right or DEFAULT_CONTENT_TYPE
        if left != right and not (name == "expires" and _nearly_equal(left, right)):
            names.append(name)
    if dict(wanted.user_metadata) != dict(found.user_metadata):
        names.append("user_metadata")
    if wanted.tags is not None and found.tags is not None and dict(wanted.tags) != dict(found.tags):
        names.append("tags")
    return tuple(names)


def _nearly_equal(left: str | None, right: str | None) -> bool:
    if left is None or right is None:
        return False
    try:
        return abs(parsedate_to_datetime(left) - parsedate_to_datetime(right)) <= EXPIRES_TOLERANCE
    except (ValueError, TypeError):
        return False
