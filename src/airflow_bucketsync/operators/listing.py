"""List one key range of one side."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Context

from airflow_bucketsync.operators.base import SyncOperator


class ListOperator(SyncOperator):
    """List one key range of one side into ordered pages.

    :param unit: its number (mapped over what `prepare` returns)
    """

    template_fields = (*SyncOperator.template_fields, "unit")
    reads_list = True

    def __init__(self, *, unit: int, execution_timeout: timedelta | None = timedelta(hours=4), **kwargs: Any) -> None:
        super().__init__(execution_timeout=execution_timeout, **kwargs)
        self.unit = unit

    def execute(self, context: Context) -> None:
        """List, and hand over the totals."""
        from airflow_bucketsync.engine.steps.listing import list_unit

        with self.open_run(context) as run:
            index = list_unit(run, self.mapped("unit"))
        self.hand_over(
            context,
            {
                "pair": run.spec.pair,
                "run": run.run,
                "unit": index.unit.number,
                "side": index.unit.side,
                "objects": index.objects,
                "bytes": index.bytes,
                "pages": len(index.pages),
                "refused": index.refused_count,
            },
        )
