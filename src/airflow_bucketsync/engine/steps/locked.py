"""May a plan be carried out now? It takes the pair's lock, or says who holds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from airflow_bucketsync.engine.errors import AccessDenied, Locked
from airflow_bucketsync.engine.model.plan import Listed, Plan
from airflow_bucketsync.engine.rules.estimate import estimate
from airflow_bucketsync.engine.steps.lock import Finished, Watch, acquire, locks, peek
from airflow_bucketsync.engine.steps.route import NOTHING
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.run_document import RunDocument


def locked_plan(
    run: Run,
    document: RunDocument,
    make: Callable[[], Plan],
    *,
    finished: Finished | None = None,
    watch: Watch | None = None,
) -> Plan:
    """The plan that `make` makes, under the lock if it writes anything; an idle one where this run is to be skipped.

    A destination whose credentials may only write holds no lock: such a run never deletes, and says so.

    :raises Locked: another run holds the lock, and `on_lock` is not `skip`
    """
    policy = run.spec.policy
    try:
        # Where nothing may have to be done, and no long listing is to be paid, the destination is not asked in vain.
        denied = (
            None if document.mode == "incremental" else _denied(run, lambda: peek(run, finished=finished, watch=watch))
        )
        plan = make()
        if not plan.writes or plan.asks:
            return plan
        return take_lock(run, plan, denied=denied, finished=finished, watch=watch)
    except Locked as error:
        if policy.on_lock != "skip":
            raise
        return idle_plan(run, str(error), mode=document.mode)


def take_lock(
    run: Run,
    plan: Plan,
    *,
    denied: AccessDenied | None = None,
    finished: Finished | None = None,
    watch: Watch | None = None,
) -> Plan:
    """The plan under the lock.

    :param denied: why the store does not let this run hold one, where that is known
    :raises Locked: another run holds it
    """
    words: list[str] = []
    if denied is None:
        denied = _denied(run, lambda: words.extend(acquire(run, finished=finished, watch=watch)))
    if denied is not None:
        return replace(plan, warnings=(*plan.warnings, f"no lock keeps other runs of this pair away: {denied}"))
    return replace(plan, lock=locks(run), warnings=(*plan.warnings, *words))


def _denied(run: Run, do: Callable[[], object]) -> AccessDenied | None:
    """The refusal of the store, where this run can do without the lock."""
    try:
        do()
    except AccessDenied as error:
        if run.spec.policy.removes or run.spec.policy.keeps:
            raise
        return error
    return None


def idle_plan(run: Run, holder: str, *, mode: Listed) -> Plan:
    """The plan of a run that does nothing, because another one holds the lock."""
    return Plan(
        spec=run.spec,
        run=run.run,
        batches=(),
        decided=None,
        delta=None,
        route=NOTHING,
        counts={},
        reasons={},
        bytes=0,
        listed={},
        requests={},
        warnings=(f"skipped: {holder}",),
        mode=mode,
        locked=holder,
        estimate=estimate((), transport=NOTHING.transport, policy=run.spec.policy).to_json(),
    )
