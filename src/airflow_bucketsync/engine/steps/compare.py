"""Compare a pair as it stands, without copying: every difference by key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.rules.selection import Selector
from airflow_bucketsync.engine.steps.examine import Examiner
from airflow_bucketsync.engine.steps.listing import Listing
from airflow_bucketsync.engine.steps.merging import merged
from airflow_bucketsync.engine.steps.run import Run
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
    for outcome in in_threads(lambda pair: _compared(examiner, *pair), _pairs(run), gate=run.gate):
        if outcome is None:
            continue
        word = {"same": "same", "extra": "extra", "unverified": "differ", "failed": "not_looked_at"}[outcome.status]
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


def _pairs(run: Run) -> Iterator[tuple[ObjectInfo | None, ObjectInfo | None]]:
    """What stands under each key on both sides, within the selection."""
    start = run.spec.selection.start_after
    selector = Selector(run.spec.selection, folder_markers=run.spec.policy.folder_markers)
    source = iter(Listing(run.source, "source", after=start))
    destination = iter(Listing(run.destination, "destination", after=start))
    nothing: Iterator[KnownObject] = iter(())
    for _, here, there, _ in merged(source, destination, nothing):
        named = here or there
        if named is not None and (selector.everything or selector.admits(named) is None):
            yield here, there


def _compared(examiner: Examiner, here: ObjectInfo | None, there: ObjectInfo | None) -> Outcome | None:
    """What was found of one key; None = asked to stop."""
    if here is None:
        return None if there is None else Outcome(key=there.key, status="extra", reason="not_at_source")
    if there is None:
        return Outcome(key=here.key, status="unverified", reason="missing", source=Fingerprint.of(here))
    try:
        finding = examiner.examine(here.key, source=Fingerprint.of(here))
    except Stopped:
        return None
    except BucketsyncError as error:
        return Outcome(key=here.key, status="failed", reason=error.reason, message=str(error))
    if finding.source_changed:
        return Outcome(key=here.key, status="failed", reason="source_changed", message="changed while being compared")
    if not finding.differences and finding.tags_unread:
        return Outcome(key=here.key, status="failed", reason="tags_unread", message=TAGS_UNREAD)
    if not finding.differences:
        return Outcome(key=here.key, status="same")
    where = "" if finding.position is None else f"first difference at byte {finding.position}"
    reason = ", ".join(finding.differences)
    return Outcome(key=here.key, status="unverified", reason=reason, message=where, source=Fingerprint.of(here))
