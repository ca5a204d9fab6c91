"""Bring together what every task left: the report, the pair's memory, the checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_bucketsync.engine.errors import ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.outcome import REMOVED, Outcome, Report
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.approval import must_ask, read_approval
from airflow_bucketsync.engine.steps.checkpoint import checkpoint_of
from airflow_bucketsync.engine.steps.delete_extra import unguarded
from airflow_bucketsync.engine.steps.lock import release
from airflow_bucketsync.engine.steps.manifest import read_plan
from airflow_bucketsync.engine.steps.proven import Proven
from airflow_bucketsync.engine.steps.remembering import Failing, Remembered, remember
from airflow_bucketsync.engine.steps.reviewed import read_review
from airflow_bucketsync.engine.steps.rounds import rounds_of
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.run_document import RunDocument, read_run
from airflow_bucketsync.engine.steps.tally import Tally
from airflow_bucketsync.engine.steps.units import requests_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end of a run.

    :param checkpoint: for the pair's next run; None = this one was a dry run, of a list, or beside the pair's own runs,
        and leaves it as it is
    :param complete: the destination was written to since it was complete last, and is complete and verified now
    """

    report: Report
    checkpoint: Checkpoint | None
    complete: bool


def make_report(
    run: Run,
    *,
    failed_tasks: Sequence[str] = (),
    plan_digest: str | None = None,
    run_digest: str | None = None,
) -> Finished:
    """Count what became of every object, write the report, and remember what was proven.

    Works on whatever the tasks left; what is missing makes the run red. Everything is saved before anyone raises.

    :param failed_tasks: names of tasks that failed or never ran because of another's failure
    :param plan_digest: what `plan` said of its manifest; another one in the workspace makes the run red
    :param run_digest: what `prepare` said of `run.json`
    """
    return _Reporter(run, failed_tasks, plan_digest, run_digest).make()


class _Reporter:
    """One report in the making."""

    def __init__(self, run: Run, failed_tasks: Sequence[str], plan_digest: str | None, run_digest: str | None) -> None:
        self.run = run
        self.policy = run.spec.policy
        self.incomplete: list[str] = list(failed_tasks)
        self.warnings: list[str] = []
        self.tally = Tally()
        self.failing = Failing()
        self.before = run.requests()
        self.document = self._read_run(run_digest)
        self.plan = self._read_plan(plan_digest)
        self.proven: Proven | None = None
        if self.plan is not None:
            self.proven = Proven(run, self.plan, missing=self._missing, warnings=self.warnings)

    def make(self) -> Finished:
        writer = self.run.workspace.page_writer("report/objects", "outcomes")
        for outcome in self._outcomes():
            writer.write(outcome.to_json())
            self.tally.add(outcome)
            self.failing.see(outcome)
        objects = writer.finish().name if writer.count else None
        self.warnings += self.tally.warnings()
        self.warnings += unguarded(self.run, self.tally.counts)
        report = self._report(objects)
        skipped = self.plan is not None and (self.plan.locked is not None or self.plan.dry)
        remembered: Remembered | None = None
        more: tuple[str, ...] = ()
        if self.plan is not None and not self.policy.dry_run and not skipped:
            remembered = self._remember(self.plan)
            more = remembered.warnings
        if self.plan is None or self.plan.lock:  # a plan that was lost may have taken it
            more = (*more, *release(self.run))
        report = replace(report, warnings=(*report.warnings, *more))
        self.run.workspace.write_document("report.json", "report", report.to_json())
        begun, previous = (None, None) if self.document is None else (self.document.round, self.document.previous)
        owed = previous is not None and previous.owes_event
        changed = report.changed_anything or owed or (begun is not None and begun.changed)
        spec = self.run.spec
        complete = report.verified and report.resume is None and changed and not spec.aside
        checkpoint = None
        # A list is no listing: cursor, watermark and failed objects of the pair stay as they are.
        if self.policy.dry_run or skipped or spec.selection.source_list:
            pass
        elif not spec.aside:
            checkpoint = checkpoint_of(
                spec,
                report,
                document=self.document,
                plan=self.plan,
                remembered=remembered,
                owes_event=owed and not complete,
            )
        elif previous is not None and report.changed_anything:
            checkpoint = replace(previous, owes_event=True)
        return Finished(report=report, checkpoint=checkpoint, complete=complete)

    # what the tasks left ----------------------------------------------------------------------------------------

    def _read_run(self, digest: str | None) -> RunDocument | None:
        try:
            document = read_run(self.run.workspace, digest)
        except (PlanMismatch, KeyError, TypeError, ValueError) as error:
            self._missing("prepare", error)
            return None
        self.warnings += document.warnings
        return document

    def _read_plan(self, digest: str | None) -> Plan | None:
        try:
            plan = read_plan(self.run.workspace, digest)
        except PlanMismatch as error:
            self._missing("plan", error)
            return None
        self.warnings += [warning for warning in plan.warnings if warning not in self.warnings]
        self.tally.counts.update({word: n for word, n in plan.counts.items() if word == "same"})
        self.tally.reasons.update({word: n for word, n in plan.reasons.items() if word.startswith("same:")})
        return plan

    def _missing(self, task: str, error: Exception | None = None) -> None:
        if not any(name == task or name.startswith(f"{task} ") for name in self.incomplete):
            self.incomplete.append(task)
        if error is not None and not isinstance(error, KeyError):
            self.warnings.append(str(error))

    def _outcomes(self) -> Iterator[Outcome]:
        """What became of every object that is not `same`, each key once; a page that is missing is said so."""
        if self.plan is None or self.proven is None:
            return
        whole = yield from self.proven.decided()
        for word in self.plan.counts.keys() - {"same", "planned"} if whole else ():
            unnamed = self.plan.counts[word] - self.tally.counts[word]  # names beyond those that a listing keeps
            if unnamed > 0:
                self.tally.counts[word] += unnamed
                self.tally.reasons[f"{word}: not_named"] += unnamed
        yield from self.proven.written()
        yield from self.proven.taken_away()

    # the report ---------------------------------------------------------------------------------------------------

    def _report(self, objects: str | None) -> Report:
        occurred = self.tally.occurred()
        red = tuple(sorted(occurred - set(self.policy.tolerate)))
        started = self.run.clock.now() if self.document is None else self.document.started
        ended = self.run.clock.now()
        green = not red and not self.incomplete
        rounds = rounds_of(self.policy, self.document, self.plan, green=green)
        self.warnings += [rounds.warning] if rounds.warning else []
        review = None if self.plan is None or not self.plan.dry else self._review(self.plan)
        return Report(
            pair=self.run.spec.pair,
            run=self.run.run,
            mode="dry_run" if self.policy.dry_run else self._mode(),
            source=self.run.spec.source.url,
            destination=self.run.spec.destination.url,
            started=started,
            ended=ended,
            seconds=(ended - started).total_seconds(),
            counts={word: n for word, n in sorted(self.tally.counts.items()) if n},
            reasons=dict(sorted(self.tally.reasons.items())),
            bytes=self.tally.bytes,
            requests=self._requests(),
            verify=self.policy.verify,
            verified=green
            and self.policy.verify != "none"
            and not self.policy.dry_run
            and not self.tally.counts["unverified"]
            and not self._leaves_work(),
            changed_anything=self.tally.written > 0 or any(self.tally.counts[word] for word in REMOVED),
            red=red,
            tolerated=tuple(sorted(occurred & set(self.policy.tolerate))),
            incomplete=tuple(self.incomplete),
            lost=dict(sorted(self.tally.lost.items())),
            warnings=tuple(self.warnings),
            failures=tuple(self.tally.failures),
            plan_digest=None if self.plan is None else self.plan.digest,
            route=None if self.plan is None else self.plan.route,
            objects=objects,
            resume=None if self.plan is None else self.plan.resume,
            approval=self._approval(),
            drift=None if self.plan is None else self.plan.drift,
            trash="" if self.plan is None else self.plan.trash,
            selected_out={} if self.plan is None else dict(sorted(self.plan.selected_out.items())),
            selected_out_first={} if self.plan is None else self.plan.selected_out_first,
            review=review,
            rounds=rounds.number,
            precheck=None if self.document is None else self.document.precheck,
            next_round=rounds.another,
            by_hand={} if self.run.spec.by_hand is None else self.run.spec.by_hand.given,
        )

    def _approval(self) -> Mapping[str, Any] | None:
        if self.plan is None or not (self.plan.asks or must_ask(self.policy, self.plan.removal)):
            return None
        found = read_approval(self.run.workspace, self.plan)
        return None if found is None else found.to_json()

    def _leaves_work(self) -> bool:
        """Whether this run left something to another one: that is at work now, or that plans anew."""
        plan = self.plan
        if plan is None:
            return False
        return plan.locked is not None or plan.dry or (plan.drift is not None and plan.drift.leaves)

    def _review(self, plan: Plan) -> Mapping[str, Any] | None:
        """What the plan of a dry run comes to: it is all that such a run is for."""
        try:
            return read_review(self.run.workspace, plan.digest).to_json()
        except (ObjectNotFound, PlanMismatch) as error:
            self.warnings.append(f"the review of the plan can't be read: {error}")
            return None

    def _mode(self) -> str:
        planned = self.plan or self.document
        return "full" if planned is None else planned.mode

    def _requests(self) -> Mapping[str, Mapping[str, int]]:
        proven = self.proven
        total = requests_of([] if proven is None else proven.all_units())
        parts: list[Mapping[str, Mapping[str, int]]] = [self.run.requests_since(self.before)]
        parts += [self.document.requests] if self.document is not None else []
        parts += [self.plan.requests] if self.plan is not None else []
        for part in parts:
            for side, kinds in part.items():
                total.setdefault(side, Counter()).update(kinds)
        return {side: dict(sorted(kinds.items())) for side, kinds in total.items()}

    # memory -------------------------------------------------------------------------------------------------------

    def _remember(self, plan: Plan) -> Remembered:
        """Keep what was proven and what failed, for the next run."""
        return remember(
            self.run,
            plan,
            self.document,
            failing=self.failing,
            deltas=self._ended,
        )

    def _ended(self) -> list[Iterator[Outcome]]:
        """Of each page of results its outcomes, ascending."""
        if self.proven is None:
            return []
        pages = [self.proven.of_unit(index) for index in self.proven.results.values() if index.counts]
        return [*pages, self.proven.taken_away()] if self.policy.move else pages
