"""May a plan delete anything at all?

| guard | withholds every deletion when |
|---|---|
| `empty_source` | not one object is at the source, and `allow_empty_source` is not given |
| `too_many_deletes` | there are more than `max_deletes`, `max_delete_share` or `max_delete_bytes` |
| `names_unknown` | names at the source can't be keys, and were only counted |
| `no_lock` | the store can't hold a lock, and `unsafe_deletes` is not given |

What remains is proven object by object, right before it is deleted.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_bucketsync.engine.model.policy import SyncPolicy


@dataclass(frozen=True, slots=True)
class Guard:
    """Why nothing is deleted: a short word, and words with what to do."""

    reason: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """What a plan would delete, and what it saw.

    :param source: objects listed at the source
    :param destination: the same at the destination
    :param unnamed: names at the source that were only counted
    :param locks: whether the destination can hold a lock
    """

    objects: int
    bytes: int
    source: int
    destination: int
    unnamed: int
    locks: bool


def guard(policy: SyncPolicy, found: Candidates) -> Guard | None:
    """What forbids this plan to delete; None = nothing does."""
    if not found.source and not policy.allow_empty_source:
        return Guard(
            "empty_source",
            "not one object is at the source: is it the right place, and is it mounted? set allow_empty_source where "
            "it is meant to be empty",
        )
    if found.unnamed:
        return Guard(
            "names_unknown",
            f"{found.unnamed} names at the source can't be keys and are not known one by one: rename them, or leave "
            "them out",
        )
    if not found.locks and not policy.unsafe_deletes:
        return Guard(
            "no_lock",
            "the destination has no conditional writes, so no lock keeps a second run of this pair away: set "
            "unsafe_deletes where there is surely none",
        )
    return _caps(policy, found)


def _caps(policy: SyncPolicy, found: Candidates) -> Guard | None:
    share = found.objects / max(1, found.destination)
    limits = (
        (found.objects > policy.max_deletes, f"{found.objects} objects, max_deletes is {policy.max_deletes}"),
        (
            share > policy.max_delete_share,
            f"{found.objects} of {found.destination} objects, max_delete_share is {policy.max_delete_share:g}",
        ),
        (
            policy.max_delete_bytes is not None and found.bytes > policy.max_delete_bytes,
            f"{found.bytes} bytes, max_delete_bytes is {policy.max_delete_bytes}",
        ),
    )
    words = [words for over, words in limits if over]
    if not words:
        return None
    return Guard("too_many_deletes", f"would delete {'; '.join(words)}: look at the list, then raise the limit")
