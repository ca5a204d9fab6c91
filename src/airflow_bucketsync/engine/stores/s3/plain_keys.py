"""Which keys can a store not hold that keeps them as paths, and which can a listing not carry as plain XML?

XML 1.0 has no control characters but tab and line ends, and a parser makes a line feed of a carriage return; servers
put U+FFFD for what they can't write. So a key that is shown with one of these may be another.
"""

from __future__ import annotations

import re

_UNSURE = re.compile("[\x00-\x1f\ufffd-\uffff\ud800-\udfff]")

_SEGMENT = 255


def no_path(full_key: str) -> str | None:
    """Why a store that keeps keys as paths changes this one or can't hold it; None = it can."""
    segments = full_key.removesuffix("/").split("/")
    if not {"", ".", ".."}.isdisjoint(segments):
        return "this store keeps keys as paths: none has an empty, . or .. segment"
    if max(len(segment.encode()) for segment in segments) > _SEGMENT:
        return f"this store keeps keys as paths: no segment has more than {_SEGMENT} bytes"
    return None


def unlistable(full_key: str) -> str | None:
    """Why a listing that is not url-encoded can't carry this key, or shows another by it; None = it can."""
    match = _UNSURE.search(full_key)
    if match is None:
        return None
    return f"a listing of this store can't carry the character U+{ord(match[0]):04X}"
