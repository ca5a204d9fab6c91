"""Which tasks does a sync have, and what can be said of each?"""

from __future__ import annotations

from typing import Literal, get_args

TaskName = Literal[
    "prepare", "list", "plan", "copy", "begin_uploads", "upload_parts", "complete_uploads", "verify", "delete_extra",
    "report",
]  # fmt: skip
TASKS: tuple[str, ...] = get_args(TaskName)
"""The ids of the tasks inside a group."""

DEFAULT_RETRIES = 3
"""Tries of each task after the first."""
