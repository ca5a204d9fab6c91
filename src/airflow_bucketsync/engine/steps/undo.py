"""Put a destination back to what it was before one run: only where still stands what that run left there.

First what was added goes (into the undo's own trash), then what was deleted or overwritten comes back from where it is
kept. Every request depends on what was seen right before. What a try is about to do is written down, so that its next
try tells what it did from what others did.
"""

from __future__ import annotations

import itertools
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime

from airflow_bucketsync.engine.errors import BucketsyncError, ObjectChanged, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.names import trash_folder
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.undo import UndoneObject, UndoReport
from airflow_bucketsync.engine.steps.changing import STOPS_THE_TASK
from airflow_bucketsync.engine.steps.forgetting import forget
from airflow_bucketsync.engine.steps.holding import held
from airflow_bucketsync.engine.steps.lock import Finished, acquire, release
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.trash import PORTION, Keeping, Kept
from airflow_bucketsync.engine.steps.undo_looks import UndoLooks, UndoStep, removed, restored, said
from airflow_bucketsync.engine.steps.undone import UNDO, DoneRun, Wish
from airflow_bucketsync.engine.steps.within import copy_within, is_same, needs_parts
from airflow_bucketsync.engine.steps.workspace import folder_name
from airflow_bucketsync.engine.stores.bulk import in_threads
from airflow_bucketsync.engine.stores.gate import Stopped

SHOWN = 20
_BEGUN = "begun/"


def undo_run(run: Run, done: DoneRun, *, dry_run: bool = True, finished: Finished | None = None) -> UndoReport:
    """Undo one run; whatever can't be is left and named. Running it again goes on, and finds `same` what is done.

    It holds the lock of the pair while it works.

    :param run: the undo's own id and folder, at the stores of the pair
    :param done: the run to undo
    :param dry_run: only say what would be done
    :param finished: whether the run of a lock has ended, where Airflow can be asked
    :raises Locked: a run of the pair is at work
    :raises LockLost: the lock was taken away; what was done so far stays done, as with any other error
    """
    if dry_run:
        return _undone(run, done, dry_run=True)
    warnings = acquire(run, finished=finished)
    try:
        with held(run):
            report = _undone(run, done, dry_run=False, warnings=warnings)
    finally:
        words = release(run)
    return replace(report, warnings=(*report.warnings, *words))


def _undone(run: Run, done: DoneRun, *, dry_run: bool, warnings: tuple[str, ...] = ()) -> UndoReport:
    undo = _Undo(run, done, dry_run)
    if not dry_run:  # first of all: what it does not remember, the pair's next run looks at again
        version = f"{folder_name(run.run)}-{run.clock.now():%Y%m%dT%H%M%S%f}"
        forget(run.workspace, done.spec, (outcome.key for _, outcome in done.outcomes()), version=version)
    writer = run.workspace.page_writer("undo/objects", "outcomes")
    tally = _Tally()
    for item in undo.everything():
        writer.write(item.to_json())
        tally.add(item)
    run.gate.check()
    report = replace(
        undo.asked,
        ended=run.clock.now(),
        counts=dict(sorted(tally.counts.items())),
        sizes=dict(sorted(tally.sizes.items())),
        warnings=warnings,
        first=tuple(tally.first()),
        objects=writer.finish().name if writer.count else None,
    )
    run.workspace.write_document(UNDO, "undo", report.to_json())
    return report


class _Tally:
    """Counts of what was done."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.sizes: Counter[str] = Counter()
        self._shown: dict[bool, list[UndoneObject]] = {True: [], False: []}

    def add(self, item: UndoneObject) -> None:
        self.counts[item.done] += 1
        self.sizes[item.done] += item.outcome.bytes
        kept = self._shown[item.done == "failed"]
        if len(kept) < SHOWN and item.done in ("failed", "changed", "not_kept", "moved"):
            kept.append(item)

    def first(self) -> list[UndoneObject]:
        return [*self._shown[True], *self._shown[False]][:SHOWN]


class _Undo:
    """One undo on its way."""

    def __init__(self, run: Run, done: DoneRun, dry_run: bool) -> None:
        self.run = run
        self.done = done
        self.dry_run = dry_run
        self.asked = self._asked()
        self.keeping = Keeping(run, self.asked.trash, name="undo")
        self.looks = UndoLooks(run, self._begun())

    def _asked(self) -> UndoReport:
        """What was asked, written down first: a later try of the same undo has the same trash."""
        started = self.run.clock.now()
        with suppress(ObjectNotFound, PlanMismatch, KeyError, TypeError, ValueError):
            started = datetime.fromisoformat(self.run.workspace.read_document(UNDO, "undo")["started"])
        asked = UndoReport(
            of=self.done.workspace.run_folder,
            spec=self.done.spec.to_json(),
            run=self.run.run,
            dry_run=self.dry_run,
            started=started,
            counts={},
            sizes={},
            trash=trash_folder(started, self.run.run),
        )
        self.run.workspace.write_document(UNDO, "undo", asked.to_json())
        return asked

    def everything(self) -> Iterator[UndoneObject]:
        """What was added goes first: a file may stand where a folder must."""
        for removing in (True, False):
            steps = (item for item in self.done.outcomes() if (item[0] == "remove") == removing)
            while portion := list(itertools.islice(steps, PORTION)):
                yield from self._portion(portion)

    def _portion(self, portion: Sequence[tuple[Wish, Outcome]]) -> Iterator[UndoneObject]:
        with closing(in_threads(self.looks.look, portion, gate=self.run.gate)) as looks:
            steps = list(looks)
        self.run.gate.check()
        left: list[UndoStep] = []
        for step in steps:
            if step.result is not None:
                yield step.result
            elif self.dry_run:
                yield said(step, "would_remove" if step.wish == "remove" else "would_restore")
            else:
                left.append(step)
        kept: dict[str, str] = {}
        refused: dict[str, Kept] = {}
        for answer in self.keeping.keep([step.there for step in left if step.there is not None]):
            if answer.kept is None:
                refused[answer.key] = answer
            else:
                kept[answer.key] = answer.kept
        ready = [step for step in left if step.outcome.key not in refused]
        self._write_down(ready, kept)
        yield from self._carried_out(ready, kept)
        for step in left:
            if step.outcome.key in refused:
                yield self._not_kept(step, refused[step.outcome.key].error)

    def _not_kept(self, step: UndoStep, error: BucketsyncError | None) -> UndoneObject:
        if error is None or isinstance(error, ObjectChanged):
            return said(step, "changed", "somebody wrote or deleted it at this moment")
        return said(step, "failed", f"what stands there now can't be kept in the trash, so it stays: {error}")

    # what is written down -------------------------------------------------------------------------------------

    def _write_down(self, steps: Sequence[UndoStep], kept: Mapping[str, str]) -> None:
        """Say what is about to be done, and where what stands there is kept."""
        if steps:
            name = f"{_BEGUN}{self.run.clock.now():%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}.json"
            objects = [[step.outcome.key, kept.get(step.outcome.key)] for step in steps]
            self.run.workspace.write_document(name, "kept", {"objects": objects})

    def _begun(self) -> dict[str, str | None]:
        """What earlier tries of this undo were about to do, by key; a document that is damaged counts for nothing."""
        found: dict[str, str | None] = {}
        for name in self.run.workspace.list_names(_BEGUN):
            with suppress(ObjectNotFound, PlanMismatch, KeyError, TypeError, ValueError):
                found |= dict(self.run.workspace.read_document(name, "kept")["objects"])
        return found

    # doing ----------------------------------------------------------------------------------------------------

    def _carried_out(self, steps: Sequence[UndoStep], kept: Mapping[str, str]) -> Iterator[UndoneObject]:
        def carry_out(step: UndoStep) -> UndoneObject:
            return self._carry_out(step, kept.get(step.outcome.key))

        def is_large(step: UndoStep) -> bool:
            return step.back is not None and needs_parts(self.run, step.back.size)

        with closing(in_threads(carry_out, [step for step in steps if not is_large(step)], gate=self.run.gate)) as done:
            yield from done
        for step in steps:
            if is_large(step):
                self.run.gate.check()
                yield carry_out(step)
        self.run.gate.check()

    def _carry_out(self, step: UndoStep, kept: str | None) -> UndoneObject:
        key = step.outcome.key
        standing = Condition.replacing(step.there)
        try:
            if step.back is None:
                self.run.destination.delete(key, destination=standing)
                return removed(step, kept)
            return restored(step, kept, self._brought_back(step, step.back, standing))
        except STOPS_THE_TASK:
            raise
        except ObjectChanged as error:
            return said(step, "changed", f"somebody wrote it at this moment: {error}")
        except BucketsyncError as error:
            if self.run.gate.stopped:
                raise Stopped("the task was asked to stop") from None
            return said(step, "failed", str(error))

    def _brought_back(self, step: UndoStep, back: ObjectInfo, standing: Condition) -> Fingerprint:
        """What stands there now; a copy whose answer was lost is recognised."""
        side = self.looks.side(step.outcome.kept or "")
        try:
            made = copy_within(side, back, replaces=standing)
        except ObjectChanged:
            with suppress(BucketsyncError):
                found = side.destination.head(back.key)
                if is_same(side, side.source.head(back.key, version_id=back.version_id), found):
                    return Fingerprint.of(found.info)
            raise
        return Fingerprint(size=back.size, etag=made.etag, version_id=made.version_id, last_modified=made.last_modified)
