"""Say what became of the run, keep it for the next one, and be red when anything is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from airflow.sdk import Asset, AssetAlias, Context, SkipMixin
from airflow.sdk.exceptions import AirflowSkipException, DownstreamTasksSkipped

from airflow_bucketsync.assets import EVENTS, destination_asset, emit_event
from airflow_bucketsync.engine.errors import PlanMismatch, SyncIncomplete
from airflow_bucketsync.engine.model.outcome import Report
from airflow_bucketsync.engine.model.review import PlanReview
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.engine.rules.review_text import review_text
from airflow_bucketsync.operators.base import PLAN, SyncOperator
from airflow_bucketsync.operators.report_text import for_xcom, report_text
from airflow_bucketsync.state import STATE, save_checkpoint


class ReportOperator(SyncOperator, SkipMixin):
    """Report, remember and judge the run. Returns the report; fails when the run is red.

    Stands behind every other task of the run: those right before it are the ones whose failure it looks for.

    :param asset: the asset whose event says that the destination was brought in step and verified; None = one that
        is named after the destination (`destination_asset`)
    """

    inherits_from_skipmixin = True

    def __init__(
        self,
        *,
        asset: Asset | None = None,
        inlets: Sequence[Any] | None = (STATE,),
        outlets: Sequence[Asset | AssetAlias] | None = (EVENTS,),
        trigger_rule: str = "all_done",
        **kwargs: Any,
    ) -> None:
        super().__init__(inlets=inlets, outlets=outlets, trigger_rule=trigger_rule, **kwargs)
        self.asset = asset

    def execute(self, context: Context) -> dict[str, Any]:
        """Report, save the checkpoint, emit the event; raise last of all."""
        from airflow_bucketsync.engine.steps.report import make_report

        plan_digest = self.plan_digest(context)
        failed = self.failed_tasks(context, planned=plan_digest is not None)
        with self.open_run(context) as run:
            finished = make_report(run, failed_tasks=failed, plan_digest=plan_digest)
        report, place = finished.report, run.workspace
        if finished.checkpoint is not None:
            save_checkpoint(context, finished.checkpoint)
        self.log_report(report)
        if finished.complete:
            asset = self.asset or destination_asset(run.spec.destination)
            emit_event(context, asset, report, workspace=place.store.location, folder=place.run_folder)
        summary = for_xcom(report, folder=place.run_folder)
        self.hand_over(context, summary)
        if not report.green:
            raise SyncIncomplete(
                f"the run is red: {', '.join((*report.red, *report.incomplete))}; see the report above"
            )
        if not report.next_round:
            self.skip_next_round(context)
        return summary

    def skip_next_round(self, context: Context) -> None:
        """All is quiet, or no other run was asked for."""
        from airflow_bucketsync.operators.next_round import NextRoundOperator

        tasks = [task for task in self.downstream_list if isinstance(task, NextRoundOperator)]
        # The scheduler acts on the XCom that `skip` writes; its exception would end this task without a result.
        with suppress(DownstreamTasksSkipped):
            self.skip(context["ti"], tasks)

    def log_report(self, report: Report) -> None:
        """The report for people, a dry run's plan, and a line with fields of its own for each of the first failures."""
        self.log.info(report_text(report))
        if report.review is not None:
            self.log.info(review_text(PlanReview.from_json(report.review)))
        for failure in report.failures:
            fields = {name: shown(str(failure[name])) for name in ("key", "reason", "message")}
            self.log.error("object %s", failure["status"], pair=report.pair, run=report.run, **fields)

    def plan_digest(self, context: Context) -> str | None:
        """What `plan` said of its manifest; None = it said nothing, which the report finds out by itself."""
        with suppress(PlanMismatch):
            return self.handed_over(context, self.plan_task_id or self.sibling(PLAN), "digest")["digest"]
        return None

    def failed_tasks(self, context: Context, *, planned: bool) -> list[str]:
        """The tasks before this one that failed, each mapped instance by itself.

        :param planned: `plan` handed over its digest; a plan that ran and says nothing any more proves nothing
        :raises AirflowSkipException: none of them ran, because the whole group was skipped
        """
        ti, run_id = context["ti"], context["run_id"]
        before = sorted(self.upstream_task_ids)
        found: Mapping[str, Any] = ti.get_task_states(dag_id=ti.dag_id, task_ids=before, run_ids=[run_id])
        states = {name: str(state) for name, state in found.get(run_id, {}).items()}
        if states and set(states.values()) == {"skipped"}:
            raise AirflowSkipException("the sync was skipped")
        failed = [name for name, state in states.items() if state == "failed"]
        plan = self.plan_task_id or self.sibling(PLAN)
        if states.get(plan) == "success" and not planned:
            failed.append(f"{plan} (what it handed over was removed)")
        return failed or [name for name, state in states.items() if state == "upstream_failed"]
