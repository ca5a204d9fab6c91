"""How are the limits of a pair divided among the tasks of a run that send requests at the same time?"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from typing import Any

from airflow.sdk import Context

from airflow_bucketsync.engine.stores.gate import Gate

log = logging.getLogger(__name__)

PREPARE = "prepare"
"""The id of the task that others of its task group look for, where none is given."""

EVERY = 10.0
"""Seconds after which a task looks how many others there are."""

FIRST = 3.0
"""The same for its first look: tasks that begin together run by then."""

RUNNING = ("running",)
UNFINISHED = ("running", "queued", "scheduled", "null", "up_for_retry", "restarting")
"""States of tasks that run now or later (`null`: not looked at by the scheduler yet)."""


def running_beside(task: Any, tasks: Iterable[Any]) -> set[str]:
    """The ids of the other tasks that may send requests while this one does: those whose run the same task prepared.

    :param tasks: of the DAG, mapped or not
    """
    sending = [other for other in tasks if getattr(other.operator_class, "shares_limits", False)]
    return {other.task_id for other in sending if _prepared_by(other) == _prepared_by(task)} - {task.task_id}


@contextmanager
def shared_limits(context: Context, gate: Gate, task_id: str, others: Set[str], most: int | None) -> Iterator[None]:
    """Keep the gate's share of the limits at one part in as many as there are tasks running.

    Without limits nothing is asked. A count that fails leaves the share as it is.

    :param others: ids of the other tasks of the run that send requests
    :param most: how many of this task's instances run at once; None = any number
    """
    if not gate.pace.limited:
        yield
        return
    # Until it was seen how many run, as if all did: those that begin together stay within the limit.
    mapped = _count(context, {task_id}, UNFINISHED)
    if most is not None:
        mapped = min(mapped, most)
    gate.pace.share = 1 / max(1, mapped + _count(context, others, RUNNING))

    def look() -> None:
        count = _count(context, others | {task_id}, RUNNING)
        if count:
            gate.pace.share = 1 / count

    with gate.every(EVERY, look, first=FIRST):
        yield


def _prepared_by(task: Any) -> str:
    given = task.partial_kwargs.get("prepare_task_id") if task.is_mapped else task.prepare_task_id
    group, dot, _ = task.task_id.rpartition(".")
    return str(given or f"{group}{dot}{PREPARE}")


def _count(context: Context, task_ids: Set[str], states: Sequence[str]) -> int:
    """How many task instances of this run are in these states; 0 = it can't be told."""
    ti = context["ti"]
    try:
        return ti.get_ti_count(
            dag_id=ti.dag_id, task_ids=sorted(task_ids), run_ids=[context["run_id"]], states=list(states)
        )
    except Exception as error:  # a limit is worth no failed task, whatever is wrong with the API
        log.debug("The tasks that share the limits could not be counted: %s", type(error).__name__)
        return 0
