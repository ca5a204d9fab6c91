"""The DAG `compare_buckets`: hold one place against another, by hand, without writing to either.

Both sides must lie below an entry of `[bucketsync] allowed_locations`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_bucketsync.configuration.form import form
from airflow_bucketsync.configuration.section import allowed_locations, manual_options
from airflow_bucketsync.operators.compare import COMPARE_OPTIONS, ComparePairByHandOperator

with DAG(
    "compare_buckets",
    dag_display_name="Compare buckets",
    description="Hold one place against another, by hand; nothing is written to either",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    dagrun_timeout=timedelta(days=2),
    params=form([name for name in manual_options() if name in COMPARE_OPTIONS], allowed=allowed_locations()),
    render_template_as_native_obj=False,
    tags=["bucketsync"],
) as dag:
    ComparePairByHandOperator(task_id="compare", execution_timeout=timedelta(hours=12))
