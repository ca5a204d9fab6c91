"""Which folders will a write make, and how are they taken away again?"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress


def missing_folders(path: str) -> tuple[str, ...]:
    """A folder and those above it that are not there, the deepest first."""
    found: list[str] = []
    while not os.path.lexists(path):
        found.append(path)
        path = os.path.dirname(path)
    return tuple(found)


def remove_empty(folders: Iterable[str]) -> None:
    """Remove them in this order; one that holds something stays."""
    with suppress(OSError):
        for folder in folders:
            os.rmdir(folder)
