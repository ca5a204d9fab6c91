"""Compare both sides and write down what is to be done: batches, decided outcomes, what was learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from airflow_bucketsync.engine.errors import CheckpointMismatch, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.names import is_state_name
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome, Status
from airflow_bucketsync.engine.model.plan import Batch, Change, ChangeKind, KnownObject, Plan
from airflow_bucketsync.engine.model.route import Route
from airflow_bucketsync.engine.rules.diff import PROOFS, Comparison
from airflow_bucketsync.engine.rules.parts import check_object
from airflow_bucketsync.engine.rules.selection import Selector
from airflow_bucketsync.engine.steps.batches import write_batches
from airflow_bucketsync.engine.steps.conflicts import Conflicts
from airflow_bucketsync.engine.steps.decided import archived, hidden, refused, withheld
from airflow_bucketsync.engine.steps.known import Known, Remembered, open_known
from airflow_bucketsync.engine.steps.listing import Listed
from airflow_bucketsync.engine.steps.looking import Look, look_at, must_be_looked_at
from airflow_bucketsync.engine.steps.merging import merged
from airflow_bucketsync.engine.steps.prepare import RunDocument, as_full, read_run
from airflow_bucketsync.engine.steps.route import choose_route
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.spool import Spool
from airflow_bucketsync.engine.steps.workspace import PageWriter, Workspace

MANIFEST = "plan/manifest.json"
LOOKS = 1_000
"""Objects that are looked at together; they and what was decided meanwhile wait in memory to keep the order."""
WAITING = 20_000

SKIPPED_NAMES = frozenset({"symlink", "fifo", "socket", "device"})
"""Things in a folder that are no objects: left out and said so, without making the run red."""


def make_plan(run: Run) -> Plan:
    """Merge both listings and the pair's memory into a plan, and write it down.

    :raises ListingUntrusted: a listing lacked its proof
    :raises PlanMismatch: a listing page is missing or damaged
    :raises InvalidConfiguration: two sources for one name, with `on_collision` at `fail`
    """
    document = read_run(run.workspace)
    known = open_known(run.workspace, run.spec)
    try:
        return _Planner(run, document, known).make()
    except CheckpointMismatch as error:
        known = Known(run.workspace, warning=f"{error}; everything was compared anew")
        return _Planner(run, as_full(document), known).make()


def read_plan(workspace: Workspace, digest: str | None = None) -> Plan:
    """The plan of a run.

    :param digest: what `plan` said of it; None = trust the workspace
    :raises PlanMismatch: it is missing, damaged, or another one
    """
    try:
        value = workspace.read_document(MANIFEST, "manifest")
    except ObjectNotFound:
        raise PlanMismatch(
            "the run's folder has no plan: did `plan` finish, and do all workers reach the same workspace?",
            location=workspace.store.location.url,
        ) from None
    try:
        plan = Plan.from_json(value)
    except (KeyError, TypeError, ValueError) as error:
        raise PlanMismatch(f"the plan is damaged: {type(error).__name__}: {error}") from None
    if plan.digest != value.get("digest") or (digest is not None and plan.digest != digest):
        raise PlanMismatch("the plan in the workspace is not the one this run made; clear `plan` to make it anew")
    return plan


class _Planner:
    """One plan in the making: what is waiting, what is decided, and the totals."""

    def __init__(self, run: Run, document: RunDocument, known: Known) -> None:
        self.run = run
        self.spec = run.spec
        self.policy = run.spec.policy
        self.document = document
        self.known = known
        self.both = document.mode == "full"
        self.selector = Selector(run.spec.selection, folder_markers=self.policy.folder_markers)
        self.comparison = Comparison(
            self.policy.compare,
            source=run.source.capabilities,
            destination=run.destination.capabilities,
            preserve=self.policy.preserved,
        )
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.selected_out: Counter[str] = Counter()
        self.bytes = 0
        self.decided: PageWriter | None = None
        self.delta: PageWriter | None = None
        self.waiting: list[Look | KnownObject] = []
        self.looks = 0
        self.conflicts = Conflicts(run.spec, run.destination.capabilities)
        self.warnings: list[str] = [*document.warnings, *([known.warning] if known.warning else [])]

    def make(self) -> Plan:
        before = self.run.requests()
        source = Listed(self.run, self.document, "source")
        destination: Listed | Remembered = Listed(self.run, self.document, "destination")
        if not self.both:
            destination = Remembered(self.known, after=self.selector.first_key_after())
        with Spool() as changes:
            self._first_pass(source, destination, changes)
            self.conflicts.settle()
            batches, route = self._second_pass(changes)
        requests = self.run.requests_since(before)
        for listed, side in ((source, "source"), (destination, "destination")):
            requests[side] = dict(Counter(requests[side]) + Counter(listed.requests))
        plan = Plan(
            spec=self.spec,
            run=self.run.run,
            batches=batches,
            decided=None if self.decided is None else self.decided.finish(),
            delta=None if self.delta is None else self.delta.finish(),
            route=route,
            counts=dict(self.counts),
            reasons=dict(self.reasons),
            bytes=self.bytes,
            listed={
                "source": {"objects": source.objects, "bytes": source.bytes},
                "destination": {"objects": destination.objects, "bytes": destination.bytes},
            },
            requests=requests,
            selected_out=dict(self.selected_out),
            warnings=tuple(self.warnings),
            blind=self.document.blind,
        )
        self.run.workspace.write_document(MANIFEST, "manifest", plan.to_json())
        return plan

    # first pass: decide each key ------------------------------------------------------------------------------

    def _first_pass(self, source: Listed, destination: Listed | Remembered, changes: Spool) -> None:
        start = self.selector.first_key_after()
        known = (record for record in self.known if record.key > start)
        for key, here, there, memory in merged(iter(source), iter(destination), known):
            self.run.gate.check()
            if here is None:
                self._without_source(key, there, memory, source)
                continue
            left_out = None if self.selector.everything else self.selector.admits(here)
            if left_out is not None:
                self.selected_out[left_out] += 1
                continue
            refusal = self._refusal(here)
            if refusal is not None:
                self._decide(refused(here, *refusal))
                continue
            self.conflicts.see(key)
            decision = self.comparison.listed(here, there, memory)
            self._wait(Look(source=here, destination=there, known=memory, decision=decision), changes)
        self._settle(changes)
        self._refused_names(source)

    def _without_source(self, key: str, there: ObjectInfo | None, memory: KnownObject | None, source: Listed) -> None:
        if memory is not None and self.both:
            self._forget(KnownObject(key=key, source=None, destination=None))
        if there is not None and (self.selector.everything or self.selector.admits(there) is None):
            obstacle = source.in_the_way(key)
            if obstacle == key:
                return  # the record of that name speaks of it
            if obstacle is not None:
                self._decide(hidden(there, obstacle))
                return
            self._decide(Outcome(key=key, status="extra", reason="not_at_source", destination=Fingerprint.of(there)))

    def _refusal(self, info: ObjectInfo) -> tuple[str, str] | None:
        if is_state_name(info.key):
            return "state_name", "a name of our own state: leave it out with `exclude`, or rename it"
        words = self.run.destination.refusal(info.key)
        if words is not None:
            return "name", words
        words = check_object(info.size, self.run.destination.capabilities)
        return None if words is None else ("too_large", words)

    def _refused_names(self, source: Listed) -> None:
        for name, reason in source.refused:
            status: Status = "skipped" if reason in SKIPPED_NAMES else "refused"
            self._decide(Outcome(key=name, status=status, reason=reason, message="no object of a local tree"))
        unnamed = source.refused_count - len(source.refused)
        if unnamed:
            self.counts["refused"] += unnamed
            self.warnings.append(f"{unnamed} more names at the source can't be keys and are not listed one by one")

    def _wait(self, look: Look, changes: Spool) -> None:
        looks = must_be_looked_at(look) or (not self.both and look.decision.verdict != "same")
        if not self.waiting and not looks:
            self._apply(look, changes)
            return
        self.waiting.append(look)
        self.looks += looks
        if self.looks >= LOOKS or len(self.waiting) >= WAITING:
            self._settle(changes)

    def _settle(self, changes: Spool) -> None:
        """Look at what can't be told from listings, then decide everything that waited, in order."""
        looks = [item for item in self.waiting if isinstance(item, Look)]
        decided = look_at(self.run, self.comparison, looks, listed=self.both)
        for item in self.waiting:
            if isinstance(item, Look):
                self._apply(next(decided), changes)
            else:
                self._learn(item)
        self.waiting, self.looks = [], 0

    def _forget(self, record: KnownObject) -> None:
        if self.waiting:
            self.waiting.append(record)
        else:
            self._learn(record)

    def _apply(self, look: Look, changes: Spool) -> None:
        source, destination, decision = look.source, look.destination, look.decision
        if decision.verdict == "archived":
            self._decide(archived(source))
            return
        if decision.verdict == "same":
            self.counts["same"] += 1
            self.reasons[f"same: {decision.reason}"] += 1
            if decision.reason in PROOFS and destination is not None:
                proven = KnownObject(
                    key=source.key, source=Fingerprint.of(source), destination=Fingerprint.of(destination)
                )
                if proven != look.known:
                    self._learn(proven)
            return
        # A store changes attributes by a copy of its own, which ends at a size; beyond it the object is copied again.
        updated = decision.verdict == "update" and source.size <= self.run.destination.capabilities.max_copy
        kind: ChangeKind = "update" if updated else "copy"
        reason = "not_listed" if self.document.blind else decision.reason
        change = Change(kind=kind, source=source, destination=destination, reason=reason)
        changes.write(change.to_json())

    # second pass: into batches --------------------------------------------------------------------------------

    def _second_pass(self, changes: Spool) -> tuple[tuple[Batch, ...], Route]:
        for change in self._workable(changes):
            self.counts["planned"] += 1
            self.reasons[f"planned: {change.reason}"] += 1
            self.bytes += change.load
            if self.policy.dry_run:
                self._decide(withheld(change))
        first = next(iter(self._workable(changes, quiet=True)), None)
        route = choose_route(self.run, first, total_bytes=self.bytes)
        if self.policy.dry_run or not self.counts["planned"]:
            return (), route
        batches = write_batches(
            self.run,
            lambda: self._workable(changes, quiet=True),
            objects=self.counts["planned"],
            total_bytes=self.bytes,
        )
        return batches, route

    def _workable(self, changes: Spool, *, quiet: bool = False) -> Iterator[Change]:
        """The changes but for those that another key is in the way of; these are refused (once, unless `quiet`)."""
        for line in changes:
            change = Change.from_json(line)
            reason = self.conflicts.reason(change.source.key)
            if reason is None:
                yield change
            elif not quiet:
                self._decide(refused(change.source, reason, "another key is in its way at the destination"))

    # what is written down -------------------------------------------------------------------------------------

    def _decide(self, outcome: Outcome) -> None:
        if self.decided is None:
            self.decided = self.run.workspace.page_writer("plan/decided", "outcomes")
        self.decided.write(outcome.to_json())
        self.counts[outcome.status] += 1
        self.reasons[f"{outcome.status}: {outcome.reason}"] += 1

    def _learn(self, record: KnownObject) -> None:
        if self.policy.dry_run:
            return
        if self.delta is None:
            self.delta = self.run.workspace.page_writer("plan/delta", "known")
        self.delta.write(record.to_json())
