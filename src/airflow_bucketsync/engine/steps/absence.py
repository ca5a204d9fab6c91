"""Is an object that a listing did not name really not at the source?

Each candidate is asked for by itself: only "not there" counts, "not allowed" does not. Beyond `BULK` candidates a
second listing answers for most of them: the source is listed anew in ranges that begin and end at candidates, so that
its pages are cut at other keys than those of the first listing, and one candidate in `SAMPLE`, and both ends of each
range, are asked for by themselves all the same. Where an answer contradicts the listing, nothing more is deleted in
this run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.steps.listing import Listing
from airflow_bucketsync.engine.steps.run import Run

BULK = 100_000
"""Candidates of a run above which a second listing answers for most of them: at 1 ms a HEAD, 100 CPU-seconds."""
SAMPLE = 100
APPEARED = "appeared_at_source"
NOT_ANSWERED = "not_answered_for"
"""The reason of an object that no answer spoke of: unknown is not absent."""
DISAGREES = "listing_disagrees"
"""The reason of an object that is at the source although the listing did not name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Why an object is not proven absent.

    :param reason: `appeared_at_source` since the run began, `listing_disagrees`, or the word of an error
    """

    reason: str
    words: str
    error: BucketsyncError | None = None


def present(run: Run, keys: Sequence[str], *, started: datetime, after: str | None = None) -> dict[str, Presence]:
    """Those of the keys that are at the source, or of which that can't be told; all others are proven absent.

    :param keys: ascending
    :param started: of the run; what was modified since then could not be listed
    :param after: the candidate before the first of them, where a listing is to answer; None = each is asked for
    """
    found: dict[str, Presence] = {}
    asked = keys
    if after is not None and keys:
        asked = [*keys[::SAMPLE], keys[-1]]
        for info in _listed(run, keys, after):
            found[info.key] = _seen(info, started)
    unanswered = set(asked)
    for answer in run.source.head_many(dict.fromkeys(asked), gate=run.gate, checksum=False):
        unanswered.discard(answer.key)
        if answer.error is not None:
            words = f"whether it is at the source can't be told: {answer.error}"
            found[answer.key] = Presence(reason=answer.error.reason, words=words, error=answer.error)
        elif answer.details is not None:
            found[answer.key] = _seen(answer.details.info, started)
    run.gate.check()
    for key in unanswered:
        found[key] = Presence(reason=NOT_ANSWERED, words="the source's answers did not speak of it")
    return found


def _listed(run: Run, keys: Sequence[str], after: str) -> list[ObjectInfo]:
    """The candidates that a listing up to the last of them names."""
    wanted = set(keys)
    return [info for info in Listing(run.source, "source", after=after, until=keys[-1]) if info.key in wanted]


def _seen(info: ObjectInfo, started: datetime) -> Presence:
    if info.last_modified >= started:
        return Presence(reason=APPEARED, words="it appeared at the source while the run went on")
    return Presence(
        reason=DISAGREES,
        words="the source has it, and its listing did not name it: the store's listings can't be trusted now",
    )
