"""Decide what is to be copied, and skip the tasks that this plan does not need."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context, SkipMixin
from airflow.sdk.exceptions import AirflowRescheduleException, DownstreamTasksSkipped

from airflow_bucketsync.engine.errors import Locked
from airflow_bucketsync.engine.model.approval import Approval
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.engine.model.units import format_size
from airflow_bucketsync.operators.asking import keep_answer, kept_answer, park
from airflow_bucketsync.operators.base import SyncOperator
from airflow_bucketsync.operators.delete import DeleteExtraOperator
from airflow_bucketsync.operators.multipart import BeginUploadsOperator, CompleteUploadsOperator
from airflow_bucketsync.state import run_finished

if TYPE_CHECKING:
    from airflow_bucketsync.engine.model.review import PlanReview
    from airflow_bucketsync.engine.steps.run import Run

APPLY = "Apply the plan"
KEEP = "Keep everything as it is"
LOOK_AGAIN = timedelta(seconds=60)
"""After which a run that waits for the lock of its pair looks again; it holds no worker slot meanwhile."""


class PlanOperator(SyncOperator, SkipMixin):
    """Compare both sides and write the plan. Returns the numbers of the batches that `copy` is mapped over.

    Where the policy asks for it, the task waits for a person without holding a worker slot or the lock of the pair; a
    no, or no answer, leaves everything as it is.

    Skips, of the tasks right behind it, those that this plan has no work for: all of them in a dry run, or after a no;
    the plan names its work all the same. Runs where `list` was skipped: a small source is listed here.
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
        """Plan, ask where somebody is to be asked, skip what is not needed, say which batches to copy.

        :raises AirflowRescheduleException: another run holds the lock, and this one is to wait for it
        """
        from airflow_bucketsync.engine.rules.review_text import review_text
        from airflow_bucketsync.engine.steps.plan import make_plan
        from airflow_bucketsync.engine.steps.reviewed import read_review

        with self.open_run(context) as run:
            with self.waiting_for_lock(run):
                plan = make_plan(run, finished=run_finished(context))
            review, folder = read_review(run.workspace, plan.digest), run.workspace.run_folder
            self.log.info(review_text(review, folder=folder))
            approval = None
            if plan.asks:
                approval = kept_answer(context, plan)
                if approval is None:
                    self.ask(context, run, plan, review)
                plan = self.settled(context, run, plan, approval)
        return self.pass_on(context, run, plan, approval)

    def ask(self, context: Context, run: Run, plan: Plan, review: PlanReview) -> None:
        """Park this task until a person answers in Airflow.

        :raises TaskAwaitingInput: always; the task goes on with `answered`
        """
        from airflow_bucketsync.engine.steps.lock import release

        policy = run.spec.policy
        self.log.info("waiting for a person to approve the plan %s", plan.digest, hours=policy.approval_hours)
        release(run)  # of an earlier try; the answer may take days
        words = subject(run, plan)
        park(context, plan, policy, subject=words, body=question(review, policy.approval_hours), options=(APPLY, KEEP))

    def answered(self, context: Context, event: Mapping[str, Any], asked: str = "") -> list[int]:
        """Go on with what a person said, or with nobody's answer."""
        from airflow_bucketsync.engine.steps.approval import write_approval
        from airflow_bucketsync.engine.steps.manifest import read_plan

        with self.open_run(context) as run:
            plan = read_plan(run.workspace, asked)
            now = run.clock.now()
            approval = keep_answer(context, event, asked=asked, yes=APPLY, means="apply", at=now)
            write_approval(run.workspace, approval, of_plan=True)
            self.log.info("answered", answer=approval.answer, by=approval.by)
            plan = self.settled(context, run, plan, approval)
        return self.pass_on(context, run, plan, approval)

    def settled(self, context: Context, run: Run, plan: Plan, approval: Approval | None) -> Plan:
        """The plan under the lock, or withheld, as a person decided."""
        from airflow_bucketsync.engine.steps.settling import settle

        with self.waiting_for_lock(run):
            settled = settle(run, plan, approval, finished=run_finished(context))
        if settled.withheld:
            self.log.warning("%s", shown(settled.warnings[-1], 1000))
        return settled

    @contextlib.contextmanager
    def waiting_for_lock(self, run: Run) -> Iterator[None]:
        """Where this run is to wait for the lock, its task is tried again later, and holds no worker slot meanwhile."""
        try:
            yield
        except Locked as error:
            if run.spec.policy.on_lock != "wait":
                raise
            self.log.info("waiting for the lock of the pair: %s", shown(str(error), 1000))
            raise AirflowRescheduleException(run.clock.now() + LOOK_AGAIN) from None  # type: ignore[no-untyped-call]

    def pass_on(self, context: Context, run: Run, plan: Plan, approval: Approval | None) -> list[int]:
        """Skip what the plan does not need, hand over what it comes to, and say which batches to copy."""
        from airflow_bucketsync.engine.rules.estimate import Estimate
        from airflow_bucketsync.engine.steps.reviewed import REVIEW, REVIEW_PAGE

        folder = run.workspace.run_folder
        self.skip_unneeded(context, plan)
        totals = {"counts": dict(plan.counts), "bytes": plan.bytes, "batches": len(plan.batches)}
        removal = plan.removal
        totals |= {"deletes": 0 if removal is None else removal.objects}
        totals |= {"uploads": 0 if plan.uploads is None else plan.uploads.count, "groups": len(plan.groups)}
        how = {"route": str(plan.route), "estimate": str(Estimate.from_json(plan.estimate))}
        place = {"pair": run.spec.pair, "run": run.run, "digest": plan.digest, "dry": plan.dry}
        place |= {"review": folder + REVIEW, "review_page": folder + REVIEW_PAGE}
        yes = approval is not None and approval.answer == "apply"
        said = {"approved": plan.digest if yes else "", "withheld": plan.withheld}
        said |= {} if plan.drift is None else {"drift": shown(str(plan.drift))}
        self.hand_over(context, {**place, **totals, **how, **said, "warnings": len(plan.warnings)})
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


def subject(run: Run, plan: Plan) -> str:
    """What a person is asked, in one line."""
    words = f"{plan.counts.get('planned', 0):,} to bring in step ({format_size(plan.bytes)})"
    words += f", {plan.removal.objects:,} to delete" if plan.removal is not None and plan.removal.objects else ""
    return f"Apply the plan for {run.spec.destination.url}: {words}?"


def question(review: PlanReview, hours: float) -> str:
    """What a person is to know before deciding, as Markdown in which no key can be anything but text."""
    from airflow_bucketsync.engine.rules.review_text import review_markdown

    return (
        f"**{APPLY}** carries out exactly what stands below. Every write is held to the versions that were seen: what "
        f"changed since is left as it is, and named. **{KEEP}**, and no answer within {hours:g} hours, does nothing; "
        f"the next run plans anew.\n\n{review_markdown(review)}"
    )
