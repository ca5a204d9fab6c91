"""How is S3's XML written and read? As any store's, but in a namespace and with form-encoded keys."""

from __future__ import annotations

from urllib.parse import quote_plus

from tests.servers.web.xml import (
    DECLARATION,
    children,
    element,
    escape,
    http_time,
    iso_time,
    local_name,
    parse,
    text_of,
)

__all__ = [
    "DECLARATION",
    "children",
    "document",
    "element",
    "escape",
    "http_time",
    "iso_time",
    "local_name",
    "parse",
    "text_of",
    "url_encoded",
]
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def document(name: str, inner: str) -> bytes:
    """Return a whole reply in S3's namespace."""
    return f'{DECLARATION}<{name} xmlns="{NAMESPACE}">{inner}</{name}>'.encode("utf-8", "surrogatepass")


def url_encoded(text: str) -> str:
    """Encode a key as encoding-type=url does: form encoding that leaves ``/`` and ``*`` alone."""
    return quote_plus(text, safe="/*").replace("~", "%7E")
