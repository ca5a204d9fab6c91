"""How do an object's attributes travel in the headers and parameters of S3?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any

from airflow_bucketsync.engine.errors import NotSupported
from airflow_bucketsync.engine.model.fidelity import DEFAULT_CONTENT_TYPE, kept_mtime
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.stores.remote.header_text import HEADER_NAME, decoded, encoded, tag_header
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
        if not HEADER_NAME.fullmatch(name):
            raise NotSupported(
                f"user metadata can't be named {name!r}: only ASCII letters, digits and !#$%&'*+-.^_`|~",
                location=session.location.url,
                key=key,
            )
    if attributes.user_metadata:
        params["Metadata"] = {name: encoded(value) for name, value in attributes.user_metadata.items()}
    if attributes.tags and not session.capabilities.tags:
        raise NotSupported("the store has no tags", location=session.location.url, key=key)
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


def _text(answer: Answer, field: str) -> str | None:
    text = answer.get(field)
    return None if text is None else decoded(text)
