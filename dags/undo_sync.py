"""The DAG `undo_sync`: put a destination back to what it was before one run of a sync, or one clean-up.

By hand, and a dry run unless the form says otherwise. `folder` is that of the run in the workspace, as its report names
it. What the run deleted or overwrote comes back where it was kept (`trash`), what it added is removed, and all of that
only where still stands what the run left there: what others changed since is left and named. What is removed or
overwritten goes into the undo's own trash, so that an undo can be undone by its own folder. The destination must lie
below an entry of `[bucketsync] allowed_locations`. Pause the pair first: its next run brings its changes again.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_bucketsync.configuration.undoing import undo_form
from airflow_bucketsync.operators.undo import UndoSyncByHandOperator

with DAG(
    "undo_sync",
    dag_display_name="Undo sync",
    description="Put a destination back to what it was before one run, by hand",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    dagrun_timeout=timedelta(days=2),
    params=undo_form(),
    render_template_as_native_obj=False,
    tags=["bucketsync"],
) as dag:
    UndoSyncByHandOperator(task_id="undo")
