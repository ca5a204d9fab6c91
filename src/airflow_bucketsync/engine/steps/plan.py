"""Compare both sides and write down what is to be done: batches, decided outcomes, what was learned."""

from __future__ import annotations

from collections import Counter
from itertools import chain

from airflow_bucketsync.engine.errors import CheckpointMismatch
from airflow_bucketsync.engine.model.change import Change, ChangeKind
from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.names import trash_folder
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.rules.bounds import Bounds
from airflow_bucketsync.engine.rules.diff import Comparison
from airflow_bucketsync.engine.rules.estimate import estimate
from airflow_bucketsync.engine.rules.scope import Scope
from airflow_bucketsync.engine.rules.selection import Selector
from airflow_bucketsync.engine.steps.applying import Applying
from airflow_bucketsync.engine.steps.conflicts import Conflicts
from airflow_bucketsync.engine.steps.decided import archived, hidden, names_refused, refusal_of, refused
from airflow_bucketsync.engine.steps.decisions import Decisions
from airflow_bucketsync.engine.steps.failed import look_again, read_failed
from airflow_bucketsync.engine.steps.journal import UploadJournal
from airflow_bucketsync.engine.steps.kept_plans import keep_plan
from airflow_bucketsync.engine.steps.known import Known, Remembered, open_known
from airflow_bucketsync.engine.steps.listed import Listed
from airflow_bucketsync.engine.steps.lists.planned import PlannedList, Sought
from airflow_bucketsync.engine.steps.lock import Finished, Watch
from airflow_bucketsync.engine.steps.locked import locked_plan
from airflow_bucketsync.engine.steps.looking import Look, first_look, look_at, must_be_looked_at
from airflow_bucketsync.engine.steps.manifest import write_plan
from airflow_bucketsync.engine.steps.merging import merged
from airflow_bucketsync.engine.steps.removing import Removing
from airflow_bucketsync.engine.steps.reviewed import Reviewer
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.run_document import RunDocument, as_full, read_run
from airflow_bucketsync.engine.steps.sources import Sources, in_the_way
from airflow_bucketsync.engine.steps.spool import Spool
from airflow_bucketsync.engine.steps.work import Work

LOOKS = 1_000
"""Objects that are looked at together; they and what was decided meanwhile wait in memory to keep the order."""
WAITING = 20_000

Waiting = Look | KnownObject | Outcome | ObjectInfo
"""What a key comes to: looked at or not, something to forget, decided, or not at the source."""


def make_plan(run: Run, *, finished: Finished | None = None, watch: Watch | None = None) -> Plan:
    """Merge both listings and the pair's memory into a plan, take the lock if there is something to do, and write it
    down with its review. A dry run's plan names the same work, under no lock; no task carries it out.

    A plan that `asks` for a person's yes takes no lock yet; `settle` carries on with it.

    :param finished: whether the run of a lock has ended, where Airflow can be asked
    :param watch: of a run that waited for the lock in this process
    :raises ListingUntrusted: a listing lacked its proof
    :raises PlanMismatch: a listing page is missing or damaged, or one of the reviewed plan that is to be applied
    :raises PlanDrifted: too much changed since that plan was reviewed
    :raises InvalidConfiguration: two sources for one name, with `on_collision` at `fail`; no such reviewed plan
    :raises Locked: another run holds the pair's lock, and `on_lock` is not `skip`
    """
    document = read_run(run.workspace)
    reviewer = Reviewer(run)
    plan = locked_plan(run, document, lambda: _planned(run, document, reviewer), finished=finished, watch=watch)
    write_plan(run.workspace, plan)
    if plan.dry or plan.asks:
        keep_plan(run.workspace, plan)
    reviewer.write(plan)
    return plan


def _planned(run: Run, document: RunDocument, reviewer: Reviewer) -> Plan:
    known = open_known(run.workspace, run.spec)
    try:
        return _Planner(run, document, known, reviewer).make()
    except CheckpointMismatch as error:
        known = Known(run.workspace, warning=f"{error}; everything was compared anew")
        return _Planner(run, as_full(document), known, reviewer).make()


class _Planner:
    """One plan in the making: what is waiting, what is decided, and the totals."""

    def __init__(self, run: Run, document: RunDocument, known: Known, reviewer: Reviewer) -> None:
        self.run = run
        self.spec = run.spec
        self.policy = run.spec.policy
        self.document = document
        self.known = known
        self.both = document.mode == "full"
        self.applying = Applying(run)
        selector = Selector(run.spec.selection, folder_markers=self.policy.folder_markers)
        self.scope = Scope(run.spec.selection, selector)
        self.warnings: list[str] = [*document.warnings, *([known.warning] if known.warning else ())]
        self.list = PlannedList(run, warn=self.warnings.append) if run.spec.selection.source_list else None
        self.comparison = Comparison(
            self.policy.compare,
            source=run.source.capabilities,
            destination=run.destination.capabilities,
            preserve=self.policy.preserved,
        )
        self.failed, trouble = read_failed(run.workspace, document.begun)
        self.again = look_again(run, [key for key in self.failed if key <= document.after], blind=document.blind)
        self.bounds = Bounds(self.policy.max_objects, self.policy.max_bytes)
        self.decisions = Decisions(run.workspace)
        self.sources = Sources(
            run,
            selector,
            decide=self.decisions.decide,
            after=document.after,
            since=document.since,
            again=self.failed,
            names=None if self.list is None else self.list.names,
        )
        self.waiting: list[Waiting] = []
        self.looks = 0
        self.conflicts = Conflicts(run.spec, run.destination.capabilities)
        self.removing = Removing(run, deletes=self.policy.delete and self.both)
        self.reviewing = reviewer.of(self.removing)
        self.warnings += [trouble] if trouble else []

    def make(self) -> Plan:
        before = self.run.requests()
        source = Listed(self.run, self.document, "source")
        destination: Listed | Remembered | Sought = Listed(self.run, self.document, "destination")
        if self.list is not None:
            destination = Sought(self.run.destination, gate=self.run.gate, blind=self.document.blind)
        elif not self.both:
            destination = Remembered(self.known, after=self.document.after, takes=self.scope.tells_of)
        with Spool() as changes, self.removing:
            self._first_pass(source, destination, changes)
            drift = self.applying.finish()
            self.conflicts.settle()
            work = Work(self.run, self.decisions, self.conflicts, self.reviewing)
            work.take(changes)
            divided = work.divided(changes, first=self.failed)
            removal = self.removing.finish(source, destination, decide=self.decisions.decide, warn=self.warnings.append)
        requests = self.run.requests_since(before)
        for listed, side in ((source, "source"), (destination, "destination")):
            requests[side] = dict(Counter(requests[side]) + Counter(listed.requests))
        decided, delta = self.decisions.finish()
        return Plan(
            spec=self.spec,
            run=self.run.run,
            batches=divided.batches,
            decided=decided,
            delta=delta,
            route=work.route,
            counts=dict(self.decisions.counts),
            reasons=dict(self.decisions.reasons),
            bytes=work.bytes,
            listed={
                "source": {"objects": source.objects, "bytes": source.bytes},
                "destination": {"objects": destination.objects, "bytes": destination.bytes},
            },
            requests=requests,
            selected_out=dict(self.sources.left_out.counts),
            selected_out_first=self.sources.left_out.first,
            warnings=tuple(self.warnings),
            blind=self.document.blind,
            mode=self.document.mode,
            resume=self.bounds.last if self.bounds.cut else None,
            splits=self.sources.splits.points(),
            removal=removal,
            trash=trash_folder(self.document.started, self.run.run) if self.policy.keeps else "",
            uploads=divided.uploads,
            groups=divided.groups,
            drift=drift,
            open_uploads=not self.policy.dry_run and any(UploadJournal(self.run.workspace).names()),
            estimate=estimate(
                divided.work,
                transport=work.route.transport,
                policy=self.policy,
                history=() if self.document.previous is None else self.document.previous.history,
            ).to_json(),
        )

    # first pass: decide each key ------------------------------------------------------------------------------

    def _first_pass(self, source: Listed, destination: Listed | Remembered | Sought, changes: Spool) -> None:
        for outcome in chain(self.again.failed, () if self.list is None else self.list.missing):
            self.decisions.decide(outcome)
        after, tells_of = self.document.after, self.scope.tells_of
        known = (record for record in self.known if record.key > after and tells_of(record.key))
        here = self.sources.of(chain(self.again.source, source))
        if isinstance(destination, Sought):
            rows = destination.merged(here, known)
        else:
            rows = merged(here, chain(self.again.destination, destination), known)
        for key, one, two, memory in rows:
            self.run.gate.check()
            if self.bounds.cut:
                return  # the next run goes on
            if one is None:
                self._without_source(key, two, memory, source, changes)
                continue
            found = one if isinstance(one, ObjectInfo) else one.source
            if found is not None:
                self._with_source(key, found, two, memory, changes)
        self._settle(changes)
        for outcome in names_refused(source.refused):
            self.decisions.decide(outcome)
        unnamed = source.refused_count - len(source.refused)
        if unnamed:
            self.decisions.counts["refused"] += unnamed
            self.warnings.append(f"{unnamed} more names at the source can't be keys and are not listed one by one")

    def _with_source(
        self, key: str, here: ObjectInfo, there: ObjectInfo | None, memory: KnownObject | None, changes: Spool
    ) -> None:
        refusal = refusal_of(self.run, here, key)
        if refusal is not None:
            self._in_order(refused(here, *refusal, key=key), changes)
            return
        self.conflicts.see(key)
        self._in_order(first_look(self.comparison, key, here, there, memory, seen=self.both), changes)

    def _without_source(
        self, key: str, there: ObjectInfo | None, memory: KnownObject | None, source: Listed, changes: Spool
    ) -> None:
        if memory is not None and self.both:
            self._in_order(KnownObject(key=key, source=None, destination=None), changes)
        everything = self.removing.everything
        if there is not None and (self.scope.reaches(there) if everything else self.scope.covers(there)):
            obstacle = in_the_way(self.sources.renaming, source.in_the_way, key, source.refused_count)
            if obstacle == key:
                return  # the record of that name speaks of it
            self._in_order(there if obstacle is None else hidden(there, obstacle), changes)

    # in key order, whoever has to wait ------------------------------------------------------------------------

    def _in_order(self, item: Waiting, changes: Spool) -> None:
        """Decide this one now, or after those before it that have to be looked at."""
        looks = isinstance(item, Look) and (
            must_be_looked_at(item) or (not self.both and item.decision.verdict != "same")
        )
        if not self.waiting and not looks:
            self._apply(item, changes)
            return
        self.waiting.append(item)
        self.looks += looks
        if self.looks >= LOOKS or len(self.waiting) >= WAITING:
            self._settle(changes)

    def _settle(self, changes: Spool) -> None:
        """Look at what can't be told from listings, then decide everything that waited."""
        looks = [item for item in self.waiting if isinstance(item, Look)]
        decided = look_at(self.run, self.comparison, looks, listed=self.both)
        for item in self.waiting:
            self._apply(next(decided) if isinstance(item, Look) else item, changes)
        self.waiting, self.looks = [], 0

    def _apply(self, item: Waiting, changes: Spool) -> None:
        if self.bounds.cut:
            return  # left for the next run
        if isinstance(item, KnownObject):
            self.decisions.learn(item)
        elif isinstance(item, Outcome):
            self.decisions.decide(item)
        elif isinstance(item, ObjectInfo):
            outcome = self.applying.delete(item) or self.removing.not_at_source(item)
            if outcome is not None:
                self.decisions.decide(outcome)
        elif item.decision.verdict == "archived":
            self.reviewing.archived(item.source)
            self.decisions.decide(archived(item.source, key=item.key))
        elif item.decision.verdict == "same":
            self.applying.same(item.key)
            self.decisions.same(item, counted=not self.removing.same(item))
        else:
            self._change(item, changes)

    def _change(self, look: Look, changes: Spool) -> None:
        source, decision = look.source, look.decision
        # A store changes attributes by a copy of its own, which ends at a size; beyond it the object is copied again.
        updated = decision.verdict == "update" and source.size <= self.run.destination.capabilities.max_copy
        kind: ChangeKind = "update" if updated else "copy"
        reason = "not_listed" if self.document.blind else decision.reason
        change = Change(kind=kind, source=source, destination=look.destination, reason=reason, renamed=look.renamed)
        outcome = self.applying.change(change)
        if outcome is not None:
            self.decisions.decide(outcome)
            return
        # What failed before is no new work: it would use up the bounds of every run to come.
        if change.key in self.failed or self.bounds.take(change.key, change.load):
            changes.write(change.to_json())
