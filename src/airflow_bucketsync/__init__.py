"""Keeps buckets in step, as Airflow tasks. Lazy: importing the engine imports no Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_bucketsync.task_groups.sync import bucket_sync

__version__ = "0.1.0"
__all__ = ["__version__", "bucket_sync"]


def __getattr__(name: str) -> Any:
    """Load the task group, and with it Airflow, only when it is asked for."""
    if name == "bucket_sync":
        from airflow_bucketsync.task_groups.sync import bucket_sync

        return bucket_sync
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
