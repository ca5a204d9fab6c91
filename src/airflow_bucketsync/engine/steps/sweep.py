"""Which open uploads below a place does nobody use any more, whose are they, and are they to go?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from airflow_bucketsync.engine.errors import BucketsyncError, InvalidConfiguration, ObjectNotFound
from airflow_bucketsync.engine.model.objects import OpenUpload, PartReceipt
from airflow_bucketsync.engine.model.sweep import (
    LEAST,
    OLDER_THAN,
    Asked,
    Done,
    Owner,
    SweepReport,
    SweptUpload,
    shortened,
)
from airflow_bucketsync.engine.steps.claims import Claim, Claims, read_claims
from airflow_bucketsync.engine.steps.journal import UploadJournal
from airflow_bucketsync.engine.steps.signs import Signs, Times
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.bulk import in_threads
from airflow_bucketsync.engine.stores.clock import Clock
from airflow_bucketsync.engine.stores.gate import Gate, Stopped

SWEEPS = "sweeps"
"""The folder of all sweeps in the workspace."""
SHOWN = 20


def sweep_uploads(
    destination: ObjectStore,
    workspace: ObjectStore,
    *,
    run: str,
    older_than: timedelta = OLDER_THAN,
    whose: Asked = "ours",
    dry_run: bool = True,
    gate: Gate | None = None,
    clock: Clock | None = None,
) -> SweepReport:
    """Tell of every open upload below the destination whose it is, and abort those that nobody uses any more.

    Aborted is what the journals of this workspace name as ours (with `all`: strangers' too) and what showed no sign of
    use for `older_than`: no part arrived, its journal entry was not written, its run wrote no page. Entries whose
    upload is gone are forgotten.

    :param destination: only uploads below its location are looked at
    :param workspace: with the folders of all pairs
    :param run: names the folder of this sweep
    :param dry_run: only say what would be done
    :raises BucketsyncError: the destination or the workspace can't be listed; nothing was done then
    :raises InvalidConfiguration: `older_than` is less than an hour, or `whose` is neither `ours` nor `all`
    """
    if older_than < LEAST:
        raise InvalidConfiguration(f"older_than: {older_than} is less than an hour; younger uploads may be in use")
    if whose not in ("ours", "all"):
        raise InvalidConfiguration(f"whose: expected 'ours' or 'all', got {whose!r:.40}")
    gate = gate or Gate()
    place = Workspace(workspace, pair=SWEEPS, run=run)
    asked = {"location": destination.location.url, "older_than": int(older_than.total_seconds())}
    place.write_document("sweep.json", "sweep", {**asked, "run": run, "whose": whose, "dry_run": dry_run})
    times = Times.read(destination, workspace, f"{place.run_folder}sweep.json", clock or gate.clock)
    destination.list_page(limit=1)  # a folder that is not there would seem one whose uploads have all ended
    # First the journals, then the uploads: an entry whose upload is not listed is then one whose upload has ended.
    claims = read_claims(workspace, destination.location, gate=gate)
    uploads = sorted(destination.list_uploads(), key=lambda upload: (upload.key, upload.upload_id))
    sweep = _Sweep(destination, workspace, claims, times, older_than, whose, dry_run, gate)
    tally = _Tally()
    writer = place.page_writer("uploads", "swept")
    for item in sweep.everything(uploads):
        writer.write(item.to_json())
        tally.add(item)
    gate.check()
    report = SweepReport(
        location=destination.location.url,
        run=run,
        older_than=int(older_than.total_seconds()),
        whose=whose,
        dry_run=dry_run,
        clock=times.clock,
        counts=dict(sorted(tally.counts.items())),
        sizes=dict(sorted(tally.sizes.items())),
        owners=dict(sorted(tally.owners.items())),
        unread=claims.unread,
        first=tuple(tally.first()),
        uploads=writer.finish().name if writer.count else None,
    )
    place.write_document("sweep.json", "sweep", report.to_json())
    return report


class _Tally:
    """Counts of what was done."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.sizes: Counter[str] = Counter()
        self.owners: Counter[str] = Counter()
        self._failed: list[SweptUpload] = []
        self._others: list[SweptUpload] = []

    def add(self, item: SweptUpload) -> None:
        self.counts[item.done] += 1
        self.sizes[item.done] += item.size or 0
        if item.done not in ("forgotten", "would_forget"):
            self.owners[item.owner] += 1
        kept = self._failed if item.done == "failed" else self._others
        if len(kept) < SHOWN and item.done not in ("young", "gone"):
            kept.append(item)

    def first(self) -> list[SweptUpload]:
        return [*self._failed, *self._others][:SHOWN]


class _Sweep:
    """One sweep on its way."""

    def __init__(
        self,
        destination: ObjectStore,
        workspace: ObjectStore,
        claims: Claims,
        times: Times,
        older_than: timedelta,
        whose: Asked,
        dry_run: bool,
        gate: Gate,
    ) -> None:
        self.destination = destination
        self.workspace = workspace
        self.claims = claims
        self.times = times
        self.signs = Signs(workspace, times, older_than)
        self.older_than = older_than
        self.whose = whose
        self.dry_run = dry_run
        self.gate = gate
        self.matched: set[tuple[str, str]] = set()

    def everything(self, uploads: Sequence[OpenUpload]) -> Iterator[SweptUpload]:
        """Every upload, then every entry that none of them belongs to."""
        for item in in_threads(self._upload, uploads, gate=self.gate):
            if item is not None:
                yield item
        self.gate.check()
        ended = [claim for claim in self.claims.all if (claim.pair, claim.entry.name) not in self.matched]
        for item in in_threads(self._entry, ended, gate=self.gate):
            if item is not None:
                yield item

    # uploads --------------------------------------------------------------------------------------------------

    def _upload(self, upload: OpenUpload) -> SweptUpload | None:
        """What was done about one upload; None = asked to stop."""
        parts: Sequence[PartReceipt] | None = None
        claim, message = self.claims.of(upload, ()), None
        used = upload.begun
        try:
            parts = self.destination.list_parts(upload.key, upload.upload_id)
            claim = self.claims.of(upload, parts)
            used = max([upload.begun, *(part.arrived for part in parts if part.arrived is not None)])
            done = self._judged(upload, claim, used)
            if done == "would_abort" and not self.dry_run:
                done = self._aborted(upload, claim)
        except Stopped:
            return None
        except BucketsyncError as error:
            done, message = self._unseen(upload, claim, error), str(error)
        if claim is not None:
            self.matched.add((claim.pair, claim.entry.name))
        return SweptUpload(
            key=upload.key,
            upload_id=shortened(upload.upload_id),
            begun=upload.begun,
            age=_seconds(self.times.destination - upload.begun),
            idle=_seconds(self.signs.idle(claim, used)),
            parts=None if parts is None else len(parts),
            size=None if parts is None else sum(part.size for part in parts),
            owner="stranger" if claim is None else _owner(claim),
            done=done,
            pair=None if claim is None else claim.pair,
            run=None if claim is None else claim.entry.run,
            message=message,
        )

    def _judged(self, upload: OpenUpload, claim: Claim | None, used: datetime) -> Done:
        """What becomes of an upload, if nothing comes between."""
        if self.times.destination - upload.begun < self.older_than:
            return "young"
        if self.signs.idle(claim, used) < self.older_than or (claim is not None and self.signs.active(claim)):
            return "in_use"
        return "left" if claim is None and self.whose == "ours" else "would_abort"

    def _unseen(self, upload: OpenUpload, claim: Claim | None, error: BucketsyncError) -> Done:
        """What it means that an upload could not be looked at or aborted: little, where nothing was to be done."""
        if isinstance(error, ObjectNotFound) and error.code != "NoSuchBucket":
            return "gone"
        if self.times.destination - upload.begun < self.older_than:
            return "young"
        return "left" if claim is None and self.whose == "ours" else "failed"

    def _aborted(self, upload: OpenUpload, claim: Claim | None) -> Done:
        if claim is not None and self.signs.touched(claim):
            return "in_use"
        self.destination.abort_upload(upload.key, upload.upload_id)
        if claim is not None:
            UploadJournal(claim.workspace(self.workspace)).forget(claim.entry)
        return "aborted"

    # entries --------------------------------------------------------------------------------------------------

    def _entry(self, claim: Claim) -> SweptUpload | None:
        """What was done about an entry without a listed upload; None = nothing, a run may still need it."""
        entry = claim.entry
        idle = self.times.workspace - claim.written
        message = None
        done: Done = "would_forget"
        try:
            if not claim.same_connection:
                return None
            if entry.upload_id is not None and self._open(claim, entry.upload_id):
                key = self.claims.relative_key(claim)
                return self._upload(OpenUpload(key=key, upload_id=entry.upload_id, begun=entry.begun))
            if idle < self.older_than or self.signs.active(claim):
                return None
            if not self.dry_run:
                if self.signs.touched(claim):
                    return None
                UploadJournal(claim.workspace(self.workspace)).forget(entry)
                done = "forgotten"
        except Stopped:
            return None
        except BucketsyncError as error:
            if idle < self.older_than:
                return None
            done, message = "failed", str(error)
        return SweptUpload(
            key=self.claims.relative_key(claim),
            upload_id=shortened(entry.upload_id),
            begun=entry.begun,
            age=_seconds(self.times.workspace - entry.begun),
            idle=_seconds(idle),
            parts=None,
            size=None,
            owner=_owner(claim),
            done=done,
            pair=claim.pair,
            run=entry.run,
            message=message,
        )

    def _open(self, claim: Claim, upload_id: str) -> bool:
        """Whether the store itself knows the upload: some list no uploads below a prefix, as MinIO."""
        try:
            self.destination.list_parts(self.claims.relative_key(claim), upload_id)
        except ObjectNotFound as error:
            if error.code == "NoSuchBucket":
                raise
            return False
        return True


def _owner(claim: Claim) -> Owner:
    return "ours" if claim.entry.upload_id is not None else "ours_by_intent"


def _seconds(time: timedelta) -> int:
    return int(time.total_seconds())
