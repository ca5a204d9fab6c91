"""Which uploads of large objects did we begin, so that nobody else's is ever taken for ours?

Every upload has a document of its own in the pair's folder, written before the upload is begun (an intent), and again
with its id. It goes when the upload is completed or aborted. What has no document is a stranger's.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from airflow_bucketsync.engine.errors import BucketsyncError, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.upload import OpenEntry
from airflow_bucketsync.engine.steps.workspace import Workspace

FOLDER = "uploads/"


def entry_name(key: str) -> str:
    """A new document's name for an upload of this key: never one that stands already."""
    return f"{_of_key(key)}{secrets.token_hex(6)}.json"


def _of_key(key: str) -> str:
    return f"{FOLDER}{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()[:32]}-"


class UploadJournal:
    """The open uploads of one pair.

    :param workspace: of any run of the pair; the journal outlives runs
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def keep(self, entry: OpenEntry) -> OpenEntry:
        """Write an entry down: before its upload is begun, when its id is known, when it is left for the next run."""
        self._workspace.write_document(entry.name, "upload", entry.to_json(), of_pair=True)
        return entry

    def begun(self, entry: OpenEntry, upload_id: str) -> OpenEntry:
        """Write down the id of what was an intent."""
        return self.keep(replace(entry, upload_id=upload_id))

    def leave_open(self, entry: OpenEntry, receipts: PageRef | None) -> OpenEntry:
        """Keep an upload for the pair's next run, with the receipts of the parts that arrived."""
        kept = self.keep(replace(entry, receipts=receipts))
        if entry.receipts is not None and entry.receipts != receipts:
            self._drop(entry.receipts.name)
        return kept

    def forget(self, entry: OpenEntry) -> None:
        """Take an upload out that was completed or aborted; one that is not there is no error."""
        self._drop(entry.name)
        if entry.receipts is not None:
            self._drop(entry.receipts.name)

    def of(self, key: str) -> list[OpenEntry]:
        """The entries of one key, the latest first."""
        found = [self.read(name) for name in self._workspace.list_names(_of_key(key), of_pair=True)]
        entries = [entry for entry in found if entry is not None and entry.key == key]
        return sorted(entries, key=lambda entry: (entry.begun, entry.name), reverse=True)

    def names(self) -> Iterator[str]:
        """The documents of all entries."""
        return (name for name in self._workspace.list_names(FOLDER, of_pair=True) if name.endswith(".json"))

    def read(self, name: str) -> OpenEntry | None:
        """One entry; None = it is gone, or no entry of ours any more."""
        with suppress(ObjectNotFound, PlanMismatch, KeyError, TypeError, ValueError, AttributeError):
            return OpenEntry.from_json(name, self._workspace.read_document(name, "upload", of_pair=True))
        return None

    def _drop(self, name: str) -> None:
        with suppress(BucketsyncError):  # what stays names an upload that is gone, which the next look finds out
            self._workspace.delete(name, of_pair=True)
