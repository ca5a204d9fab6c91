"""Synchronises stores; has never heard of Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_bucketsync.engine.in_process import sync

__all__ = ["sync"]


def __getattr__(name: str) -> Any:
    """Load every step only when the whole run is asked for, so that one noun costs one noun."""
    if name == "sync":
        from airflow_bucketsync.engine.in_process import sync

        return sync
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
