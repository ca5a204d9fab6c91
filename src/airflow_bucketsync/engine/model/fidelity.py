"""What of an object's attributes another store can hold, what is lost, and what differs."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.objects import ObjectAttributes, ObjectDetails
from airflow_bucketsync.engine.model.preserve import DEFAULT_CLASS, KEEP_CLASS, Preserve
from airflow_bucketsync.engine.model.storage_classes import STANDARD_NAMES, mapped_class

MTIME = "mtime"
"""User metadata that keeps a file's modification time: seconds since the epoch with a fraction, a common form."""

MODE = "mode"
"""User metadata that keeps a file's permission bits, in octal."""

DEFAULT_CONTENT_TYPE = "binary/octet-stream"
"""What S3 answers for an object that was written without a content type."""

EXPIRES_TOLERANCE = timedelta(seconds=10)

DISK_STEPS = (timedelta(seconds=2), timedelta(seconds=1), timedelta(milliseconds=10))
"""In what steps disks keep times that keep them less exactly than they are given: FAT, older ones, exFAT."""

EVERYTHING = Preserve()

_HEADERS = (
    "content_type",
    "content_encoding",
    "content_disposition",
    "content_language",
    "cache_control",
    "expires",
    "redirect",
)
_OCTAL = re.compile(r"[0-7]{1,7}")
_OSS_TAG = re.compile(r"[A-Za-z0-9 +\-=._:/]*")
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


def is_held_time(found: datetime, wanted: datetime) -> bool:
    """Whether a file's time is the one it was given, as exactly as its disk keeps times."""
    if found == wanted:
        return True
    since = found - datetime(1970, 1, 1, tzinfo=UTC)
    return any(abs(found - wanted) < step and not since % step for step in DISK_STEPS)


def kept_mode(attributes: ObjectAttributes) -> int | None:
    """The permission bits of a file that are kept in the object's user metadata; never more than those."""
    text = attributes.user_metadata.get(MODE, "")
    return int(text, 8) & 0o777 if _OCTAL.fullmatch(text) else None


def mode_text(mode: int) -> str:
    """Permission bits as user metadata holds them."""
    return f"{mode & 0o777:04o}"


def copy_needs_attributes(*, empty: bool, source: Capabilities, destination: Capabilities, preserve: Preserve) -> bool:
    """Whether a server-side copy has to be told the attributes, which takes a look at the source.

    S3 leaves a website redirect behind; objects that carry one are empty in practice, so only these are looked at, and
    `verify` names it as lost of any other.
    """
    if not (preserve.keeps("headers") and preserve.keeps("user_metadata") and destination.copies_expires):
        return source.user_metadata
    return (
        empty
        and preserve.keeps("redirect")
        and source.redirect
        and destination.redirect
        and not destination.copies_redirect
    )


def adapted(
    details: ObjectDetails, *, source: Capabilities, destination: Capabilities, preserve: Preserve = EVERYTHING
) -> tuple[ObjectAttributes, tuple[str, ...]]:
    """What is to be written at the destination, and the names of what was to be kept and can't be held there.

    A file has no content type: one is chosen by its name, as browsers would want it, and its modification time (and
    mode, on request) goes into the user metadata. A file system holds nothing else.
    """
    attributes, storage_class = _kept(details, source, preserve), details.info.storage_class
    if not destination.user_metadata:
        return _for_file(details, attributes, preserve)
    lost = []
    held, complete = held_metadata(attributes.user_metadata, destination.max_user_metadata)
    if not complete:
        lost.append("user_metadata")
    tags = attributes.tags
    if tags:
        tags = held_tags(tags, destination)
        if dict(tags or {}) != dict(attributes.tags or {}):
            lost.append("tags")
    redirect = attributes.redirect if destination.redirect else None
    if redirect != attributes.redirect:
        lost.append("redirect")
    wanted = _class_for(storage_class, source, destination, preserve)
    if wanted is not None and wanted not in (*destination.storage_classes, *STANDARD_NAMES):
        lost.append("storage_class")
        wanted = None
    return replace(
        attributes,
        user_metadata=held,
        tags=tags,
        redirect=redirect,
        storage_class=wanted,
        source_mtime=None,
        mode=None,
    ), tuple(lost)


def _kept(details: ObjectDetails, source: Capabilities, preserve: Preserve) -> ObjectAttributes:
    """The source's attributes as an object store could have them, without those that nobody wants to keep."""
    attributes = details.attributes
    metadata = dict(attributes.user_metadata)
    content_type = attributes.content_type
    if not source.user_metadata:
        content_type = content_type or _type_of(details.info.key)
        if source.keeps_mtime and preserve.keeps("mtime"):
            metadata[MTIME] = mtime_text(attributes.source_mtime or details.info.last_modified)
        if attributes.mode is not None and preserve.keeps("mode"):
            metadata[MODE] = mode_text(attributes.mode)
    elif not preserve.keeps("user_metadata"):
        kept = ((MTIME, "mtime"), (MODE, "mode"))
        metadata = {name: metadata[name] for name, word in kept if name in metadata and word in preserve.kept}
    attributes = replace(attributes, content_type=content_type, user_metadata=metadata)
    if not preserve.keeps("headers"):
        attributes = ObjectAttributes(
            user_metadata=metadata,
            tags=attributes.tags,
            redirect=attributes.redirect,
            source_mtime=attributes.source_mtime,
            mode=attributes.mode,
        )
    if not preserve.keeps("redirect"):
        attributes = replace(attributes, redirect=None)
    if not preserve.keeps("tags") or not source.tags:
        attributes = replace(attributes, tags=None)
    return attributes


def _for_file(
    details: ObjectDetails, attributes: ObjectAttributes, preserve: Preserve
) -> tuple[ObjectAttributes, tuple[str, ...]]:
    """What a file keeps: its modification time and, on request, its mode."""
    lost = [name for name in _HEADERS if getattr(attributes, name) not in (None, DEFAULT_CONTENT_TYPE)]
    lost += ["user_metadata"] if set(attributes.user_metadata) - {MTIME, MODE} else []
    lost += ["tags"] if attributes.tags else []
    mtime = mode = None
    if preserve.keeps("mtime"):
        mtime = kept_mtime(details.attributes) or details.attributes.source_mtime or details.info.last_modified
    if preserve.keeps("mode"):
        mode = details.attributes.mode if details.attributes.mode is not None else kept_mode(details.attributes)
    return ObjectAttributes(source_mtime=mtime, mode=mode), tuple(lost)


def held_metadata(metadata: Mapping[str, str], limit: int) -> tuple[dict[str, str], bool]:
    """The user metadata that fits so many bytes, entries taken in the order of their names, and whether all do."""
    held: dict[str, str] = {}
    room = limit
    for name in sorted(metadata, key=lambda name: (name not in (MTIME, MODE), name)):
        room -= len(name.encode()) + len(metadata[name].encode())
        if room < 0:
            return held, False
        held[name] = metadata[name]
    return held, True


def held_tags(tags: Mapping[str, str], destination: Capabilities) -> dict[str, str] | None:
    """The tags that the destination can hold; None = it has none."""
    if not destination.tags:
        return None
    if destination.tag_characters == "any":
        return dict(tags)
    return {name: value for name, value in tags.items() if _OSS_TAG.fullmatch(name + value)}


def _class_for(
    storage_class: str | None, source: Capabilities, destination: Capabilities, preserve: Preserve
) -> str | None:
    wanted: str | None = preserve.storage_class
    if wanted == DEFAULT_CLASS:
        return None
    if wanted == KEEP_CLASS:
        wanted = mapped_class(
            storage_class, source=source.class_names, destination=destination.class_names, chosen=preserve.class_map
        )
    if wanted is None or wanted in STANDARD_NAMES:
        # The default class of an OSS bucket may be another one, so there the standard class is asked for by name.
        return "Standard" if destination.class_names == "oss" else None
    return wanted


def _type_of(key: str) -> str | None:
    """The content type that a file's name stands for; of `a.tar.gz` that of the gzip file it is."""
    name = key.rpartition("/")[2]
    content_type, compression = _TYPES.guess_type(f"./{name}")  # or `data:…` and `x://[` would be read as URLs
    return content_type if compression is None else _COMPRESSED.get(compression)


def differences(wanted: ObjectAttributes, found: ObjectAttributes) -> tuple[str, ...]:
    """The names of the attributes in which an object differs from what it must have.

    Tags take part only where both are known, the storage class only where one was asked for. `expires` may
    differ by 10 seconds.
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
    asked = wanted.storage_class
    if asked is not None and (None if asked in STANDARD_NAMES else asked) != found.storage_class:
        names.append("storage_class")
    return tuple(names)


def _nearly_equal(left: str | None, right: str | None) -> bool:
    if left is None or right is None:
        return False
    try:
        return abs(_moment(left) - _moment(right)) <= EXPIRES_TOLERANCE
    except (ValueError, TypeError):
        return False


def _moment(text: str) -> datetime:
    """A date of HTTP; `-0000`, which says nothing of a zone, is UTC like all of them."""
    found = parsedate_to_datetime(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
