"""Look at pairs of objects that listings can't tell apart: HEAD both sides, many at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from airflow_bucketsync.engine.errors import ObjectNotFound
from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.objects import ObjectDetails, ObjectInfo
from airflow_bucketsync.engine.model.storage_classes import MAYBE_ARCHIVED
from airflow_bucketsync.engine.rules.diff import Comparison, Decision
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.items import Head
from airflow_bucketsync.engine.stores.transfer import read_tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A pair of listed objects, and what could be decided so far.

    :param seen: `destination` is what this run saw there, not what was remembered
    :param renamed: the key at the destination; None = the source's own
    """

    source: ObjectInfo
    destination: ObjectInfo | None
    known: KnownObject | None
    decision: Decision
    seen: bool = True
    renamed: str | None = None

    @property
    def key(self) -> str:
        """At the destination."""
        return self.source.key if self.renamed is None else self.renamed

    @property
    def source_key(self) -> str | None:
        """At the source, where that is another one."""
        return None if self.renamed is None else self.source.key


UNNAMED_MODES = frozenset({"exists", "size", "missing_or_older"})
"""Ways to compare that ask for no more than a name, a size or a time, whatever object it is."""


def first_look(
    comparison: Comparison,
    key: str,
    source: ObjectInfo,
    destination: ObjectInfo | None,
    known: KnownObject | None,
    *,
    seen: bool,
) -> Look:
    """What can be told of one name by listings and memory.

    Where the name stood for another object of the source before, equal sizes and times prove nothing: it is copied.

    :param key: at the destination
    """
    renamed = None if key == source.key else key
    if known is not None and known.source is not None and (known.source_key or key) != source.key:
        decision = comparison.listed(source, destination, None)
        if decision.verdict != "copy" and comparison.mode not in UNNAMED_MODES:
            decision = Decision("copy", "other_source")
    else:
        decision = comparison.listed(source, destination, known)
    return Look(source=source, destination=destination, known=known, decision=decision, seen=seen, renamed=renamed)


def look_at(run: Run, comparison: Comparison, waiting: Sequence[Look], *, listed: bool) -> Iterator[Look]:
    """Each of them with its final decision, in their order.

    What can't be looked at is copied: writing again is safe, passing over is not. What changed since it was listed is
    copied too; the copy itself is pinned to what was listed, and says `changed`.

    :param listed: whether `destination` is what a listing showed; else it is what was remembered, and what is to be
        written is looked at there first
    """
    there: dict[str, Head] = {}
    if not listed:
        there = _heads(run.destination, [look.key for look in waiting if look.decision.verdict != "same"], run)
        waiting = [_as_found(comparison, look, there.get(look.key)) for look in waiting]
    here = _heads(run.source, [look.source.key for look in waiting if must_be_looked_at(look)], run)
    keys = [look.key for look in waiting if look.decision.verdict == "look"]
    there |= _heads(run.destination, [key for key in keys if key not in there], run)
    run.gate.check()
    for look in waiting:
        source, destination = _as_listed(here, look.source), _as_listed(there, look.destination)
        decision = look.decision
        if decision.verdict == "look":
            decision = _decided(run, comparison, look, source, destination)
        if decision.verdict == "copy" and source is not None and source.archived:
            decision = Decision("archived", "archived")
        yield replace(look, decision=decision)


def _heads(store: ObjectStore, keys: Sequence[str], run: Run) -> dict[str, Head]:
    return {head.key: head for head in store.head_many(keys, gate=run.gate)} if keys else {}


def _as_found(comparison: Comparison, look: Look, head: Head | None) -> Look:
    """The same with what stands at the destination now; one that could not be asked stays as it was remembered."""
    if head is None or head.error is not None:
        return look
    found = None if head.details is None else head.details.info
    return first_look(comparison, look.key, look.source, found, look.known, seen=True)


def must_be_looked_at(look: Look) -> bool:
    """Whether a HEAD has to tell more than the listing: of what is to be compared, or may be archived."""
    verdict = look.decision.verdict
    return verdict == "look" or (verdict == "copy" and look.source.storage_class in MAYBE_ARCHIVED)


def _decided(
    run: Run, comparison: Comparison, look: Look, source: ObjectDetails | None, destination: ObjectDetails | None
) -> Decision:
    if source is None or destination is None:
        return Decision("copy", "not_comparable")
    content_known = look.decision.reason == "metadata"
    if run.spec.policy.preserved.keeps("tags") and (comparison.mode == "metadata" or content_known):
        source, destination = _with_tags(run.source, source), _with_tags(run.destination, destination)
        if source is None or destination is None:
            return Decision("copy", "not_comparable")
    return comparison.looked_at(source, destination, content_known=content_known)


def _as_listed(heads: dict[str, Head], listed: ObjectInfo | None) -> ObjectDetails | None:
    """What HEAD said, if it speaks of the version that was listed."""
    head = heads.get(listed.key) if listed is not None else None
    if head is None or head.details is None or listed is None:
        return None
    found = head.details.info
    same = found.size == listed.size and (listed.etag is None or found.etag == listed.etag)
    return head.details if same else None


def _with_tags(store: ObjectStore, details: ObjectDetails) -> ObjectDetails | None:
    """The same with its tags; None = it went after it was looked at, which the copy tells apart."""
    if not store.capabilities.tags:
        return details
    try:
        tags = read_tags(store, details)
    except ObjectNotFound:
        return None
    return replace(details, attributes=replace(details.attributes, tags=tags))
