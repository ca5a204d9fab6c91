"""Compare a pair as it stands, without copying anything."""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import Context

from airflow_bucketsync.configuration.places import refuse_workspace_inside
from airflow_bucketsync.engine.errors import SyncIncomplete
from airflow_bucketsync.engine.steps.compare import ComparisonReport, compare_pair
from airflow_bucketsync.operators.base import run_name
from airflow_bucketsync.operators.prepare import PrepareByHandOperator, PrepareOperator, PreparingOperator
from airflow_bucketsync.operators.report_text import XCOM_ROOM, shown

COMPARE_OPTIONS = (
    "include", "exclude", "extensions", "recursive", "prefixes", "start_after", "min_size", "max_size", "verify",
    "tags", "folder_markers", "key_mapping",
)  # fmt: skip
"""Options that mean something where nothing is copied."""


class ComparePairOperator(PrepareOperator):
    """Hold every selected source object against the destination; red when the pair is not in step.

    Parameters are those of `PrepareOperator`; the option `verify` says how deep: `listing` (size), `metadata` (the
    default: checksum, metadata and tags too) or `content` (both bodies). Returns the counts and the first differences;
    the page with all of them is named by `objects` in the run's folder.
    """

    def execute(self, context: Context) -> dict[str, Any]:  # type: ignore[override]
        """Compare, and hand over what differs."""
        return _compare(self, context)


class ComparePairByHandOperator(PrepareByHandOperator):
    """The same for the pair that a run's configuration names, within `[bucketsync] allowed_locations`."""

    def execute(self, context: Context) -> dict[str, Any]:  # type: ignore[override]
        """Compare, and hand over what differs."""
        return _compare(self, context)


def _compare(task: PreparingOperator, context: Context) -> dict[str, Any]:
    spec, name, location = task.asked(context), run_name(context), task.workspace_of_run()
    refuse_workspace_inside(location, spec.source, spec.destination)
    with (
        task.open_workspace(location, pair=spec.pair, run=name) as workspace,
        task.open_sides(spec, name, workspace) as run,
    ):
        report = compare_pair(run)
    task.log.info(comparison_text(report))
    summary = for_xcom(report)
    task.hand_over(context, {"folder": workspace.run_folder, **summary})
    if not report.in_step:
        raise SyncIncomplete(f"{spec.source.url} and {spec.destination.url} are not in step; see the log above")
    return summary


def for_xcom(report: ComparisonReport) -> dict[str, Any]:
    """The comparison as JSON that fits an XCom: of the first differences, as many as there is room for."""
    value = report.to_json()
    while value["first"] and len(json.dumps(value)) > XCOM_ROOM:
        value["first"] = value["first"][:-1]
    return value


def comparison_text(report: ComparisonReport) -> str:
    """The comparison in some lines."""
    lines = [
        f"{'IN STEP' if report.in_step else 'NOT IN STEP'}: pair {report.pair}, looked at by {report.level}",
        f"  objects   {', '.join(f'{count:,} {word}' for word, count in report.counts.items()) or 'none'}",
    ]
    if report.differences:
        lines.append(f"  differ in {', '.join(f'{word} ({count:,})' for word, count in report.differences.items())}")
    lines += [
        f"  {shown(repr(item['key']))}: {shown(': '.join(filter(None, (item['reason'], item['message']))))}"
        for item in report.first
    ]
    if report.objects:
        lines.append(f"  all of them stand in {report.objects} of the run's folder")
    return "\n".join(lines)
