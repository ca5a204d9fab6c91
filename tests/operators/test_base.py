"""When is a try that died tried again?"""

from __future__ import annotations

from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from airflow_bucketsync import bucket_sync

OUTAGE = 120
"""Seconds that Airflow's API or database may be away; after a minute of it the first try is known to be lost."""


def test_fault_F62_tries_outlast_an_outage():
    """As the scheduler sees them, mapped tasks too; Airflow adds jitter to a delay and never takes from it."""
    with DAG("dag", schedule=None) as dag:
        bucket_sync("s3://store@source/", "s3://store@destination/")
    for item in DagSerialization.from_dict(DagSerialization.to_dict(dag)).tasks:
        assert item.max_retry_delay is not None, item.task_id
        delays = [
            min(item.max_retry_delay, item.retry_delay * item.retry_exponential_backoff**number)
            for number in range(item.retries)
        ]
        assert delays[0].total_seconds() <= 10, item.task_id
        assert sum(delay.total_seconds() for delay in delays) >= OUTAGE, item.task_id
        assert item.max_retry_delay.total_seconds() <= 600, item.task_id
