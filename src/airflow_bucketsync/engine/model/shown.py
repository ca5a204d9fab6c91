"""How is a text from outside shown to people?"""

from __future__ import annotations


def shown(text: str, limit: int = 300) -> str:
    """A text from outside as one line that forges nothing: control characters escaped, cut where it is long."""
    line = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return line if len(line) <= limit else line[: limit - 1] + "…"
