"""Somebody's own DAG: one copy at a time, rendered to native objects, and a run configuration that it does not read."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_bucketsync import bucket_sync

with DAG("narrow", schedule=None, catchup=False, render_template_as_native_obj=True) as dag:
    bucket_sync(
        "s3://store@source/narrow/{{ 100 + 23 }}/",
        "s3://store@destination/narrow/",
        name="123",
        include=["[[ 1 ]]", "*"],
        batch_objects=1,
        max_active_copies=1,
    )
