"""What does the pair's next run get to know of this one?"""

from __future__ import annotations

from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.outcome import Report
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.prepare import RunDocument


def checkpoint_of(spec: SyncSpec, report: Report, *, document: RunDocument | None, plan: Plan | None) -> Checkpoint:
    """The checkpoint of a finished run; only a verified one moves the watermark, to the start of its listing."""
    listed = {} if plan is None else plan.listed
    last_full = None if document is None else document.last_full
    if document is not None and report.verified and document.mode == "full":
        last_full = document.started
    return Checkpoint(
        pair=report.pair,
        fingerprint=spec.fingerprint(),
        run=report.run,
        green=report.green,
        verified=report.verified,
        watermark=document.started if document is not None and report.verified else None,
        objects={side: totals["objects"] for side, totals in listed.items()},
        counts=report.counts,
        bytes=report.bytes,
        updated=report.ended,
        last_full=last_full,
    )
