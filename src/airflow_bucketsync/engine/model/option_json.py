"""How are options written as JSON? What stands at its default is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from typing import Any


def texts(value: Any) -> Any:
    """A list from JSON as a tuple; one text is refused by the class, not taken apart."""
    return value if isinstance(value, str) else tuple(value)


def options_to_json(options: Any) -> dict[str, Any]:
    """Options as JSON; what stands at its default is left out."""
    line = {}
    for item in fields(options):
        value = getattr(options, item.name)
        default = item.default if item.default_factory is MISSING else item.default_factory()
        if value != default:
            line[item.name] = value.isoformat() if isinstance(value, datetime) else _plain(value)
    return line


def _plain(value: Any) -> Any:
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value
