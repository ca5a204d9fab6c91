"""Somebody's own DAG: its copies wait for a pool, which a test opens when it likes."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_bucketsync import bucket_sync

with DAG("gated", schedule=None, catchup=False) as dag:
    bucket_sync(
        "s3://store@source/gated/",
        "s3://store@destination/gated/",
        name="gated",
        pool="gate",
        retries=1,
    )
