"""Delete what runs deleted or overwrote long enough ago."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import closing
from datetime import timedelta
from typing import Any

from airflow.sdk import Context

from airflow_bucketsync.configuration.cleaning import flag
from airflow_bucketsync.configuration.places import is_template
from airflow_bucketsync.configuration.section import allowed_locations
from airflow_bucketsync.configuration.trash_sweeping import (
    OLDER_THAN,
    TrashSweepAsked,
    parse_trash_age,
    read_trash_sweep_configuration,
)
from airflow_bucketsync.engine.errors import SyncIncomplete
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.engine.model.trash_sweep import SweptFolder, TrashSweepReport
from airflow_bucketsync.engine.model.units import format_age, format_size
from airflow_bucketsync.engine.steps.sweep_trash import SWEEPS, sweep_trash
from airflow_bucketsync.hooks.store import open_store
from airflow_bucketsync.operators.base import SyncOperator, run_name
from airflow_bucketsync.operators.report_text import first_that_fit

_WORDS = {
    "deleted": "deleted",
    "would_delete": "would be deleted",
    "young": "too young",
    "in_use": "still in use",
    "left": "not ours, left alone",
    "failed": "failed",
}


class TrashSweepingOperator(SyncOperator):
    """One sweep of a trash. Returns its counts; red when something could not be deleted.

    :param older_than: how long what a run deleted or overwrote is kept, such as `30 days` (templated)
    """

    template_fields = (*SyncOperator.template_fields, "older_than")

    def __init__(
        self,
        *,
        older_than: timedelta | str = OLDER_THAN,
        execution_timeout: timedelta | None = timedelta(hours=12),
        **kwargs: Any,
    ) -> None:
        super().__init__(execution_timeout=execution_timeout, **kwargs)
        self.older_than = older_than
        if not is_template(older_than):
            parse_trash_age(older_than)

    @abstractmethod
    def asked(self, context: Context) -> TrashSweepAsked:
        """What is to be swept, checked."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Sweep, say what was found, and hand over the counts."""
        asked, name = self.asked(context), run_name(context)
        gate = self.new_gate()
        with (
            self.open_workspace(self.workspace_of_run(), pair=SWEEPS, run=name) as workspace,
            closing(open_store(asked.location, gate=gate, accesses=self.accesses(name))) as destination,
        ):
            report = sweep_trash(
                destination,
                workspace.store,
                run=name,
                older_than=asked.older_than,
                dry_run=asked.dry_run,
                gate=gate,
            )
        self.log.info(trash_sweep_text(report))
        for item in report.first:
            if item.done == "failed":
                self.log.error("folder failed", folder=shown(item.folder), message=shown(item.message or ""))
        summary = for_xcom(report) | {"folder": workspace.run_folder}
        self.hand_over(context, summary)
        if report.failed:
            raise SyncIncomplete(f"of {report.failed} folders not everything could be deleted; see the log above")
        return summary


class SweepTrashOperator(TrashSweepingOperator):
    """Sweep the trash of the destination that the DAG's author wrote down. Run configuration is not read.

    :param location: location URL of some pair's destination (templated)
    :param dry_run: only say what would be done
    """

    template_fields = (*TrashSweepingOperator.template_fields, "location")

    def __init__(self, *, location: str, dry_run: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.only_look = dry_run  # `dry_run` is a method of Airflow's operators

    def asked(self, context: Context) -> TrashSweepAsked:
        """What the author asks for."""
        return TrashSweepAsked(
            location=Location.parse(self.location),
            older_than=parse_trash_age(self.older_than),
            dry_run=flag("dry_run", self.only_look),
        )


class SweepTrashByHandOperator(TrashSweepingOperator):
    """Sweep the trash of the place that a run's configuration names, within `[bucketsync] allowed_locations`.

    A run may ask for a greater age than this task was given, never for a smaller one.
    """

    def asked(self, context: Context) -> TrashSweepAsked:
        """What the run configuration asks for, where it is allowed."""
        return read_trash_sweep_configuration(
            dict(context["params"]), allowed=allowed_locations(), older_than=parse_trash_age(self.older_than)
        )


def for_xcom(report: TrashSweepReport) -> dict[str, Any]:
    """The sweep as JSON that fits an XCom: of the first folders, as many as there is room for."""
    return first_that_fit(report.to_json())


def trash_sweep_text(report: TrashSweepReport) -> str:
    """The sweep in some lines."""
    found = sum(report.counts.values())
    lines = [f"{'DRY RUN' if report.dry_run else 'SWEPT'}: the trash of {report.location}, {found:,} folders"]
    for done, count in report.counts.items():
        objects, size = report.objects.get(done, 0), format_size(report.sizes.get(done, 0))
        lines.append(f"  {count:>9,} {_WORDS[done]} ({objects:,} objects, {size})")
    age = f"  older than {format_age(report.older_than)}"
    lines.append(age + (", by the clock of the worker" if report.clock == "worker" else ""))
    lines += [f"  {_line(item)}" for item in report.first]
    if report.folders:
        lines.append(f"  all of them stand in {report.folders} of the sweep's folder")
    return "\n".join(lines)


def _line(item: SweptFolder) -> str:
    age = "" if item.age is None else f", {item.age // 86400} days old"
    message = f": {shown(item.message)}" if item.message else ""
    return f"{item.done:<13}{shown(repr(item.folder))} ({item.objects:,} objects{age}){message}"
