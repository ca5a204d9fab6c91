"""What do all tasks of a sync share: their run, its stores, the stop flag, and what they hand over?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import BaseOperator, Context, RetryPolicy

from airflow_bucketsync.configuration.section import workspace_location
from airflow_bucketsync.engine.errors import InvalidConfiguration, PlanMismatch
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.gate import DEFAULT_BUFFER_SIZE, Gate
from airflow_bucketsync.hooks.access import Accesses
from airflow_bucketsync.operators.sharing import PREPARE, running_beside, shared_limits
from airflow_bucketsync.retry import RETRY_POLICY
from airflow_bucketsync.state import owner

if TYPE_CHECKING:
    from airflow_bucketsync.engine.model.plan import Plan
    from airflow_bucketsync.engine.model.policy import SyncPolicy
    from airflow_bucketsync.engine.model.spec import SyncSpec
    from airflow_bucketsync.engine.steps.run import Run
    from airflow_bucketsync.engine.steps.workspace import Workspace

T = TypeVar("T")

MAX_XCOM = 10_000
"""Bytes of one XCom, as JSON. What is larger is a page, and goes into the workspace."""

MAX_RETRY_DELAY = timedelta(minutes=5)
"""Airflow takes other defaults of an operator for its mapped tasks too, this one has to be given to each."""

PLAN = "plan"
"""The id of the task that others of its task group look for, where none is given; as is `PREPARE`."""

SUMMARY = "summary"
"""The XCom key of everything but the numbers that are mapped over."""


class XComTooLarge(ValueError):
    """A task tried to hand over more than fits an XCom."""


class SyncOperator(BaseOperator):
    """One step of a sync. Which run it belongs to, it learns from the `summary` that `prepare` handed over.

    :param workspace: location of the run's pages, reached by all workers; None = `[bucketsync] workspace`
    :param prepare_task_id: the task that prepared the run; None = `prepare` of the same task group
    :param plan_task_id: the task that planned it; None = `plan` of the same task group
    :param retries: tries after the first; only transient errors use them, and tries that died or lost Airflow's API
    :param retry_delay: before the first retry of a try that died; no error of ours, these have delays of their own
    :param retry_exponential_backoff: what that delay is multiplied with for each further retry: a try that can't reach
        the API is lost within seconds, and with equal delays all of them are within a minute of its absence
    :param max_retry_delay: which that delay never exceeds
    :param retry_policy: which errors are tried again, and when; by default as each error of ours asks for
    :param execution_timeout: after which the try is stopped (and tried again)
    """

    template_fields: Sequence[str] = ("workspace",)
    ui_color = "#d9ead3"
    reads_list = False
    """Whether this task reads the list of objects that a sync may have."""
    shares_limits = False
    """Whether this task may send requests while other tasks of its run do."""
    _accesses: Accesses | None = None
    _gates: tuple[Gate, ...] = ()
    _killed = False

    def __init__(
        self,
        *,
        workspace: str | None = None,
        prepare_task_id: str | None = None,
        plan_task_id: str | None = None,
        retries: int = 3,
        retry_delay: timedelta = timedelta(seconds=10),
        retry_exponential_backoff: float = 3.0,
        max_retry_delay: timedelta = MAX_RETRY_DELAY,
        retry_policy: RetryPolicy | None = RETRY_POLICY,
        execution_timeout: timedelta | None = timedelta(hours=1),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            retries=retries,
            retry_delay=retry_delay,
            retry_exponential_backoff=retry_exponential_backoff,
            max_retry_delay=max_retry_delay,
            retry_policy=retry_policy,
            execution_timeout=execution_timeout,
            **kwargs,
        )
        if self.render_template_as_native_obj is None:  # the fields are texts: a pair may be named "123"
            self.render_template_as_native_obj = False
        self.workspace = workspace
        self.prepare_task_id = prepare_task_id
        self.plan_task_id = plan_task_id

    # what came before ------------------------------------------------------------------------------------------

    def sibling(self, name: str) -> str:
        """The id of another task of the same task group."""
        group, dot, _ = self.task_id.rpartition(".")
        return f"{group}{dot}{name}"

    def handed_over(self, context: Context, task_id: str, *names: str) -> dict[str, str]:
        """These texts of a task's `summary`; XComs are input like any other, so they are checked.

        :raises InvalidConfiguration: there is no such task
        :raises PlanMismatch: they are not there
        """
        if task_id not in self.dag.task_ids:
            raise InvalidConfiguration(
                f"there is no task {task_id!r} in this DAG: name the tasks that prepared and planned the run, "
                "prepare_task_id and plan_task_id, with the ids of their task groups"
            )
        value = context["ti"].xcom_pull(task_ids=task_id, key=SUMMARY)
        if not isinstance(value, Mapping) or not all(isinstance(value.get(name), str) for name in names):
            raise PlanMismatch(
                f"task {task_id!r} handed over no {' and '.join(names)}: it has not finished, or its XCom "
                f"{SUMMARY!r} was removed; clear that task to run it again"
            )
        return {name: value[name] for name in names}

    def plan(self, context: Context, run: Run) -> Plan:
        """The plan of this run."""
        from airflow_bucketsync.engine.steps.manifest import read_plan

        handed = self.handed_over(context, self.plan_task_id or self.sibling(PLAN), "digest")
        return read_plan(run.workspace, handed["digest"])

    # stores ----------------------------------------------------------------------------------------------------

    def workspace_of_run(self) -> Location:
        """Where the pages are."""
        return workspace_location() if self.workspace is None else Location.parse(self.workspace)

    def shared_workspace(self, url: str, task: str) -> Location:
        """Where the pages are, if an earlier task has put its own there too.

        :raises InvalidConfiguration: they are elsewhere
        """
        location = self.workspace_of_run()
        if location.url != url:
            raise InvalidConfiguration(
                f"this worker keeps pages in {location.url}, `{task}` put them into {url}: all workers need the same "
                "[bucketsync] workspace"
            )
        return location

    @contextmanager
    def open_run(self, context: Context) -> Iterator[Run]:
        """The run that `prepare` began, with its stores open."""
        from airflow_bucketsync.engine.steps.run_document import open_spec

        task_id = self.prepare_task_id or self.sibling(PREPARE)
        handed = self.handed_over(context, task_id, "pair", "run", "digest", "workspace", "airflow")
        location = self.shared_workspace(handed["workspace"], "prepare")
        with self.open_workspace(location, pair=handed["pair"], run=handed["run"]) as workspace:
            spec = open_spec(workspace, handed["digest"])
            with self.open_sides(spec, handed["run"], workspace) as run, self.sharing_limits(context, run):
                yield replace(run, owner=owner(context, handed["airflow"]))

    @contextmanager
    def open_workspace(self, location: Location, *, pair: str, run: str) -> Iterator[Workspace]:
        """The pages of a run; under a gate that stays open when the task is stopped, so that what it did is kept."""
        from airflow_bucketsync.engine.steps.workspace import Workspace
        from airflow_bucketsync.hooks.store import open_workspace

        with ExitStack() as stack:
            store = open_workspace(location, gate=Gate(), accesses=self.accesses(run))
            stack.callback(store.close)
            yield Workspace(store, pair=pair, run=run)

    @contextmanager
    def open_sides(self, spec: SyncSpec, run: str, workspace: Workspace) -> Iterator[Run]:
        """A run with both sides open, under the limits of its policy."""
        from airflow_bucketsync.engine.steps.run import Run
        from airflow_bucketsync.hooks.store import open_destination, open_list, open_source

        policy, gate = spec.policy, self.gate_of(spec.policy)
        with ExitStack() as stack:
            accesses = self.accesses(run)
            source = open_source(spec.source, policy, gate=gate, accesses=accesses)
            stack.callback(source.close)
            destination = open_destination(spec.destination, policy, gate=gate, accesses=accesses)
            stack.callback(destination.close)
            lists = open_list(spec.selection.source_list if self.reads_list else "", gate=gate, accesses=accesses)
            if lists is not None:
                stack.callback(lists.close)
            sides: dict[str, Any] = {"source": source, "destination": destination, "lists": lists}
            yield Run(spec=spec, run=run, workspace=workspace, gate=gate, **sides)

    def sharing_limits(self, context: Context, run: Run) -> AbstractContextManager[None]:
        """The pair's limits divided among the tasks of the run that are running."""
        others = running_beside(self, self.dag.tasks)
        return shared_limits(context, run.gate, self.task_id, others, self.max_active_tis_per_dagrun)

    def accesses(self, run: str) -> Accesses:
        """What this task's connections gave so far; roles are assumed in the name of the run."""
        if self._accesses is None:
            self._accesses = Accesses(session_name=run)
        return self._accesses

    # stopping --------------------------------------------------------------------------------------------------

    def gate_of(self, policy: SyncPolicy) -> Gate:
        """A gate with the limits of a policy."""
        return self.new_gate(
            concurrency=policy.concurrency,
            buffer_size=policy.buffer_size,
            requests_per_second=policy.requests_per_second,
            bandwidth=policy.bandwidth,
        )

    def new_gate(
        self,
        *,
        concurrency: int = 16,
        buffer_size: int = DEFAULT_BUFFER_SIZE,
        requests_per_second: float | None = None,
        bandwidth: float | None = None,
    ) -> Gate:
        """A gate that stops with this task."""
        gate = Gate(
            concurrency=concurrency,
            buffer_size=buffer_size,
            requests_per_second=requests_per_second,
            bandwidth=bandwidth,
        )
        self._gates = (*self._gates, gate)
        if self._killed:
            gate.stop()
        return gate

    def on_kill(self) -> None:
        """Let no new request begin; runs in a signal handler while `execute` goes on."""
        self._killed = True
        for gate in self._gates:
            gate.stop()

    # what goes on ----------------------------------------------------------------------------------------------

    def hand_over(self, context: Context, summary: Mapping[str, Any]) -> None:
        """Leave the summary for later tasks, and one line of it in the log.

        :raises XComTooLarge: it belongs into a page
        """
        value = dict(summary)
        context["ti"].xcom_push(key=SUMMARY, value=refuse_large(value, f"the summary of {self.task_id}"))
        logged = {name: item for name, item in value.items() if name == "counts" or isinstance(item, str | int | float)}
        self.log.info("%s done", self.task_id.rpartition(".")[2], **logged)

    def numbers(self, values: Sequence[int]) -> list[int]:
        """The numbers that the next task is mapped over.

        :raises XComTooLarge: too many for one XCom
        """
        return refuse_large(
            [_number(value, "a number to map over") for value in values], f"what {self.task_id} returns"
        )

    def mapped(self, name: str) -> int:
        """The number this task instance is for; rendering must not have made something else of it.

        :raises InvalidConfiguration: it is no number
        """
        return _number(getattr(self, name), name)


def refuse_large(value: T, what: str) -> T:
    """The value, if it fits an XCom."""
    size = len(json.dumps(value, allow_nan=False))
    if size > MAX_XCOM:
        raise XComTooLarge(f"{what} has {size} bytes, more than {MAX_XCOM}: pages belong into the workspace")
    return value


def _number(value: Any, name: str) -> int:
    if type(value) is not int or value < 0:
        raise InvalidConfiguration(f"{name}: expected a whole number from 0, got {value!r:.40}")
    return value


def run_name(context: Context) -> str:
    """The run's id: unique among all runs of this Airflow, also where DAGs share run ids or a DAG holds several.

    Those of a task group `bucket_sync` are known by its name, other tasks by their own.
    """
    ti = context["ti"]
    group, _, name = ti.task_id.rpartition(".")
    number = ti.map_index if type(ti.map_index) is int and ti.map_index >= 0 else None
    parts = (ti.dag_id, group if name == PREPARE else ti.task_id, number, context["run_id"])
    return "__".join(str(part) for part in parts if part not in (None, ""))
