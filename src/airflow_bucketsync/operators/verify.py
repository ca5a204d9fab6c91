"""Look at what one batch wrote."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Context

from airflow_bucketsync.operators.base import SyncOperator


class VerifyOperator(SyncOperator):
    """Look at the objects that one batch wrote, as deep as the policy asks.

    :param unit: its number (mapped over what `complete_uploads` returns)
    """

    template_fields = (*SyncOperator.template_fields, "unit")
    shares_limits = True

    def __init__(self, *, unit: int, execution_timeout: timedelta | None = timedelta(hours=6), **kwargs: Any) -> None:
        super().__init__(execution_timeout=execution_timeout, **kwargs)
        self.unit = unit

    def execute(self, context: Context) -> None:
        """Verify, and hand over the counts."""
        from airflow_bucketsync.engine.steps.verify import verify_unit

        with self.open_run(context) as run:
            number, attempt = self.mapped("unit"), context["ti"].try_number
            summary = verify_unit(run, self.plan(context, run), number, attempt=attempt)
        self.hand_over(context, {"pair": run.spec.pair, "run": run.run, "unit": number, **summary.to_json()})
