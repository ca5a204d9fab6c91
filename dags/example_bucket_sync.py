"""Example: a sync between two tasks of somebody's own DAG. `example_after_bucket_sync.py` starts when it wrote.

`BUCKETSYNC_EXAMPLE_SOURCE` and `BUCKETSYNC_EXAMPLE_DESTINATION` name other places than the two below.
"""

from __future__ import annotations

import os

from airflow.sdk import DAG, task

from airflow_bucketsync import bucket_sync

SOURCE = os.environ.get("BUCKETSYNC_EXAMPLE_SOURCE", "file:///data/incoming/")
DESTINATION = os.environ.get("BUCKETSYNC_EXAMPLE_DESTINATION", "s3://archive@backup/incoming/")

with DAG("example_bucket_sync", schedule=None, catchup=False, max_active_runs=1, tags=["bucketsync", "example"]) as dag:

    @task
    def produce() -> None:
        """Stands for whatever fills the source."""
        print("the source is filled")

    @task
    def consume() -> None:
        """Runs only after everything was copied and verified."""
        print("the destination is complete")

    sync = bucket_sync(
        SOURCE,
        DESTINATION,
        name="example",
        exclude=["*.tmp", "**/_temporary/**"],
        min_size="1 B",
        batch_bytes="2 GiB",
        max_active_copies=4,
    )
    produce() >> sync >> consume()
