"""Do the promises hold in whatever order tasks run, die, come late, and stores misbehave?"""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.selection import Selection
from tests.engine.machine.drawn import KEYS, body
from tests.engine.machine.fibers import taking_turns
from tests.engine.machine.machine import Sync

STEPS = 40
SEQUENCES = 300
SOAK = int(os.environ.get("BUCKETSYNC_SEQUENCES", "20000"))
CHUNK = 1000


def _settings(sequences: int, *, derandomize: bool) -> settings:
    return settings(
        max_examples=sequences,
        stateful_step_count=STEPS,
        derandomize=derandomize,
        database=None,
        deadline=None,
        print_blob=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


def test_turns_are_the_same_every_time():
    """Three threads in a task, two tries of it at once: and yet one sequence is one history."""

    def history() -> list[object]:
        sync = Sync()
        sync.begin({"shared": False}, {key: body(1, 9) for key in KEYS}, ObjectAttributes(), retries=3)
        policy = {"concurrency": 3, "small_threshold": 4, "large_threshold": 40, "part_size": 4}
        run = sync.new_run(policy, Selection())
        sync.go_until(run, "copy source get", 4)
        sync.together([(turn % 2, 1 + turn % 3) for turn in range(40)])
        sync.end_all()
        # What is drawn at random in names is no part of the history: of a journal entry, and of a server in the lock's.
        return [
            (event.at, event.side, event.verb, event.key[: 16 if event.key.startswith("_") else 45], event.by)
            for event in sync.world.events
        ]

    with taking_turns():
        first, second = history(), history()
    assert len(first) > 150
    assert len({event[4] for event in first if "copy" in str(event[4])}) == 2
    assert first == second


@pytest.mark.timeout(900)
def test_invariants_I1_to_I15_hold_in_random_sequences():
    with taking_turns():
        run_state_machine_as_test(Sync, settings=_settings(SEQUENCES, derandomize=True))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("chunk", range(SOAK // CHUNK))
def test_invariants_I1_to_I15_hold_in_very_many_random_sequences(chunk, capsys):
    number = random.SystemRandom().randrange(2**32)
    with capsys.disabled():
        print(f"\nsequences {chunk * CHUNK} to {(chunk + 1) * CHUNK}: seed {number}")

    @seed(number)
    class Seeded(Sync):
        pass

    with taking_turns():
        run_state_machine_as_test(Seeded, settings=_settings(CHUNK, derandomize=False))
