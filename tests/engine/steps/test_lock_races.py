"""Whatever order the requests of several runs come in, do two of them ever hold the lock at one moment?

Every run is taken apart at its requests and waits, and goes on in an order that a seed draws: some sleep for long, some
are killed, their clocks are minutes apart, and several tasks of a run renew at once.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import BucketsyncError, Locked, LockLost
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.steps.holding import held
from airflow_bucketsync.engine.steps.lock import SETTLE, Watch, acquire, peek, release
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES, MemoryServer, MemoryStore
from tests.engine.clocks import FakeClock
from tests.engine.machine.fibers import Atom, Killed, taking_turns
from tests.engine.steps.locking import Meeting, Skewed

SEEDS = 50
TASKS = 2
WRITES = 6


class LookingStore(MemoryStore):
    """As OSS with versions: it looks, and writes in another request whatever was written in between."""

    def put(self, key: str, body: Any, *, destination: Any = None, **more: Any) -> Any:
        """Look, then write."""
        if destination is not None and not destination.is_any:
            with self._request("look", key):
                self._check(key, self._bucket.objects.get(self.location.full_key(key)), destination)
        return super().put(key, body, **more)

    def delete(self, key: str, *, destination: Any = None) -> None:
        """Look, then delete."""
        if destination is not None and not destination.is_any:
            with self._request("look", key):
                self._check(key, self._bucket.objects.get(self.location.full_key(key)), destination)
        super().delete(key)


class Turns:
    """The clock of one atom: it goes on with everybody's, and waiting for it lets others have their turn."""

    def __init__(self, clock: FakeClock, atom: Atom) -> None:
        self.monotonic, self.now = clock.monotonic, clock.now
        self._atom = atom

    def wait(self, seconds: float, stop: Any) -> bool:
        """Let so much pass, as others make it pass."""
        until = self.monotonic() + seconds
        while self.monotonic() < until and not stop.is_set():
            self._atom.before_request("wait")
        return stop.is_set()


class Race:
    """Some runs at one destination, and who goes on next."""

    def __init__(
        self, seed: int, *, store: type[MemoryStore] = MemoryStore, versions: bool = False, **can: Any
    ) -> None:
        self.draw = random.Random(seed)
        self.clock = FakeClock()
        self.server = MemoryServer(versions=versions, clock=self.clock)
        self.store, self.capabilities = store, replace(MEMORY_CAPABILITIES, **can)
        self.lease = self.draw.choice([30, 120, 600])
        self.atoms: list[Atom] = []
        self.ended: set[str] = set()
        self.seen: Counter[str] = Counter()
        self.stands: tuple[str | None, float] = (None, 0.0)
        self.meeting = Meeting(destination=self.opened(None), clock=self.clock)

    def opened(self, atom: Atom | None) -> MemoryStore:
        """The destination as one atom sees it."""
        there = self.store(Location.parse("memory://there/out/"), server=self.server, capabilities=self.capabilities)

        def take_turn(when: str, verb: str, key: str) -> None:
            if atom is None:
                return
            if when == "before":
                atom.before_request(verb)
            else:
                if verb in ("put", "delete") and key.startswith("lock-"):
                    self.changed(atom.name)
                atom.after_request()

        there.hooks.append(take_turn)
        return there

    def start(self, name: str, work: Callable[[Atom], None]) -> Atom:
        """Let an atom take part."""
        atom = Atom(name, self.draw.randrange(10**6), work)
        self.atoms.append(atom)
        return atom

    def task(self, name: str, atom: Atom) -> Any:
        """One task's view of a run."""
        clock = Skewed(Turns(self.clock, atom), minutes=self.draw.uniform(-4, 4))
        meeting = Meeting(self.meeting.source, self.opened(atom), clock=clock)
        return meeting.run(name, lock_lease=self.lease)

    # what runs do ------------------------------------------------------------------------------------------------

    def run(self, name: str) -> None:
        """A run: its plan takes the lock, its tasks write, its report releases it."""
        tasks: list[Atom] = []
        watches = self.draw.random() < 0.5

        def plan(atom: Atom) -> None:
            run = self.task(name, atom)
            watch = Watch(self.clock) if watches else None
            while True:
                try:
                    peek(run, finished=self.finished, watch=watch)
                    words = acquire(run, finished=self.finished, watch=watch)
                    break
                except Locked:
                    self.seen["locked"] += 1
                    run.gate.wait(self.lease / 4)
            self.seen[words[0].rpartition(": ")[2] if words else "free"] += 1
            self.check(name)
            tasks.extend(self.start(name, write) for _ in range(TASKS))
            while any(task.alive for task in tasks):
                run.gate.wait(5)
            assert release(run) == ()
            self.seen["released"] += 1

        def write(atom: Atom) -> None:
            run = self.task(name, atom)
            try:
                with held(run):
                    for number in range(WRITES):
                        run.gate.wait(self.draw.choice([1, 3, 6]))
                        run.gate.tick()  # as between any two results
                        run.gate.check()
                        self.check(name)
                        run.destination.put(f"data {number}", name.encode())
                        self.seen["written"] += 1
            except LockLost:
                self.seen["lost"] += 1
            except BucketsyncError as error:
                assert "could not be renewed" in str(error) or "asked to stop" in str(error)  # noqa: PT017

        self.start(name, plan)

    def changed(self, by: str) -> None:
        """A lock was written or deleted: that of another only when its run had ended, or its lease was over."""
        (before, when), now = self.stands, self.clock.monotonic()
        self.stands = self.holder(), now
        if before in (None, self.stands[0], by) or before in self.ended:
            return
        settling = self.store is LookingStore and now - when < SETTLE
        assert settling or now - when >= self.lease, f"{by} took the lock of {before} after {now - when} s"

    def check(self, name: str) -> None:
        """Whoever is about to write is the one that the lock names."""
        assert self.holder() == name

    def holder(self) -> str | None:
        """The run that the lock names."""
        return self.meeting.holder()

    def finished(self, document: Any) -> bool:
        """What Airflow says of a run."""
        return document.run in self.ended

    # who goes on -------------------------------------------------------------------------------------------------

    def go(self, steps: int = 4000) -> Counter[str]:
        """Let them all go on until they have ended."""
        asleep: dict[Atom, int] = {}
        for step in range(steps):
            alive = [atom for atom in self.atoms if atom.alive]
            if not alive:
                break
            awake = [atom for atom in alive if asleep.get(atom, 0) < step]
            dice = self.draw.random()
            if dice < 0.35 or not awake:
                self.let_time_pass(alive)
            elif dice < 0.353:
                self.kill(self.draw.choice(alive))
            elif dice < 0.37:
                asleep[self.draw.choice(awake)] = step + self.draw.randrange(200)
            else:
                self.draw.choice(awake).go(self.draw.randint(1, 3))
        for atom in self.atoms:
            if not isinstance(atom.error, Killed | None):
                raise atom.error
        self.seen["left"] += sum(atom.alive for atom in self.atoms)
        for atom in self.atoms:
            if atom.alive:
                atom.kill("before")
        return self.seen

    def let_time_pass(self, alive: list[Atom]) -> None:
        """Some seconds; none while a write is on its way to a store that only looks before."""
        if self.store is MemoryStore or not any(atom.asks in ("put", "delete") for atom in alive):
            self.clock.advance(self.draw.choice([0.1, 1, 5, self.lease / 6, self.lease / 2]))

    def kill(self, victim: Atom) -> None:
        """End a whole run; Airflow knows of it at once, or never."""
        for atom in self.atoms:
            if atom.name == victim.name and atom.alive:
                atom.kill(self.draw.choice(["before", "after"]))
        self.seen["killed"] += 1
        if self.draw.random() < 0.5 or self.capabilities.conditional_put == "create_only":
            self.ended.add(victim.name)


KINDS: dict[str, dict[str, Any]] = {
    "full": {},
    "create_only": {"conditional_put": "create_only"},
    "looking": {"conditional_put": "create_only", "store": LookingStore, "versions": True},
}


def race(seed: int, kind: str) -> Counter[str]:
    """One race of four runs."""
    with taking_turns():
        made = Race(seed, **KINDS[kind])
        for number in range(4):
            made.run(f"run {number}")
        return made.go()


@pytest.mark.parametrize("kind", KINDS)
def test_fault_F66_no_two_runs_hold_it_in_whatever_order_their_requests_come(kind):
    seen: Counter[str] = Counter()
    for seed in range(SEEDS):
        try:
            seen += race(seed, kind)
        except AssertionError as error:
            raise AssertionError(f"seed {seed} of {kind}") from error
    print(kind, dict(seen))
    assert seen["released"] > SEEDS
    assert seen["locked"] > SEEDS
    assert seen["killed"] > SEEDS / 4
    assert seen["that run has ended"] > SEEDS / 10
    assert seen["left"] == 0
    if kind == "full":
        assert seen["its lease was over, and one more"] > 3
        assert seen["it was seen not to be renewed for its whole lease"] > 3
        assert seen["lost"] > 3
