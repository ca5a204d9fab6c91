"""What did `begin_uploads` leave for the tasks behind it?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from airflow_bucketsync.engine.errors import PlanMismatch
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.upload import Begun, Receipt, Upload
from airflow_bucketsync.engine.steps.assembling import Assembly, Sent
from airflow_bucketsync.engine.steps.changing import transfer_of
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.units import read_units


def begun_uploads(run: Run, plan: Plan) -> Iterator[Begun]:
    """What `begin_uploads` made of the plan's uploads, in their order; nothing where it did not finish."""
    index = read_units(run.workspace, "begun", plan=plan.digest).get(0)
    if index is None:
        return iter(())
    return run.workspace.read_page(index.page, "begun", Begun.from_json)


def kept_receipts(run: Run, begun: Begun) -> dict[int, Receipt]:
    """The receipts that an earlier run left with an upload, by part; none where their page is gone."""
    if begun.receipts is None:
        return {}
    with suppress(PlanMismatch):
        kept = run.workspace.read_page(begun.receipts, "receipts", Receipt.from_json, of_pair=True)
        return {receipt.part.number: receipt for receipt in kept if receipt.part is not None}
    return {}


def assembly_of(run: Run, plan: Plan, upload: Upload, begun: Begun) -> Assembly:
    """The open upload of a large object.

    :raises PlanMismatch: what was left names none
    """
    if begun.source is None or begun.upload_id is None:
        raise PlanMismatch(f"what `begin_uploads` said of {upload.key!r} names no upload; clear it to begin anew")
    return Assembly(
        run=run,
        key=upload.key,
        upload_id=begun.upload_id,
        source=begun.source,
        expected=begun.expected,
        mode=upload.mode,
        replaces=transfer_of(run, plan, upload.change, upload.mode).destination,
    )


def sent_of(receipt: Receipt | None) -> Sent | None:
    """The part that a receipt speaks of; None = it speaks of none."""
    if receipt is None or receipt.part is None:
        return None
    return Sent(part=receipt.part, proof=receipt.proof)
