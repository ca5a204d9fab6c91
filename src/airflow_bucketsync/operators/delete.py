"""Take away what a plan names, after a person allowed it where that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.exceptions import TaskAwaitingInput
from airflow.sdk.execution_time.hitl import HITLUser, upsert_hitl_detail

from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.removal import Answer, Approval, Removal
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.engine.model.units import format_size
from airflow_bucketsync.operators.base import SyncOperator
from airflow_bucketsync.state import TaskProgress, run_finished

if TYPE_CHECKING:
    from airflow_bucketsync.engine.steps.run import Run

DELETE = "Delete"
KEEP = "Keep"
APPROVAL_KEY = "bucketsync_approval"
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
            approval = _kept(context, plan)
            if approval is None and must_ask(run.spec.policy, plan.removal) and obstacle(run, plan) is None:
                self.ask(context, run, plan)
            self.take_away(context, run, plan, approval)

    def ask(self, context: Context, run: Run, plan: Plan) -> None:
        """Park this task until a person answers in Airflow.

        :raises TaskAwaitingInput: always; the task goes on with `answered`
        """
        from airflow_bucketsync.engine.steps.lock import release

        policy = run.spec.policy
        upsert_hitl_detail(
            ti_id=context["ti"].id,
            options=[DELETE, KEEP],
            subject=f"Delete {_count(plan.removal)} at {run.spec.destination.url}?",
            body=question(run, plan),
            defaults=[KEEP],
            params={},
            assigned_users=[HITLUser(id=name, name=name) for name in policy.approvers],
        )
        self.log.info("waiting for a person to approve the deletions", hours=policy.approval_hours)
        release(run)  # the answer may take days
        raise TaskAwaitingInput(
            method_name="answered",
            kwargs={"asked": plan.digest},
            timeout=timedelta(hours=policy.approval_hours),
        )

    def answered(self, context: Context, event: Mapping[str, Any], asked: str = "") -> None:
        """Go on with what a person said, or with nobody's answer."""
        from airflow_bucketsync.engine.steps.approval import write_approval
        from airflow_bucketsync.engine.steps.lock import acquire

        with self.open_run(context) as run:
            plan = self.plan(context, run)
            approval = Approval(plan=asked, answer=_answer(event), by=_user(event), at=run.clock.now())
            TaskProgress(context, key=APPROVAL_KEY).save(approval.to_json())  # or a retry asks again
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


def _kept(context: Context, plan: Plan) -> Approval | None:
    """What a person told an earlier try of this plan."""
    value = TaskProgress(context, key=APPROVAL_KEY).load()
    with suppress(KeyError, TypeError, ValueError):
        found = None if value is None else Approval.from_json(value)
        return found if found is not None and found.plan == plan.digest else None
    return None


def _count(removal: Removal | None) -> str:
    objects = 0 if removal is None else removal.objects
    return f"{objects:,} object{'' if objects == 1 else 's'}"


def _answer(event: Mapping[str, Any]) -> Answer:
    if event.get("timedout"):
        return "none"
    return "delete" if event.get("chosen_options") == [DELETE] else "keep"


def _user(event: Mapping[str, Any]) -> str | None:
    user = event.get("responded_by_user")
    name = user.get("name") or user.get("id") if isinstance(user, Mapping) else user
    return None if name is None else str(name)
