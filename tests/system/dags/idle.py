"""Somebody's own DAG: a task that does nothing, to see what a task's process takes by itself."""

from __future__ import annotations

import time

from airflow.sdk import DAG, task

with DAG("idle", schedule=None, catchup=False) as dag:

    @task
    def wait() -> None:
        """Do nothing for a while."""
        time.sleep(8)

    wait()
