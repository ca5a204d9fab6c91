"""Where do the tasks of a sync run: which pool, queue, priority and executor does each have?"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_bucketsync.engine.errors import InvalidConfiguration

TEXTS = ("pool", "queue", "executor")
FIELDS = (*TEXTS, "pool_slots", "priority_weight", "weight_rule", "executor_config")
"""What can be said of a task; each is an argument of Airflow's operators by the same name."""


def checked_resources(
    resources: Mapping[str, Mapping[str, Any]] | None, tasks: Sequence[str]
) -> Mapping[str, Mapping[str, Any]]:
    """The resources by task, checked when the DAG is parsed.

    :raises InvalidConfiguration: a task or field that does not exist, or a value that does not fit
    """
    if resources is None:
        return {}
    if not isinstance(resources, Mapping):
        raise InvalidConfiguration(f'resources: expected {{"upload_parts": {{"queue": …}}}}, got {resources!r:.40}')
    for task_id, fields in resources.items():
        if task_id not in tasks:
            raise InvalidConfiguration(f"resources: {task_id!r} is no task of a sync: {nearest(task_id, tasks)}")
        if not isinstance(fields, Mapping):
            raise InvalidConfiguration(f'resources: {task_id}: expected {{"queue": …}}, got {fields!r:.40}')
        for field, value in fields.items():
            if field not in FIELDS:
                raise InvalidConfiguration(
                    f"resources: {task_id}: {field!r} can't be said of a task: {nearest(field, FIELDS)}"
                )
            expected = _expected(field, value)
            if expected is not None:
                raise InvalidConfiguration(f"resources: {task_id}: {field} must be {expected}, got {value!r:.40}")
    return {task_id: dict(fields) for task_id, fields in resources.items()}


def nearest(word: Any, known: Sequence[str]) -> str:
    """A question for the end of a message: which of these words was meant."""
    return f"did you mean {(difflib.get_close_matches(str(word), known, n=1, cutoff=0.4) or [', '.join(known)])[0]}?"


def _expected(field: str, value: Any) -> str | None:
    """What the value of a field must be; None = it is. Weight rules, and what a pool holds, are Airflow's to judge."""
    if field in TEXTS and (not isinstance(value, str) or not value):
        return "a name"
    if field == "pool_slots" and (type(value) is not int or value < 1):
        return "a whole number from 1"
    if field == "priority_weight" and type(value) is not int:
        return "a whole number"
    if field == "executor_config" and not isinstance(value, Mapping):
        return "a dict"
    return None
