"""Can a large object be made in parts: by the store out of ranges of the source, or of what is sent?"""

from __future__ import annotations

from collections.abc import Iterator

from airflow_bucketsync.engine.errors import FinalError, ObjectArchived, ObjectChanged, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.precheck import Check
from airflow_bucketsync.engine.model.units import format_size
from airflow_bucketsync.engine.steps.precheck.asking import (
    PROBE,
    RIGHTS,
    Asking,
    done,
    judged,
    not_asked,
    warned,
)
from airflow_bucketsync.engine.steps.precheck.writing import PLACE

NAME = "destination parts"
_RANGE = 1024


def ask(asking: Asking) -> Iterator[Check]:
    """Begin an upload, send or copy a part, and drop it again."""
    can, policy = asking.run.destination.capabilities, asking.policy
    largest = asking.run.spec.selection.max_size
    if not asking.writable:
        yield not_asked(NAME, asking.unasked)
        return
    if not can.multipart:
        yield not_asked(NAME, "this kind of store has none")
        return
    if largest is not None and largest <= policy.small_threshold:
        yield not_asked(NAME, f"`max_size` leaves out what is larger than {format_size(largest)}")
        return
    limit = policy.large_threshold if asking.copies else policy.small_threshold
    met = any(info.size > limit for info in asking.first)
    words = "a part copied" if _copied(asking) else "a part sent"
    try:
        upload = asking.state.begin_upload(PROBE)
    except FinalError as error:
        yield judged(NAME, error, _remedy(limit), needed=met)
        return
    try:
        _part(asking, upload)
    except (ObjectNotFound, ObjectChanged, ObjectArchived):
        yield not_asked(NAME, "the object that was asked for is gone, or changed")
    except FinalError as error:
        yield judged(NAME, error, _remedy(limit), needed=met)
    else:
        yield done(NAME, words)
    finally:
        yield from _dropped(asking, upload)


def _copied(asking: Asking) -> bool:
    return asking.copies and asking.run.destination.capabilities.part_copy and bool(asking.samples)


def _part(asking: Asking, upload: str) -> None:
    if not _copied(asking):
        asking.state.upload_part(PROBE, upload, 1, asking.body)
        return
    info = asking.samples[0]
    asking.state.copy_part(
        PROBE,
        upload,
        1,
        source_store=asking.run.source,
        source_key=info.key,
        start=0,
        length=min(info.size, _RANGE),
        source=Condition.ANY,
    )


def _dropped(asking: Asking, upload: str) -> Iterator[Check]:
    try:
        asking.state.abort_upload(PROBE, upload)
    except FinalError as error:
        remedy = f"an upload of {PLACE} stays open; allow to abort it, or let a rule of the bucket do so: {RIGHTS}"
        yield warned("destination uploads", error.message, remedy)


def _remedy(limit: int) -> str:
    return f"objects above {format_size(limit)} could not be brought there: allow it, or raise that threshold; {RIGHTS}"
