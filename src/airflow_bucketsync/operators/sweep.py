"""Find open uploads that nobody uses any more, and abort what is ours of them."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import closing
from datetime import timedelta
from typing import Any

from airflow.sdk import Context

from airflow_bucketsync.configuration.places import is_template
from airflow_bucketsync.configuration.section import allowed_locations
from airflow_bucketsync.configuration.sweeping import (
    OLDER_THAN,
    SweepAsked,
    parse_age,
    parse_whose,
    read_sweep_configuration,
)
from airflow_bucketsync.engine.errors import InvalidConfiguration, SyncIncomplete
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.engine.model.sweep import Asked, SweepReport, SweptUpload
from airflow_bucketsync.engine.model.units import format_age, format_size
from airflow_bucketsync.engine.steps.sweep import SWEEPS, sweep_uploads
from airflow_bucketsync.hooks.store import open_store
from airflow_bucketsync.operators.base import SyncOperator, run_name
from airflow_bucketsync.operators.report_text import first_that_fit

_WORDS = {
    "aborted": "aborted",
    "would_abort": "would be aborted",
    "young": "too young",
    "in_use": "still in use",
    "left": "strangers', left alone",
    "gone": "ended meanwhile",
    "failed": "failed",
    "forgotten": "journal entries without upload forgotten",
    "would_forget": "journal entries without upload would be forgotten",
}


class SweepingOperator(SyncOperator):
    """One sweep. Returns its counts; red when an upload could not be looked at or aborted.

    :param older_than: how long nothing may have been seen of an upload, such as `7 days` (templated)
    :param whose: `ours` (what the journals of this workspace name) or `all`
    """

    template_fields = (*SyncOperator.template_fields, "older_than")

    def __init__(
        self,
        *,
        older_than: timedelta | str = OLDER_THAN,
        whose: Asked = "ours",
        execution_timeout: timedelta | None = timedelta(hours=12),
        **kwargs: Any,
    ) -> None:
        super().__init__(execution_timeout=execution_timeout, **kwargs)
        self.older_than = older_than
        self.whose = whose
        if not is_template(older_than):
            parse_age(older_than)
        parse_whose(whose)

    @abstractmethod
    def asked(self, context: Context) -> SweepAsked:
        """What is to be swept, checked."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Sweep, say what was found, and hand over the counts."""
        asked, name = self.asked(context), run_name(context)
        gate = self.new_gate()
        with (
            self.open_workspace(self.workspace_of_run(), pair=SWEEPS, run=name) as workspace,
            closing(open_store(asked.location, gate=gate, accesses=self.accesses(name))) as destination,
        ):
            report = sweep_uploads(
                destination,
                workspace.store,
                run=name,
                older_than=asked.older_than,
                whose=asked.whose,
                dry_run=asked.dry_run,
                gate=gate,
            )
        self.log.info(sweep_text(report))
        for item in report.first:
            if item.done == "failed":
                self.log.error("upload failed", key=shown(item.key), message=shown(item.message or ""))
        summary = for_xcom(report) | {"folder": workspace.run_folder}
        self.hand_over(context, summary)
        if report.failed:
            raise SyncIncomplete(f"{report.failed} uploads could not be looked at or aborted; see the log above")
        return summary


class SweepUploadsOperator(SweepingOperator):
    """Sweep the place that the DAG's author wrote down. Run configuration is not read.

    :param location: location URL (templated); a bucket, or a prefix or folder that is some pair's destination
    :param dry_run: only say what would be done
    """

    template_fields = (*SweepingOperator.template_fields, "location")

    def __init__(self, *, location: str, dry_run: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.only_look = dry_run  # `dry_run` is a method of Airflow's operators

    def asked(self, context: Context) -> SweepAsked:
        """What the author asks for."""
        if not isinstance(self.only_look, bool):
            raise InvalidConfiguration(f"dry_run: expected True or False, got {self.only_look!r:.40}")
        return SweepAsked(
            location=Location.parse(self.location),
            older_than=parse_age(self.older_than),
            whose=parse_whose(self.whose),
            dry_run=self.only_look,
        )


class SweepUploadsByHandOperator(SweepingOperator):
    """Sweep the place that a run's configuration names, within `[bucketsync] allowed_locations`.

    A run may ask for a greater age and for fewer uploads than this task was given, never for more.
    """

    def asked(self, context: Context) -> SweepAsked:
        """What the run configuration asks for, where it is allowed."""
        return read_sweep_configuration(
            dict(context["params"]),
            allowed=allowed_locations(),
            older_than=parse_age(self.older_than),
            whose=parse_whose(self.whose),
        )


def for_xcom(report: SweepReport) -> dict[str, Any]:
    """The sweep as JSON that fits an XCom: of the first uploads, as many as there is room for."""
    return first_that_fit(report.to_json())


def sweep_text(report: SweepReport) -> str:
    """The sweep in some lines."""
    found = sum(report.owners.values())
    lines = [f"{'DRY RUN' if report.dry_run else 'SWEPT'}: {report.location}, {found:,} open uploads"]
    for done, count in report.counts.items():
        size = f" ({format_size(report.sizes[done])})" if report.sizes.get(done) else ""
        lines.append(f"  {count:>9,} {_WORDS[done]}{size}")
    age = f"  older than {format_age(report.older_than)} without a sign of use"
    lines.append(age + (", by the clock of the worker" if report.clock == "worker" else ""))
    if report.unread:
        lines.append(f"  {report.unread:,} journal entries can't be read here; their uploads count as strangers'")
    lines += [f"  {_line(item)}" for item in report.first]
    if report.uploads:
        lines.append(f"  all of them stand in {report.uploads} of the sweep's folder")
    return "\n".join(lines)


def _line(item: SweptUpload) -> str:
    arrived = "" if item.size is None else f", {item.parts} parts, {format_size(item.size)}"
    owner = {"ours": "ours", "ours_by_intent": "ours by its time"}.get(item.owner, "a stranger's")
    upload = f"{item.upload_id or 'without id'}, {item.age // 86400} days old{arrived}, {owner}"
    message = f": {shown(item.message)}" if item.message else ""
    return f"{item.done:<13}{shown(repr(item.key))} ({shown(upload)}){message}"
