"""The DAG `sweep_uploads`: find uploads below a place that were begun, never finished, and are paid for ever since.

By hand, and a dry run unless the form says otherwise. The place must lie below an entry of
`[bucketsync] allowed_locations`. All open uploads are listed; only those are aborted that runs with this workspace
began, and that nobody has used for `OLDER_THAN`. A run may ask for a greater age. To let runs abort strangers' uploads
too, set `WHOSE` to "all" in a copy of this file.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from airflow.sdk import DAG

from airflow_bucketsync.configuration.section import allowed_locations
from airflow_bucketsync.configuration.sweeping import sweep_form
from airflow_bucketsync.operators.sweep import SweepUploadsByHandOperator

OLDER_THAN = "7 days"
WHOSE: Literal["ours", "all"] = "ours"

with DAG(
    "sweep_uploads",
    dag_display_name="Sweep uploads",
    description="Find open uploads that nobody uses any more, by hand; abort what is ours of them",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    dagrun_timeout=timedelta(days=2),
    params=sweep_form(allowed=allowed_locations(), older_than=OLDER_THAN, whose=WHOSE),
    render_template_as_native_obj=False,
    tags=["bucketsync"],
) as dag:
    SweepUploadsByHandOperator(task_id="sweep", older_than=OLDER_THAN, whose=WHOSE)
