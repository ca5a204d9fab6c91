"""What does the pair's next run get to know of this one?"""

from __future__ import annotations

from datetime import timedelta

from airflow_bucketsync.engine.model.checkpoint import HISTORY, Checkpoint, Round, RunCounters, Stage
from airflow_bucketsync.engine.model.outcome import WRITTEN, Report
from airflow_bucketsync.engine.model.plan import Listed, Plan
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.failed import KEPT
from airflow_bucketsync.engine.steps.remembering import Remembered
from airflow_bucketsync.engine.steps.run_document import RunDocument
from airflow_bucketsync.engine.steps.workspace import folder_name

OVERLAP = timedelta(minutes=15)
"""How far a store's clock may be off: beyond a quarter of an hour S3 and OSS refuse signed requests altogether."""


def checkpoint_of(
    spec: SyncSpec,
    report: Report,
    *,
    document: RunDocument | None,
    plan: Plan | None,
    remembered: Remembered | None,
    owes_event: bool = False,
) -> Checkpoint:
    """The checkpoint of a finished run.

    Only a verified run that no bound cut short moves the watermark. Where something of a bounded run is missing, or
    more failed than is remembered, the next run begins where this one began.

    :param remembered: what was kept; None = nothing could be
    """
    previous = None if document is None else document.previous
    begun = None if document is None else document.round
    cut = plan is not None and plan.resume is not None
    complete = plan is not None and not report.incomplete
    watermark, last_full = (None, None) if previous is None else (previous.watermark, previous.last_full)
    round_ = begun
    if document is not None and plan is not None and complete:
        started = document.started if begun is None else begun.started
        mode: Listed = "full" if plan.mode == "full" and _whole(begun) else "incremental"
        if plan.resume is not None and (remembered is None or remembered.failing <= KEPT):
            changed = report.changed_anything or (begun is not None and begun.changed)
            round_ = Round(after=max(plan.resume, document.after), started=started, mode=mode, changed=changed)
        elif not cut:
            round_ = None
        if report.verified and not cut:
            watermark = started - OVERLAP
            last_full = started if mode == "full" and document.since is None else last_full
    listed = {} if plan is None else plan.listed
    failing = 0 if remembered is None else remembered.failing
    return Checkpoint(
        pair=report.pair,
        fingerprint=spec.fingerprint(),
        run=report.run,
        stage=stage_of(report, document=document, plan=plan),
        green=report.green,
        verified=report.verified,
        watermark=watermark,
        last_full=last_full,
        round=round_,
        rounds=report.rounds if report.next_round else 0,
        failed=None if remembered is None else remembered.failed,
        owes_event=owes_event,
        splits=() if plan is None or cut else plan.splits,
        objects={side: totals["objects"] for side, totals in listed.items()},
        counts=report.counts,
        bytes=report.bytes,
        updated=report.ended,
        history=(*(() if previous is None else previous.history), _counters(report, failing))[-HISTORY:],
    )


def stage_of(report: Report, *, document: RunDocument | None, plan: Plan | None) -> Stage:
    """The step that the run did not finish."""
    if document is None:
        return "prepare"
    if plan is None:
        return "plan"
    missing = {name.partition(" ")[0] for name in report.incomplete}
    if "copy" in missing:
        return "copy"
    return "verify" if "verify" in missing else "done"


def _whole(begun: Round | None) -> bool:
    return begun is None or begun.mode == "full"


def _counters(report: Report, failing: int) -> RunCounters:
    return RunCounters(
        folder=folder_name(report.run),
        started=report.started,
        seconds=report.seconds,
        mode=report.mode,
        green=report.green,
        written=sum(report.counts.get(word, 0) for word in WRITTEN),
        failed=failing,
        bytes=report.bytes,
    )
