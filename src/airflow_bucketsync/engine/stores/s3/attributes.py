"""How do an object's attributes travel in the headers and parameters of S3?"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any
from urllib.parse import quote, urlencode

from airflow_bucketsync.engine.errors import NotSupported
from airflow_bucketsync.engine.model.fidelity import DEFAULT_CONTENT_TYPE, kept_mtime
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.stores.s3.session import Answer, Session

_FIELDS = {
    "content_type": "ContentType",
    "content_encoding": "ContentEncoding",
    "content_disposition": "ContentDisposition",
    "content_language": "ContentLanguage",
    "cache_control": "CacheControl",
    "redirect": "WebsiteRedirectLocation",
}
STANDARD = "STANDARD"
"""The storage class that S3 leaves out of its answers to HEAD and GET."""

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_WORD = re.compile(r"=\?([A-Za-z0-9._-]+)\?([BbQq])\?([^?\s]*)\?=")
_WORDS = re.compile(rf"{_WORD.pattern}(?:\s+{_WORD.pattern})*")


def read_attributes(answer: Answer) -> ObjectAttributes:
    """The attributes in the answer of a HEAD or GET, tags apart."""
    attributes = ObjectAttributes(
        content_type=_text(answer, "ContentType"),
        content_encoding=_text(answer, "ContentEncoding"),
        content_disposition=_text(answer, "ContentDisposition"),
        content_language=_text(answer, "ContentLanguage"),
        cache_control=_text(answer, "CacheControl"),
        expires=_text(answer, "ExpiresString"),  # as it stands in the header: not every value there is a date
        redirect=_text(answer, "WebsiteRedirectLocation"),
        user_metadata={name.lower(): decoded(value) for name, value in answer.get("Metadata", {}).items()},
        storage_class=read_class(answer),
    )
    return replace(attributes, source_mtime=kept_mtime(attributes) or answer["LastModified"].astimezone(UTC))


def read_class(answer: Mapping[str, Any]) -> str | None:
    """The storage class in an answer or in an entry of a listing; None = the standard one."""
    storage_class = answer.get("StorageClass")
    return None if storage_class == STANDARD else storage_class


def sent_attributes(
    session: Session, key: str, attributes: ObjectAttributes | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """The parameters that write these attributes, and the headers that no parameter can write.

    A content type is always sent, or some stores would guess one from the key.

    :raises NotSupported: a name of the user metadata that no header can have
    """
    attributes = attributes or ObjectAttributes()
    params = sent_always(session)
    params |= {"ContentType": DEFAULT_CONTENT_TYPE, "StorageClass": attributes.storage_class}
    for name, field in _FIELDS.items():
        text = getattr(attributes, name)
        if text is not None:
            params[field] = encoded(text)
    for name in attributes.user_metadata:
        if not _NAME.fullmatch(name):
            raise NotSupported(
                f"user metadata can't be named {name!r}: only ASCII letters, digits and !#$%&'*+-.^_`|~",
                location=session.location.url,
                key=key,
            )
    if attributes.user_metadata:
        params["Metadata"] = {name: encoded(value) for name, value in attributes.user_metadata.items()}
    if attributes.tags:
        params["Tagging"] = tag_header(attributes.tags)
    return params, {} if attributes.expires is None else {"Expires": encoded(attributes.expires)}


def sent_always(session: Session) -> dict[str, Any]:
    """The parameters that every request which makes an object has here, whatever the object."""
    settings = session.settings
    params: dict[str, Any] = {} if settings.acl == "none" else {"ACL": settings.acl}
    if settings.encryption != "default":
        params |= {"ServerSideEncryption": settings.encryption, "SSEKMSKeyId": settings.encryption_key}
    return params


def tag_header(tags: Mapping[str, str]) -> str:
    """Tags as the header `x-amz-tagging` has them."""
    return urlencode(dict(tags), quote_via=quote, safe="")


def _text(answer: Answer, field: str) -> str | None:
    text = answer.get(field)
    return None if text is None else decoded(text)


def encoded(text: str) -> str:
    """A value as a header can carry it: words of RFC 2047 where it is not plain ASCII; S3 decodes before it stores."""
    if text.isascii() and text.isprintable() and not _WORD.search(text):
        return text
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="


def decoded(header: str) -> str:
    """The value of a header: S3 answers what is not ASCII in words of RFC 2047.

    Words that stand for printable ASCII are left alone: S3 never makes them, so somebody stored that very text.
    """
    return _WORDS.sub(lambda match: _decoded_words(match[0]), header) if "=?" in header else header


def _decoded_words(words: str) -> str:
    runs: list[tuple[str, bytes]] = []
    try:
        for charset, form, text in _WORD.findall(words):
            if form in "Bb":
                raw = base64.b64decode(text, validate=True)
            else:
                raw = quopri.decodestring(text.encode(), header=True)
            # A character may be cut by the end of a word: bytes of one charset are put together first.
            if runs and runs[-1][0] == charset:
                raw = runs.pop()[1] + raw
            runs.append((charset, raw))
        found = "".join(raw.decode(charset) for charset, raw in runs)
    except (binascii.Error, UnicodeDecodeError, LookupError):
        return words
    return words if found.isascii() and found.isprintable() else found
