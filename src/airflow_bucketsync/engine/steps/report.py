"""Bring together what every task left: the report, the pair's memory, the checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_bucketsync.engine.errors import PlanMismatch
from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.outcome import RED, REMOVED, Outcome, Report
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.approval import must_ask, read_approval
from airflow_bucketsync.engine.steps.checkpoint import checkpoint_of
from airflow_bucketsync.engine.steps.delete_extra import unguarded
from airflow_bucketsync.engine.steps.lock import release
from airflow_bucketsync.engine.steps.manifest import read_plan
from airflow_bucketsync.engine.steps.proven import Proven
from airflow_bucketsync.engine.steps.remembering import Failing, Remembered, remember
from airflow_bucketsync.engine.steps.rounds import rounds_of
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.run_document import RunDocument, read_run
from airflow_bucketsync.engine.steps.units import requests_of
from airflow_bucketsync.engine.steps.verify import READ_BACK, TAGS_UNREAD

SHOWN_FAILURES = 20
_BY_DECISION = frozenset({"dry_run", "rejected", "not_answered"})
"""Reasons for which `withheld` is not red: nobody wanted it otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end of a run.

    :param checkpoint: for the pair's next run; None = this one was a dry run, or of a list, and leaves it as it is
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
        self.proven: Proven | None = None
        if self.plan is not None:
            self.proven = Proven(run, self.plan, missing=self._missing, warnings=self.warnings)

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
        self.warnings += unguarded(self.run, self.counts)
        report = self._report(objects)
        skipped = self.plan is not None and self.plan.locked is not None
        remembered: Remembered | None = None
        more: tuple[str, ...] = ()
        if self.plan is not None and not self.policy.dry_run and not skipped:
            remembered = self._remember(self.plan)
            more = remembered.warnings
        if self.plan is None or self.plan.lock:  # a plan that was lost may have taken it
            more = (*more, *release(self.run))
        report = replace(report, warnings=(*report.warnings, *more))
        self.run.workspace.write_document("report.json", "report", report.to_json())
        checkpoint = None
        # A list is no listing: cursor, watermark and failed objects of the pair stay as they are.
        if not self.policy.dry_run and not skipped and not self.run.spec.selection.source_list:
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
            shown |= {} if outcome.source_key is None else {"source_key": outcome.source_key}
            self.failures.append({**shown, "message": outcome.message})

    def _outcomes(self) -> Iterator[Outcome]:
        """What became of every object that is not `same`, each key once; a page that is missing is said so."""
        if self.plan is None or self.proven is None:
            return
        whole = yield from self.proven.decided()
        for word in self.plan.counts.keys() - {"same", "planned"} if whole else ():
            unnamed = self.plan.counts[word] - self.counts[word]  # names beyond those that a listing keeps
            if unnamed > 0:
                self.counts[word] += unnamed
                self.reasons[f"{word}: not_named"] += unnamed
        yield from self.proven.written()
        yield from self.proven.taken_away()

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
            and not self.counts["unverified"]
            and not (self.plan is not None and self.plan.locked),
            changed_anything=self.written > 0 or any(self.counts[word] for word in REMOVED),
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
            approval=self._approval(),
            trash="" if self.plan is None else self.plan.trash,
            selected_out={} if self.plan is None else dict(sorted(self.plan.selected_out.items())),
            selected_out_first={} if self.plan is None else self.plan.selected_out_first,
            rounds=rounds.number,
            precheck=None if self.document is None else self.document.precheck,
            next_round=rounds.another,
        )

    def _approval(self) -> Mapping[str, Any] | None:
        if self.plan is None or not must_ask(self.policy, self.plan.removal):
            return None
        found = read_approval(self.run.workspace, self.plan)
        return None if found is None else found.to_json()

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
