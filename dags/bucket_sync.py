"""The DAG `bucket_sync`: bring one place in step with another, by hand, from a form.

The form offers `source`, `destination` and the options named in `[bucketsync] manual_options`. Both sides must lie
below an entry of `[bucketsync] allowed_locations`; until that is set, every run is refused. Of the pairs file that
`[bucketsync] pairs` names, the form proposes the places that are allowed. With `mode`
at `until_quiet` one run follows the other until little changes.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_bucketsync.configuration.form import form
from airflow_bucketsync.configuration.known_places import known_places
from airflow_bucketsync.configuration.section import allowed_locations, manual_options
from airflow_bucketsync.operators.next_round import NextRoundOperator
from airflow_bucketsync.task_groups.sync import bucket_sync_by_hand

ALLOWED = allowed_locations()

with DAG(
    "bucket_sync",
    dag_display_name="Bucket sync",
    description="Bring one place in step with another, by hand",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,  # no two runs of one pair at once
    dagrun_timeout=timedelta(days=2),
    params=form(manual_options(), allowed=ALLOWED, known=known_places(ALLOWED)),
    render_template_as_native_obj=False,
    tags=["bucketsync"],
) as dag:
    bucket_sync_by_hand() >> NextRoundOperator(task_id="next_round", retries=3)
