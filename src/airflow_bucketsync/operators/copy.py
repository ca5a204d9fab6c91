"""Copy the objects of one batch."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Context

from airflow_bucketsync.operators.base import SyncOperator
from airflow_bucketsync.state import TaskProgress


class CopyOperator(SyncOperator):
    """Copy the objects of one batch; a retry goes on where the last try stopped.

    :param batch: its number (mapped over what `plan` returns)
    """

    template_fields = (*SyncOperator.template_fields, "batch")
    shares_limits = True

    def __init__(self, *, batch: int, execution_timeout: timedelta | None = timedelta(hours=12), **kwargs: Any) -> None:
        super().__init__(execution_timeout=execution_timeout, **kwargs)
        self.batch = batch

    def execute(self, context: Context) -> None:
        """Copy, and hand over the counts."""
        from airflow_bucketsync.engine.steps.copy import copy_batch

        with self.open_run(context) as run:
            plan, number, attempt = self.plan(context, run), self.mapped("batch"), context["ti"].try_number
            progress = TaskProgress(context, log=self.log)
            summary = copy_batch(run, plan, number, attempt=attempt, progress=progress)
        self.hand_over(context, {"pair": run.spec.pair, "run": run.run, "batch": number, **summary.to_json()})
