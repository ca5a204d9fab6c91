"""How is a person asked, and what did they answer? For tasks that park themselves until somebody decides."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import Context
from airflow.sdk.exceptions import TaskAwaitingInput
from airflow.sdk.execution_time.hitl import HITLUser, upsert_hitl_detail

from airflow_bucketsync.engine.model.approval import Answer, Approval
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.state import TaskProgress

if TYPE_CHECKING:
    from airflow_bucketsync.engine.model.policy import SyncPolicy

APPROVAL_KEY = "bucketsync_approval"


def park(
    context: Context, plan: Plan, policy: SyncPolicy, *, subject: str, body: str, options: tuple[str, str]
) -> NoReturn:
    """Ask, and park this task until a person answers in Airflow; the task goes on with its method `answered`.

    :param options: the word for yes, and the word for no, which also is what nobody's answer means
    :raises TaskAwaitingInput: always
    """
    upsert_hitl_detail(
        ti_id=context["ti"].id,
        options=list(options),
        subject=subject,
        body=body,
        defaults=[options[1]],
        params={},
        assigned_users=[HITLUser(id=name, name=name) for name in policy.approvers],
    )
    raise TaskAwaitingInput(
        method_name="answered",
        kwargs={"asked": plan.digest},
        timeout=timedelta(hours=policy.approval_hours),
    )


def keep_answer(
    context: Context, event: Mapping[str, Any], *, asked: str, yes: str, means: Answer, at: datetime
) -> Approval:
    """What a person answered, or that nobody did; kept for the next try of this task, which would ask again.

    :param asked: digest of the plan
    :param yes: the word for yes
    :param means: what that stands for
    """
    answer: Answer = "none" if event.get("timedout") else means if event.get("chosen_options") == [yes] else "keep"
    approval = Approval(plan=asked, answer=answer, by=_user(event), at=at)
    TaskProgress(context, key=APPROVAL_KEY).save(approval.to_json())
    return approval


def kept_answer(context: Context, plan: Plan) -> Approval | None:
    """What a person told an earlier try of this plan."""
    value = TaskProgress(context, key=APPROVAL_KEY).load()
    with suppress(KeyError, TypeError, ValueError):
        found = None if value is None else Approval.from_json(value)
        return found if found is not None and found.plan == plan.digest else None
    return None


def _user(event: Mapping[str, Any]) -> str | None:
    user = event.get("responded_by_user")
    name = user.get("name") or user.get("id") if isinstance(user, Mapping) else user
    return None if name is None else str(name)
