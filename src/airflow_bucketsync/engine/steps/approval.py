"""What did a person say of the deletions of a plan?"""

from __future__ import annotations

from contextlib import suppress

from airflow_bucketsync.engine.errors import ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.removal import Approval, Removal
from airflow_bucketsync.engine.rules.guards import Guard
from airflow_bucketsync.engine.steps.workspace import Workspace

APPROVAL = "removed/approval.json"


def must_ask(policy: SyncPolicy, removal: Removal | None) -> bool:
    """Whether a person is to be asked before this is deleted."""
    if removal is None or not removal.deletes:
        return False
    over = policy.approve_above is not None and removal.objects > policy.approve_above
    return over or (policy.approve_bytes_above is not None and removal.bytes > policy.approve_bytes_above)


def not_allowed(plan: Plan, approval: Approval | None) -> Guard | None:
    """Why nothing may be deleted for want of a person's yes; None = they said so, or need not be asked."""
    if not must_ask(plan.spec.policy, plan.removal):
        return None
    if approval is None or approval.plan != plan.digest:
        return Guard("not_asked", "somebody is to approve these deletions, and nobody was asked: run it in Airflow")
    if approval.answer == "delete":
        return None
    if approval.answer == "keep":
        return Guard("rejected", f"{approval.by or 'somebody'} decided to keep them")
    return Guard("not_answered", f"nobody answered within {plan.spec.policy.approval_hours:g} hours")


def write_approval(workspace: Workspace, approval: Approval) -> None:
    """Write down what a person said, for the report; it allows nothing by itself."""
    workspace.write_document(APPROVAL, "approval", approval.to_json())


def read_approval(workspace: Workspace, plan: Plan) -> Approval | None:
    """What was written down of this very plan; None = nothing, or nothing that can be read."""
    with suppress(ObjectNotFound, PlanMismatch, KeyError, TypeError, ValueError):
        found = Approval.from_json(workspace.read_document(APPROVAL, "approval"))
        return found if found.plan == plan.digest else None
    return None
