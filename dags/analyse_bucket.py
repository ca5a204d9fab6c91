"""The DAG `analyse_bucket`: say what is in a bucket, by hand, in figures and with advice for a sync.

One listing; nothing is written to the place. It must lie below an entry of `[bucketsync] allowed_locations`. The task's
XCom `summary` says where the page is.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_bucketsync.configuration.analysing import analysis_form
from airflow_bucketsync.configuration.section import allowed_locations
from airflow_bucketsync.operators.analyse import AnalyseBucketByHandOperator

with DAG(
    "analyse_bucket",
    dag_display_name="Analyse a bucket",
    description="Say what is in a bucket, in figures and with advice for a sync; nothing is written there",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    dagrun_timeout=timedelta(days=2),
    params=analysis_form(allowed=allowed_locations()),
    render_template_as_native_obj=False,
    tags=["bucketsync"],
) as dag:
    AnalyseBucketByHandOperator(task_id="analyse")
