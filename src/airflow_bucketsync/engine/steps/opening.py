"""Begin an upload, or go on with one that an earlier try or run left open.

An upload is gone on with when it is of the same version, cut the same way, and was begun with the same attributes; any
other of ours for the same key is aborted. The journal is written first and last, so that no upload of ours is unknown.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace

from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError, ObjectNotFound
from airflow_bucketsync.engine.model.objects import Fingerprint, PartReceipt
from airflow_bucketsync.engine.model.upload import OpenEntry, PartMode
from airflow_bucketsync.engine.steps.assembling import Pinned, open_upload
from airflow_bucketsync.engine.steps.journal import UploadJournal, entry_name
from airflow_bucketsync.engine.steps.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An upload that takes parts.

    :param arrived: parts that are there already, by number
    :param resumed: it was open before
    """

    entry: OpenEntry
    upload_id: str
    arrived: dict[int, PartReceipt] = field(default_factory=dict)
    resumed: bool = False


class OpenUploads:
    """The uploads of one task of a run.

    :param look: whether there may be some of earlier tries or runs
    """

    def __init__(self, run: Run, *, look: bool) -> None:
        self._run = run
        self._look = look
        self.journal = UploadJournal(run.workspace)

    def open(self, key: str, pinned: Pinned, *, mode: PartMode, part_size: int) -> Opened:
        """The upload to send the parts of this version to."""
        wanted = OpenEntry(
            name=entry_name(key),
            destination=self._run.destination.location.url,
            key=key,
            source=Fingerprint.of(pinned.details.info),
            mode=mode,
            part_size=part_size,
            attributes=self._attributes(pinned),
            run=self._run.run,
            begun=self._run.clock.now(),
        )
        found = self._go_on(wanted) if self._look else None
        if found is not None:
            return found
        self.journal.keep(wanted)
        upload_id, lost = open_upload(self._run.destination, key, pinned)
        try:
            entry = self.journal.begun(replace(wanted, lost=lost), upload_id)
        except Exception:  # whatever it was: an id that could not be kept is an upload that nobody else aborts
            with suppress(BucketsyncError):
                self._run.destination.abort_upload(key, upload_id)
            raise
        return Opened(entry=entry, upload_id=upload_id)

    def drop(self, key: str) -> list[OpenEntry]:
        """Abort what earlier tries or runs began of this key, which nobody needs any more; returns it, latest first."""
        here = self._run.destination.location.url
        found = self.journal.of(key) if self._look else []
        ours = [entry for entry in found if entry.upload_id is not None and entry.destination == here]
        for entry in ours:
            self.abort(entry)
        return ours

    def abort(self, entry: OpenEntry) -> None:
        """Drop an upload of ours and forget it; one that can't be aborted now stays in the journal for the next run."""
        with suppress(BucketsyncError):
            if entry.upload_id is not None:
                self._run.destination.abort_upload(entry.key, entry.upload_id)
            self.journal.forget(entry)

    def _go_on(self, wanted: OpenEntry) -> Opened | None:
        """The latest that fits; the others of this key are aborted. An intent without id may be of an upload that
        nobody can name: it stays for `sweep_uploads` to find by its time."""
        found: Opened | None = None
        for entry in self.journal.of(wanted.key):
            if entry.upload_id is None or entry.destination != wanted.destination:
                continue
            if found is not None or not _fits(entry, wanted):
                self.abort(entry)
                continue
            try:
                parts = self._run.destination.list_parts(entry.key, entry.upload_id)
            except ObjectNotFound:  # completed or aborted, by whomever
                self.journal.forget(entry)
                continue
            except AccessDenied:  # nobody can say what arrived
                self.abort(entry)
                continue
            if entry.run != wanted.run:
                entry = self.journal.keep(replace(entry, run=wanted.run))
            found = Opened(
                entry=entry,
                upload_id=entry.upload_id or "",
                arrived={part.number: part for part in parts},
                resumed=True,
            )
        return found

    def _attributes(self, pinned: Pinned) -> str:
        """A digest of all that is said when the upload is begun."""
        said = [asdict(pinned.attributes), asdict(self._run.destination.settings), pinned.lost]
        return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def _fits(entry: OpenEntry, wanted: OpenEntry) -> bool:
    def cut(one: OpenEntry) -> tuple[object, ...]:
        source = one.source
        return (source.size, source.etag, source.version_id, one.mode, one.part_size, one.attributes)

    return entry.source.etag is not None and cut(entry) == cut(wanted)
