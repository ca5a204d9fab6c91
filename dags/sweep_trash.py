"""The DAG `sweep_trash`: delete what syncs deleted or overwrote at a destination long enough ago.

By hand, and a dry run unless the form says otherwise. The destination must lie below an entry of
`[bucketsync] allowed_locations`. Looked at is only `_bucketsync/trash/` below it; a run's folder goes when the run, and
the newest object in the folder, are older than `OLDER_THAN`. A run may ask for a greater age. For a schedule, use
`SweepTrashOperator(location=…, dry_run=False)` in a DAG of your own.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_bucketsync.configuration.section import allowed_locations
from airflow_bucketsync.configuration.trash_sweeping import trash_sweep_form
from airflow_bucketsync.operators.sweep_trash import SweepTrashByHandOperator

OLDER_THAN = "30 days"

with DAG(
    "sweep_trash",
    dag_display_name="Sweep trash",
    description="Delete what syncs deleted or overwrote long enough ago, by hand",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    dagrun_timeout=timedelta(days=2),
    params=trash_sweep_form(allowed=allowed_locations(), older_than=OLDER_THAN),
    render_template_as_native_obj=False,
    tags=["bucketsync"],
) as dag:
    SweepTrashByHandOperator(task_id="sweep", older_than=OLDER_THAN)
