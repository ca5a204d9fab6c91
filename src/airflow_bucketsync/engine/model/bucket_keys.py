"""Which keys can no bucket of a service hold?"""

from __future__ import annotations

S3_KEY = 1024
"""Bytes of a key in UTF-8, the documented limit of Amazon S3."""
OSS_KEY = 1023
"""Bytes of a key in UTF-8, the documented limit of OSS."""


def misshapen_s3(full_key: str) -> str | None:
    """Why no bucket of S3 can hold this key; None = one can."""
    return _too_long(full_key, S3_KEY)


def misshapen_oss(full_key: str) -> str | None:
    """Why no bucket of OSS can hold this key; None = one can."""
    reason = _too_long(full_key, OSS_KEY)
    if reason is None and full_key.startswith(("/", "\\")):
        return "OSS takes no key that begins with / or \\"
    return reason


def _too_long(full_key: str, limit: int) -> str | None:
    try:
        size = len(full_key.encode())
    except UnicodeEncodeError:
        return "the name is no valid Unicode text"
    return f"the key would have {size} bytes with its prefix, the limit is {limit}" if size > limit else None
