"""All steps of one run in one process: for tests, benchmarks and notebooks."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from airflow_bucketsync.engine.errors import (
    BucketsyncError,
    CheckpointMismatch,
    ObjectNotFound,
    PlanMismatch,
    SyncIncomplete,
)
from airflow_bucketsync.engine.model.by_hand import ByHand
from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.outcome import Report
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.analyse import ANALYSES, Analysed, analyse_store, keep_analysis
from airflow_bucketsync.engine.steps.begin_uploads import begin_uploads
from airflow_bucketsync.engine.steps.complete_uploads import complete_uploads
from airflow_bucketsync.engine.steps.copy import copy_batch
from airflow_bucketsync.engine.steps.delete_extra import delete_extra
from airflow_bucketsync.engine.steps.list_units import list_unit
from airflow_bucketsync.engine.steps.lock import Watch, wait_for_lock
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.precheck.asking import Surroundings
from airflow_bucketsync.engine.steps.prepare import prepare
from airflow_bucketsync.engine.steps.report import Finished, make_report
from airflow_bucketsync.engine.steps.run import MemoryProgress, Run
from airflow_bucketsync.engine.steps.settling import settle
from airflow_bucketsync.engine.steps.shared_listing import SharedRef
from airflow_bucketsync.engine.steps.upload_parts import upload_group
from airflow_bucketsync.engine.steps.verify import verify_unit
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.clock import Clock, SystemClock
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.retrying import Retries, RetryingStore

CHECKPOINT = "checkpoint.json"


def analyse(
    store: ObjectStore,
    *,
    workspace: ObjectStore | None = None,
    selection: Selection | None = None,
    run: str | None = None,
    clock: Clock | None = None,
    retries: Retries | None = None,
) -> Analysed:
    """What is in a place, and what follows from that for a sync which reads it: figures, advice, an HTML page.

    :param workspace: where `analysis/<run>/` gets `analysis.json` and `analysis.html`; None = nothing is written
    :param selection: which objects, by rules that a listing tells; default all
    :param run: names that folder; default the time
    :param retries: how often to try again; None = the defaults
    """
    clock = clock or SystemClock()
    tries = retries or Retries(gate=Gate(clock=clock))
    analysed = analyse_store(RetryingStore(store, tries), selection=selection, gate=tries.gate, clock=clock)
    if workspace is not None:
        name = run or f"{clock.now():%Y-%m-%dT%H-%M-%S.%f}"
        keep_analysis(analysed, Workspace(RetryingStore(workspace, tries), pair=ANALYSES, run=name))
    return analysed


def sync(
    source: ObjectStore,
    destination: ObjectStore,
    *,
    workspace: ObjectStore,
    lists: ObjectStore | None = None,
    selection: Selection | None = None,
    policy: SyncPolicy | None = None,
    by_hand: ByHand | None = None,
    name: str | None = None,
    run: str | None = None,
    clock: Clock | None = None,
    retries: Retries | None = None,
    check: bool = True,
    surroundings: Surroundings | None = None,
) -> Report:
    """Bring `destination` in step with `source`, step by step as the DAG does, and return the report.

    :param workspace: where pages, results and the pair's memory are kept; another place than both sides
    :param lists: the store of the selection's `source_list`, at a location that the list lies below
    :param selection: which objects; default all
    :param policy: how; the defaults destroy nothing
    :param by_hand: what of both is this run's alone; default nothing
    :param name: the pair's id; default a digest of both locations
    :param run: the run's id; default the time it starts. A named run is one run, whatever its mode: with
        `until_quiet` the caller starts the next one while `report.next_round` says so
    :param retries: how often to try again; None = the defaults
    :param check: raise when the run is red
    :param surroundings: `Surroundings(say=print)` = ask first whether all is there that the run needs, as the option
        `precheck` says, and print the list; None = do not
    :raises PrecheckFailed: what the run needs is not there
    :raises SyncIncomplete: something is missing; the report was written nevertheless
    """
    clock = clock or SystemClock()
    options = policy or SyncPolicy()
    spec = SyncSpec.of(
        source.location, destination.location, name=name, selection=selection, policy=options, by_hand=by_hand
    )
    waits = clock if retries is None else retries.gate.clock
    gate = Gate(
        concurrency=options.concurrency,
        buffer_size=options.buffer_size,
        clock=waits,
        requests_per_second=options.requests_per_second,
        bandwidth=options.bandwidth,
    )
    tries = (retries or Retries(gate=gate)).at(gate)
    # Pages have a gate of their own: where a side is out of reach, or throttles, what was done is kept all the same.
    pages = RetryingStore(workspace, tries.at(Gate(clock=waits)))
    while True:
        run_id = run or f"{clock.now():%Y-%m-%dT%H-%M-%S.%f}"
        folder = Workspace(pages, pair=spec.pair, run=run_id)
        this = Run(
            spec=spec,
            run=run_id,
            source=RetryingStore(source, tries),
            destination=RetryingStore(destination, tries),
            workspace=folder,
            gate=gate,
            clock=clock,
            lists=None if lists is None else RetryingStore(lists, tries),
        )
        finished = run_steps(this, checkpoint=_last_checkpoint(this), surroundings=surroundings)
        if finished.checkpoint is not None:
            folder.write_document(CHECKPOINT, "checkpoint", finished.checkpoint.to_json(), of_pair=True)
        report = finished.report
        if check and not report.green:
            raise incomplete(report)
        if not report.next_round or run is not None:
            return report


def _last_checkpoint(run: Run) -> Checkpoint | None:
    """What the pair's last run left in the workspace (in Airflow it lies in the metadata database), if it fits."""
    with suppress(ObjectNotFound, PlanMismatch, CheckpointMismatch):
        value = run.workspace.read_document(CHECKPOINT, "checkpoint", of_pair=True)
        return Checkpoint.fitting(value, pair=run.spec.pair, fingerprint=run.spec.fingerprint())
    return None


def run_steps(
    run: Run,
    *,
    checkpoint: Checkpoint | None = None,
    shared: SharedRef | None = None,
    surroundings: Surroundings | None = None,
) -> Finished:
    """Every step in the DAG's order; a step that fails skips what depends on it, and `report` always runs.

    :param shared: a listing of the source that was taken for several syncs
    :param surroundings: what the precheck has to know of them; None = there is none
    """
    try:
        prepared = prepare(run, checkpoint=checkpoint, shared=shared, surroundings=surroundings)
        run = replace(run, spec=prepared.spec)
        for unit in prepared.units:
            list_unit(run, unit)
        watch = Watch(run.clock)
        if run.spec.policy.on_lock == "wait":
            wait_for_lock(run, watch)
        plan = make_plan(run, watch=watch)
        if plan.asks:
            plan = settle(run, plan, None, watch=watch)
    except BucketsyncError:
        make_report(run, failed_tasks=["plan"])
        raise
    failed = [] if plan.dry else _carried_out(run, plan)
    return make_report(run, failed_tasks=failed, plan_digest=plan.digest)


def _carried_out(run: Run, plan: Plan) -> list[str]:
    """Do what the plan says; returns what takes the names of the tasks that failed."""
    failed: list[str] = []
    for batch in plan.batches:
        try:
            copy_batch(run, plan, batch.number, attempt=1, progress=MemoryProgress())
        except BucketsyncError as error:
            failed.append(f"copy {batch.number} ({error})")
    try:
        groups = begin_uploads(run, plan, attempt=1) if plan.groups else ()
    except BucketsyncError as error:
        groups = ()
        failed.append(f"begin_uploads ({error})")
    for group in groups:
        try:
            upload_group(run, plan, group, attempt=1, progress=MemoryProgress())
        except BucketsyncError as error:
            failed.append(f"upload_parts {group} ({error})")
    try:
        units = complete_uploads(run, plan, attempt=1, progress=MemoryProgress())
    except BucketsyncError as error:
        units = ()
        failed.append(f"complete_uploads ({error})")
    for unit in units:
        try:
            verify_unit(run, plan, unit, attempt=1)
        except BucketsyncError as error:
            failed.append(f"verify {unit} ({error})")
    try:
        if not failed:
            delete_extra(run, plan, attempt=1, progress=MemoryProgress())
    except BucketsyncError as error:
        failed.append(f"delete_extra ({error})")
    return failed


def incomplete(report: Report) -> SyncIncomplete:
    """The error that a red run ends with: what is missing, and the first keys."""
    words = [f"{report.counts.get(word, 0)} {word}" for word in report.red]
    words += [f"task {name} did not finish" for name in report.incomplete]
    first = "; ".join(f"{item['key']!r}: {item['message'] or item['reason']}" for item in report.failures[:3])
    return SyncIncomplete(
        f"{report.source} -> {report.destination} is not in step: {', '.join(words)}"
        + (f". First: {first}" if first else "")
        + ". Everything else was done and is remembered; run again when the cause is mended."
    )
