"""Bring one object over in parts inside one task."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from airflow_bucketsync.engine.errors import (
    BodyCorrupted,
    BucketsyncError,
    FinalError,
    TransientError,
)
from airflow_bucketsync.engine.model.objects import PutResult
from airflow_bucketsync.engine.model.upload import PartMode
from airflow_bucketsync.engine.rules.parts import part_ranges, part_size_for
from airflow_bucketsync.engine.steps.assembling import Assembly, Range, Sent, pin
from airflow_bucketsync.engine.steps.opening import Opened, OpenUploads
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.stores.base import Transfer, Transferred
from airflow_bucketsync.engine.stores.bulk import in_threads
from airflow_bucketsync.engine.stores.gate import Stopped
from airflow_bucketsync.engine.stores.transfer import over_wrong_bytes

WHOLE_TRIES = 3
"""Times an object is brought over anew when its parts, put together, are not the source's bytes."""


def copy_in_parts(run: Run, transfer: Transfer, *, mode: PartMode, uploads: OpenUploads) -> Transferred:
    """Bring one object over in parts, many at once; its error is part of the answer.

    Every part is pinned to the planned version. The parts' checksums, put together, are held against the source's own
    before the object is completed: what differs is brought over anew and never becomes visible. A try that was killed
    is gone on with: the parts that arrived are not sent again.
    """
    started = run.clock.monotonic()
    attempt = 1
    while True:
        try:
            result, lost, sent = _bring(run, transfer, mode, uploads)
        except BodyCorrupted as error:
            if attempt < WHOLE_TRIES:
                attempt += 1
                transfer = over_wrong_bytes(transfer, error)
                continue
            return _failed(run, transfer, error, started, attempt)
        except BucketsyncError as error:
            return _failed(run, transfer, error, started, attempt)
        seconds = run.clock.monotonic() - started
        return Transferred(transfer=transfer, result=result, lost=lost, seconds=seconds, attempts=attempt, sent=sent)


def _failed(run: Run, transfer: Transfer, error: BucketsyncError, started: float, attempt: int) -> Transferred:
    return Transferred(transfer=transfer, error=error, seconds=run.clock.monotonic() - started, attempts=attempt)


def _bring(
    run: Run, transfer: Transfer, mode: PartMode, uploads: OpenUploads
) -> tuple[PutResult, tuple[str, ...], int]:
    """The result, what is lost, and the bytes that passed through."""
    pinned = pin(run, transfer)
    source = pinned.details.info
    part_size = part_size_for(source.size, wanted=run.spec.policy.part_size, destination=run.destination.capabilities)
    opened = uploads.open(transfer.key, pinned, mode=mode, part_size=part_size)
    assembly = Assembly(
        run=run,
        key=transfer.key,
        upload_id=opened.upload_id,
        source=source,
        expected=pinned.expected,
        mode=mode,
        replaces=transfer.destination,
    )
    try:
        sent = _send(assembly, list(part_ranges(source.size, part_size)), opened)
        result = assembly.complete(sent)
    except Stopped:
        raise  # the next try goes on with it
    except Exception:
        uploads.abort(opened.entry)
        raise
    uploads.journal.forget(opened.entry)
    return result, opened.entry.lost, sum(item.bytes for item in sent)


def _send(assembly: Assembly, parts: list[Range], opened: Opened) -> list[Sent]:
    """Bring the parts over that are not there yet."""
    kept = {part: assembly.kept(part, opened.arrived.get(part[0]), None) for part in parts}
    sent = [item for item in kept.values() if item is not None]
    missing = [part for part, item in kept.items() if item is None]
    gate = assembly.run.gate
    with closing(in_threads(_caught(assembly, opened), missing, gate=gate)) as answers:
        for answer in answers:
            if isinstance(answer, BucketsyncError):
                gate.check()  # asked to stop: the part is only the first to say so
                raise answer
            sent.append(answer)
    gate.check()
    return sent


def _caught(assembly: Assembly, opened: Opened) -> Callable[[Range], Sent | BucketsyncError]:
    """A part's error as its answer, so that the first one ends the object and not the task."""

    def caught(part: Range) -> Sent | BucketsyncError:
        try:
            return assembly.send(part, opened.arrived.get(part[0]))
        except (TransientError, FinalError) as error:
            return error

    return caught
