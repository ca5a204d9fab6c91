"""The DAG `compare_buckets`: hold one place against another, by hand, without writing to either.

Both sides must lie below an entry of `[bucketsync] allowed_locations`. A run is red when something is missing, differs
or could not be looked at; what only the destination has is counted and named, and makes it red with `fail_on_extra`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_bucketsync.configuration.comparing import compare_form
from airflow_bucketsync.configuration.section import allowed_locations, manual_options
from airflow_bucketsync.operators.compare import ComparePairByHandOperator

with DAG(
    "compare_buckets",
    dag_display_name="Compare buckets",
    description="Hold one place against another, by hand; nothing is written to either",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    dagrun_timeout=timedelta(days=2),
    params=compare_form(manual=manual_options(), allowed=allowed_locations()),
    render_template_as_native_obj=False,
    tags=["bucketsync"],
) as dag:
    ComparePairByHandOperator(task_id="compare")
