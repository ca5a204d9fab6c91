"""May a plan that a person was asked about be carried out? It takes the lock, or is withheld."""

from __future__ import annotations

from dataclasses import replace

from airflow_bucketsync.engine.errors import Locked
from airflow_bucketsync.engine.model.approval import Approval
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.approval import not_approved
from airflow_bucketsync.engine.steps.lock import Finished, Watch
from airflow_bucketsync.engine.steps.locked import idle_plan, take_lock
from airflow_bucketsync.engine.steps.manifest import write_plan
from airflow_bucketsync.engine.steps.run import Run


def settle(
    run: Run,
    plan: Plan,
    approval: Approval | None,
    *,
    finished: Finished | None = None,
    watch: Watch | None = None,
) -> Plan:
    """The plan under the lock after a person's yes, else the same plan of which nothing is carried out; written down.

    It was made before the answer: what changed since is found by each write, and left as it is.

    :param approval: what the person said; None = nobody was asked
    :raises Locked: another run holds the lock, and `on_lock` is not `skip`
    """
    forbids = not_approved(plan, approval)
    if forbids is not None:
        words = f"nothing was done: {forbids.words}"
        settled = replace(plan, withheld=forbids.reason, warnings=(*plan.warnings, words))
    else:
        try:
            settled = take_lock(run, plan, finished=finished, watch=watch)
        except Locked as error:
            if run.spec.policy.on_lock != "skip":
                raise
            settled = idle_plan(run, str(error), mode=plan.mode)
    write_plan(run.workspace, settled)
    return settled
