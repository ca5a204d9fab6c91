"""Objects in parts over many tasks, and the join after all copies.

No plan of this release asks for part groups: large objects are copied inside their batch, and `plan` skips the first
two of these tasks.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from airflow_bucketsync.engine.errors import PlanMismatch
from airflow_bucketsync.engine.steps.multipart import finish_copies
from airflow_bucketsync.operators.base import SyncOperator


class BeginUploadsOperator(SyncOperator):
    """Begin the uploads of a plan's large objects. Returns the numbers of their part groups: none in this release."""

    def execute(self, context: Context) -> list[int]:
        """Say that there is nothing to begin."""
        with self.open_run(context) as run:
            plan = self.plan(context, run)
        self.hand_over(context, {"pair": run.spec.pair, "run": run.run, "digest": plan.digest, "groups": 0})
        return self.numbers([])


class UploadPartsOperator(SyncOperator):
    """Send the parts of one group.

    :param group: its number (mapped over what `begin_uploads` returns)
    """

    template_fields = (*SyncOperator.template_fields, "group")

    def __init__(self, *, group: int, execution_timeout: timedelta | None = timedelta(hours=12), **kwargs: Any) -> None:
        super().__init__(execution_timeout=execution_timeout, **kwargs)
        self.group = group

    def execute(self, context: Context) -> None:
        """Refuse: no plan names part groups."""
        raise PlanMismatch(f"the plan has no part group {self.mapped('group')}: clear `plan` to plan again")


class CompleteUploadsOperator(SyncOperator):
    """The join after all copies. Returns the numbers of what `verify` is mapped over."""

    def execute(self, context: Context) -> list[int]:
        """Look which batches left something to verify; skipped when there was no plan."""
        ti, task_id = context["ti"], self.plan_task_id or self.sibling("plan")
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[task_id], run_ids=[context["run_id"]])
        if states.get(context["run_id"], {}).get(task_id) != "success":
            raise AirflowSkipException("there is no plan: nothing was copied")
        with self.open_run(context) as run:
            units = finish_copies(run, self.plan(context, run))
        self.hand_over(context, {"pair": run.spec.pair, "run": run.run, "units": len(units)})
        return self.numbers(units)
