"""Take away what a plan names, after a person allowed it where that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_bucketsync.engine.model.approval import Approval
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.removal import Removal
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.engine.model.units import format_size
from airflow_bucketsync.operators.asking import keep_answer, kept_answer, park
from airflow_bucketsync.operators.base import PLAN, SyncOperator
from airflow_bucketsync.state import TaskProgress, run_finished

if TYPE_CHECKING:
    from airflow_bucketsync.engine.steps.run import Run

DELETE = "Delete"
KEEP = "Keep"
LISTED = 20
"""Keys that stand in the question."""


class DeleteExtraOperator(SyncOperator):
    """Delete at the destination what is not at the source, or at the source what was moved: as the plan names it.

    Where the policy asks for it, the task waits for a person without holding a worker slot; no answer keeps everything.
    """

    shares_limits = True

    def __init__(
        self,
        *,
        trigger_rule: str = "none_failed",
        execution_timeout: timedelta | None = timedelta(hours=12),
        **kwargs: Any,
    ) -> None:
        super().__init__(trigger_rule=trigger_rule, execution_timeout=execution_timeout, **kwargs)

    def execute(self, context: Context) -> None:
        """Ask where somebody must be asked, then take away."""
        from airflow_bucketsync.engine.steps.approval import must_ask
        from airflow_bucketsync.engine.steps.delete_extra import obstacle

        with self.open_run(context) as run:
            plan = self.plan(context, run)
            approval = self.of_plan(context, run, plan) or kept_answer(context, plan)
            if approval is None and must_ask(run.spec.policy, plan.removal) and obstacle(run, plan) is None:
                self.ask(context, run, plan)
            self.take_away(context, run, plan, approval)

    def of_plan(self, context: Context, run: Run, plan: Plan) -> Approval | None:
        """The yes to the whole plan, and so to what it deletes, as `plan` handed it over; None = nobody was asked."""
        if not plan.asks:
            return None
        handed = self.handed_over(context, self.plan_task_id or self.sibling(PLAN), "approved")
        return Approval(plan=handed["approved"], answer="apply", by=None, at=run.clock.now())

    def ask(self, context: Context, run: Run, plan: Plan) -> None:
        """Park this task until a person answers in Airflow.

        :raises TaskAwaitingInput: always; the task goes on with `answered`
        """
        from airflow_bucketsync.engine.steps.lock import release

        policy, body = run.spec.policy, question(run, plan)
        self.log.info("waiting for a person to approve the deletions", hours=policy.approval_hours)
        release(run)  # the answer may take days
        subject = f"Delete {_count(plan.removal)} at {run.spec.destination.url}?"
        park(context, plan, policy, subject=subject, body=body, options=(DELETE, KEEP))

    def answered(self, context: Context, event: Mapping[str, Any], asked: str = "") -> None:
        """Go on with what a person said, or with nobody's answer."""
        from airflow_bucketsync.engine.steps.approval import write_approval
        from airflow_bucketsync.engine.steps.lock import acquire

        with self.open_run(context) as run:
            plan = self.plan(context, run)
            now = run.clock.now()
            approval = keep_answer(context, event, asked=asked, yes=DELETE, means="delete", at=now)
            write_approval(run.workspace, approval)
            self.log.info("answered", answer=approval.answer, by=approval.by)
            acquire(run, finished=run_finished(context))
            self.take_away(context, run, plan, approval)

    def take_away(self, context: Context, run: Run, plan: Plan, approval: Approval | None) -> None:
        """Delete or move, and hand over the counts."""
        from airflow_bucketsync.engine.steps.delete_extra import delete_extra

        progress = TaskProgress(context, log=self.log)
        attempt = context["ti"].try_number
        removed = delete_extra(run, plan, attempt=attempt, progress=progress, approval=approval)
        if removed.withheld is not None:
            self.log.warning("nothing was deleted: %s", shown(removed.withheld))
        self.hand_over(
            context, {"pair": run.spec.pair, "run": run.run, "digest": plan.digest, "counts": dict(removed.counts)}
        )


def question(run: Run, plan: Plan) -> str:
    """What a person is to know before deciding, as Markdown in which no key can be anything but text."""
    removal = plan.removal or Removal()
    first: list[ObjectInfo] = []
    for page in removal.deletes[:1]:
        first = list(islice(run.workspace.read_page(page, "extra", ObjectInfo.from_json), LISTED))
    trash = f"They are kept in `_bucketsync/{plan.trash}`." if plan.trash else "They are **not kept** in a trash."
    more = removal.objects - len(first)
    lines = [
        f"`{shown(run.spec.source.url)}` does not have {_count(removal)} ({format_size(removal.bytes)}) that stand at "
        f"`{shown(run.spec.destination.url)}`. {trash}",
        "",
        "~~~",
        *(f"{shown(repr(info.key))}  {format_size(info.size)}" for info in first),
        *([f"and {more} more"] if more else []),
        "~~~",
        "",
        f"The whole list: `{shown(run.workspace.store.location.url)}{shown(run.workspace.run_folder)}`, "
        f"{', '.join(f'`{page.name}`' for page in removal.deletes[:3])}.",
    ]
    return "\n".join(lines)


def _count(removal: Removal | None) -> str:
    objects = 0 if removal is None else removal.objects
    return f"{objects:,} object{'' if objects == 1 else 's'}"
