"""Delete at the source what was verified at the destination, each version and no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from airflow_bucketsync.engine.errors import BucketsyncError, ObjectChanged, TransientError
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.steps.changing import STOPS_THE_TASK
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.verify import looker
from airflow_bucketsync.engine.stores.bulk import in_threads
from airflow_bucketsync.engine.stores.items import Deletion

FRESH = 10.0
"""Seconds after which the destination is asked once more, because looking took so long: bodies may have been read."""


def move(run: Run, chunk: Sequence[Outcome]) -> Iterator[Outcome]:
    """Delete at the source those of these objects of which the very versions stand at both sides now.

    :param chunk: what was written and verified, or was found in step; each is looked at as deep as the policy verifies
    """
    proven: dict[str, Outcome] = {}
    since = run.clock.monotonic()
    # A listing proves too little for the only other copy to go.
    look = looker(run, level="content" if run.spec.policy.verify == "content" else "metadata")
    for seen in in_threads(look, chunk, gate=run.gate):
        if seen is None:
            continue
        if seen.verified:
            proven[seen.source_key or seen.key] = seen
        elif seen.status == "changed":
            yield seen
        else:
            yield _not_proven(seen, seen.message or "")
    if run.clock.monotonic() - since > FRESH:
        yield from _not_there_any_more(run, proven)
    deletions = [
        Deletion(key=key, destination=Condition(etag=seen.source.etag, size=seen.source.size))
        for key, seen in proven.items()
        if seen.source is not None
    ]
    for answer in run.source.delete_many(deletions, gate=run.gate):
        seen = proven[answer.key]
        if answer.error is None:
            yield replace(seen, status="moved")
        elif isinstance(answer.error, ObjectChanged):
            message = "it is at the destination, and was overwritten at the source since; it stays there"
            yield replace(seen, status="changed", reason="source_changed_after_copy", message=message, verified=False)
        else:
            yield _stays(seen, answer.error)
    run.gate.check()


def _not_there_any_more(run: Run, proven: dict[str, Outcome]) -> Iterator[Outcome]:
    """Take out what is not, or may not be, at the destination as it was looked at: its source is the only copy."""
    sources = {seen.key: key for key, seen in proven.items()}
    for answer in run.destination.head_many(list(sources), gate=run.gate, checksum=False):
        key = sources.pop(answer.key)
        looked = proven[key].destination
        found = None if answer.details is None else answer.details.info
        if answer.error is not None:
            yield _not_proven(proven.pop(key), f"whether it is at the destination can't be told: {answer.error}")
        elif found is None or looked is None or (found.size, found.etag) != (looked.size, looked.etag):
            yield _not_proven(proven.pop(key), "somebody wrote or deleted it at the destination after it was looked at")
    run.gate.check()
    for key in sources.values():
        yield _not_proven(proven.pop(key), "the destination's answers did not speak of it")


def _not_proven(seen: Outcome, words: str) -> Outcome:
    return replace(seen, status="withheld", reason="not_proven", message=f"not moved: {words}", verified=False)


def _stays(seen: Outcome, error: BucketsyncError) -> Outcome:
    if isinstance(error, STOPS_THE_TASK):
        raise error
    kind = "transient" if isinstance(error, TransientError) else error.reason
    message = f"it is at the destination, and could not be deleted at the source: {error}"
    return replace(seen, status="withheld", reason=kind, message=message)
