"""How does user metadata travel in headers that are ASCII on paper?

As S3 does: a value arrives as UTF-8 bytes (ISO 8859-1 if it is not UTF-8) or as RFC 2047 words, which are decoded
before storing; a value that is not ASCII leaves as one RFC 2047 word, in Q if most of it is ASCII and in B otherwise.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header

from tests.servers.s3.errors import S3Error

PREFIX = "x-amz-meta-"
LIMIT = 2048
Q_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/")


def decoded(value: str) -> str:
    """Return what is stored for a header value."""
    if not value.isascii():
        raw = value.encode("utf-8", "surrogateescape")
        try:
            value = raw.decode("utf-8")
        except UnicodeDecodeError:
            value = raw.decode("latin-1")
    if "=?" not in value:
        return value
    try:
        words = decode_header(value)
        return "".join(word if isinstance(word, str) else word.decode(charset or "ascii") for word, charset in words)
    except (HeaderParseError, UnicodeDecodeError, LookupError):
        return value


def encoded(value: str) -> str:
    """Return the header value for what is stored."""
    if value.isascii() and value.isprintable():
        return value
    raw = value.encode("utf-8", "surrogateescape")
    if sum(char.isascii() for char in value) * 2 > len(value):
        words = "".join(chr(byte) if byte in Q_PLAIN else "_" if byte == 32 else f"={byte:02X}" for byte in raw)
        return f"=?UTF-8?Q?{words}?="
    return f"=?UTF-8?B?{base64.b64encode(raw).decode()}?="


def user_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata sent, names in lower case, repeated ones joined by commas."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        lowered = name.lower()
        if lowered.startswith(PREFIX):
            short = lowered[len(PREFIX) :]
            found[short] = f"{found[short]},{decoded(value)}" if short in found else decoded(value)
    size = sum(len(name) + len(value.encode("utf-8", "surrogateescape")) for name, value in found.items())
    if size > LIMIT:
        message = "Your metadata headers exceed the maximum allowed metadata size"
        raise S3Error("MetadataTooLarge", message, {"Size": size, "MaxSizeAllowed": LIMIT})
    return found
