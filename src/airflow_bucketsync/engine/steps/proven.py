"""What became of every object after it was verified? Told by the pages that the tasks of a run left."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from airflow_bucketsync.engine.errors import PlanMismatch
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.outcome import WRITTEN, Outcome
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.discarding import withheld
from airflow_bucketsync.engine.steps.dry import as_dry, would_take_away, would_write
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.units import Kind, UnitIndex, outcomes_of, read_units, speaks_of

DELETE_EXTRA = "delete_extra"
NOT_REACHED = "not_reached"
"""The reason of what was to be taken away, and was not come to."""


class Proven:
    """The outcomes of a finished run, each key once.

    :param missing: told of each task whose page is not there, or not what it must be
    :param warnings: takes what is to be said of pages that are damaged
    """

    def __init__(
        self, run: Run, plan: Plan, *, missing: Callable[[str, Exception | None], None], warnings: list[str]
    ) -> None:
        self.run = run
        self.plan = plan
        self.missing = missing
        self.warnings = warnings
        self.results = self.units("result")
        self.findings = self.units("findings")
        self.removed = self.units("removed") if plan.removal is not None else {}

    def units(self, kind: Kind) -> dict[int, UnitIndex]:
        """What the tasks of this kind left for this plan."""
        return read_units(self.run.workspace, kind, plan=self.plan.digest, damaged=self.warnings)

    def all_units(self) -> list[UnitIndex]:
        """What all tasks left for this plan."""
        read = [*self.results.values(), *self.findings.values(), *self.removed.values()]
        return [*read, *self.units("begun").values(), *self.units("receipts").values()]

    def decided(self) -> Generator[Outcome, None, bool]:
        """What the plan decided by itself; returns whether that was all of it."""
        if self.plan.decided is not None:
            try:
                decided = self.run.workspace.read_page(self.plan.decided, "outcomes", Outcome.from_json)
                yield from map(as_dry, decided) if self.plan.spec.policy.dry_run else decided
            except PlanMismatch as error:
                self.missing("plan", error)
                return False
        return True

    def written(self) -> Iterator[Outcome]:
        """What the tasks wrote, or could not write, after verification; a page that is missing is said so."""
        if self.plan.dry:
            yield from self._would(would_write(self.run, self.plan))
            return
        for number, objects, task in self.plan.results:
            index = self.results.get(number)
            if index is None:
                self.missing(task, None)
                continue
            if index.page.count != objects:
                self.missing(task, None)
                self.warnings.append(
                    f"{task} was to bring {objects} objects over, its result speaks of {index.page.count}"
                )
            self._require_findings(index, task)
            try:
                yield from self.of_unit(index)
            except PlanMismatch as error:
                self.missing(task, error)

    def _would(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        try:
            yield from outcomes
        except PlanMismatch as error:
            self.missing("plan", error)

    def of_unit(self, index: UnitIndex) -> Iterator[Outcome]:
        """The outcomes of a batch after verification, and after a move took the objects away."""
        over = self.removed.get(index.number) if self._moves else None
        if over is None:
            return self.verified(index)
        return _overlaid(self.verified(index), outcomes_of(self.run.workspace, over))

    def verified(self, index: UnitIndex) -> Iterator[Outcome]:
        """The outcomes of a batch after verification; what was written and not looked at is not proven."""
        policy = self.plan.spec.policy
        finding = self.findings.get(index.number)
        findings = iter(()) if finding is None else outcomes_of(self.run.workspace, finding)
        found = next(findings, None)
        for outcome in outcomes_of(self.run.workspace, index):
            while found is not None and found.key < outcome.key:
                found = next(findings, None)
            if outcome.status not in WRITTEN or policy.verify == "none":
                yield outcome
            elif found is not None and speaks_of(found, outcome):
                yield replace(found, kept=outcome.kept)
            else:
                yield replace(outcome, status="unverified", reason="not_looked_at", verified=False)

    def taken_away(self) -> Iterator[Outcome]:
        """What became of the objects that a plan names to be taken away, those of `written` apart."""
        removal = self.plan.removal
        if removal is None:
            return
        if self.plan.dry:
            yield from self._would(would_take_away(self.run, self.plan))
            return
        for number, page in self.pages_of_removal():
            index = self.removed.get(number)
            try:
                if index is not None and index.page.count == page.count:
                    yield from outcomes_of(self.run.workspace, index)
                    continue
                self.missing(DELETE_EXTRA, None)
                if removal.moves:
                    yield from self.run.workspace.read_page(page, "outcomes", Outcome.from_json)
                    continue
                for there in self.run.workspace.read_page(page, "extra", ObjectInfo.from_json):
                    yield withheld(there, NOT_REACHED, "the run did not come to it")
            except PlanMismatch as error:
                self.missing(DELETE_EXTRA, error)

    def pages_of_removal(self) -> list[tuple[int, PageRef]]:
        """The pages that a plan names to be taken away, with the numbers their results have."""
        removal = self.plan.removal
        if removal is None:
            return []
        first = self.plan.uploads_unit + 1 if removal.moves else 0
        return list(enumerate(removal.same if removal.moves else removal.deletes, start=first))

    @property
    def _moves(self) -> bool:
        return self.plan.removal is not None and self.plan.removal.moves

    def _require_findings(self, index: UnitIndex, task: str) -> None:
        """Where something was written and is to be verified, its findings must be there."""
        level = self.plan.spec.policy.verify
        if level == "none" or not any(index.counts.get(word, 0) for word in WRITTEN):
            return
        task = task if task == "complete_uploads" and level != "listing" else f"verify {index.number}"
        if index.number not in self.findings:
            self.missing(task, None)
            return
        try:
            next(outcomes_of(self.run.workspace, self.findings[index.number]), None)
        except PlanMismatch as error:
            self.missing(task, error)
            del self.findings[index.number]


def _overlaid(outcomes: Iterator[Outcome], later: Iterator[Outcome]) -> Iterator[Outcome]:
    """The outcomes in key order; where a later task spoke of an object, what that said."""
    over = next(later, None)
    for outcome in outcomes:
        while over is not None and over.key < outcome.key:
            over = next(later, None)
        yield outcome if over is None or over.key != outcome.key else over
