"""What is left to do when all copies are done: which results are to be verified, which uploads nobody goes on with."""

from __future__ import annotations

from airflow_bucketsync.engine.model.outcome import WRITTEN
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.opening import OpenUploads
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.units import read_units


def units_to_verify(run: Run, plan: Plan) -> tuple[int, ...]:
    """The units to verify, after all copies are done: batches with something written; one unit for all by listing.

    Large objects were looked at when they were completed, unless a listing tells of all objects at once.

    :raises Stopped: the task was asked to stop
    """
    run.gate.check()
    level = run.spec.policy.verify
    if level == "none":
        return ()
    finished = read_units(run.workspace, "result", plan=plan.digest)
    written = [number for number, index in finished.items() if any(index.counts.get(word, 0) for word in WRITTEN)]
    if level == "listing":
        return tuple(written[:1])
    return tuple(number for number in written if plan.uploads is None or number != plan.uploads_unit)


def abort_left_over(run: Run) -> None:
    """Abort the uploads that earlier runs left open and this one did not go on with.

    An entry without an id may be of an upload that nobody can name; `sweep_uploads` finds it by its time.
    """
    opening = OpenUploads(run, look=True)
    for name in opening.journal.names():
        entry = opening.journal.read(name)
        ours = entry is not None and entry.destination == run.destination.location.url
        if entry is not None and ours and entry.run != run.run and entry.upload_id is not None:
            run.gate.check()
            opening.abort(entry)
