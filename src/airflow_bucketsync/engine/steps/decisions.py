"""What does a plan decide and learn by itself? Written down as it goes, and counted."""

from __future__ import annotations

from collections import Counter

from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.objects import Fingerprint
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.rules.diff import PROOFS
from airflow_bucketsync.engine.steps.looking import Look
from airflow_bucketsync.engine.steps.workspace import PageWriter, Workspace


class Decisions:
    """Outcomes that need no task, and what was learned for the pair's memory, which the run's report takes over."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._decided: PageWriter | None = None
        self._delta: PageWriter | None = None
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    def decide(self, outcome: Outcome) -> None:
        """Write an outcome down."""
        if self._decided is None:
            self._decided = self._workspace.page_writer("plan/decided", "outcomes")
        self._decided.write(outcome.to_json())
        self.count(outcome.status, outcome.reason)

    def same(self, look: Look, *, counted: bool) -> None:
        """An object that is in step; what proves it is remembered.

        :param counted: False = a task has still to do with it, and says what becomes of it
        """
        decision, source, destination = look.decision, look.source, look.destination
        if counted:
            self.count("same", decision.reason)
        # Nothing is concluded from memory alone: it may speak of an object that was overwritten since.
        if look.seen and decision.reason in PROOFS and destination is not None:
            proven = KnownObject(
                key=look.key,
                source_key=look.source_key,
                source=Fingerprint.of(source),
                destination=Fingerprint.of(destination),
            )
            if proven != look.known:
                self.learn(proven)

    def count(self, word: str, reason: str | None) -> None:
        """Count one more."""
        self.counts[word] += 1
        self.reasons[f"{word}: {reason}"] += 1

    def learn(self, record: KnownObject) -> None:
        """Remember these two versions, or forget the key."""
        if self._delta is None:
            self._delta = self._workspace.page_writer("plan/delta", "known")
        self._delta.write(record.to_json())

    def finish(self) -> tuple[PageRef | None, PageRef | None]:
        """Store both pages: what was decided, and what was learned."""
        decided = None if self._decided is None else self._decided.finish()
        return decided, None if self._delta is None else self._delta.finish()
