"""What must hold after every request, and of every report?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson
import zstandard

from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.objects import Fingerprint
from airflow_bucketsync.engine.model.outcome import RED, WRITTEN, Outcome, Report
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.rules.selection import Selector
from airflow_bucketsync.engine.steps.report import Finished
from airflow_bucketsync.engine.stores.memory.server import StoredObject
from tests.engine.machine.dag import DagRun
from tests.engine.machine.faults import VISIBLE, Armory
from tests.engine.machine.removals import Removals
from tests.engine.machine.told import Told
from tests.engine.machine.world import Content, Event, World

STRONG = ("auto", "etag", "checksum", "metadata", "always")
"""Modes of comparing that prove the content."""
AT_SOURCE = {"list", "head", "get", "tags"}
AT_DESTINATION = AT_SOURCE | {*VISIBLE, "begin_upload", "upload_part", "copy_part", "list_parts", "abort_upload"}
CANARY = "CANARY"
"""In all user metadata and tags: what of objects may stand in no page and no report."""


class Judge:
    """Holds the promises against what happens; what is broken stands in `broken`."""

    def __init__(self, world: World, armory: Armory) -> None:
        self.world = world
        self.armory = armory
        self.broken: list[str] = []
        self.views: dict[int, list[Mapping[str, str | None]]] = defaultdict(list)
        self.told = Told(world)
        self.removals = Removals(world, armory, self.views)
        self.remembered: dict[str, KnownObject] = {}
        self.ever_remembered: dict[str, set[str | None]] = defaultdict(set)
        self.full_since = -1
        self.kept_uploads: set[str] = set()
        self.records: dict[str, tuple[str | None, bytes]] = {}

    def check(self, holds: object, words: str) -> None:
        """Take down what does not hold."""
        if not holds:
            self.broken.append(words)

    # every request ----------------------------------------------------------------------------------------------

    def request(self, event: Event) -> None:
        """After a request was applied, before its answer is read."""
        side, verb, key = event.side, event.verb, event.key
        if side == "pages":
            self.told.reads(event)
            if key.endswith("known.json") and verb == "put":
                self._known(event)
            if "/uploads/" in key and key.endswith(".json") and verb == "put":
                self._journal(event)
            if key.endswith("/report/objects.jsonl.zst") and verb == "put":
                self.records[key] = event.by, self.world.objects("pages")[key].body
            return
        if side == "destination" and verb != "list" and key.startswith(STATE_PREFIX):
            return  # the lock and the trash are our own
        if verb == "delete":
            for broken in self.removals.broken_by(event, self.told.policy(event.by)):
                self.broken.append(broken)
            return
        allowed = AT_SOURCE if side == "source" else AT_DESTINATION
        self.check(verb in allowed, f"invariant I3: {verb} of {key!r} at the {side}")
        if side == "destination":
            self._view(event)
            if verb in VISIBLE:
                self._entire(event)
                self._expected(event)

    def _entire(self, event: Event) -> None:
        """Invariants I2 and I10: what stands there now is one version of the source, entire."""
        item = self.world.item("destination", event.key)
        assert item is not None
        found = Content.of(item)
        versions = {Content.of(version) for version in self.world.older("source", event.key)}
        if found in versions:
            return
        # Without the right to tags they are left behind. Where a bucket keeps no versions they are asked for by
        # themselves, and may be those of another version.
        tags = {()} if self.armory.struck else set()
        if not self.world.versioned:
            tags |= {version.tags for version in versions}
        alike = found.tags in tags and any(replace(version, tags=found.tags) == found for version in versions)
        self.check(alike, f"invariant I2: {found} is no version of {event.key!r}")

    def _expected(self, event: Event) -> None:
        """Invariant I12: only what the plan saw there was replaced, whoever writes, and however late."""
        replaced, key, views = event.seen[event.key], event.key, self.views[event.run]
        seen = {view[key] for view in views if key in view}
        if self.told.run(event.by).get("mode") == "incremental":
            seen |= self.ever_remembered[key]  # what could not be asked counts as it was remembered
        if replaced not in {None, *seen} and not self.told.plan(event.by).get("blind"):
            self.broken.append(f"invariant I12: {event.by} replaced {replaced} of {key!r}, its plan had seen {seen}")
        item = self.world.item("destination", key)
        views.append({key: None if item is None else item.info.etag})

    def _view(self, event: Event) -> None:
        """What the plan of a run was told of the destination."""
        assert event.by is not None
        if event.verb in ("list", "head") and event.by.split()[1] in ("list", "plan", "prepare"):
            self.views[event.run].append(event.seen)

    # what is remembered -----------------------------------------------------------------------------------------

    def _known(self, event: Event) -> None:
        """Invariant I9: what is remembered as equal is equal, and somebody looked at it after it was written."""
        records = {record.key: record for record in self.known()}
        for key, record in records.items():
            if self.remembered.get(key) == record:
                continue
            assert record.source is not None
            assert record.destination is not None
            self.ever_remembered[key].add(record.destination.etag)
            here = self._versions("source", key, record.source)
            there = self._versions("destination", key, record.destination)
            self.check(
                any(one.body == two.body for one in here for two in there),
                f"invariant I9: {record} is remembered, and its versions never had the same bytes",
            )
            self.check(
                self._looked_at(key, record.destination),
                f"invariant I9: {record} is remembered, and nobody looked at it after it was written",
            )
        self.remembered = records

    def known(self) -> Iterator[KnownObject]:
        """The pair's memory as it stands in the workspace, pages apart that somebody damaged: no run believes those."""
        pointer = self.world.page("known.json")
        assert pointer is not None
        for page in orjson.loads(pointer)["pages"]:
            packed = self.world.page(page["name"])
            if packed is not None:  # nor removed by somebody in the meantime
                with suppress(orjson.JSONDecodeError):
                    yield from map(KnownObject.from_json, lines(packed)[1:])

    def _versions(self, side: str, key: str, wanted: Fingerprint | None) -> list[StoredObject]:
        assert wanted is not None
        older = self.world.older(side, key)
        return [item for item in older if (item.info.etag, item.info.size) == (wanted.etag, wanted.size)]

    def _looked_at(self, key: str, wanted: Fingerprint | None) -> bool:
        assert wanted is not None
        written = looked = False
        for event in self.world.events:
            if event.side != "destination" or event.by is None:
                continue
            if event.verb in VISIBLE and event.key == key:
                written, looked = True, False
            elif event.verb in ("list", "head") and event.seen.get(key) == wanted.etag:
                looked = looked or event.by.split()[1] in ("verify", "plan", "list", "complete")
            if written and looked and wanted.etag is not None:
                return True
        return looked

    # every upload -----------------------------------------------------------------------------------------------

    def _journal(self, event: Event) -> None:
        entry = orjson.loads(self.world.objects("pages")[event.key].body)
        if entry["upload_id"] is not None:
            self.kept_uploads.add(entry["upload_id"])

    def forget_upload(self, document: bytes) -> None:
        """The journal's word of an upload was damaged: then nobody of ours knows it."""
        with suppress(orjson.JSONDecodeError):
            self.kept_uploads.discard(orjson.loads(document).get("upload_id"))

    def uploads_are_closed(self) -> None:
        """Invariant I7: no upload whose id was kept stays open when everything has come to rest."""
        left = self.kept_uploads & self.world.uploads().keys()
        assert not left, f"invariant I7: uploads {left} are left open"

    # every report -----------------------------------------------------------------------------------------------

    def report(self, dag: DagRun, finished: Finished, *, by: str) -> None:
        """When a run has said what became of it, and before that is kept.

        :param by: the try that says it; the records may be those of another one that lives too
        """
        report, checkpoint = finished.report, finished.checkpoint
        if checkpoint is not None:
            value = checkpoint.to_json()
            self.check(Checkpoint.from_json(value).to_json() == value, f"a checkpoint can't be read again: {value}")
            proven = report.green and report.verify != "none"
            self.check(not checkpoint.verified or proven, f"invariant I9: {checkpoint}")
        outcomes = self.outcomes(report, by)
        if outcomes is None:
            return
        self._sums(dag, report, outcomes, self.told.plan(by))
        begun = self.told.run(by).get("round")
        if report.green and report.mode != "dry_run" and not self.armory.lied and report.plan_digest is not None:
            after = begun["after"] if begun else ""
            self._in_step(dag, report, {outcome.key: outcome for outcome in outcomes}, after=after)
        for outcome in outcomes:
            self._as_said(outcome)
        self._looked_right(dag, report, outcomes)
        everything = dag.spec.selection == Selection() and dag.spec.policy.compare in STRONG
        whole = report.resume is None and not begun
        if report.green and report.mode == "full" and everything and whole and not self.armory.lied:
            self.full_since = max(self.full_since, dag.began)

    def outcomes(self, report: Report, by: str) -> list[Outcome] | None:
        """The records of a run, as this try wrote them; None = another try wrote its own over them.

        What somebody does to them before the report is written is not seen by any report: whoever reads them finds out.
        """
        if report.objects is None:
            return []
        writer, page = self.records[f"pair/{report.run}/{report.objects}"]
        return [Outcome.from_json(line) for line in lines(page)[1:]] if writer == by else None

    def _sums(self, dag: DagRun, report: Report, outcomes: list[Outcome], plan: Mapping[str, Any]) -> None:
        """Invariant I11, and promise P5."""
        found = Counter(outcome.status for outcome in outcomes if outcome.status != "same")
        keys = Counter(outcome.key for outcome in outcomes)
        self.check(max(keys.values(), default=1) == 1, f"invariant I11: a key has two records: {keys}")
        said = {word: n for word, n in report.counts.items() if word != "same"}
        self.check(said == dict(found), f"invariant I11: the report says {said}, its records {dict(found)}")
        bad = {outcome.key for outcome in outcomes if outcome.status in RED and outcome.reason != "dry_run"}
        self.check(not bad or not report.green, f"promise P5: green with {bad}")
        if plan.get("digest") == report.plan_digest and not report.incomplete:
            planned, decided = plan["counts"].get("planned", 0), {} if plan["decided"] is None else plan["decided"]
            total = decided.get("count", 0) + planned
            removal = plan["removal"] or {"deletes": [], "same": []}
            total += sum(page["count"] for page in (*removal["deletes"], *removal["same"]))
            self.check(
                total == len(outcomes), f"invariant I11: {total} keys were planned, {len(outcomes)} are reported"
            )

    def _as_said(self, outcome: Outcome) -> None:
        """Invariant I10: what is said to be copied is the version that is named."""
        if outcome.status not in WRITTEN or self.armory.lied:
            return
        here = self._versions("source", outcome.key, outcome.source)
        there = self._versions("destination", outcome.key, outcome.destination)
        self.check(
            any(one.body == two.body for one in here for two in there),
            f"invariant I10: {outcome.key!r} is {outcome.status}, and the versions named have other bytes",
        )

    def _in_step(self, dag: DagRun, report: Report, outcomes: dict[str, Outcome], *, after: str) -> None:
        """Invariant I1: what was there before the run began, and did not change, is at the destination."""
        since, policy = dag.began, dag.spec.policy
        selector = Selector(dag.spec.selection)
        there = self.world.objects("destination")
        trusted_since = since if report.mode == "full" else min(since, self.full_since)
        # By ETag, the source's return to remembered bytes is not told from its having stayed; listing both sides tells.
        weak = policy.compare not in STRONG or (policy.compare == "etag" and report.mode == "incremental")
        end = report.resume
        for key, item in self.world.objects("source").items():
            outcome = outcomes.get(key)
            moved = self.world.changed.get(("source", key), 0) > since
            foreign = self.world.changed.get(("destination", key), 0) > trusted_since
            if moved or foreign or selector.admits(replace(item.info, key=key)) is not None:
                continue
            if outcome is None and (weak or key <= after or (end is not None and key > end)):
                continue  # a bounded run speaks of what it went through, and of what failed before
            if outcome is not None and outcome.status not in WRITTEN:
                continue
            found = there.get(key)
            self.check(
                found is not None and found.body == item.body,
                f"invariant I1: the run is green ({report.mode}), {key!r} is {outcome and outcome.status}, "
                f"and the destination holds {found and found.body!r} for {item.body!r}",
            )

    def _looked_right(self, dag: DagRun, report: Report, outcomes: list[Outcome]) -> None:
        """Invariant I8: what was proven had the attributes of its source when it was looked at."""
        if dag.spec.policy.verify not in ("metadata", "content"):
            return
        for outcome in outcomes:
            if outcome.status not in WRITTEN or not outcome.verified:
                continue
            assert outcome.source is not None
            looks = [
                event
                for event in self.world.events
                if event.run == dag.number and event.side == "destination" and event.verb == "head"
                and event.key == outcome.key and (event.by or "").split()[1:2] in (["verify"], ["complete"], ["delete"])
            ]  # fmt: skip
            self.check(looks, f"invariant I9: {outcome.key!r} is verified, and nobody looked at it")
            if looks and not self.armory.lied:
                # Any of them: a try that was given up may have looked after the one that is believed.
                seen = [self.world.at("destination", outcome.key, look.at) for look in looks]
                versions = {headers(version) for version in self._versions("source", outcome.key, outcome.source)}
                had = [found and headers(found) for found in seen]
                self.check(versions & set(had), f"invariant I8: {outcome.key!r} is verified, and had {had}")


def headers(item: StoredObject) -> Any:
    """What a HEAD tells of an object besides its content."""
    content = Content.of(item)
    return content.content_type, content.user_metadata, len(content.body)


def lines(packed: bytes) -> list[Any]:
    """The lines of a page, its header first."""
    return [orjson.loads(line) for line in unpacked(packed).splitlines()]


def unpacked(packed: bytes) -> bytes:
    """The text of a page; of one that was torn, as much as is left."""
    return zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True).read()
