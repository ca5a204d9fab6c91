"""Compare a pair as it stands, without copying anything."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from airflow.sdk import Context

from airflow_bucketsync.configuration.cleaning import flag
from airflow_bucketsync.configuration.comparing import FAIL_ON_EXTRA, ComparisonAsked, read_comparison_configuration
from airflow_bucketsync.configuration.places import refuse_workspace_inside
from airflow_bucketsync.configuration.section import allowed_locations, manual_options
from airflow_bucketsync.engine.errors import SyncIncomplete
from airflow_bucketsync.engine.model.comparison import ComparisonReport
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.engine.steps.compare import compare_pair
from airflow_bucketsync.engine.steps.findings_files import REPORT
from airflow_bucketsync.operators.base import run_name
from airflow_bucketsync.operators.prepare import PrepareByHandOperator, PreparingOperator, PreparingPairOperator
from airflow_bucketsync.operators.report_text import XCOM_ROOM

TIMEOUT = timedelta(hours=12)


class ComparePairOperator(PreparingPairOperator):
    """Hold every selected source object against the destination; red when the pair is not in step.

    Parameters are those of `PreparingPairOperator`; the option `verify` says how deep: `listing` (names and sizes),
    `metadata` (the default: checksums, metadata and tags too) or `content` (both bodies). Returns the counts, the first
    findings, and where all of them are: `folder` in `workspace`, with `report` (JSON), `table` (CSV) and `objects` (the
    page).

    :param fail_on_extra: red also when the destination has objects that the source has not
    """

    reads_list = True

    def __init__(
        self, *, fail_on_extra: bool = False, execution_timeout: timedelta | None = TIMEOUT, **kwargs: Any
    ) -> None:
        super().__init__(execution_timeout=execution_timeout, **kwargs)
        self.fail_on_extra = fail_on_extra
        flag(FAIL_ON_EXTRA, fail_on_extra)

    def execute(self, context: Context) -> dict[str, Any]:  # type: ignore[override]
        """Compare, and hand over what differs."""
        asked = ComparisonAsked(spec=self.asked(context), fail_on_extra=flag(FAIL_ON_EXTRA, self.fail_on_extra))
        return _compare(self, context, asked)


class ComparePairByHandOperator(PrepareByHandOperator):
    """The same for the pair that a run's configuration names, within `[bucketsync] allowed_locations`."""

    reads_list = True

    def __init__(self, *, execution_timeout: timedelta | None = TIMEOUT, **kwargs: Any) -> None:
        super().__init__(execution_timeout=execution_timeout, **kwargs)

    def execute(self, context: Context) -> dict[str, Any]:  # type: ignore[override]
        """Compare, and hand over what differs."""
        given = dict(context["params"])
        asked = read_comparison_configuration(given, allowed=allowed_locations(), manual=manual_options())
        return _compare(self, context, asked)


def _compare(task: PreparingOperator, context: Context, asked: ComparisonAsked) -> dict[str, Any]:
    spec, name, location = asked.spec, run_name(context), task.workspace_of_run()
    refuse_workspace_inside(location, spec.source, spec.destination)
    with (
        task.open_workspace(location, pair=spec.pair, run=name) as workspace,
        task.open_sides(spec, name, workspace) as run,
    ):
        report = compare_pair(run, fail_on_extra=asked.fail_on_extra)
    place = {"workspace": location.url, "folder": workspace.run_folder}
    task.log.info(comparison_text(report, folder=location.url + workspace.run_folder))
    summary = for_xcom(report) | place
    task.hand_over(context, summary)
    if not report.in_step:
        raise SyncIncomplete(f"{spec.source.url} and {spec.destination.url} are not in step; see the log above")
    return summary


def for_xcom(report: ComparisonReport) -> dict[str, Any]:
    """The comparison as JSON that fits an XCom: of the first findings and keys, as many as there is room for."""
    value = report.to_json() | {"report": REPORT}
    value["warnings"] = [shown(text) for text in value["warnings"]]
    value["first"] = [{name: shown(str(text or ""), 120) for name, text in item.items()} for item in value["first"]]
    value["first_extra"] = [shown(key, 80) for key in value["first_extra"]]
    while len(json.dumps(value)) > XCOM_ROOM:
        lists = [name for name in ("first", "first_extra", "warnings") if value[name]]
        if not lists:
            break
        longest = max(lists, key=lambda name: len(json.dumps(value[name])))
        value[longest] = value[longest][:-1]
    return value


def comparison_text(report: ComparisonReport, *, folder: str = "") -> str:
    """The comparison in some lines.

    :param folder: URL of the run's folder
    """
    lines = [
        f"{'IN STEP' if report.in_step else 'NOT IN STEP'}: {report.source} and {report.destination}",
        f"  pair      {report.pair}, looked at by {report.level}",
        f"  objects   {_counted(report.counts) or 'none'}",
    ]
    if report.differences:
        lines.append(f"  differ in {', '.join(f'{word} ({count:,})' for word, count in report.differences.items())}")
    if report.selected_out:
        lines.append(f"  left out  {_counted(report.selected_out)}")
    lines += [f"  warning   {shown(warning)}" for warning in report.warnings]
    lines += [
        f"  {shown(repr(item['key']))}: {shown(': '.join(filter(None, (item['reason'], item['message']))))}"
        for item in report.first
    ]
    extra = report.counts.get("extra", 0)
    if extra:
        more = ", …" if extra > len(report.first_extra) else ""
        lines.append(f"  extra     {', '.join(shown(repr(key), 80) for key in report.first_extra)}{more}")
    lines += [f"  {words}{folder}{name}" for words, name in _places(report)]
    return "\n".join(lines)


def _places(report: ComparisonReport) -> list[tuple[str, str]]:
    """Where everything stands, in words."""
    found = [("report    ", REPORT)]
    if report.table:
        found.append(("as CSV    ", report.table))
    if report.objects:
        found.append(("all       ", report.objects))
    return found


def _counted(counts: Any) -> str:
    return ", ".join(f"{count:,} {word}" for word, count in counts.items())
