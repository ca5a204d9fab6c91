"""How are the limits of a pair divided among the tasks of a run that send requests at the same time?"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager

from airflow.sdk import Context

from airflow_bucketsync.engine.stores.gate import Gate

log = logging.getLogger(__name__)

SHARING = ("list", "copy", "begin_uploads", "upload_parts", "verify", "delete_extra")
"""The tasks of a group that may send requests while others do."""

EVERY = 10.0
"""Seconds after which a task looks how many others there are."""

FIRST = 3.0
"""The same for its first look: tasks that begin together run by then."""

RUNNING = ("running",)
UNFINISHED = ("running", "queued", "scheduled", "null", "up_for_retry", "restarting")
"""States of tasks that run now or later (`null`: not looked at by the scheduler yet)."""


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
