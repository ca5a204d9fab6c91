"""The plan in the workspace: written once, and read by every task that follows."""

from __future__ import annotations

from airflow_bucketsync.engine.errors import ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.workspace import Workspace

MANIFEST = "plan/manifest.json"


def write_plan(workspace: Workspace, plan: Plan) -> None:
    """Write the plan down; its pages are there already."""
    workspace.write_document(MANIFEST, "manifest", plan.to_json())


def read_plan(workspace: Workspace, digest: str | None = None) -> Plan:
    """The plan of a run.

    :param digest: what `plan` said of it; None = trust the workspace
    :raises PlanMismatch: it is missing, damaged, or another one
    """
    try:
        value = workspace.read_document(MANIFEST, "manifest")
    except ObjectNotFound:
        raise PlanMismatch(
            "the run's folder has no plan: did `plan` finish, and do all workers reach the same workspace?",
            location=workspace.store.location.url,
        ) from None
    try:
        plan = Plan.from_json(value)
    except (KeyError, TypeError, ValueError) as error:
        raise PlanMismatch(f"the plan is damaged: {type(error).__name__}: {error}") from None
    if plan.digest != value.get("digest") or (digest is not None and plan.digest != digest):
        raise PlanMismatch("the plan in the workspace is not the one this run made; clear `plan` to make it anew")
    return plan
