"""Delete what is at the destination only.

No plan of this release names deletes, and `plan` skips this task.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Context

from airflow_bucketsync.operators.base import SyncOperator


class DeleteExtraOperator(SyncOperator):
    """Delete what a plan names for deletion: nothing in this release, extra objects are only reported."""

    def __init__(self, *, execution_timeout: timedelta | None = timedelta(hours=4), **kwargs: Any) -> None:
        super().__init__(execution_timeout=execution_timeout, **kwargs)

    def execute(self, context: Context) -> None:
        """Read the plan, delete nothing."""
        with self.open_run(context) as run:
            plan = self.plan(context, run)
        self.hand_over(context, {"pair": run.spec.pair, "run": run.run, "digest": plan.digest, "deleted": 0})
