"""Which runs' trash below a place is old enough to go, and does it?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

import orjson

from airflow_bucketsync.engine.errors import BucketsyncError, InvalidConfiguration, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.lock import LockDocument
from airflow_bucketsync.engine.model.names import STATE_PREFIX, TRASH_PREFIX, trash_folder
from airflow_bucketsync.engine.model.objects import EPOCH, ObjectInfo
from airflow_bucketsync.engine.model.pages import check_header
from airflow_bucketsync.engine.model.trash_sweep import (
    LEAST,
    OLDER_THAN,
    Done,
    SweptFolder,
    TrashName,
    TrashSweepReport,
)
from airflow_bucketsync.engine.steps.signs import Times
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.clock import Clock
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.items import Deletion

SWEEPS = "trash-sweeps"
"""The folder of all sweeps of a trash in the workspace."""
SHOWN = 20
_LOCK = "lock-"
_LOCK_LIMIT = 64 * 1024


def sweep_trash(
    destination: ObjectStore,
    workspace: ObjectStore,
    *,
    run: str,
    older_than: timedelta = OLDER_THAN,
    dry_run: bool = True,
    gate: Gate | None = None,
    clock: Clock | None = None,
) -> TrashSweepReport:
    """Tell of every run's trash below the destination, and delete what is older than that.

    Looked at and deleted is only what lies below `_bucketsync/trash/` of the destination in a folder named as runs name
    theirs. A folder counts as young as its name or its newest object is; that of a run which holds a lock is in use.

    :param run: names the folder of this sweep in the workspace
    :param dry_run: only say what would be done
    :raises BucketsyncError: the trash can't be listed; nothing was done then
    :raises InvalidConfiguration: `older_than` is less than a day
    """
    if older_than < LEAST:
        raise InvalidConfiguration(f"older_than: {older_than} is less than a day; no trash is swept sooner")
    gate = gate or Gate()
    place = Workspace(workspace, pair=SWEEPS, run=run)
    seconds = int(older_than.total_seconds())
    asked = {"location": destination.location.url, "older_than": seconds, "run": run, "dry_run": dry_run}
    place.write_document("sweep.json", "trash_sweep", asked)
    times = Times.read(destination, workspace, f"{place.run_folder}sweep.json", clock or gate.clock)
    found = list(_folders(destination, gate))
    sweep = _Sweep(destination, times.destination, older_than, dry_run, gate)
    counts, objects, sizes = Counter[str](), Counter[str](), Counter[str]()
    failed: list[SweptFolder] = []
    others: list[SweptFolder] = []
    writer = place.page_writer("folders", "trash_folders")
    for folder in found:
        item = sweep.swept(folder)
        writer.write(item.to_json())
        counts[item.done] += 1
        objects[item.done] += item.objects
        sizes[item.done] += item.bytes
        shown = failed if item.done == "failed" else others
        if len(shown) < SHOWN:
            shown.append(item)
    report = TrashSweepReport(
        location=destination.location.url,
        run=run,
        older_than=seconds,
        dry_run=dry_run,
        clock=times.clock,
        counts=dict(sorted(counts.items())),
        objects=dict(sorted(objects.items())),
        sizes=dict(sorted(sizes.items())),
        first=tuple([*failed, *others][:SHOWN]),
        folders=writer.finish().name if writer.count else None,
    )
    place.write_document("sweep.json", "trash_sweep", report.to_json())
    return report


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """What lies in one folder of the trash; the name "" stands for what lies in none."""

    name: str
    objects: int
    bytes: int
    newest: datetime


def _listed(store: ObjectStore, gate: Gate, *, after: str = "") -> Iterator[ObjectInfo]:
    while True:
        gate.check()
        page = store.list_page(after=after)
        yield from page.items
        if page.next_after is None:
            return
        after = page.next_after


def _folders(destination: ObjectStore, gate: Gate) -> Iterator[_Folder]:
    trash = destination.below(STATE_PREFIX + TRASH_PREFIX)
    for name, infos in groupby(_listed(trash, gate), key=lambda info: info.key.rpartition("/")[0].partition("/")[0]):
        objects, size, newest = 0, 0, EPOCH
        for info in infos:
            objects, size, newest = objects + 1, size + info.size, max(newest, info.last_modified)
        yield _Folder(name=name, objects=objects, bytes=size, newest=newest)


class _Sweep:
    """One sweep on its way."""

    def __init__(
        self, destination: ObjectStore, now: datetime, older_than: timedelta, dry_run: bool, gate: Gate
    ) -> None:
        self.destination = destination
        self.now = now
        self.older_than = older_than
        self.dry_run = dry_run
        self.gate = gate

    def swept(self, folder: _Folder) -> SweptFolder:
        """What was done about one folder."""
        name, message = TrashName.parse(folder.name), None
        age = None if name is None else self.now - max(name.made, folder.newest)
        try:
            done = self._judged(name, age)
            if done == "would_delete" and not self.dry_run:
                done, message = self._deleted(folder)
        except Stopped:
            raise
        except BucketsyncError as error:
            self.gate.check()
            done, message = "failed", str(error)
        return SweptFolder(
            folder=folder.name,
            objects=folder.objects,
            bytes=folder.bytes,
            age=None if age is None else int(age.total_seconds()),
            done=done,
            message=message,
        )

    def _judged(self, name: TrashName | None, age: timedelta | None) -> Done:
        if name is None or age is None:
            return "left"
        if age < self.older_than:
            return "young"
        return "in_use" if self._holds_a_lock(name) else "would_delete"

    def _deleted(self, folder: _Folder) -> tuple[Done, str | None]:
        """Delete what the folder held when it was listed; what came since makes it a folder in use."""
        place = self.destination.below(f"{STATE_PREFIX}{TRASH_PREFIX}{folder.name}/")
        newer = 0
        failed: BucketsyncError | None = None

        def older() -> Iterator[Deletion]:
            nonlocal newer
            for info in _listed(place, self.gate):
                if info.last_modified <= folder.newest:
                    yield Deletion(key=info.key)
                else:
                    newer += 1

        for answer in place.delete_many(older(), gate=self.gate):
            failed = answer.error or failed
        self.gate.check()
        if failed is not None:
            return "failed", str(failed)
        return ("in_use", f"{newer} objects were written there meanwhile") if newer else ("deleted", None)

    def _holds_a_lock(self, name: TrashName) -> bool:
        """Whether the run of this trash holds a lock of the destination; one that can't be read may be of any run."""
        state = self.destination.below(STATE_PREFIX)
        for info in _listed(state, self.gate, after=_LOCK):
            if not info.key.startswith(_LOCK):
                return False
            holder = _holder(state, info)
            if holder is None or trash_folder(name.made, holder).endswith(f"-{name.run}/"):
                return True
        return False


def _holder(state: ObjectStore, info: ObjectInfo) -> str | None:
    """The run that a lock names; "" = it was released meanwhile, None = it can't be read."""
    if info.size > _LOCK_LIMIT:
        return None
    try:
        with state.open(info.key) as body:
            data, done = bytearray(_LOCK_LIMIT), 0
            while done < len(data) and (count := body.readinto(memoryview(data)[done:])):
                done += count
        value = orjson.loads(data[:done])
        check_header(value, "lock", name="it")
        return LockDocument.from_json(value).run
    except ObjectNotFound:
        return ""
    except (PlanMismatch, KeyError, TypeError, ValueError):
        return None
