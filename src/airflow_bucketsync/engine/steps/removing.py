"""What may a plan's run take away? Gathered while it compares, held against the guards at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.pages import PageRef, Schema
from airflow_bucketsync.engine.model.removal import Removal
from airflow_bucketsync.engine.rules.guards import Candidates, Guard, guard
from airflow_bucketsync.engine.steps.discarding import withheld
from airflow_bucketsync.engine.steps.known import Remembered
from airflow_bucketsync.engine.steps.listed import Listed
from airflow_bucketsync.engine.steps.lists.planned import Sought
from airflow_bucketsync.engine.steps.lock import withholds_removals
from airflow_bucketsync.engine.steps.looking import Look
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.spool import Spool

PAGE = 10_000
"""Objects on one page: what a task holds the outcomes of at once."""
FIRST = 20
"""Objects to be deleted that the plan's review names."""
NOT_AT_SOURCE = "not_at_source"


class Removing:
    """The objects that a run may take away, in the making.

    :param deletes: whether this run deletes at all: it lists both sides, and was asked to
    """

    def __init__(self, run: Run, *, deletes: bool) -> None:
        self.run = run
        self.policy = run.spec.policy
        self.deletes = deletes
        self.moves = self.policy.move
        self._extra = Spool()
        self._same = Spool()
        self.objects = 0
        self.bytes = 0
        self.first: list[ObjectInfo] = []
        """Of the objects to be deleted."""
        self.in_step = [0, 0]
        """Objects and bytes that a move deletes at the source, although nothing of them is copied."""
        self.forbids: Guard | None = None

    def __enter__(self) -> Removing:
        return self

    def __exit__(self, *_: object) -> None:
        for spool in (self._extra, self._same):
            spool.__exit__(None, None, None)

    def not_at_source(self, there: ObjectInfo) -> Outcome | None:
        """Take an object that is not at the source; what it comes to when it is not to be deleted."""
        of_another_pair = f"/{STATE_PREFIX}" in there.key  # its lock and its trash, where it writes further down
        if not self.deletes or of_another_pair:
            return Outcome(key=there.key, status="extra", reason=NOT_AT_SOURCE, destination=Fingerprint.of(there))
        self._extra.write(there.to_json())
        self.objects += 1
        self.bytes += there.size
        if len(self.first) < FIRST:
            self.first.append(there)
        return None

    def same(self, look: Look) -> bool:
        """Take an object that is in step, which a move deletes at the source; False = this run moves nothing."""
        if self.moves and look.destination is not None:
            source, destination = Fingerprint.of(look.source), Fingerprint.of(look.destination)
            outcome = Outcome(
                key=look.key,
                source_key=look.source_key,
                status="same",
                reason=look.decision.reason,
                source=source,
                destination=destination,
            )
            self._same.write(outcome.to_json())
            self.in_step = [self.in_step[0] + 1, self.in_step[1] + source.size]
            return True
        return False

    @property
    def everything(self) -> bool:
        """Whether also what the selection leaves out may be deleted, where it is not at the source."""
        return self.deletes and self.policy.delete_excluded

    def finish(
        self,
        source: Listed,
        destination: Listed | Remembered | Sought,
        *,
        decide: Callable[[Outcome], None],
        warn: Callable[[str], None],
    ) -> Removal | None:
        """Write the pages down; what a guard forbids is decided as withheld.

        :param source: what was listed there
        """
        found = Candidates(
            objects=self.objects,
            bytes=self.bytes,
            source=source.objects,
            destination=destination.objects,
            unnamed=source.refused_count - len(source.refused),
            locks=not withholds_removals(self.run),
        )
        forbids = self.forbids = guard(self.policy, found) if self.objects else None
        deletes: tuple[PageRef, ...] = ()
        if forbids is None:
            deletes = tuple(self._pages("deletes", "extra", self._extra))
        else:
            warn(f"nothing is deleted: {forbids.words}")
            for line in self._extra:
                decide(withheld(ObjectInfo.from_json(line), forbids.reason, forbids.words))
        same = tuple(self._pages("same", "outcomes", self._same))
        if not deletes and not self.moves:
            return None
        return Removal(deletes=deletes, same=same, bytes=self.bytes if deletes else 0, moves=self.moves)

    def _pages(self, name: str, schema: Schema, lines: Iterable[dict[str, Any]]) -> Iterator[PageRef]:
        source = iter(lines)
        number = 0
        while chunk := list(islice(source, PAGE)):
            yield self.run.workspace.write_page(f"plan/{name}-{number:04d}", schema, iter(chunk))
            number += 1
