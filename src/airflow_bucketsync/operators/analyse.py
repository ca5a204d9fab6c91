"""Say what is in a bucket, and what follows from it for a sync."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

from airflow.sdk import Context

from airflow_bucketsync.configuration.analysing import AnalysisAsked, read_analysed, read_analysis_configuration
from airflow_bucketsync.configuration.section import allowed_locations
from airflow_bucketsync.engine.model.analysis import Analysis, ClassRow, Row
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.engine.model.units import format_seconds, format_size
from airflow_bucketsync.engine.rules.advice_words import READABLE
from airflow_bucketsync.engine.steps.analyse import (
    ANALYSES,
    DOCUMENT,
    PAGE,
    Analysed,
    analyse_store,
    keep_analysis,
)
from airflow_bucketsync.hooks.store import open_store
from airflow_bucketsync.operators.base import SyncOperator, run_name
from airflow_bucketsync.operators.report_text import XCOM_ROOM

_LOGGED = 10
"""Rows of a table that the log shows."""


class AnalysingOperator(SyncOperator):
    """One analysis. Returns its sums and where its pages are; nothing is written to what it looks at."""

    def __init__(self, *, execution_timeout: timedelta | None = timedelta(hours=12), **kwargs: Any) -> None:
        super().__init__(execution_timeout=execution_timeout, **kwargs)

    @abstractmethod
    def asked(self, context: Context) -> AnalysisAsked:
        """What is to be looked at, checked."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Count, say what was found, put the pages into the workspace, and hand over where they are."""
        asked, name, pages = self.asked(context), run_name(context), self.workspace_of_run()
        gate = self.new_gate()
        with (
            self.open_workspace(pages, pair=ANALYSES, run=name) as workspace,
            closing(open_store(asked.source, gate=gate, accesses=self.accesses(name))) as store,
        ):
            analysed = analyse_store(store, selection=asked.selection, gate=gate)
            keep_analysis(analysed, workspace)
        self.log.info(analysis_text(analysed))
        place = {"workspace": pages.url, "folder": workspace.run_folder}
        files = {"document": workspace.run_folder + DOCUMENT, "page": workspace.run_folder + PAGE}
        summary = for_xcom(analysed) | place | files
        self.hand_over(context, summary)
        return summary


class AnalyseBucketOperator(AnalysingOperator):
    """Look at the place that the DAG's author wrote down. Run configuration is not read.

    :param source: location URL (templated); a bucket, a prefix or a folder
    :param options: which objects: options of a selection by their names, those that a listing can tell
    """

    template_fields = (*AnalysingOperator.template_fields, "source")

    def __init__(self, *, source: str, options: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.options = options
        read_analysed(options or {})

    def asked(self, context: Context) -> AnalysisAsked:
        """What the author asks for."""
        return AnalysisAsked(source=Location.parse(self.source), selection=read_analysed(self.options or {}))


class AnalyseBucketByHandOperator(AnalysingOperator):
    """Look at the place that a run's configuration names, within `[bucketsync] allowed_locations`."""

    def asked(self, context: Context) -> AnalysisAsked:
        """What the run configuration asks for, where it is allowed."""
        return read_analysis_configuration(dict(context["params"]), allowed=allowed_locations())


def for_xcom(analysed: Analysed) -> dict[str, Any]:
    """The sums and the advice as JSON that fits an XCom; tables and keys stand in the pages."""
    analysis, advised = analysed.analysis, analysed.advised
    value: dict[str, Any] = {
        "source": analysis.location,
        "listed": analysis.listed,
        "objects": analysis.objects,
        "bytes": analysis.bytes,
        "requests": analysis.requests,
        "seconds": analysis.seconds,
        "advice": {one.option: one.written for one in advised.options},
        "warnings": [shown(warning) for warning in advised.warnings],
    }
    while value["warnings"] and len(json.dumps(value)) > XCOM_ROOM:
        value["warnings"] = value["warnings"][:-1]
    return value


def analysis_text(analysed: Analysed) -> str:
    """The analysis in some lines."""
    return "\n".join(_lines(analysed))


def _lines(analysed: Analysed) -> Iterator[str]:
    analysis, advised = analysed.analysis, analysed.advised
    yield f"ANALYSED: {analysis.location}, {analysis.objects:,} objects ({format_size(analysis.bytes)})"
    yield f"  listed    {analysis.listed:,} with {analysis.requests:,} requests in {format_seconds(analysis.seconds)}"
    for rule, count in analysis.left_out.items():
        yield f"  left out  {count:,} by {rule}"
    if analysis.empty or analysis.markers:
        yield f"  empty     {analysis.empty:,}; {analysis.markers:,} folder markers (keys that end in `/`)"
    yield from _rows("size", analysis.sizes)
    yield from _rows("age", analysis.ages)
    yield from _rows("class", analysis.classes)
    yield from _rows("depth", analysis.depths)
    yield from _rows("extension", analysis.extensions.named("no extension"))
    yield from _rows("folder", analysis.folders.named("in no folder"))
    yield from _ends(analysis)
    yield from (f"  warning   {shown(warning)}" for warning in advised.warnings)
    for trouble in analysis.troubles:
        for key, why in trouble.first[:1]:
            yield f"  trouble   {trouble.kind}: {shown(repr(key), 120)}: {shown(why)}"
    yield from (f"  advice    {one.option}: {one.written}: {one.reason}" for one in advised.options)
    yield "  for the pairs file:"
    yield from advised.snippet.splitlines()


def _rows(title: str, rows: Sequence[Row | ClassRow]) -> Iterator[str]:
    for row in rows[:_LOGGED]:
        if row.objects:
            words = "" if isinstance(row, Row) or row.readable == "yes" else f"; {READABLE[row.readable]}"
            more = f" (or {row.missed:,} more)" if isinstance(row, Row) and row.missed else ""
            yield f"  {title:<9} {shown(row.name, 60):<14} {row.objects:>12,}{more} {format_size(row.bytes):>11}{words}"
    more_rows = rows[_LOGGED:]
    if more_rows:
        objects, size = sum(row.objects for row in more_rows), sum(row.bytes for row in more_rows)
        yield f"  {title:<9} {'all others':<14} {objects:>12,} {format_size(size):>11}"


def _ends(analysis: Analysis) -> Iterator[str]:
    named = [("oldest", analysis.oldest), ("newest", analysis.newest)]
    named = [*(("largest", one) for one in analysis.largest[:3]), *named]
    for word, one in named:
        if one is not None:
            yield f"  {word:<9} {shown(repr(one.key))} ({format_size(one.size)}, {one.modified})"
