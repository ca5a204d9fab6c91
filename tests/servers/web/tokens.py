"""What is inside a continuation token?"""

from __future__ import annotations

import base64
import binascii
import hashlib


def _binding(bucket: str, prefix: str, delimiter: str) -> bytes:
    return hashlib.sha256(f"{bucket}\0{prefix}\0{delimiter}".encode("utf-8", "surrogatepass")).digest()[:9]


def make_token(bucket: str, prefix: str, delimiter: str, position: str) -> str:
    """Return an opaque token that only goes on with the same listing."""
    raw = _binding(bucket, prefix, delimiter) + position.encode("utf-8", "surrogatepass")
    return "1" + base64.b64encode(bytes(byte ^ 0x5A for byte in raw)).decode()


def read_token(token: str, bucket: str, prefix: str, delimiter: str) -> str:
    """Return the position, or raise ValueError if the token is not one of this listing."""
    try:
        raw = bytes(byte ^ 0x5A for byte in base64.b64decode(token[1:], validate=True))
        position = raw[9:].decode("utf-8", "surrogatepass")
    except (binascii.Error, ValueError):
        raw, position = b"", ""
    if token[:1] != "1" or raw[:9] != _binding(bucket, prefix, delimiter):
        raise ValueError("the token belongs to another listing")
    return position
