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


def move(run: Run, chunk: Sequence[Outcome]) -> Iterator[Outcome]:
    """Delete at the source those of these objects of which the very versions stand at both sides now.

    :param chunk: what was written and verified, or was found in step; each is looked at as deep as the policy verifies
    """
    proven: dict[str, Outcome] = {}
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
            yield replace(seen, status="withheld", reason="not_proven", message=f"not moved: {seen.message}")
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


def _stays(seen: Outcome, error: BucketsyncError) -> Outcome:
    if isinstance(error, STOPS_THE_TASK):
        raise error
    kind = "transient" if isinstance(error, TransientError) else error.reason
    message = f"it is at the destination, and could not be deleted at the source: {error}"
    return replace(seen, status="withheld", reason=kind, message=message)
