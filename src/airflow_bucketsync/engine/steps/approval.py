"""What did a person say of a plan, or of its deletions?"""

from __future__ import annotations

from contextlib import suppress

from airflow_bucketsync.engine.errors import ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.approval import Approval
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.removal import Removal
from airflow_bucketsync.engine.rules.guards import Guard
from airflow_bucketsync.engine.steps.workspace import Workspace

APPROVAL = "approval.json"
"""Below the folder of what was asked for: `plan/`, or `removed/`."""


def must_ask(policy: SyncPolicy, removal: Removal | None) -> bool:
    """Whether a person is to be asked before this is deleted."""
    if removal is None or not removal.deletes:
        return False
    over = policy.approve_above is not None and removal.objects > policy.approve_above
    return over or (policy.approve_bytes_above is not None and removal.bytes > policy.approve_bytes_above)


def not_approved(plan: Plan, approval: Approval | None) -> Guard | None:
    """Why nothing of a plan may be carried out for want of a person's yes; None = they said so, or need not be asked.

    A yes to the deletions is none to the plan.
    """
    return _guard(plan, approval, ("apply",), "this plan") if plan.asks else None


def not_allowed(plan: Plan, approval: Approval | None) -> Guard | None:
    """Why nothing may be deleted for want of a person's yes; None = they said so, or need not be asked.

    Who said yes to the plan has seen what it deletes.
    """
    asked = must_ask(plan.spec.policy, plan.removal)
    return _guard(plan, approval, ("apply", "delete"), "these deletions") if asked else None


def _guard(plan: Plan, approval: Approval | None, yes: tuple[str, ...], what: str) -> Guard | None:
    if approval is None or approval.plan != plan.digest:
        return Guard("not_asked", f"somebody is to approve {what}, and nobody was asked: run it in Airflow")
    if approval.answer in yes:
        return None
    if approval.answer == "none":
        return Guard("not_answered", f"nobody answered within {plan.spec.policy.approval_hours:g} hours")
    return Guard("rejected", f"{approval.by or 'somebody'} decided to keep everything as it is")


def write_approval(workspace: Workspace, approval: Approval, *, of_plan: bool = False) -> None:
    """Write down what a person said, for the report; it allows nothing by itself.

    :param of_plan: of the plan as a whole, not of its deletions
    """
    workspace.write_document(_name(of_plan), "approval", approval.to_json())


def read_approval(workspace: Workspace, plan: Plan) -> Approval | None:
    """What was written down of this very plan; None = nothing, or nothing that can be read."""
    for of_plan in (False, True):
        with suppress(ObjectNotFound, PlanMismatch, KeyError, TypeError, ValueError):
            found = Approval.from_json(workspace.read_document(_name(of_plan), "approval"))
            if found.plan == plan.digest:
                return found
    return None


def _name(of_plan: bool) -> str:
    return f"plan/{APPROVAL}" if of_plan else f"removed/{APPROVAL}"
