"""Bring together what every task left: the report, the pair's memory, the checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_bucketsync.engine.errors import PlanMismatch
from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.outcome import RED, WRITTEN, Outcome, Report
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.checkpoint import checkpoint_of
from airflow_bucketsync.engine.steps.manifest import read_plan
from airflow_bucketsync.engine.steps.prepare import RunDocument, read_run
from airflow_bucketsync.engine.steps.remembering import Failing, Remembered, remember
from airflow_bucketsync.engine.steps.rounds import rounds_of
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.units import Kind, UnitIndex, outcomes_of, read_units, requests_of, speaks_of
from airflow_bucketsync.engine.steps.verify import READ_BACK, TAGS_UNREAD

SHOWN_FAILURES = 20
_BY_DECISION = frozenset({"dry_run"})
"""Reasons for which `withheld` is not red."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end of a run.

    :param checkpoint: for the pair's next run; None = this one was a dry run and leaves it as it is
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
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.failures: list[dict[str, Any]] = []
        self.failing = Failing()
        self.bytes = 0
        self.written = 0
        self.by_decision = 0
        self.read_back = 0
        self.tags_unread = 0
        self.before = run.requests()
        self.document = self._read_run(run_digest)
        self.plan = self._read_plan(plan_digest)
        self.results = self._units("result")
        self.findings = self._units("findings")

    def make(self) -> Finished:
        writer = self.run.workspace.page_writer("report/objects", "outcomes")
        for outcome in self._outcomes():
            writer.write(outcome.to_json())
            self._count(outcome)
        objects = writer.finish().name if writer.count else None
        if self.read_back:
            self.warnings.append(
                f"{self.read_back} objects were read back to verify them: the destination takes checksums without a "
                "word and keeps none, so it may not check what arrives; choose the store profile that says so"
            )
        if self.tags_unread:
            self.warnings.append(
                f"the tags of {self.tags_unread} verified objects were not compared: the credentials of a side may not "
                "read them; allow it (GetObjectTagging), or leave `tags` out of `preserve`"
            )
        report = self._report(objects)
        remembered = None
        if self.plan is not None and not self.policy.dry_run:
            remembered = self._remember(self.plan)
            report = replace(report, warnings=(*report.warnings, *remembered.warnings))
        self.run.workspace.write_document("report.json", "report", report.to_json())
        checkpoint = None
        if not self.policy.dry_run:
            checkpoint = checkpoint_of(
                self.run.spec, report, document=self.document, plan=self.plan, remembered=remembered
            )
        begun = None if self.document is None else self.document.round
        changed = report.changed_anything or (begun is not None and begun.changed)
        complete = report.verified and report.resume is None and changed
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
        self.counts.update({word: n for word, n in plan.counts.items() if word == "same"})
        self.reasons.update({word: n for word, n in plan.reasons.items() if word.startswith("same:")})
        return plan

    def _units(self, kind: Kind) -> dict[int, UnitIndex]:
        if self.plan is None:
            return {}
        return read_units(self.run.workspace, kind, plan=self.plan.digest, damaged=self.warnings)

    def _missing(self, task: str, error: Exception | None = None) -> None:
        if not any(name == task or name.startswith(f"{task} ") for name in self.incomplete):
            self.incomplete.append(task)
        if error is not None and not isinstance(error, KeyError):
            self.warnings.append(str(error))

    # counting ---------------------------------------------------------------------------------------------------

    def _count(self, outcome: Outcome) -> None:
        self.counts[outcome.status] += 1
        self.reasons[f"{outcome.status}: {outcome.reason}"] += 1
        self.lost.update(outcome.lost)
        self.failing.see(outcome)
        if outcome.mode is not None:  # it was written, whatever was found of it afterwards
            self.written += 1
            self.bytes += outcome.bytes
        if outcome.verified:
            self.read_back += READ_BACK in (outcome.message or "")
            self.tags_unread += TAGS_UNREAD in (outcome.message or "")
        self.by_decision += outcome.status == "withheld" and outcome.reason in _BY_DECISION
        if outcome.status in RED and outcome.reason not in _BY_DECISION and len(self.failures) < SHOWN_FAILURES:
            shown = {"key": outcome.key, "status": outcome.status, "reason": outcome.reason}
            self.failures.append({**shown, "message": outcome.message})

    def _outcomes(self) -> Iterator[Outcome]:
        """What became of every object that is not `same`, each key once; a page that is missing is said so."""
        if self.plan is None:
            return
        yield from self._decided(self.plan)
        for number, objects, task in self.plan.results:
            index = self.results.get(number)
            if index is None:
                self._missing(task)
                continue
            if index.page.count != objects:
                self._missing(task)
                self.warnings.append(
                    f"{task} was to bring {objects} objects over, its result speaks of {index.page.count}"
                )
            self._require_findings(index, task)
            try:
                yield from self._verified(index)
            except PlanMismatch as error:
                self._missing(task, error)

    def _decided(self, plan: Plan) -> Iterator[Outcome]:
        if plan.decided is not None:
            try:
                yield from self.run.workspace.read_page(plan.decided, "outcomes", Outcome.from_json)
            except PlanMismatch as error:
                self._missing("plan", error)
        for word in plan.counts.keys() - {"same", "planned"}:
            unnamed = plan.counts[word] - self.counts[word]  # names beyond those that a listing keeps
            if unnamed > 0:
                self.counts[word] += unnamed
                self.reasons[f"{word}: not_named"] += unnamed

    def _require_findings(self, index: UnitIndex, task: str) -> None:
        """Where something was written and is to be verified, its findings must be there."""
        if self.policy.verify == "none" or not any(index.counts.get(word, 0) for word in WRITTEN):
            return
        task = task if task == "complete_uploads" and self.policy.verify != "listing" else f"verify {index.number}"
        if index.number not in self.findings:
            self._missing(task)
            return
        try:
            next(outcomes_of(self.run.workspace, self.findings[index.number]), None)
        except PlanMismatch as error:
            self._missing(task, error)
            del self.findings[index.number]

    def _verified(self, index: UnitIndex) -> Iterator[Outcome]:
        """The outcomes of a batch after verification; what was written and not looked at is not proven."""
        finding = self.findings.get(index.number)
        findings = iter(()) if finding is None else outcomes_of(self.run.workspace, finding)
        found = next(findings, None)
        for outcome in outcomes_of(self.run.workspace, index):
            while found is not None and found.key < outcome.key:
                found = next(findings, None)
            if outcome.status not in WRITTEN or self.policy.verify == "none":
                yield outcome
            elif found is not None and speaks_of(found, outcome):
                yield found
            else:
                yield replace(outcome, status="unverified", reason="not_looked_at", verified=False)

    # the report ---------------------------------------------------------------------------------------------------

    def _report(self, objects: str | None) -> Report:
        occurred = {word for word, n in self.counts.items() if n}
        if self.by_decision == self.counts["withheld"]:
            occurred.discard("withheld")
        red = tuple(sorted(occurred & RED - set(self.policy.tolerate)))
        started = self.run.clock.now() if self.document is None else self.document.started
        ended = self.run.clock.now()
        green = not red and not self.incomplete
        rounds = rounds_of(self.policy, self.document, self.plan, green=green)
        self.warnings += [rounds.warning] if rounds.warning else []
        return Report(
            pair=self.run.spec.pair,
            run=self.run.run,
            mode="dry_run" if self.policy.dry_run else self._mode(),
            source=self.run.spec.source.url,
            destination=self.run.spec.destination.url,
            started=started,
            ended=ended,
            seconds=(ended - started).total_seconds(),
            counts={word: n for word, n in sorted(self.counts.items()) if n},
            reasons=dict(sorted(self.reasons.items())),
            bytes=self.bytes,
            requests=self._requests(),
            verify=self.policy.verify,
            verified=green
            and self.policy.verify != "none"
            and not self.policy.dry_run
            and not self.counts["unverified"],
            changed_anything=self.written > 0,
            red=red,
            tolerated=tuple(sorted(occurred & RED & set(self.policy.tolerate))),
            incomplete=tuple(self.incomplete),
            lost=dict(sorted(self.lost.items())),
            warnings=tuple(self.warnings),
            failures=tuple(self.failures),
            plan_digest=None if self.plan is None else self.plan.digest,
            route=None if self.plan is None else self.plan.route,
            objects=objects,
            resume=None if self.plan is None else self.plan.resume,
            rounds=rounds.number,
            next_round=rounds.another,
        )

    def _mode(self) -> str:
        planned = self.plan or self.document
        return "full" if planned is None else planned.mode

    def _requests(self) -> Mapping[str, Mapping[str, int]]:
        others = [*self._units("begun").values(), *self._units("receipts").values()]
        total = requests_of([*self.results.values(), *self.findings.values(), *others])
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
            deltas=lambda: [self._verified(index) for index in self.results.values() if index.counts],
        )
