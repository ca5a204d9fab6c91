"""Compare a pair as it stands, without copying: every difference by key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome, Status
from airflow_bucketsync.engine.rules.scope import Scope
from airflow_bucketsync.engine.rules.selection import Selector
from airflow_bucketsync.engine.steps.examine import Examiner
from airflow_bucketsync.engine.steps.listing import Listing
from airflow_bucketsync.engine.steps.merging import merged
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.sources import Sources
from airflow_bucketsync.engine.steps.verify import TAGS_UNREAD
from airflow_bucketsync.engine.stores.bulk import in_threads
from airflow_bucketsync.engine.stores.gate import Stopped

SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonReport:
    """How far a pair is in step.

    :param level: what was looked at: `listing`, `metadata` or `content`
    :param counts: objects that are `same`, `differ`, `missing` at the destination, `extra` there, `not_looked_at`
    :param differences: objects per word of difference (`size`, `checksum`, `content`, `tags`, …)
    :param first: the first findings for people (at most 20)
    :param objects: name of the page with one record per object that is not `same`, in the run's folder
    """

    pair: str
    run: str
    level: str
    counts: Mapping[str, int]
    differences: Mapping[str, int]
    first: tuple[Mapping[str, Any], ...]
    objects: str | None

    @property
    def in_step(self) -> bool:
        """Whether every source object stands at the destination, equal, and all could be looked at."""
        return not any(self.counts.get(word, 0) for word in ("differ", "missing", "not_looked_at"))

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "pair": self.pair,
            "run": self.run,
            "level": self.level,
            "in_step": self.in_step,
            "counts": dict(self.counts),
            "differences": dict(self.differences),
            "first": [dict(item) for item in self.first],
            "objects": self.objects,
        }


def compare_pair(run: Run) -> ComparisonReport:
    """Hold every selected source object against the destination, at the policy's `verify` level.

    Nothing is written but the page of findings in the workspace.

    :raises ListingUntrusted: a listing lacked its proof
    """
    policy = run.spec.policy
    examiner = Examiner(run.source, run.destination, level=policy.verify, preserve=policy.preserved, gate=run.gate)
    writer = run.workspace.page_writer("compare/objects", "findings")
    counts: Counter[str] = Counter()
    words: Counter[str] = Counter()
    first: list[Mapping[str, Any]] = []
    unnamed: list[Outcome] = []
    compared = in_threads(lambda pair: _compared(examiner, *pair), _pairs(run, unnamed.append), gate=run.gate)
    for outcome in chain(compared, unnamed):
        if outcome is None:
            continue
        word = {"same": "same", "extra": "extra", "unverified": "differ"}.get(outcome.status, "not_looked_at")
        word = "missing" if outcome.reason == "missing" else word
        counts[word] += 1
        if word == "same":
            continue
        writer.write(outcome.to_json())
        if word == "differ":
            words.update((outcome.reason or "").split(", "))
        if len(first) < SHOWN and word != "extra":
            first.append({"key": outcome.key[:200], "reason": outcome.reason, "message": (outcome.message or "")[:200]})
    run.gate.check()
    objects = writer.finish().name if writer.count else None
    return ComparisonReport(
        pair=run.spec.pair,
        run=run.run,
        level=policy.verify,
        counts=dict(sorted(counts.items())),
        differences=dict(sorted(words.items())),
        first=tuple(first),
        objects=objects,
    )


def _pairs(run: Run, unnamed: Callable[[Outcome], None]) -> Iterator[tuple[str, ObjectInfo | None, ObjectInfo | None]]:
    """What stands under each name on both sides, within the selection.

    :param unnamed: takes source objects that have no name at the destination, or share one
    """
    selection = run.spec.selection
    start, flat = selection.listed_after, selection.flat
    selector = Selector(selection, folder_markers=run.spec.policy.folder_markers)
    scope = Scope(selection, selector)
    listed = Listing(run.source, "source", after=start, flat=flat, prefixes=selection.listed_below("source"))
    source = Sources(run, selector, decide=unnamed).of(listed)
    prefixes = selection.listed_below("destination")
    destination = iter(Listing(run.destination, "destination", after=start, flat=flat, prefixes=prefixes))
    nothing: Iterator[KnownObject] = iter(())
    for key, one, there, _ in merged(source, destination, nothing):
        here = one if one is None or isinstance(one, ObjectInfo) else one.source
        if here is not None or (one is None and there is not None and scope.covers(there)):
            yield key, here, there


def _compared(examiner: Examiner, key: str, here: ObjectInfo | None, there: ObjectInfo | None) -> Outcome | None:
    """What was found of one name; None = asked to stop."""
    if here is None:
        return Outcome(key=key, status="extra", reason="not_at_source")
    renamed = None if here.key == key else here.key
    version = Fingerprint.of(here)

    def said(status: Status, reason: str | None = None, message: str | None = None) -> Outcome:
        source = version if status == "unverified" else None
        return Outcome(key=key, source_key=renamed, status=status, reason=reason, message=message, source=source)

    if there is None:
        return said("unverified", "missing")
    try:
        finding = examiner.examine(key, source=version, source_key=renamed)
    except Stopped:
        return None
    except BucketsyncError as error:
        return said("failed", error.reason, str(error))
    if finding.source_changed:
        return said("failed", "source_changed", "changed while being compared")
    if not finding.differences and finding.tags_unread:
        return said("failed", "tags_unread", TAGS_UNREAD)
    if not finding.differences:
        return said("same")
    where = "" if finding.position is None else f"first difference at byte {finding.position}"
    return said("unverified", ", ".join(finding.differences), where)
