"""How are the words of a store quoted in a message?"""

from __future__ import annotations

import re
from collections.abc import Callable

# In the order of application: what is not plain text on one line, query strings, header-like pairs, access keys.
_SCRUB: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"[^\x20-\x7e\xa0-\u1fff\u2030-\ud7ff]"), lambda match: f"\\u{ord(match[0]):04x}"),
    (re.compile(r"\?[^\s\"'<>]*"), "?…"),
    (
        re.compile(
            r"(?i)\b(credential|signature|authorization|x-(?:amz|oss)-[a-z-]*token|token|secret\w*)\s*[=:]\s*\S+"
        ),
        r"\1=…",
    ),
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{8,}\b|\b(LTAI|STS\.)[A-Za-z0-9]{8,}\b"), "…"),
)
_QUOTED = 300


def cleaned(text: str) -> str:
    """Text of the store as a message may show it: one line, no secrets, not long."""
    for pattern, replacement in _SCRUB:
        text = pattern.sub(replacement, text)
    return text if len(text) <= _QUOTED else text[:_QUOTED] + "…"


def seconds(value: str | None) -> float | None:
    """The seconds in a Retry-After header; None = none that can be read (an HTTP date: the backoff decides)."""
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return None
