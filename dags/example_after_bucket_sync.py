"""Example: a DAG that starts when a sync wrote something to a destination, and verified it.

It has a file of its own: making the asset of an `s3://` place loads Airflow's handler for such URIs, and with it boto3,
and every task reads its DAG file again.
"""

from __future__ import annotations

import os

from airflow.sdk import DAG, task

from airflow_bucketsync.assets import destination_asset

DESTINATION = os.environ.get("BUCKETSYNC_EXAMPLE_DESTINATION", "s3://archive@backup/incoming/")

ASSET = destination_asset(DESTINATION)

with DAG(
    "example_after_bucket_sync",
    schedule=[ASSET],
    catchup=False,
    tags=["bucketsync", "example"],
) as dag:

    @task
    def look(**context: object) -> None:
        """What the event says of the run that wrote something."""
        for event in context["triggering_asset_events"][ASSET]:  # type: ignore[index]
            print(ASSET.name, event.extra["counts"], event.extra["report"])

    look()
