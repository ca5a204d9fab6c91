"""How long will the work of a plan take?

A guess for people: what a client costs was measured, how fast a store answers is assumed. Held against the strict
S3 server of the tests on the same two cores (1,500 objects of 4 KiB and 64 of 8 MiB, copied by the store and streamed,
answers after 50 ms) the work took 1.1 to 2.3 times the estimate. For a real store in the same region, take a factor of
3 either way; across the world, or over a thin line, it takes as long as the line does. Nothing depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Self

from airflow_bucketsync.engine.model.checkpoint import RunCounters
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.route import Transport
from airflow_bucketsync.engine.model.units import MIB, format_seconds
from airflow_bucketsync.engine.rules.batching import OBJECT_COST

REQUESTS: Mapping[Transport, int] = {"server": 2, "stream": 3}
"""Requests per object or part. Counted: a copy and a look before it; a read, a read of the tags and a write."""
REQUEST_CPU = 0.002
"""Seconds of one core per request. Measured (Python 3.11, boto3 1.43, HTTP): 1.7 to 2.3 ms."""
BYTE_CPU = 0.0033 / MIB
"""Seconds of one core per byte that passes through us. Measured likewise: 3.3 ms per MiB, with its checksum."""
ANSWER = 0.05
"""Seconds until a store answers. Assumed: S3 and OSS take 20 to 100 ms within a region."""
STORE_RATE: Mapping[Transport, int] = {"server": 80 * MIB, "stream": 40 * MIB}
"""Bytes per second of one request. Assumed: what Amazon names for a connection; streamed bytes go over two."""
TASK_START = 2.0
"""Seconds that Airflow takes to start a task. Measured with LocalExecutor: 2.2 s each, three in a row."""

ALIKE = 10
"""A run of the past says something about a run of at most 10 times its load, and at least a 10th."""
RECENT = 3
"""Runs of the past that are asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How long the work of a plan takes, roughly.

    :param tasks: that carry it out
    :param seconds: of all tasks together
    :param longest: seconds of the longest task
    :param at_least: seconds that the limits of the pair allow no run to be faster than; 0 = there are none
    :param run: seconds from start to end, at the pace of the pair's last runs; None = there were none like it
    """

    tasks: int
    seconds: float
    longest: float
    at_least: float = 0.0
    run: float | None = None

    def __str__(self) -> str:
        """In one line for people."""
        if not self.tasks:
            return "nothing to move"
        mean = self.seconds / self.tasks
        one = self.tasks == 1
        words = f"about {self.tasks} task{'' if one else 's'} of {format_seconds(mean)}{'' if one else ' each'}"
        if self.longest > 1.5 * mean:
            words += f" (the longest {format_seconds(self.longest)})"
        if not one:
            words += f", {format_seconds(self.seconds)} of work"
        if self.at_least > self.longest:
            words += f"; the limits of the pair make it {format_seconds(self.at_least)} at least"
        if self.run is not None:
            words += f"; at the pace of the last runs {format_seconds(self.run)} from start to end"
        return words

    def to_json(self) -> dict[str, Any]:
        """As JSON; seconds to the tenth."""
        return {name: round(value, 1) if isinstance(value, float) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(**value)


def estimate(
    tasks: Iterable[tuple[int, int]],
    *,
    transport: Transport,
    policy: SyncPolicy,
    history: Sequence[RunCounters] = (),
) -> Estimate:
    """How long this work takes.

    :param tasks: of each batch its objects and bytes, of each part group its parts and bytes
    :param transport: how the bytes go
    :param history: the pair's last runs, the last one last
    """
    works = [(objects, size) for objects, size in tasks if objects]
    times = [_seconds(objects, size, transport, policy) for objects, size in works]
    objects, size = sum(count for count, _ in works), sum(moved for _, moved in works)
    return Estimate(
        tasks=len(works),
        seconds=sum(times),
        longest=max(times, default=0.0),
        at_least=_at_least(objects, size, transport, policy),
        run=_as_before(size + objects * OBJECT_COST, history),
    )


def _seconds(objects: int, size: int, transport: Transport, policy: SyncPolicy) -> float:
    """Of one task, from its start: what the client costs, and what it waits for the store."""
    pieces = objects
    room = policy.concurrency
    if transport == "stream":
        pieces = max(objects, size // policy.part_size)  # those of objects that go in parts inside the task
        room = min(room, policy.buffer_size // max(1, size // pieces))
    in_flight = max(1, min(room, pieces))
    requests = pieces * REQUESTS[transport]
    busy = requests * REQUEST_CPU + (size * BYTE_CPU if transport == "stream" else 0.0)
    waiting = requests * ANSWER + size / STORE_RATE[transport]
    return TASK_START + busy + waiting / in_flight


def _at_least(objects: int, size: int, transport: Transport, policy: SyncPolicy) -> float:
    """Seconds that bandwidth and request rate ask for, however many tasks there are."""
    found = 0.0
    if policy.bandwidth is not None and transport == "stream":
        found = size / policy.bandwidth
    if policy.requests_per_second is not None:
        # The limit is one per side: of three requests of a stream two go to the source.
        found = max(found, 2 * objects / policy.requests_per_second)
    return found


def _as_before(load: int, history: Sequence[RunCounters]) -> float | None:
    """Seconds from start to end at the pace of the last runs that were alike."""
    paces = []
    for run in reversed(history):
        done = run.bytes + run.written * OBJECT_COST
        if run.seconds > 0 and done and load <= done * ALIKE and done <= load * ALIKE:
            paces.append(done / run.seconds)
    return load / median(paces[:RECENT]) if paces else None
