"""Which things may happen to a pair and to its runs, in any order?"""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.selection import Selection
from tests.engine.machine import drawn
from tests.engine.machine.dag import DONE, STEPS, Airflow
from tests.engine.machine.driving import Driving
from tests.engine.machine.faults import Armed, Armory, Fault
from tests.engine.machine.invariants import Judge
from tests.engine.machine.world import World


class Stepping(Driving):
    """A pair whose runs are stepped, killed, doubled and left for late while others write on both sides."""

    @initialize(
        places=drawn.stores,
        objects=drawn.many_objects,
        about=drawn.attributes,
        fenced=st.booleans(),
        retries=st.sampled_from([0, 1, 3]),
    )
    def begin(
        self,
        places: dict[str, Any],
        objects: dict[str, bytes],
        about: ObjectAttributes,
        fenced: bool = False,
        retries: int = 3,
    ) -> None:
        """Two places, one of them with objects in it."""
        self.world = World(**places)
        self.armory = Armory()
        self.judge = Judge(self.world, self.armory)
        self.airflow = Airflow(self.world, self.armory, self.judge, fenced=fenced, retries=retries)
        self.put_source(objects, about)

    # what others do ---------------------------------------------------------------------------------------------

    @rule(change=drawn.changes)
    def somebody(self, change: tuple[Any, ...]) -> None:
        """Somebody else writes or deletes."""
        name, *about = change
        getattr(self, name)(*about)

    @rule(trouble=drawn.troubles)
    def trouble(self, trouble: tuple[Any, ...]) -> None:
        """Something goes wrong, or will."""
        name, *about = trouble
        getattr(self, name)(*about)

    def put_source(self, objects: dict[str, bytes], about: ObjectAttributes, parts: bool = False) -> None:
        """Somebody writes at the source, some of it in parts."""
        self.unsettled += 1
        for key, body in objects.items():
            self.world.put("source", key, body, about, parts=parts)

    def meddle(self, what: str, key: str, body: bytes, about: ObjectAttributes) -> None:
        """Somebody deletes at the source, or writes, deletes, or tampers with attributes at the destination."""
        if what == "vanish":
            self.world.delete("source", key)
        elif what == "write":
            self.world.put("destination", key, body, about)
        elif what == "delete":
            self.world.delete("destination", key)
        else:
            self.world.tamper(key, about)

    def set_clock(self, whose: str, seconds: float) -> None:
        """A clock is set, forward or back; or time passes for all."""
        if whose == "all":
            self.world.clock.advance(abs(seconds))
        else:
            self.world.clocks[whose].offset += seconds

    def arm(self, fault: Fault, skip: int = 0, times: int = 1) -> None:
        """A store will misbehave."""
        self.armory.armed.append(Armed(fault, skip, times))

    def lose_state(self, what: str, which: int = 0) -> None:
        """Something that was kept is gone, or damaged."""
        runs, pages = self.airflow.runs, self.world.objects("pages")
        if what == "progress":
            for task in runs[-1].tasks.values() if runs else ():
                task.progress = None
        elif what in ("plan", "run") and runs:
            runs[-1].handed.pop(what, None)
        elif what == "checkpoint":
            self.airflow.checkpoint = None
        elif what == "torn" and pages:
            name = sorted(pages)[which % len(pages)]
            self.judge.forget_upload(pages[name].body if "/uploads/" in name else b"{}")
            self.world.hands["pages"].damage(name, pages[name].body[:-5])
        else:
            part = {"known": "/known/", "known.json": "/known.json", "run pages": f"/run-{len(runs)}/"}.get(what, "-")
            for name in [name for name in pages if part in name]:
                self.world.hands["pages"].delete(name)

    # what Airflow does ------------------------------------------------------------------------------------------

    @rule(
        policy=drawn.policies(),
        selection=drawn.selections,
        requests=drawn.far,
        end=drawn.ends,
    )
    def start_run(self, policy: dict[str, Any], selection: Selection, requests: int = 0, end: str = "") -> None:
        """The pair's next run begins; the last one, if it is not over, is given up."""
        self.unsettled += 1
        self.new_run(policy, selection)
        self.go(requests, end=end)

    @precondition(lambda self: self.airflow.runs)
    @rule(requests=st.integers(1, 100), which=st.integers(0, 7), end=drawn.ends)
    def go(self, requests: int, which: int = 0, end: str = "") -> None:
        """Tasks of the newest run go on for so many requests, one after the other.

        :param end: what becomes of the last one: killed `before` or `after` its next request, not heard of any more
            (it is tried again while its old try still lives), or asked to stop
        """
        run = self.airflow.runs[-1]
        for turn in itertools.count(which):
            alive = [(task, task.atom) for task in run.tasks.values() if task.atom is not None and task.atom.alive]
            ready = run.ready()
            if requests <= 0 or not (alive or ready):
                break
            if alive and (turn == which or not ready):
                task, atom = alive[turn % len(alive)]
            else:
                task = ready[turn % len(ready)]
                atom = run.start(task)
            requests -= self.step(run, task, atom, requests) or 1
            if requests <= 0 and end and atom.alive:
                self.interrupt(run, task, atom, end)

    @precondition(lambda self: self.airflow.tasks_alive())
    @rule(turns=drawn.turns)
    def together(self, turns: list[tuple[int, int]]) -> None:
        """A running task is given up and tried again while its old try lives: both go on, in turns."""
        run = self.airflow.runs[-1]
        for task in [task for task in run.tasks.values() if task.atom is not None and task.atom.alive and task.left]:
            run.try_again(task)
            run.start(task)
        for which, requests in turns:
            alive = self.airflow.tasks_alive()
            if alive:
                self.step(*alive[which % len(alive)], requests)

    @precondition(lambda self: self.airflow.tasks_alive())
    @rule(which=st.integers(0, 7), requests=drawn.near, end=drawn.ends)
    def one_goes_on(self, which: int, requests: int, end: str = "") -> None:
        """One try goes on, be it one that was given up long ago."""
        alive = self.airflow.tasks_alive()
        run, task, atom = alive[which % len(alive)]
        self.step(run, task, atom, requests) if requests else None
        if end and atom.alive:
            self.interrupt(run, task, atom, end)

    @precondition(lambda self: self.airflow.runs)
    @rule(
        step=st.sampled_from(["plan", "plan", "copy", *STEPS]),
        number=st.integers(0, 2),
        requests=drawn.far,
        end=drawn.ends,
    )
    def clear(self, step: str, number: int = 0, requests: int = 0, end: str = "") -> None:
        """A person clears a finished task, and with it everything behind it."""
        run = self.airflow.runs[-1]
        done = [name for name, task in run.tasks.items() if task.state in DONE and name[0] == step]
        if done:
            run.clear(*done[number % len(done)])
            self.go(requests, end=end)

    @rule(
        policy=drawn.policies(),
        point=drawn.points,
        skip=st.integers(0, 5),
        what=st.sampled_from(["change", "change", "vanish", "write", "delete"]),
        body=drawn.bodies,
        about=drawn.attributes,
        end=drawn.ends,
        requests=drawn.far,
    )
    def surprise(
        self,
        policy: dict[str, Any],
        point: str,
        what: str,
        body: bytes,
        about: ObjectAttributes,
        skip: int = 0,
        end: str = "",
        requests: int = 0,
    ) -> None:
        """A run goes on until it is about to send a certain request, and somebody changes that very object first."""
        run = self.airflow.runs[-1] if self.airflow.runs and not self.airflow.runs[-1].over else None
        run = run or self.new_run(policy, Selection())
        self.unsettled += 1
        found = self.go_until(run, point, skip)
        if found is None:
            return
        key = self.key_asked(found[1])
        if key and what == "change":
            self.put_source({key: body}, about)
        elif key:
            self.meddle(what, key, body, about)
        if end and found[1].alive:
            self.interrupt(run, *found, end)
        self.go(requests)

    @rule(
        objects=drawn.many_objects,
        about=drawn.attributes,
        policy=drawn.policies(dry_run=False, max_objects=None, max_bytes=None),
        point=drawn.on_the_way,
        skip=st.integers(0, 9),
        other=drawn.some_objects,
        again=st.booleans(),
        fault=st.none() | drawn.arms,
        end=drawn.ends,
    )
    def race(
        self,
        objects: dict[str, bytes],
        about: ObjectAttributes,
        policy: dict[str, Any],
        point: str,
        skip: int,
        other: dict[str, bytes],
        again: bool = False,
        fault: tuple[Any, ...] | None = None,
        end: str = "",
    ) -> None:
        """There is much to copy, and while a task does, others write: what it reads or has read, and more.

        :param again: then a person lets the run plan anew
        """
        self.unsettled += 1
        self.put_source(objects, about)
        run = self.new_run(policy, Selection())
        found = self.go_until(run, point, skip)
        if found is None:
            return
        key = self.key_asked(found[1])
        if key:
            size = len(self.world.older("source", key)[-1].body)
            other = {**other, key: drawn.body(len(self.world.events) % 256, size)}
        self.put_source(other, about)
        if fault is not None:
            self.arm(*fault[1:])
        if end:
            self.interrupt(run, *found, end)
        if again:
            run.clear("plan", 0)
        self.go(drawn.MANY)
