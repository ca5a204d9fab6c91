"""Begin the uploads of a plan's large objects, or go on with those that an earlier run left open."""

from __future__ import annotations

from collections.abc import Callable

from airflow_bucketsync.engine.errors import BucketsyncError, TransientError
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.upload import Begun, Upload
from airflow_bucketsync.engine.steps.assembling import pin
from airflow_bucketsync.engine.steps.changing import STOPS_THE_TASK, failure, transfer_of
from airflow_bucketsync.engine.steps.holding import under_lock
from airflow_bucketsync.engine.steps.large import uploads_of
from airflow_bucketsync.engine.steps.opening import OpenUploads
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.units import LineList, write_unit
from airflow_bucketsync.engine.stores.bulk import in_threads
from airflow_bucketsync.engine.stores.gate import Stopped


def begin_uploads(run: Run, plan: Plan, *, attempt: int) -> tuple[int, ...]:
    """Begin every upload and leave a page that names them; returns the numbers of the part groups.

    An upload that is open already, of this version and cut this way, is gone on with: by a retry of this task as by a
    later run. A source that changed or went is an outcome, and none of its parts is sent.

    :param attempt: the try, from 1
    :raises Stopped: the task was asked to stop
    """
    started, before = run.clock.monotonic(), run.requests()
    opening = OpenUploads(run, look=attempt > 1 or plan.open_uploads)
    begin = _beginner(run, plan, opening)
    lines = LineList[Begun]()
    with under_lock(run, plan):
        for begun in in_threads(begin, uploads_of(run, plan), gate=run.gate):
            lines.add(begun, "open" if begun.outcome is None else begun.outcome.status)
    run.gate.check()
    lines.items.sort(key=lambda begun: begun.number)
    write_unit(
        run.workspace,
        "begun",
        0,
        attempt,
        plan=plan.digest,
        lines=lines,
        requests=run.requests_since(before),
        seconds=run.clock.monotonic() - started,
    )
    return tuple(group.number for group in plan.groups)


def _beginner(run: Run, plan: Plan, opening: OpenUploads) -> Callable[[Upload], Begun]:
    def begin(upload: Upload) -> Begun:
        try:
            pinned = pin(run, transfer_of(run, plan, upload.change, upload.mode))
            opened = opening.open(upload.key, pinned, mode=upload.mode, part_size=upload.part_size)
        except STOPS_THE_TASK:
            raise
        except BucketsyncError as error:
            if isinstance(error, TransientError) and run.gate.stopped:
                raise Stopped("the task was asked to stop") from None
            outcome = failure(run, upload.change, error)
            if outcome.status != "failed":
                opening.drop(upload.key)
            return Begun(number=upload.number, outcome=outcome)
        return Begun(
            number=upload.number,
            upload_id=opened.upload_id,
            entry=opened.entry.name,
            source=pinned.details.info,
            expected=pinned.expected,
            lost=opened.entry.lost,
            receipts=opened.entry.receipts,
            resumed=opened.resumed,
        )

    return begin
