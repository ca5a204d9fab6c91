"""How do an object's attributes travel in the headers of OSS?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from airflow_bucketsync.engine.errors import NotSupported
from airflow_bucketsync.engine.model.fidelity import DEFAULT_CONTENT_TYPE, kept_mtime
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.stores.oss.session import Session
from airflow_bucketsync.engine.stores.remote.header_text import HEADER_NAME, decoded, encoded, tag_header

STANDARD = "Standard"
"""The name of the standard class, None in our words."""

_HEADERS = {
    "content_type": "Content-Type",
    "content_encoding": "Content-Encoding",
    "content_disposition": "Content-Disposition",
    "content_language": "Content-Language",
    "cache_control": "Cache-Control",
    "expires": "Expires",  # as it stands in the header: not every value there is a date
}
_METADATA = "x-oss-meta-"
_CLASS = "x-oss-storage-class"


def read_attributes(headers: Mapping[str, str], modified: datetime) -> ObjectAttributes:
    """The attributes in the answer of a HEAD or GET, tags apart.

    :param modified: its Last-Modified
    """
    fields: dict[str, Any] = {name: _read(headers[header]) for name, header in _HEADERS.items() if header in headers}
    attributes = ObjectAttributes(
        **fields,
        user_metadata={
            name.lower().removeprefix(_METADATA): _read(value)
            for name, value in headers.items()
            if name.lower().startswith(_METADATA)
        },
        storage_class=read_class(headers.get(_CLASS)),
    )
    return replace(attributes, source_mtime=kept_mtime(attributes) or modified)


def read_class(name: str | None) -> str | None:
    """The storage class in an answer or in an entry of a listing; None = the standard one."""
    return None if name == STANDARD else name


def read_time(headers: Mapping[str, str]) -> datetime | None:
    """The time in Last-Modified; None = there is none."""
    try:
        return parsedate_to_datetime(headers.get("Last-Modified", "")).astimezone(UTC)
    except ValueError:
        return None


def sent_attributes(session: Session, key: str, attributes: ObjectAttributes | None) -> dict[str, str]:
    """The headers that write these attributes.

    A content type is always sent, or the client would guess one from the key.

    :raises NotSupported: a name of the user metadata that no header can have
    """
    attributes = attributes or ObjectAttributes()
    headers = {**sent_always(session), **sent_class(attributes.storage_class), "Content-Type": DEFAULT_CONTENT_TYPE}
    for name, header in _HEADERS.items():
        text = getattr(attributes, name)
        if text is not None:
            headers[header] = _sent(text)
    for name, value in attributes.user_metadata.items():
        if not HEADER_NAME.fullmatch(name):
            raise NotSupported(
                f"user metadata can't be named {name!r}: only ASCII letters, digits and !#$%&'*+-.^_`|~",
                location=session.location.url,
                key=key,
            )
        headers[_METADATA + name] = _sent(value)
    if attributes.tags:
        headers["x-oss-tagging"] = tag_header(attributes.tags)
    return headers


def sent_class(storage_class: str | None) -> dict[str, str]:
    """The header that asks for a storage class; none for the bucket's own."""
    return {} if storage_class is None else {_CLASS: storage_class}


def sent_always(session: Session) -> dict[str, str]:
    """The headers that every request which makes an object has here, whatever the object."""
    settings = session.settings
    if settings.encryption == "default":
        return {}
    headers = {"x-oss-server-side-encryption": settings.encryption}
    if settings.encryption_key is not None:
        headers["x-oss-server-side-encryption-key-id"] = settings.encryption_key
    return headers


def _sent(text: str) -> str:
    """A value as it is stored: OSS keeps the bytes of a header, but no spaces around them."""
    return encoded(text) if text == text.strip() else encoded(text, always=True)


def _read(header: str) -> str:
    """The value of a header: words of RFC 2047 (ours), else the UTF-8 that other tools write as it is."""
    try:
        text = header.encode("latin-1").decode()
    except UnicodeError:
        text = header
    return decoded(text, plain=True)
