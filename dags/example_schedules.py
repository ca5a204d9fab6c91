"""Example: a pair in step every hour, a second copy that follows when the first changed, and a restore by hand.

They are paused until somebody wants them. The places below are samples: `BUCKETSYNC_EXAMPLE_EXPORTS`, `…_BACKUP`,
`…_SECOND` and `…_RESTORED` name others. Mail goes through the connection `smtp_default` (with `from_email` in its
extra) to `BUCKETSYNC_EXAMPLE_MAIL_TO`; without that connection a log says that it could not be sent, and nothing else
happens.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import DAG, Asset, DeadlineAlert, DeadlineReference, SyncCallback

from airflow_bucketsync import bucket_sync

EXPORTS = os.environ.get("BUCKETSYNC_EXAMPLE_EXPORTS", "file:///data/exports/")
BACKUP = os.environ.get("BUCKETSYNC_EXAMPLE_BACKUP", "s3://archive@backup/exports/")
SECOND = os.environ.get("BUCKETSYNC_EXAMPLE_SECOND", "s3://archive@second-backup/exports/")
RESTORED = os.environ.get("BUCKETSYNC_EXAMPLE_RESTORED", "file:///data/restored/")
MAIL_TO = os.environ.get("BUCKETSYNC_EXAMPLE_MAIL_TO", "storage-team@example.com")

BACKED_UP = Asset("example_exports_backed_up")
"""Has an event when the backup was written to and verified; a name without a scheme keeps this file light."""

RED = SmtpNotifier(
    to=MAIL_TO,
    subject="RED: {{ dag.dag_id }} {{ run_id }}",
    html_content="""
        {% set report = (ti.xcom_pull(task_ids='bucket_sync.report', key='summary') if ti is defined else None) or {} %}
        {{ reason }}. Objects: {{ report.counts | default('no report was made') }}.
        The log of the task bucket_sync.report says what and why.
    """,
)
"""Sent once for each red run, by the DAG processor."""

LATE = DeadlineAlert(
    reference=DeadlineReference.DAGRUN_QUEUED_AT,  # the time it waits for the run before it counts
    interval=timedelta(minutes=50),
    # A slot of the executor runs it; an AsyncCallback would need a triggerer.
    callback=SyncCallback(
        SmtpNotifier,
        {
            "to": MAIL_TO,
            "subject": "LATE: {{ dag_run.dag_id }} {{ dag_run.dag_run_id }}",
            "html_content": "It should have ended by {{ deadline.deadline_time }}. It runs on; nothing was stopped.",
        },
    ),
)

with DAG(
    "example_hourly_sync",
    schedule="7 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # the run of this hour brings everything along
    max_active_runs=1,  # the next run waits for the one before it
    dagrun_timeout=timedelta(hours=12),  # for ever is no answer: it would hold up every run after it
    deadline=LATE,
    on_failure_callback=RED,
    is_paused_upon_creation=True,
    tags=["bucketsync", "example"],
) as hourly:
    bucket_sync(EXPORTS, BACKUP, name="example_hourly", mode="auto", asset=BACKED_UP)

with DAG(
    "example_following_sync",
    schedule=[BACKED_UP],
    catchup=False,
    max_active_runs=1,
    on_failure_callback=RED,
    is_paused_upon_creation=True,
    tags=["bucketsync", "example"],
) as following:
    bucket_sync(BACKUP, SECOND, name="example_following", mode="auto")

with DAG(
    "example_restoring_sync",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    tags=["bucketsync", "example"],
) as restoring:
    bucket_sync(BACKUP, RESTORED, name="example_restoring", verify="content")
