"""How does Airflow run the steps: which task may begin, which is tried again, and what is handed over?

What a task hands over, its progress and the pair's checkpoint
lie outside the process, and saving them is a request like any other: a task may be killed before or after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_bucketsync.engine.errors import BucketsyncError, TransientError
from airflow_bucketsync.engine.model.outcome import Report
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.stores.gate import Gate
from tests.engine.machine.faults import Armory
from tests.engine.machine.fibers import Atom, Killed
from tests.engine.machine.tasks import Try
from tests.engine.machine.world import World

STEPS = ("prepare", "list", "plan", "copy", "begin", "parts", "complete", "verify", "delete", "report")
DONE = ("success", "failed", "skipped", "upstream_failed")


@dataclass(slots=True)
class Task:
    """A task instance, over all its tries."""

    step: str
    number: int = 0
    state: str = "none"
    tries: int = 0
    left: int = 3
    progress: Mapping[str, Any] | None = None
    atom: Atom | None = None
    gate: Gate | None = None

    @property
    def name(self) -> str:
        """As the report names it."""
        return f"{self.step} {self.number}"


@dataclass(slots=True)
class Airflow:
    """What outlives a run: the checkpoint of the pair, and the tasks that nobody minds any more.

    :param fenced: whether a try that was given up can't hand anything over
    :param retries: tries of each task after the first
    """

    world: World
    armory: Armory
    judge: Any
    fenced: bool = False
    retries: int = 3
    checkpoint: Any = None
    runs: list[DagRun] = field(default_factory=list)
    atoms: int = 0

    def tasks_alive(self) -> list[tuple[DagRun, Task, Atom]]:
        """Every try that still runs, with its run; those that nobody minds any more too."""
        return [(run, task, atom) for run in self.runs for task, atom in run.atoms if atom.alive]


class DagRun:
    """One run of one pair."""

    def __init__(self, airflow: Airflow, spec: SyncSpec) -> None:
        self.airflow = airflow
        self.world = airflow.world
        self.spec = spec
        self.number = len(airflow.runs) + 1
        self.began = self.world.time
        self.tasks: dict[tuple[str, int], Task] = {("prepare", 0): Task("prepare", left=airflow.retries)}
        self.atoms: list[tuple[Task, Atom]] = []
        self.handed: dict[str, Any] = {}
        self.plans = 0
        self.report: Report | None = None
        airflow.runs.append(self)

    @property
    def name(self) -> str:
        """The run's id."""
        return f"run-{self.number}"

    @property
    def over(self) -> bool:
        """Whether Airflow starts nothing of it any more."""
        return ("report", 0) in self.tasks and self.tasks["report", 0].state in DONE

    # which task may begin ---------------------------------------------------------------------------------------

    def _mapped(self, step: str, numbers: list[int]) -> list[Task]:
        for number in numbers:
            self.tasks.setdefault((step, number), Task(step, number, left=self.airflow.retries))
        return [self.tasks[step, number] for number in numbers]

    def _all(self, step: str) -> list[Task]:
        return [task for (name, _), task in self.tasks.items() if name == step and task.state != "removed"]

    def ready(self) -> list[Task]:
        """The tasks that Airflow would start now."""
        return [task for task in self._scheduled() if task.state in ("none", "retry")]

    def _scheduled(self) -> list[Task]:
        """The tasks that take part so far; those after a failure are skipped, and `report` comes last."""
        tasks = [self.tasks["prepare", 0]]
        ended = self._mapped("report", [0])
        if tasks[0].state != "success":
            return ended if tasks[0].state == "failed" else tasks
        tasks = self._mapped("list", self.handed["units"])
        if any(task.state not in DONE for task in tasks):
            return tasks
        if any(task.state == "failed" for task in tasks):
            return ended
        tasks = self._mapped("plan", [0])
        if tasks[0].state != "success":
            return ended if tasks[0].state == "failed" else tasks
        tasks = self._copying()
        if not self.handed["complete"]:
            return self._deleting(ended)
        if any(task.state not in DONE for task in tasks):
            return tasks
        tasks = self._mapped("complete", [0])
        if tasks[0].state != "success":
            return ended if tasks[0].state == "failed" else tasks
        tasks = [*tasks, *self._copying(), *self._mapped("verify", self.handed["verify"])]
        return tasks if any(task.state not in DONE for task in tasks) else self._deleting(ended, *tasks)

    def _deleting(self, ended: list[Task], *before: Task) -> list[Task]:
        """The task that takes away, if the plan names anything and nothing before it failed; then the report."""
        if not self.handed["delete"] or any(task.state == "failed" for task in before):
            return ended
        tasks = self._mapped("delete", [0])
        return tasks if tasks[0].state not in DONE else ended

    def _copying(self) -> list[Task]:
        """The tasks between `plan` and `complete`: batches, and large objects in groups of parts."""
        tasks = self._numbered("copy", self.handed["batches"])
        if not self.handed["groups"]:
            return tasks
        begin = self._mapped("begin", [0])[0]
        if begin.state != "success":
            return [*tasks, begin]
        return [*tasks, *self._numbered("parts", self.handed["groups"])]

    def _numbered(self, step: str, numbers: list[int]) -> list[Task]:
        for task in self._all(step):
            if task.number not in numbers:
                task.state = "removed"
        return self._mapped(step, numbers)

    # tries ------------------------------------------------------------------------------------------------------

    def start(self, task: Task) -> Atom:
        """Begin the next try of a task."""
        task.tries += 1
        task.state = "running"
        self.airflow.atoms += 1
        atom = Atom(
            f"{self.name} {task.name} try {task.tries}", self.airflow.atoms, Try(self, task, task.tries, self.plans)
        )
        task.atom = atom
        self.atoms.append((task, atom))
        return atom

    def refuses(self, task: Task, atom: Atom) -> bool:
        """Whether Airflow takes nothing from this try any more."""
        return self.airflow.fenced and task.atom is not atom

    def ended(self, task: Task, atom: Atom) -> None:
        """Let Airflow judge a try that has ended."""
        error = atom.error
        if error is not None and not isinstance(error, BucketsyncError | Killed):
            raise error
        if task.atom is not atom:
            return
        if error is None:
            task.state = "success"
        elif isinstance(error, TransientError | Killed):
            self.try_again(task)
        else:
            task.state = "failed"

    def try_again(self, task: Task) -> None:
        """A try was lost: the next one, if there is one left."""
        task.state, task.atom = ("retry" if task.left else "failed"), None
        task.left -= 1

    def clear(self, step: str, number: int) -> None:
        """A person clears a finished task, and with it what comes after it."""
        for (name, other), task in self.tasks.items():
            later = STEPS.index(name) > STEPS.index(step)
            if (later or (name, other) == (step, number)) and task.state not in ("none", "removed"):
                task.state, task.left, task.atom = "none", self.airflow.retries, None
