"""How is a store's XML written and read?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache
from xml.etree import ElementTree

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
SPECIAL = re.compile('[&<>"\x00-\x08\x0b-\x1f\ufffe\uffff]')
NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def escape(text: str) -> str:
    """Escape text; characters that XML 1.0 forbids become references that no parser accepts, as stores do."""
    return SPECIAL.sub(lambda found: NAMED.get(found[0]) or f"&#x{ord(found[0]):x};", text)


def element(name: str, text: object) -> str:
    """Return one element with escaped text; booleans in lower case."""
    shown = str(text).lower() if isinstance(text, bool) else str(text)
    return f"<{name}>{escape(shown)}</{name}>"


@lru_cache(maxsize=65536)
def iso_time(seconds: int) -> str:
    """Return the time as listings show it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@lru_cache(maxsize=65536)
def http_time(seconds: int) -> str:
    """Return the time as headers show it."""
    return formatdate(seconds, usegmt=True)


def local_name(node: ElementTree.Element) -> str:
    """Return the name without the namespace."""
    return node.tag.rpartition("}")[2]


def parse(body: bytes, root: str) -> ElementTree.Element | None:
    """Return the root of a request document, or None if it is not one."""
    try:
        node = ElementTree.fromstring(body)  # noqa: S314 - only tests talk to this server
    except (ElementTree.ParseError, ValueError):
        return None
    return node if local_name(node) == root else None


def children(node: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    """Yield the child elements of one name, in any namespace."""
    return (child for child in node if local_name(child) == name)


def text_of(node: ElementTree.Element, name: str) -> str | None:
    """Return the text of a child, None if there is no such child."""
    found = next(children(node, name), None)
    return None if found is None else (found.text or "")
