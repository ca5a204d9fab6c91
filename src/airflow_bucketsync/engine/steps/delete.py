"""Delete what is not at the source: each object is proven absent right before, and kept first if it is to be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome, Status
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.rules.guards import Guard
from airflow_bucketsync.engine.steps.absence import APPEARED, BULK, DISAGREES, present
from airflow_bucketsync.engine.steps.discarding import Discarding, Left, withheld
from airflow_bucketsync.engine.steps.removing import NOT_AT_SOURCE
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.run_document import read_run


class Deleting:
    """The deletions of one run, page by page; what one page learns of the source holds for those after it.

    :param forbids: why nothing may be deleted; None = what is proven absent may be
    """

    def __init__(self, run: Run, plan: Plan, forbids: Guard | None) -> None:
        self.run = run
        self.forbids = forbids
        self.discarding = Discarding(run, trash=plan.trash, name="delete", reason=NOT_AT_SOURCE)
        self.started = read_run(run.workspace).started
        self.bulk = plan.removal is not None and plan.removal.objects > BULK
        self.last = ""
        """The candidate before those that are looked at now."""
        self.distrust: str | None = None

    def delete(self, chunk: Sequence[ObjectInfo]) -> Iterator[Outcome]:
        """Delete those of these objects that may be; what became of each."""
        if self.forbids is not None:
            yield from (withheld(there, self.forbids.reason, self.forbids.words) for there in chunk)
            return
        left = {there.key: there for there in chunk}
        yield from self.discarding.unprotected(left)
        yield from self._still_absent(left)
        if self.discarding.keeps:
            yield from self.discarding.keep(left)
            # Keeping takes its time, and so may a task that was given up: nothing but the proof precedes the delete.
            # An ETag does not tell that its object went to the source again, and a newer run found it in step.
            yield from self._still_absent(left)
        yield from self.discarding.delete(left)
        self.last = chunk[-1].key if chunk else self.last

    def _still_absent(self, left: Left) -> Iterator[Outcome]:
        """Put aside what is at the source, or of which that can't be told; everything where listings are wrong."""
        after = self.last if self.bulk else None
        found = {} if self.distrust else present(self.run, list(left), started=self.started, after=after)
        for key, presence in found.items():
            if presence.reason == DISAGREES:
                self.distrust = f"{key!r}: {presence.words}"
            status: Status = "changed" if presence.reason == APPEARED else "withheld"
            there = left.pop(key)
            yield Outcome(
                key=key,
                status=status,
                reason=presence.reason,
                message=presence.words,
                destination=Fingerprint.of(there),
            )
        if self.distrust:
            for there in left.values():
                yield withheld(there, DISAGREES, f"another object proved the source's listing wrong: {self.distrust}")
            left.clear()
