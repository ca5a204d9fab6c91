"""Keeps buckets in step, as Airflow tasks. Lazy: importing the engine imports no Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_bucketsync.assets import destination_asset
    from airflow_bucketsync.configuration.pair import Pair
    from airflow_bucketsync.configuration.pair_form import by_hand_params
    from airflow_bucketsync.configuration.routes import routed_syncs
    from airflow_bucketsync.task_groups.pairs import load_pairs
    from airflow_bucketsync.task_groups.sync import bucket_sync

__version__ = "0.1.0"
__all__ = ["Pair", "__version__", "bucket_sync", "by_hand_params", "destination_asset", "load_pairs", "routed_syncs"]


def __getattr__(name: str) -> Any:
    """Load what DAG files use, and with it Airflow, only when it is asked for."""
    if name == "bucket_sync":
        from airflow_bucketsync.task_groups.sync import bucket_sync

        return bucket_sync
    if name == "load_pairs":
        from airflow_bucketsync.task_groups.pairs import load_pairs

        return load_pairs
    if name == "Pair":
        from airflow_bucketsync.configuration.pair import Pair

        return Pair
    if name == "by_hand_params":
        from airflow_bucketsync.configuration.pair_form import by_hand_params

        return by_hand_params
    if name == "destination_asset":
        from airflow_bucketsync.assets import destination_asset

        return destination_asset
    if name == "routed_syncs":
        from airflow_bucketsync.configuration.routes import routed_syncs

        return routed_syncs
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
