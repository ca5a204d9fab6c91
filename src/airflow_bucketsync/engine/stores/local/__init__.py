"""Local trees: a folder seen as ordered keys."""

from airflow_bucketsync.engine.stores.local.store import LocalStore

__all__ = ["LocalStore"]
