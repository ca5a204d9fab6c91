"""Is what a batch did kept in a value that stays small, and taken over only where it fits?"""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.steps.recording import Recording
from airflow_bucketsync.engine.steps.run import MemoryProgress
from airflow_bucketsync.engine.steps.segments import EVERY, SEGMENTS
from tests.engine.steps.pairs import Pair

LIMIT = 32 * 1024


class CountingProgress(MemoryProgress):
    """Counts saves, and what the largest would take in Airflow's database."""

    def __init__(self) -> None:
        super().__init__()
        self.saves = 0
        self.largest = 0

    def save(self, value: Any) -> None:
        super().save(orjson.loads(orjson.dumps(dict(value))))
        self.saves += 1
        self.largest = max(self.largest, len(orjson.dumps(self.value)))


def recording(pair: Pair, progress: MemoryProgress, *, attempt: int = 1, plan: str = "p" * 64) -> Recording:
    return Recording(pair.run(prepared=False), name="1023", attempt=attempt, plan=plan, progress=progress, objects=1000)


def outcome(number: int) -> Outcome:
    return Outcome(key=f"{number:05d}", status="copied", bytes=1)


def names(pair: Pair) -> list[str]:
    return [key for key in pair.contents(pair.pages) if "segments" in key]


def test_kept_every_few_seconds_and_no_more_often():
    pair, progress = Pair(tick=0.0), CountingProgress()
    made = recording(pair, progress)
    for number in range(100):
        pair.clock.advance(EVERY / 10 + 0.001)
        made.add(outcome(number))
    assert progress.saves == 10
    assert len(recording(pair, progress, attempt=2).outcomes) == 100


def test_promise_at_most_5_seconds_are_lost():
    pair, progress = Pair(tick=0.0), CountingProgress()
    made = recording(pair, progress)
    made.add(outcome(0))
    pair.clock.advance(EVERY - 0.1)
    made.add(outcome(1))
    assert progress.saves == 0
    pair.clock.advance(0.1)
    made.add(outcome(2))
    assert progress.value is not None
    assert progress.value["progress"]["objects"] == [3, 1000]


def test_segments_are_joined_and_the_value_stays_small():
    pair, progress = Pair(tick=0.0), CountingProgress()
    made = recording(pair, progress, attempt=99)
    count = 5 * SEGMENTS + 7
    for number in range(count):
        made.add(outcome(number))
        made.save()
        assert len(names(pair)) <= SEGMENTS + 1, "segments that were written together stay behind"
    assert progress.value is not None
    assert len(progress.value["segments"]) <= SEGMENTS
    assert progress.largest < LIMIT
    again = recording(pair, progress, attempt=100)
    assert sorted(line["key"] for line in again.outcomes.lines()) == [f"{number:05d}" for number in range(count)]
    again.forget()
    assert progress.value["segments"] == []


def test_saving_nothing_new_writes_no_page():
    pair, progress = Pair(), CountingProgress()
    made = recording(pair, progress)
    made.save()
    made.save()
    assert names(pair) == []
    assert progress.saves == 2


def kept(pair: Pair) -> MemoryProgress:
    """The progress of a try that did three objects."""
    progress = MemoryProgress()
    made = recording(pair, progress)
    for number in range(3):
        made.add(outcome(number))
    made.save()
    return progress


@pytest.mark.parametrize(
    "damage",
    [
        {"segments": None},
        {"segments": [{}]},
        {"segments": [{"name": "segments/none", "count": 1, "size": 1, "digest": "0"}]},
        {"segments": "text"},
        {"plan": "q" * 64},
        {"plan": None},
    ],
)
def test_what_does_not_fit_is_done_anew(damage):
    pair = Pair()
    progress = kept(pair)
    progress.value = {**(progress.value or {}), **damage}
    assert len(recording(pair, progress, attempt=2).outcomes) == 0


def test_a_segment_that_was_edited_is_done_anew():
    pair = Pair()
    progress = kept(pair)
    name = names(pair)[0]
    packed = pair.contents(pair.pages)[name]
    for offset in range(len(packed)):
        pair.pages.put(name, packed[:offset] + bytes([packed[offset] ^ 1]) + packed[offset + 1 :])
        assert len(recording(pair, progress, attempt=2).outcomes) == 0
    pair.pages.put(name, packed)
    assert len(recording(pair, progress, attempt=2).outcomes) == 3
