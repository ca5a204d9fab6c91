"""How is a run moved along, and a task of it parked, stopped, or killed?"""

from __future__ import annotations

from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.spec import SyncSpec
from tests.engine.machine import drawn
from tests.engine.machine.dag import STEPS, Airflow, DagRun, Task
from tests.engine.machine.faults import Armory
from tests.engine.machine.fibers import Atom
from tests.engine.machine.invariants import Judge
from tests.engine.machine.world import World


class Driving(RuleBasedStateMachine):
    """A pair, its Airflow, and the hand that moves them."""

    world: World
    armory: Armory
    judge: Judge
    airflow: Airflow
    unsettled = 0
    """Changes and runs since everything came to rest."""

    def new_run(self, policy: dict[str, Any], selection: Selection) -> DagRun:
        """A run of which nothing was started."""
        locations = self.world.locations
        spec = SyncSpec.of(
            locations["source"], locations["destination"], name="pair", selection=selection, policy=SyncPolicy(**policy)
        )
        return DagRun(self.airflow, spec)

    def step(self, run: DagRun, task: Task, atom: Atom, requests: int, until: str = "") -> int:
        """One try goes on for so many requests; returns how many it sent."""
        sent = atom.go(requests, until)
        if not atom.alive:
            run.ended(task, atom)
        return sent

    def interrupt(self, run: DagRun, task: Task, atom: Atom, how: str) -> None:
        """Something happens to a worker."""
        if how == "lost":
            if task.atom is atom:
                run.try_again(task)
        elif how == "stop":
            if task.atom is atom and task.gate is not None:
                task.gate.stop()
        else:
            atom.kill(how)
            run.ended(task, atom)

    def go_until(self, run: DagRun, point: str, skip: int) -> tuple[Task, Atom] | None:
        """Let a run go on until one of its tasks is about to send such a request, after so many of them.

        :param point: the request, perhaps after the task's own name
        """
        step, _, request = point.partition(" ")
        if step not in STEPS:
            step, request = "", point
        while tasks := [task for task in run.tasks.values() if task.atom and task.atom.alive] or run.ready():
            task = tasks[0]
            atom = task.atom if task.atom is not None and task.atom.alive else run.start(task)
            if step and task.step != step:
                self.step(run, task, atom, drawn.MANY)
                continue
            self.step(run, task, atom, drawn.MANY, request)
            if atom.alive:
                skip -= 1
                if skip < 0:
                    return task, atom
                self.step(run, task, atom, 1)
        return None

    def key_asked(self, atom: Atom) -> str:
        """The key that an atom is about to ask for; "" = none of the pair's."""
        side, _, rest = atom.asks.partition(" ")
        key = rest.partition(" ")[2]
        return key if side in ("source", "destination") and key in drawn.KEYS else ""

    def end_all(self) -> None:
        """Every try that still lives goes on to its end."""
        for run, task, atom in self.airflow.tasks_alive():
            while atom.alive:
                atom.go(drawn.MANY)
            run.ended(task, atom)

    def teardown(self) -> None:
        """Let go of every thread."""
        if hasattr(self, "airflow"):
            for _, _, atom in self.airflow.tasks_alive():
                atom.kill("before")
