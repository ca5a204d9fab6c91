"""The DAG `clean_bucket`: delete what a selection takes below a place, by hand.

A dry run unless the form says otherwise; a run that deletes repeats the number of objects that a dry run found. The
place must lie below one of `LOCATIONS`, or, where that is None, below an entry of `[bucketsync] allowed_locations`: who
may trigger this DAG may delete there, within the limits below. What is deleted is kept in the trash first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from airflow.sdk import DAG

from airflow_bucketsync.configuration.cleaning import clean_form
from airflow_bucketsync.operators.clean import CleanBucketByHandOperator, cleanable

LOCATIONS: Sequence[str] | None = None
MAX_DELETES = 1_000
MAX_DELETE_SHARE = 0.5

with DAG(
    "clean_bucket",
    dag_display_name="Clean up a bucket",
    description="Delete what a selection takes below a place, by hand; a dry run by default",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    dagrun_timeout=timedelta(days=2),
    params=clean_form(allowed=cleanable(LOCATIONS)),
    render_template_as_native_obj=False,
    tags=["bucketsync"],
) as dag:
    CleanBucketByHandOperator(
        task_id="clean", locations=LOCATIONS, max_deletes=MAX_DELETES, max_delete_share=MAX_DELETE_SHARE
    )
