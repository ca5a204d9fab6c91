"""Put a destination back to what it was before one run."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from airflow.sdk import Context

from airflow_bucketsync.configuration.cleaning import flag
from airflow_bucketsync.configuration.section import allowed_locations
from airflow_bucketsync.configuration.undoing import (
    UndoAsked,
    read_folder,
    read_undo_configuration,
    require_allowed,
)
from airflow_bucketsync.engine.errors import InvalidConfiguration, SyncIncomplete
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.model.undo import UndoneObject, UndoReport
from airflow_bucketsync.engine.model.units import format_size
from airflow_bucketsync.engine.steps.undo import undo_run
from airflow_bucketsync.engine.steps.undone import read_done
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.operators.base import SyncOperator, run_name
from airflow_bucketsync.operators.report_text import first_that_fit
from airflow_bucketsync.state import STATE, airflow_id, owner, run_finished

_WORDS = {
    "restored": "restored",
    "removed": "removed (the run had added them)",
    "would_restore": "would be restored",
    "would_remove": "would be removed (the run had added them)",
    "same": "as before the run already",
    "changed": "changed by others since, left",
    "not_kept": "not kept, left",
    "moved": "moved, left",
    "failed": "failed",
}


class UndoingOperator(SyncOperator):
    """One undo. Returns its counts; red when something could not be looked at or brought back."""

    def __init__(
        self,
        *,
        inlets: Sequence[Any] | None = (STATE,),
        execution_timeout: timedelta | None = timedelta(hours=12),
        **kwargs: Any,
    ) -> None:
        super().__init__(inlets=inlets, execution_timeout=execution_timeout, **kwargs)

    @abstractmethod
    def asked(self, context: Context) -> UndoAsked:
        """What is to be undone, checked."""

    @abstractmethod
    def check(self, spec: SyncSpec) -> None:
        """Go on only when the pair of the run may be written to."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Undo, say what was found and done, and hand over the counts."""
        asked, name = self.asked(context), run_name(context)
        with self.open_workspace(self.workspace_of_run(), pair=asked.pair, run=asked.run) as undone:
            done = read_done(undone)
            self.check(done.spec)
            policy = replace(done.spec.policy, dry_run=asked.dry_run, mode="full", max_objects=None, max_bytes=None)
            spec, place = replace(done.spec, policy=policy), Workspace(undone.store, pair=done.spec.pair, run=name)
            if place.pair_folder != undone.pair_folder:
                raise InvalidConfiguration(f"folder: {undone.run_folder} holds a run of the pair {spec.pair!r:.80}")
            with self.open_sides(spec, name, place) as run:
                run = replace(run, owner=owner(context, airflow_id(context)))
                report = undo_run(run, done, dry_run=asked.dry_run, finished=run_finished(context))
        self.log.info(undo_text(report))
        for item in report.first:
            if item.done == "failed":
                said = item.outcome
                self.log.error("object failed", key=shown(said.key), message=shown(said.message or ""))
        summary = for_xcom(report) | {"folder": place.run_folder}
        self.hand_over(context, summary)
        if report.failed:
            raise SyncIncomplete(f"{report.failed} objects could not be looked at or brought back; see the log above")
        return summary


class UndoSyncOperator(UndoingOperator):
    """Undo the run that the DAG's author names. Run configuration is not read.

    :param folder: of the run in the workspace, as its report says (templated)
    :param dry_run: only say what would be done
    """

    template_fields = (*UndoingOperator.template_fields, "folder")

    def __init__(self, *, folder: str, dry_run: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = folder
        self.only_look = dry_run  # `dry_run` is a method of Airflow's operators

    def asked(self, context: Context) -> UndoAsked:
        """What the author asks for."""
        pair, run = read_folder(self.folder, workspace=self.workspace_of_run())
        return UndoAsked(pair=pair, run=run, dry_run=flag("dry_run", self.only_look))

    def check(self, spec: SyncSpec) -> None:
        """The author may."""


class UndoSyncByHandOperator(UndoingOperator):
    """Undo the run that a run's configuration names, where its destination is in `[bucketsync] allowed_locations`."""

    def asked(self, context: Context) -> UndoAsked:
        """What the run configuration asks for."""
        return read_undo_configuration(dict(context["params"]), workspace=self.workspace_of_run())

    def check(self, spec: SyncSpec) -> None:
        """The destination must be allowed."""
        require_allowed(spec, allowed_locations())


def for_xcom(report: UndoReport) -> dict[str, Any]:
    """The undo as JSON that fits an XCom: of the first objects, as many as there is room for."""
    value = report.to_json() | {"spec": None, "destination": report.destination}
    return first_that_fit(value)


def undo_text(report: UndoReport) -> str:
    """The undo in some lines."""
    lines = [f"{'DRY RUN' if report.dry_run else 'UNDONE'}: {shown(report.of)} at {report.destination}"]
    if not report.counts:
        lines.append("  that run changed nothing")
    for done, count in report.counts.items():
        size = f" ({format_size(report.sizes[done])})" if report.sizes.get(done) else ""
        lines.append(f"  {count:>9,} {_WORDS[done]}{size}")
    lines += [f"  {_line(item)}" for item in report.first]
    lines += [f"  warning: {shown(warning)}" for warning in report.warnings]
    if report.objects:
        lines.append(f"  all of them stand in {report.objects} of the undo's folder")
    if not report.dry_run and report.counts.keys() & {"restored", "removed"}:
        lines.append("  the pair's next run brings its changes again, unless the pair is paused")
    return "\n".join(lines)


def _line(item: UndoneObject) -> str:
    message = f": {shown(item.outcome.message)}" if item.outcome.message else ""
    return f"{item.done:<14}{shown(repr(item.outcome.key))}{message}"
