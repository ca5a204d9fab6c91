"""Row D13: the tasks of a run that run at the same time share the limits of their pair."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, TaskGroup

from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.operators.base import SyncOperator
from airflow_bucketsync.operators.copy import CopyOperator
from airflow_bucketsync.operators.multipart import UploadPartsOperator
from airflow_bucketsync.operators.plan import PlanOperator
from airflow_bucketsync.operators.sharing import shared_limits
from airflow_bucketsync.operators.verify import VerifyOperator
from tests.engine.clocks import FakeClock

OPERATORS: dict[str, tuple[type[SyncOperator], dict[str, int]]] = {
    "plan": (PlanOperator, {}),
    "copy": (CopyOperator, {"batch": 0}),
    "upload_parts": (UploadPartsOperator, {"group": 0}),
    "verify": (VerifyOperator, {"unit": 0}),
}


class Airflow:
    """Counts task instances by task and state."""

    dag_id = "dag"

    def __init__(self, **states: dict[str, int]) -> None:
        self.states = {f"g.{task}": counts for task, counts in states.items()}
        self.asked: list[dict[str, Any]] = []
        self.broken = False

    def get_ti_count(self, **asked: Any) -> int:
        self.asked.append(asked)
        if self.broken:
            raise ConnectionError("no API")
        assert (asked["dag_id"], asked["run_ids"]) == ("dag", ["run-1"])
        return sum(self.states.get(task, {}).get(state, 0) for task in asked["task_ids"] for state in asked["states"])

    @property
    def context(self) -> Any:
        return {"ti": self, "run_id": "run-1"}


def gate(**limits: Any) -> tuple[Gate, FakeClock]:
    clock = FakeClock()
    return Gate(clock=clock, **({"bandwidth": 1000} | limits)), clock


def test_row_D13_a_task_begins_with_the_share_it_has_when_all_run():
    airflow = Airflow(copy={"running": 1, "scheduled": 5, "null": 2, "success": 9}, verify={"null": 1})
    limited, _ = gate()
    with shared_limits(airflow.context, limited, "g.copy", {"g.verify"}, None):
        assert limited.pace.share == 1 / 8
    airflow.states["g.verify"] = {"running": 2}
    with shared_limits(airflow.context, limited, "g.copy", {"g.verify"}, None):
        assert limited.pace.share == 1 / 10
    with shared_limits(airflow.context, limited, "g.copy", {"g.verify"}, 3):
        assert limited.pace.share == 1 / 5, "no more of them run at once"


def test_row_D13_the_share_is_looked_at_every_ten_seconds():
    airflow = Airflow(copy={"running": 2, "scheduled": 40})
    limited, _ = gate()
    with shared_limits(airflow.context, limited, "g.copy", {"g.verify", "g.upload_parts"}, None):
        limited.wait(4)
        assert limited.pace.share == 1 / 2
        airflow.states["g.upload_parts"] = {"running": 3}
        limited.wait(8)
        assert limited.pace.share == 1 / 2
        limited.wait(2)
        assert limited.pace.share == 1 / 5
        before = len(airflow.asked)
        limited.wait(100)
        assert len(airflow.asked) - before <= 10
    assert len({tuple(asked["task_ids"]) for asked in airflow.asked}) == 3


def test_row_D13_a_count_that_fails_changes_nothing():
    airflow = Airflow(copy={"running": 4})
    limited, _ = gate()
    with shared_limits(airflow.context, limited, "g.copy", set(), None):
        airflow.broken = True
        limited.wait(30)
        assert limited.pace.share == 1 / 4
    with shared_limits(airflow.context, limited, "g.copy", set(), None):
        assert limited.pace.share == 1.0, "nothing is known: the limit is for each"


def test_row_D13_without_limits_nobody_is_asked():
    airflow = Airflow(copy={"running": 4})
    free, _ = gate(bandwidth=None)
    with shared_limits(airflow.context, free, "g.copy", set(), None):
        free.wait(30)
    assert airflow.asked == []
    assert free.pace.share == 1.0


@pytest.mark.parametrize("limits", [{"bandwidth": 5000}, {"requests_per_second": 7}])
def test_row_D13_an_operator_takes_the_limits_of_the_policy(limits):
    airflow = Airflow(copy={"running": 1}, verify={"running": 1}, upload_parts={"running": 2}, plan={"running": 1})
    with DAG("dag", schedule=None), TaskGroup("g"):
        operators = {name: kind(task_id=name, **more) for name, (kind, more) in OPERATORS.items()}
    operator = operators["copy"]
    made = operator.new_gate(**limits)
    run: Any = SimpleNamespace(gate=made)
    assert (made.pace.bandwidth, made.pace.requests_per_second) == (
        limits.get("bandwidth"),
        limits.get("requests_per_second"),
    )
    with operator.sharing_limits(airflow.context, run):
        assert made.pace.share == 1 / 4
    operator.on_kill()
    assert made.stopped


def test_row_D13_the_tasks_of_a_flow_run_under_their_limits(flow, put, monkeypatch):
    put(**{f"name{number}": "text" for number in range(3)})
    gates: list[Gate] = []
    made = SyncOperator.new_gate

    def new_gate(self: SyncOperator, **options: Any) -> Gate:
        gates.append(made(self, **options))
        return gates[-1]

    monkeypatch.setattr(SyncOperator, "new_gate", new_gate)
    ran = flow(bandwidth=10_000_000, requests_per_second=500).run()
    assert ran.state_of("report") == "success"
    assert {(gate.pace.bandwidth, gate.pace.requests_per_second) for gate in gates} == {(10_000_000, 500)}
