"""Compare a pair as it stands, without copying: every difference by key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_bucketsync.engine.errors import BucketsyncError, InvalidConfiguration
from airflow_bucketsync.engine.model.comparison import ComparedObject, ComparisonReport, Difference, Found
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome, Status
from airflow_bucketsync.engine.rules.selection import Selector
from airflow_bucketsync.engine.rules.told_apart import told_apart
from airflow_bucketsync.engine.steps.both_sides import BothSides, Row, extra
from airflow_bucketsync.engine.steps.examine import Examiner, Finding
from airflow_bucketsync.engine.steps.findings_files import REPORT, FindingsFiles
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.verify import TAGS_UNREAD
from airflow_bucketsync.engine.stores.bulk import in_threads
from airflow_bucketsync.engine.stores.gate import Stopped

SHOWN = 20
"""Findings that the report names."""
NOTHING_TO_LOOK_AT = (
    "verify: none looks at nothing: write listing (names and sizes), metadata (checksums, metadata and tags too) or "
    "content (both bodies)"
)
_FOUND: Mapping[Status, Found] = {"extra": "extra", "skipped": "skipped", "gone": "skipped"}
"""What an outcome of the selection means here; of all others nothing is known."""


def compare_pair(run: Run, *, fail_on_extra: bool = False) -> ComparisonReport:
    """Hold every selected source object against the destination, at the policy's `verify` level.

    Nothing is written but the findings, in the run's folder of the workspace.

    :param fail_on_extra: whether objects that only the destination has mean that the pair is not in step
    :raises ListingUntrusted: a listing lacked its proof
    :raises InvalidConfiguration: the level is `none`; or two objects have one name, with `on_collision` at `fail`
    :raises InvalidList: the objects come from a list, and it breaks its rules
    """
    if run.spec.policy.verify == "none":
        raise InvalidConfiguration(NOTHING_TO_LOOK_AT)
    return _Comparing(run).report(fail_on_extra=fail_on_extra)


class _Comparing:
    """One comparison: what was counted and named so far."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.started = run.clock.now()
        self.before = run.requests()
        self.files = FindingsFiles(run.workspace)
        self.counts: Counter[str] = Counter()
        self.words: Counter[str] = Counter()
        self.first: list[dict[str, Any]] = []
        self.first_extra: list[str] = []
        selection, policy = run.spec.selection, run.spec.policy
        selector = Selector(selection, folder_markers=policy.folder_markers)
        self.rows = BothSides(run, selector, aside=self._aside)
        self.looks = _Looks(run, selector)

    def report(self, *, fail_on_extra: bool) -> ComparisonReport:
        for compared in in_threads(self.looks.at, iter(self.rows), gate=self.run.gate):
            if compared is not None:
                self._take(compared)
        self.run.gate.check()
        self.counts.update({"not_looked_at": self.rows.unnamed} if self.rows.unnamed else {})
        files = self.files.finish()
        spec = self.run.spec
        report = ComparisonReport(
            pair=spec.pair,
            run=self.run.run,
            source=spec.source.url,
            destination=spec.destination.url,
            level=spec.policy.verify,
            started=self.started,
            ended=self.run.clock.now(),
            counts=dict(sorted(self.counts.items())),
            differences=dict(sorted(self.words.items())),
            first=tuple(self.first),
            first_extra=tuple(self.first_extra),
            selected_out=self.rows.left_out,
            requests=self.run.requests_since(self.before),
            warnings=tuple(self.rows.warnings),
            fail_on_extra=fail_on_extra,
            objects=None if files is None else files[0],
            table=None if files is None else files[1],
        )
        self.run.workspace.write_document(REPORT, "comparison", report.to_json())
        return report

    def _aside(self, outcome: Outcome) -> None:
        """Take what the selection says by itself; rows are drawn by the thread that takes results."""
        self._take(ComparedObject(found=_FOUND.get(outcome.status, "not_looked_at"), outcome=outcome))

    def _take(self, compared: ComparedObject) -> None:
        found, outcome = compared.found, compared.outcome
        self.counts[found] += 1
        if found == "same":
            return
        self.files.write(compared)
        self.words.update({item.what for item in compared.differences})
        if found == "extra":
            if len(self.first_extra) < SHOWN:
                self.first_extra.append(outcome.key[:200])
        elif found != "skipped" and len(self.first) < SHOWN:
            message = (outcome.message or "")[:300]
            self.first.append({"key": outcome.key[:200], "reason": outcome.reason, "message": message})


class _Looks:
    """Looks at one name at a time, from several threads."""

    def __init__(self, run: Run, selector: Selector) -> None:
        self.run = run
        self.selector = selector
        policy = run.spec.policy
        self.listed = policy.verify == "listing"
        self.preserve = policy.preserved
        self.examiner = Examiner(
            run.source, run.destination, level=policy.verify, preserve=policy.preserved, gate=run.gate, locate=True
        )

    def at(self, row: Row) -> ComparedObject | None:
        """What was found of one name; None = asked to stop, or nothing of this selection."""
        key, here, there = row
        try:
            if here is not None:
                return self._held_against(key, here, there)
            return None if there is None or not self._has_tags(there) else _told("extra", extra(there))
        except Stopped:
            return None
        except BucketsyncError as error:
            renamed = None if here is None or here.key == key else here.key
            said = Outcome(key=key, source_key=renamed, status="failed", reason=error.reason, message=str(error))
            return _told("not_looked_at", said)

    def _has_tags(self, there: ObjectInfo) -> bool:
        return not self.selector.tags or self.selector.has_tags(self.run.destination.tags(there.key))

    def _held_against(self, key: str, here: ObjectInfo, there: ObjectInfo | None) -> ComparedObject:
        renamed = None if here.key == key else here.key
        version = Fingerprint.of(here)
        base = Outcome(key=key, source_key=renamed, status="same")

        def not_looked_at(reason: str, message: str) -> ComparedObject:
            return _told("not_looked_at", replace(base, status="failed", reason=reason, message=message))

        if there is None:
            return _differs("missing", base, version, reason="missing")
        if self.listed:
            return _differs("differ", base, version, _by_size(here, there), there=Fingerprint.of(there))
        finding = self.examiner.examine(key, source=version, source_key=renamed)
        if finding.differences == ("missing",):
            return _differs("missing", base, version, reason="missing")
        if finding.source_changed:
            return not_looked_at("source_changed", "changed while being compared")
        found = self._differences(finding)
        if not found and finding.tags_unread:
            return not_looked_at("tags_unread", TAGS_UNREAD)
        return _differs("differ", base, version, found, there=finding.destination)

    def _differences(self, finding: Finding) -> tuple[Difference, ...]:
        if finding.seen is None:
            return tuple(Difference(what=word) for word in finding.differences)
        found = told_apart(
            finding.differences,
            finding.seen.here,
            finding.seen.there,
            finding.seen.wanted,
            source=self.run.source.capabilities,
            destination=self.run.destination.capabilities,
            preserve=self.preserve,
            position=finding.position,
        )
        return tuple(found)


def _told(found: Found, outcome: Outcome) -> ComparedObject:
    return ComparedObject(found=found, outcome=outcome)


def _differs(
    found: Found,
    base: Outcome,
    source: Fingerprint,
    differences: tuple[Difference, ...] = (),
    *,
    reason: str | None = None,
    there: Fingerprint | None = None,
) -> ComparedObject:
    """A compared object that differs, or is the same where nothing says that it does."""
    if reason is None and not differences:
        return _told("same", base)
    words = reason or ", ".join(item.what for item in differences)
    # Messages are cut where they are long: where bodies part comes first.
    located = sorted(differences, key=lambda item: item.position is None)
    message = "; ".join(filter(None, (item.words for item in located))) or None
    outcome = replace(base, status="unverified", reason=words, message=message, source=source, destination=there)
    return ComparedObject(found=found, outcome=outcome, differences=differences)


def _by_size(here: ObjectInfo, there: ObjectInfo) -> tuple[Difference, ...]:
    if here.size == there.size:
        return ()
    return (Difference(what="size", source=f"{here.size} bytes", destination=f"{there.size} bytes"),)
