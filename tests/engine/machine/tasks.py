"""What does one try of a task do? It calls a step of the engine as its operator in `operators/` does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_bucketsync.engine.errors import CheckpointMismatch, PlanMismatch
from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.lock import Owner
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.begin_uploads import begin_uploads
from airflow_bucketsync.engine.steps.complete_uploads import complete_uploads
from airflow_bucketsync.engine.steps.copy import copy_batch
from airflow_bucketsync.engine.steps.delete_extra import delete_extra
from airflow_bucketsync.engine.steps.list_units import list_unit
from airflow_bucketsync.engine.steps.manifest import read_plan
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.prepare import prepare
from airflow_bucketsync.engine.steps.report import make_report
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.run_document import open_spec
from airflow_bucketsync.engine.steps.upload_parts import upload_group
from airflow_bucketsync.engine.steps.verify import verify_unit
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.retrying import Retries, RetryingStore
from tests.engine.machine.fibers import Atom, Killed
from tests.engine.machine.watched import WatchedStore

if TYPE_CHECKING:
    from tests.engine.machine.dag import DagRun, Task


class _Progress:
    """The task state store: one value per task instance, whatever the try."""

    def __init__(self, dag: DagRun, task: Task, atom: Atom) -> None:
        self.dag, self.task, self.atom = dag, task, atom

    def load(self) -> Mapping[str, Any] | None:
        """What was saved last."""
        self.atom.before_request("progress load")
        return None if self.task.progress is None else json.loads(json.dumps(self.task.progress))

    def save(self, value: Mapping[str, Any]) -> None:
        """Keep this."""
        self.atom.before_request("progress save")
        if self.dag.refuses(self.task, self.atom):
            raise Killed
        self.task.progress = json.loads(json.dumps(value))
        self.atom.after_request()


class Try:
    """One try of one task.

    :param plans: how often the run had been planned when it began
    """

    def __init__(self, dag: DagRun, task: Task, attempt: int, plans: int) -> None:
        self.dag, self.task, self.attempt, self.plans = dag, task, attempt, plans
        self.airflow, self.world, self.handed = dag.airflow, dag.world, dag.handed

    def __call__(self, atom: Atom) -> None:
        """Do the step, and hand over what later tasks need."""
        value = getattr(self, f"_{self.task.step}")(atom, self._opened(atom))
        atom.before_request("hand over")
        if self.dag.refuses(self.task, atom):
            raise Killed
        self.handed.update(value)
        self.dag.plans += self.task.step == "plan"
        atom.after_request()

    def _opened(self, atom: Atom) -> Run:
        spec, clock = self.dag.spec, self.world.clock
        policy = spec.policy
        gate = Gate(concurrency=policy.concurrency, buffer_size=policy.buffer_size, clock=clock)
        self.task.gate = gate
        self.airflow.judge.told.begins(atom.name, policy)

        def late() -> bool:
            return self.dag.plans != self.plans or self.airflow.runs[-1] is not self.dag

        def store(side: str, limits: Gate) -> RetryingStore:
            inner = WatchedStore(
                self.world,
                side,
                atom,
                run=self.dag.number,
                armory=self.airflow.armory,
                late=late,
                judge=self.airflow.judge.request,
            )
            return RetryingStore(inner, Retries(gate=limits, attempts=3, draw=lambda longest: 0.0))

        workspace = Workspace(store("pages", Gate(clock=clock)), pair=spec.pair, run=self.dag.name)
        return Run(
            spec=spec,
            run=self.dag.name,
            source=store("source", gate),
            destination=store("destination", gate),
            workspace=workspace,
            gate=gate,
            clock=clock,
            owner=Owner(airflow="0" * 32, dag_id="dag", run_id=self.dag.name),
        )

    def _prepare(self, atom: Atom, run: Run) -> dict[str, Any]:
        atom.before_request("state load")
        checkpoint, value = None, self.airflow.checkpoint
        if value is not None:
            try:
                checkpoint = Checkpoint.fitting(value, pair=run.spec.pair, fingerprint=run.spec.fingerprint())
            except CheckpointMismatch:
                checkpoint = None
        prepared = prepare(run, checkpoint=checkpoint)
        return {"units": list(prepared.units), "run": prepared.digest}

    def _read(self, run: Run) -> None:
        """What every task after `prepare` begins with."""
        if "run" not in self.handed:
            raise PlanMismatch("task 'prepare' handed nothing over")
        open_spec(run.workspace, self.handed["run"])

    def _read_plan(self, run: Run) -> Plan:
        self._read(run)
        if "plan" not in self.handed:
            raise PlanMismatch("task 'plan' handed nothing over")
        return read_plan(run.workspace, self.handed["plan"])

    def _list(self, atom: Atom, run: Run) -> dict[str, Any]:
        self._read(run)
        list_unit(run, self.task.number)
        return {}

    def _plan(self, atom: Atom, run: Run) -> dict[str, Any]:
        self._read(run)
        # A run that is not the newest any more has ended, whatever of it still lives.
        plan = make_plan(run, finished=lambda lock: lock.run != self.airflow.runs[-1].name)
        if plan.dry:
            return {"plan": plan.digest, "batches": [], "groups": [], "complete": False, "delete": False}
        return {
            "plan": plan.digest,
            "batches": [batch.number for batch in plan.batches],
            "groups": [group.number for group in plan.groups],
            "complete": bool(plan.batches or plan.groups or plan.open_uploads),
            "delete": plan.removal is not None,
        }

    def _copy(self, atom: Atom, run: Run) -> dict[str, Any]:
        plan = self._read_plan(run)
        copy_batch(run, plan, self.task.number, attempt=self.attempt, progress=_Progress(self.dag, self.task, atom))
        return {}

    def _begin(self, atom: Atom, run: Run) -> dict[str, Any]:
        begin_uploads(run, self._read_plan(run), attempt=self.attempt)
        return {}

    def _parts(self, atom: Atom, run: Run) -> dict[str, Any]:
        plan = self._read_plan(run)
        upload_group(run, plan, self.task.number, attempt=self.attempt, progress=_Progress(self.dag, self.task, atom))
        return {}

    def _complete(self, atom: Atom, run: Run) -> dict[str, Any]:
        plan, progress = self._read_plan(run), _Progress(self.dag, self.task, atom)
        return {"verify": list(complete_uploads(run, plan, attempt=self.attempt, progress=progress))}

    def _verify(self, atom: Atom, run: Run) -> dict[str, Any]:
        verify_unit(run, self._read_plan(run), self.task.number, attempt=self.attempt)
        return {}

    def _delete(self, atom: Atom, run: Run) -> dict[str, Any]:
        plan, progress = self._read_plan(run), _Progress(self.dag, self.task, atom)
        delete_extra(run, plan, attempt=self.attempt, progress=progress)
        return {}

    def _report(self, atom: Atom, run: Run) -> dict[str, Any]:
        failed = [name.name for name in self.dag.tasks.values() if name.state in ("failed", "upstream_failed")]
        planned = self.dag.tasks.get(("plan", 0))
        if planned is not None and planned.state == "success" and "plan" not in self.handed:
            failed.append("plan (what it handed over was removed)")
        self._read(run)
        finished = make_report(run, failed_tasks=failed, plan_digest=self.handed.get("plan"))
        self.airflow.judge.report(self.dag, finished, by=atom.name)
        atom.before_request("state save")
        if finished.checkpoint is not None:
            self.airflow.checkpoint = json.loads(json.dumps(finished.checkpoint.to_json()))
        atom.after_request()
        self.dag.report = finished.report
        return {}
