"""How is one page of what is to be taken away worked through, recorded on the way, and finished?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Protocol, TypeVar

from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.recording import Recording
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.segments import SAVED
from airflow_bucketsync.engine.steps.units import UnitIndex, write_unit

TOGETHER = 1_000
"""Objects that are proven and taken away together: one bulk request, and little time between the two."""


class Named(Protocol):
    """Something that speaks of one object."""

    @property
    def key(self) -> str:
        """Relative to the pair's locations."""
        ...


T = TypeVar("T", bound=Named)


def work_through(
    run: Run,
    plan: Plan,
    number: int,
    items: Iterator[T],
    act: Callable[[list[T]], Iterator[Outcome]],
    *,
    attempt: int,
    recording: Recording,
) -> UnitIndex:
    """Act on the items that have no outcome yet, 1,000 at a time, and leave a result page with one outcome per object.

    :param recording: what earlier tries did
    :raises Stopped: the task was asked to stop; what was done is recorded
    """
    started, before = run.clock.monotonic(), run.requests()
    try:
        with run.gate.every(SAVED, recording.save_when_due):
            while chunk := list(islice(items, TOGETHER)):
                run.gate.check()
                for outcome in act([item for item in chunk if item.key not in recording.outcomes]):
                    recording.add(outcome)
    except BucketsyncError:
        with suppress(BucketsyncError):
            recording.save()
        raise
    index = write_unit(
        run.workspace,
        "removed",
        number,
        attempt,
        plan=plan.digest,
        lines=recording.outcomes,
        requests=run.requests_since(before),
        seconds=run.clock.monotonic() - started,
    )
    recording.forget()
    return index
