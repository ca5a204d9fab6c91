"""What a task instance sees of Airflow, in memory: enough to run a whole group of operators one after the other."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from airflow.sdk import TriggerRule
from airflow.sdk.exceptions import AirflowSkipException, TaskAwaitingInput

from airflow_bucketsync.assets import EVENTS


class Store(dict):
    """A state store: takes strict JSON, gives back copies."""

    def set(self, key: str, value: Any) -> None:
        self[key] = json.dumps(value, allow_nan=False)

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self[key]) if key in self else default


class AliasEvents:
    def __init__(self) -> None:
        self.added: list[tuple[Any, dict[str, Any]]] = []

    def add(self, asset: Any, extra: dict[str, Any]) -> None:
        self.added.append((asset, json.loads(json.dumps(extra))))


class TaskInstance:
    def __init__(self, run: FlowRun, task_id: str, map_index: int, try_number: int) -> None:
        self.run, self.task_id, self.map_index, self.try_number = run, task_id, map_index, try_number
        self.dag_id = "dag"

    def xcom_push(self, key: str, value: Any) -> None:
        self.run.xcoms[self.task_id, self.map_index, key] = json.loads(json.dumps(value, allow_nan=False))

    def xcom_pull(self, *, task_ids: str, key: str) -> Any:
        return self.run.xcoms.get((task_ids, -1, key))

    @property
    def id(self) -> str:
        return f"{self.task_id} {self.map_index}"

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        return "success" if run_id in self.run.ended else "running"

    def get_task_states(self, *, dag_id: str, task_ids: list[str], run_ids: list[str]) -> dict[str, dict[str, str]]:
        found = {}
        for (task_id, index), state in self.run.states.items():
            if task_id in task_ids:
                found[task_id if index < 0 else f"{task_id}_{index}"] = state
        return {run_ids[0]: found}


class FlowRun:
    """One run of a group of tasks, in the order of the flow.

    :param dag: holds the group
    :param state: the asset state store, which outlives runs
    """

    def __init__(self, dag: Any, *, state: Store, run_id: str = "run-1", params: dict[str, Any] | None = None) -> None:
        self.dag, self.state, self.run_id, self.params = dag, state, run_id, params or {}
        self.xcoms: dict[tuple[str, int, str], Any] = {}
        self.states: dict[tuple[str, int], str] = {}
        self.errors: dict[tuple[str, int], BaseException] = {}
        self.events = AliasEvents()
        self.task_state: dict[tuple[str, int], Store] = {}
        self.ended: set[str] = set()
        """Other runs that have ended."""
        self.parked: dict[tuple[str, int], TaskAwaitingInput] = {}

    def context(self, task_id: str, map_index: int = -1, try_number: int = 1) -> dict[str, Any]:
        return {
            "ti": TaskInstance(self, task_id, map_index, try_number),
            "run_id": self.run_id,
            "params": self.params,
            "dag_run": SimpleNamespace(conf=self.params),
            "asset_state_store": _Any(self.state),
            "task_state_store": self.task_state.setdefault((task_id, map_index), Store()),
            "outlet_events": {EVENTS: self.events},
        }

    def run(self, before: dict[str, Any] | None = None) -> FlowRun:
        """Run every task whose trigger rule lets it.

        :param before: called right before the task of that name
        """
        for task in self.dag.topological_sort():
            name = task.task_id.rpartition(".")[2]
            if (before or {}).get(name):
                before[name]()
            self._run_task(task)
        return self

    def state_of(self, name: str) -> str:
        return " ".join(
            sorted(state for (task_id, _), state in self.states.items() if task_id.rpartition(".")[2] == name)
        )

    def summary_of(self, task_id: str) -> Any:
        return self.xcoms[task_id, -1, "summary"]

    def summary(self, name: str, map_index: int = -1) -> Any:
        return self.xcoms[f"bucket_sync.{name}", map_index, "summary"]

    def _run_task(self, task: Any) -> None:
        ups = [state for (task_id, _), state in self.states.items() if task_id in task.upstream_task_ids]
        failed = any(state in ("failed", "upstream_failed") for state in ups)
        key = (task.task_id, -1)
        if key in self.states:  # skipped by `plan`
            return
        if task.trigger_rule != TriggerRule.ALL_DONE and failed:
            self.states[key] = "upstream_failed"
        elif task.trigger_rule == TriggerRule.ALL_SUCCESS and "skipped" in ups:
            self.states[key] = "skipped"
        elif task.is_mapped:
            ((name, over),) = task.expand_input.value.items()
            numbers = self.xcoms[over.operator.task_id, -1, "return_value"]
            if not numbers:
                self.states[key] = "skipped"
            for index, number in enumerate(numbers):
                self._execute(task.unmap({name: number}), index)
        else:
            self._execute(task, -1)

    def _execute(self, task: Any, index: int) -> None:
        key = (task.task_id, index)
        try:
            value = task.execute(self.context(task.task_id, index))
        except AirflowSkipException:
            self.states[key] = "skipped"
            return
        except TaskAwaitingInput as parked:
            self.states[key], self.parked[key] = "awaiting_input", parked
            return
        except Exception as error:
            self.states[key], self.errors[key] = "failed", error
            return
        self.states[key] = "success"
        if value is not None:
            self.xcoms[task.task_id, index, "return_value"] = json.loads(json.dumps(value, allow_nan=False))
        skipped = self.xcoms.get((task.task_id, index, "skipmixin_key"), {}).get("skipped", ())
        self.states.update({(task_id, -1): "skipped" for task_id in skipped})


class _Any:
    """The same store whatever asset is asked for, as long as it is ours."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getitem__(self, asset: Any) -> Store:
        assert asset.name == "bucketsync_state"
        return self._store
