"""Decide what is to be copied, and skip the tasks that this plan does not need."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any

from airflow.sdk import Context, SkipMixin
from airflow.sdk.exceptions import AirflowRescheduleException, DownstreamTasksSkipped

from airflow_bucketsync.engine.errors import Locked
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.operators.base import SyncOperator
from airflow_bucketsync.operators.delete import DeleteExtraOperator
from airflow_bucketsync.operators.multipart import BeginUploadsOperator, CompleteUploadsOperator
from airflow_bucketsync.state import run_finished

LOOK_AGAIN = timedelta(seconds=60)
"""After which a run that waits for the lock of its pair looks again; it holds no worker slot meanwhile."""


class PlanOperator(SyncOperator, SkipMixin):
    """Compare both sides and write the plan. Returns the numbers of the batches that `copy` is mapped over.

    Skips, of the tasks right behind it, those that this plan has no work for, and all in a dry run, whose plan names
    its work all the same. Runs where `list` was skipped: a small source is listed here.
    """

    inherits_from_skipmixin = True

    def __init__(
        self,
        *,
        trigger_rule: str = "none_failed",
        execution_timeout: timedelta | None = timedelta(hours=4),
        **kwargs: Any,
    ) -> None:
        super().__init__(trigger_rule=trigger_rule, execution_timeout=execution_timeout, **kwargs)

    def execute(self, context: Context) -> list[int]:
        """Plan, skip what is not needed, say which batches to copy.

        :raises AirflowRescheduleException: another run holds the lock, and this one is to wait for it
        """
        from airflow_bucketsync.engine.rules.estimate import Estimate
        from airflow_bucketsync.engine.rules.review_text import review_text
        from airflow_bucketsync.engine.steps.plan import make_plan
        from airflow_bucketsync.engine.steps.reviewed import REVIEW, REVIEW_PAGE, read_review

        with self.open_run(context) as run:
            try:
                plan = make_plan(run, finished=run_finished(context))
            except Locked as error:
                if run.spec.policy.on_lock != "wait":
                    raise
                self.log.info("waiting for the lock of the pair: %s", shown(str(error), 1000))
                raise AirflowRescheduleException(run.clock.now() + LOOK_AGAIN) from None  # type: ignore[no-untyped-call]
            review, folder = read_review(run.workspace, plan.digest), run.workspace.run_folder
        self.log.info(review_text(review, folder=folder))
        self.skip_unneeded(context, plan)
        totals = {"counts": dict(plan.counts), "bytes": plan.bytes, "batches": len(plan.batches)}
        removal = plan.removal
        totals |= {"deletes": 0 if removal is None else removal.objects}
        totals |= {"uploads": 0 if plan.uploads is None else plan.uploads.count, "groups": len(plan.groups)}
        how = {"route": str(plan.route), "estimate": str(Estimate.from_json(plan.estimate))}
        place = {"pair": run.spec.pair, "run": run.run, "digest": plan.digest, "dry": plan.dry}
        place |= {"review": folder + REVIEW, "review_page": folder + REVIEW_PAGE}
        self.hand_over(context, {**place, **totals, **how, "warnings": len(plan.warnings)})
        return self.numbers([] if plan.dry else [batch.number for batch in plan.batches])

    def skip_unneeded(self, context: Context, plan: Plan) -> None:
        """Skip the direct downstream tasks for which the plan holds no work that is to be done."""
        unneeded: list[type[SyncOperator]] = [] if plan.removal and not plan.dry else [DeleteExtraOperator]
        unneeded += [] if plan.groups and not plan.dry else [BeginUploadsOperator]
        copies = plan.batches or plan.groups or plan.open_uploads
        unneeded += [] if copies and not plan.dry else [CompleteUploadsOperator]
        tasks = [task for task in self.downstream_list if isinstance(task, tuple(unneeded))]
        # The scheduler acts on the XCom that `skip` writes; its exception would end this task without a result.
        with contextlib.suppress(DownstreamTasksSkipped):
            self.skip(context["ti"], tasks)
