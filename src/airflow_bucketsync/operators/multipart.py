"""Large objects in parts over many tasks, and the join after all copies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from airflow_bucketsync.operators.base import PLAN, SyncOperator
from airflow_bucketsync.state import TaskProgress


class BeginUploadsOperator(SyncOperator):
    """Begin the uploads of large objects, or go on with open ones. Returns the numbers of their part groups."""

    shares_limits = True

    def execute(self, context: Context) -> list[int]:
        """Begin them, and say which groups to send."""
        from airflow_bucketsync.engine.steps.begin_uploads import begin_uploads

        with self.open_run(context) as run:
            plan = self.plan(context, run)
            groups = begin_uploads(run, plan, attempt=context["ti"].try_number)
        uploads = 0 if plan.uploads is None else plan.uploads.count
        self.hand_over(context, {"pair": run.spec.pair, "run": run.run, "uploads": uploads, "groups": len(groups)})
        return self.numbers(groups)


class UploadPartsOperator(SyncOperator):
    """Send the parts of one group; a retry sends those that have not arrived.

    :param group: its number (mapped over what `begin_uploads` returns)
    """

    template_fields = (*SyncOperator.template_fields, "group")
    shares_limits = True

    def __init__(self, *, group: int, execution_timeout: timedelta | None = timedelta(hours=12), **kwargs: Any) -> None:
        super().__init__(execution_timeout=execution_timeout, **kwargs)
        self.group = group

    def execute(self, context: Context) -> None:
        """Send, and hand over the counts."""
        from airflow_bucketsync.engine.steps.upload_parts import upload_group

        with self.open_run(context) as run:
            plan, number, attempt = self.plan(context, run), self.mapped("group"), context["ti"].try_number
            progress = TaskProgress(context, log=self.log)
            summary = upload_group(run, plan, number, attempt=attempt, progress=progress)
        self.hand_over(context, {"pair": run.spec.pair, "run": run.run, "group": number, **summary.to_json()})


class CompleteUploadsOperator(SyncOperator):
    """Complete and verify the large objects; the join after all copies. Returns the numbers `verify` is mapped over."""

    def __init__(
        self,
        *,
        trigger_rule: str = "all_done",
        execution_timeout: timedelta | None = timedelta(hours=12),
        **kwargs: Any,
    ) -> None:
        super().__init__(trigger_rule=trigger_rule, execution_timeout=execution_timeout, **kwargs)

    def execute(self, context: Context) -> list[int]:
        """Complete what arrived, look which batches left something to verify; skipped when there was no plan."""
        from airflow_bucketsync.engine.steps.complete_uploads import complete_uploads

        ti, task_id = context["ti"], self.plan_task_id or self.sibling(PLAN)
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[task_id], run_ids=[context["run_id"]])
        if states.get(context["run_id"], {}).get(task_id) != "success":
            raise AirflowSkipException("there is no plan: nothing was copied")
        with self.open_run(context) as run:
            progress = TaskProgress(context, log=self.log)
            plan = self.plan(context, run)
            units = complete_uploads(run, plan, attempt=ti.try_number, progress=progress)
        self.hand_over(context, {"pair": run.spec.pair, "run": run.run, "units": len(units)})
        return self.numbers(units)
