"""Synchronises stores; has never heard of Airflow."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_bucketsync.engine.in_process import analyse, sync

__all__ = ["analyse", "sync"]


def __getattr__(name: str) -> Any:
    """Load every step only when a whole run is asked for, so that one noun costs one noun."""
    if name in __all__:
        return getattr(import_module("airflow_bucketsync.engine.in_process"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
