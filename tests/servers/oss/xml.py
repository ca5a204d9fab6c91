"""How is OSS's XML written? Without a namespace, and with keys percent-encoded throughout."""

from __future__ import annotations

from urllib.parse import quote

from tests.servers.web.xml import (
    DECLARATION,
    children,
    element,
    escape,
    http_time,
    iso_time,
    parse,
    text_of,
)

__all__ = [
    "children",
    "document",
    "element",
    "escape",
    "http_time",
    "iso_time",
    "parse",
    "shown",
    "text_of",
]


def document(name: str, inner: str) -> bytes:
    """Return a whole reply."""
    return f"{DECLARATION}<{name}>{inner}</{name}>".encode("utf-8", "surrogatepass")


def shown(text: str, url: bool) -> str:
    """Return a key, prefix or marker as it stands in the XML; encoding-type=url encodes the slash too."""
    return escape(quote(text, safe="") if url else text)
