"""Stores in memory."""

from airflow_bucketsync.engine.stores.memory.core import MEMORY_CAPABILITIES, Hook
from airflow_bucketsync.engine.stores.memory.server import MemoryServer
from airflow_bucketsync.engine.stores.memory.store import MemoryStore

__all__ = ["MEMORY_CAPABILITIES", "Hook", "MemoryServer", "MemoryStore"]
