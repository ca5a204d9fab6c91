"""Somebody's own DAG: the parts of large objects have a pool and a queue of their own, two slots a task."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_bucketsync import bucket_sync

with DAG("wide", schedule=None, catchup=False) as dag:
    bucket_sync(
        "s3://store@source/wide/",
        "s3://store@destination/wide/",
        name="wide",
        small_threshold="5 MiB",
        large_threshold="5 MiB",
        part_size="5 MiB",
        group_bytes="5 MiB",
        batch_objects=1,
        pool="transfers",
        resources={
            "upload_parts": {
                "pool": "parts",
                "pool_slots": 2,
                "queue": "large",
                "priority_weight": 7,
                "weight_rule": "absolute",
            },
            "report": {"priority_weight": 3, "weight_rule": "absolute"},
        },
    )
