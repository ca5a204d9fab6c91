"""Is an object that a listing did not name really not at the source?

Each candidate is asked for by itself: only "not there" counts, "not allowed" does not. Beyond `BULK` candidates a
second listing answers for most of them: the source is listed anew in ranges that begin and end at candidates, so that
its pages are cut at other keys than those of the first listing, and one candidate in `SAMPLE`, and both ends of each
range, are asked for by themselves all the same. Where keys are mapped, the question is whether any key of that name
is there: each that may be is asked for, or the whole source is listed anew. Where an answer contradicts the listing,
nothing more is deleted in this run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.rules.renaming import Renaming
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


ELSEWHERE = Presence(
    reason="outside_prefixes", words="an object of the source that lies below none of `prefixes` has this name"
)


def present(run: Run, keys: Sequence[str], *, started: datetime, after: str | None = None) -> dict[str, Presence]:
    """Those of the keys that are at the source, or of which that can't be told; all others are proven absent.

    :param keys: ascending
    :param started: of the run; what was modified since then could not be listed
    :param after: the candidate before the first of them, where a listing is to answer; None = each is asked for
    """
    mapping = run.spec.selection.key_mapping
    if not mapping.keeps:
        return _behind_names(run, Renaming(mapping), keys, started)
    found: dict[str, Presence] = {}
    asked = keys
    if after is not None and keys:
        listed = _listed(run, keys, after)
        asked = keys if listed is None else [*keys[::SAMPLE], keys[-1]]
        for info in listed or ():
            found[info.key] = _seen(info, started)
    found |= _asked(run, asked, started)
    if asked is not keys and any(presence.error for presence in found.values()):
        # What can't be told of one is not told of those near it by a listing either.
        found |= _asked(run, [key for key in keys if key not in found], started)
    return found


def _asked(run: Run, keys: Iterable[str], started: datetime) -> dict[str, Presence]:
    """Those of the keys of which a look by itself does not say that they are not there."""
    found: dict[str, Presence] = {}
    unanswered = dict.fromkeys(keys)
    for answer in run.source.head_many(list(unanswered), gate=run.gate, checksum=False):
        unanswered.pop(answer.key, None)
        if answer.error is not None:
            words = f"whether it is at the source can't be told: {answer.error}"
            found[answer.key] = Presence(reason=answer.error.reason, words=words, error=answer.error)
        elif answer.details is not None:
            found[answer.key] = _seen(answer.details.info, started)
    run.gate.check()
    for key in unanswered:
        found[key] = Presence(reason=NOT_ANSWERED, words="the source's answers did not speak of it")
    return found


def _behind_names(run: Run, renaming: Renaming, names: Sequence[str], started: datetime) -> dict[str, Presence]:
    """The same of names that keys of the source are mapped to.

    Each key that may stand behind a name is asked for by itself. Where that can be a key in any folder, only a new
    listing of the whole source can say that there is none.
    """
    keys = {name: renaming.sources(name) for name in names}
    if any(behind is None for behind in keys.values()):
        return _listed_names(run, renaming, names, started)
    own = {key for behind in keys.values() for key in behind or () if not key.startswith(STATE_PREFIX)}
    there = _asked(run, sorted(own), started)
    prefixes = run.spec.selection.prefixes
    for key in [key for key, found in there.items() if prefixes and not key.startswith(prefixes) and not found.error]:
        there[key] = ELSEWHERE  # which its listing had no reason to name
    firsts = {name: next((there[key] for key in behind or () if key in there), None) for name, behind in keys.items()}
    return {name: presence for name, presence in firsts.items() if presence is not None}


def _listed_names(run: Run, renaming: Renaming, names: Sequence[str], started: datetime) -> dict[str, Presence]:
    """The names that a listing of the whole source shows to be taken, or can't tell of."""
    wanted = set(names)
    found: dict[str, Presence] = {}
    listing = Listing(run.source, "source")
    for info in listing:
        run.gate.check()
        name = renaming.name(info.key)
        if isinstance(name, str) and name in wanted:
            found[name] = _seen(info, started)
    if listing.refused_count:
        words = "the source has names that are no objects, so what there is behind them is not known"
        found |= {name: Presence(reason=NOT_ANSWERED, words=words) for name in names if name not in found}
    return found


def _listed(run: Run, keys: Sequence[str], after: str) -> list[ObjectInfo] | None:
    """The candidates that a listing up to the last of them names; None = it has names that are no objects, so what
    there is behind them is not known."""
    wanted = set(keys)
    prefixes = run.spec.selection.listed_below("source")
    listing = Listing(run.source, "source", after=after, until=keys[-1], prefixes=prefixes)
    found = [info for info in listing if info.key in wanted]
    return None if listing.refused_count else found


def _seen(info: ObjectInfo, started: datetime) -> Presence:
    if info.last_modified >= started:
        return Presence(reason=APPEARED, words="it appeared at the source while the run went on")
    return Presence(
        reason=DISAGREES,
        words="the source has it, and its listing did not name it: the store's listings can't be trusted now",
    )
