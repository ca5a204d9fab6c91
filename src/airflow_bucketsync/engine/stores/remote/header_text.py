"""How does text travel in HTTP headers?"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""What the name of a header can be made of."""

_WORD = re.compile(r"=\?([A-Za-z0-9._-]+)\?([BbQq])\?([^?\s]*)\?=")
_WORDS = re.compile(rf"{_WORD.pattern}(?:\s+{_WORD.pattern})*")


def encoded(text: str, *, always: bool = False) -> str:
    """A value as a header can carry it: words of RFC 2047 where it is not plain ASCII, or always."""
    if text.isascii() and text.isprintable() and not _WORD.search(text) and not always:
        return text
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="


def decoded(header: str, *, plain: bool = False) -> str:
    """The value of a header that may hold words of RFC 2047.

    :param plain: decode words that stand for printable ASCII too, for stores that keep words as they were sent. Stores
        that decode them before they store never make such words, so there somebody stored that very text.
    """
    return _WORDS.sub(lambda match: _decoded_words(match[0], plain), header) if "=?" in header else header


def _decoded_words(words: str, plain: bool) -> str:
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
    return words if found.isascii() and found.isprintable() and not plain else found


def tag_header(tags: Mapping[str, str]) -> str:
    """Tags as the tagging header has them."""
    return urlencode(dict(tags), quote_via=quote, safe="")


def quoted(etag: str) -> str:
    """An ETag as headers have it."""
    return f'"{etag}"'


def unquoted(etag: str | None) -> str | None:
    """An ETag without its quotes."""
    return etag.strip('"') if etag else None
