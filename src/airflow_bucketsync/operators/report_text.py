"""How does a report read: for people in a log, and small for an XCom?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_bucketsync.engine.model.outcome import REMOVED, WRITTEN, Report
from airflow_bucketsync.engine.model.precheck import counted
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.engine.model.units import format_size

SHOWN = 10
"""Failures and warnings that are listed."""
_LISTS, _BLOCKS = ("failures", "warnings", "incomplete"), ("reasons", "by_hand")
XCOM_ROOM = 8_000
"""Bytes of the report in an XCom: what goes beyond is in report.json."""


def report_text(report: Report) -> str:
    """The report in some lines."""
    rate = f" ({format_size(int(report.bytes / report.seconds))}/s)" if report.bytes and report.seconds else ""
    lines = [
        f"{'GREEN' if report.green else 'RED'}: {report.source} -> {report.destination}",
        f"  pair      {report.pair}, run {report.run} ({report.mode})",
        f"  objects   {_counted(report.counts) or 'none'}",
        f"  reasons   {_counted(report.reasons) or 'none'}",
        f"  written   {format_size(report.bytes)} in {report.seconds:.1f} s{rate}",
        f"  verified  {'yes' if report.verified else 'no'} (level {report.verify})",
        f"  requests  {'; '.join(f'{side}: {_counted(kinds)}' for side, kinds in report.requests.items())}",
    ]
    for rule, count in report.selected_out.items():
        keys = ", ".join(shown(repr(key), 80) for key in report.selected_out_first.get(rule, ()))
        lines.append(f"  left out  {count:,} by {rule}: {keys}{', …' if count > 3 else ''}")
    if report.by_hand:
        lines.append(f"  by hand   {', '.join(f'{name} = {value}' for name, value in _short(report.by_hand).items())}")
    if report.precheck is not None:
        lines.append(f"  precheck  {counted(report.precheck)}")
    if report.resume is not None:
        lines.append(f"  bounded   the next run goes on after {shown(repr(report.resume))}")
    if report.next_round:
        lines.append(f"  round     {report.rounds}, another run follows")
    if report.route is not None:
        lines.append(f"  route     {shown(str(report.route))}")
    if report.lost:
        lines.append(f"  not kept  {_counted(report.lost)}")
    if report.trash and any(report.counts.get(word) for word in WRITTEN | REMOVED):
        lines.append(f"  trash     _bucketsync/{report.trash} (the DAG undo_sync puts this run back)")
    if report.drift is not None:
        planned = f"{report.drift.planned:,} planned, {report.drift.counts.get('in_step', 0):,} in step already"
        lines.append(f"  drift     {planned}; {shown(str(report.drift), 1000)}")
    if report.approval is not None:
        lines.append(f"  approval  {report.approval['answer']}, by {shown(str(report.approval['by'] or 'nobody'))}")
    if report.mode == "dry_run" and report.plan_digest is not None:
        how = "to carry out exactly this: `dry_run` off, and this as `apply_plan`"
        lines.append(f"  plan      {report.plan_digest} ({how})")
    if report.tolerated:
        lines.append(f"  tolerated {', '.join(report.tolerated)}")
    if report.red:
        lines.append(f"  red       {', '.join(report.red)}")
    if report.incomplete:
        lines.append(f"  missing   {', '.join(report.incomplete)}")
    lines += [f"  warning   {shown(warning)}" for warning in report.warnings[:SHOWN]]
    lines += [f"  {_failure(failure)}" for failure in report.failures[:SHOWN]]
    more = len(report.failures) - SHOWN
    if more > 0:
        lines.append(f"  and {more} more in {report.objects}")
    return "\n".join(lines)


def for_xcom(report: Report, *, folder: str) -> dict[str, Any]:
    """The report as JSON that fits an XCom: failures and warnings that don't fit are counted, and stand in its file.
    The review of a dry run's plan is named by its place.

    :param folder: the run's folder in the workspace, which holds `report.json`
    """
    review = None if report.review is None else f"{folder}plan/review.json"
    value = report.to_json() | {"report": f"{folder}report.json", "review": review}
    value["failures"] = [{name: shown(str(text), 120) for name, text in item.items()} for item in value["failures"]]
    value["warnings"] = [shown(text) for text in value["warnings"]]
    first = value["selected_out_first"]
    value["selected_out_first"] = {rule: [shown(key, 80) for key in keys[:1]] for rule, keys in first.items()}
    value["by_hand"] = _short(report.by_hand)
    if report.drift is not None:
        first = {word: [shown(key, 80) for key in keys] for word, keys in report.drift.first.items()}
        value["drift"] = {**report.drift.to_json(), "first": first}
    left_out = 0
    while len(json.dumps(value)) > XCOM_ROOM:
        lists = [name for name in (*_LISTS, *_BLOCKS) if len(value[name]) > 1]
        if not lists:
            break
        longest = max(lists, key=lambda name: len(json.dumps(value[name])))
        left_out += 1
        value[longest] = dict(list(value[longest].items())[:-1]) if longest in _BLOCKS else value[longest][:-1]
    return value | ({"left_out": left_out} if left_out else {})


def _short(by_hand: Mapping[str, Any]) -> dict[str, str]:
    """What was set by hand, as JSON of some characters each."""
    return {name: shown(json.dumps(value, ensure_ascii=False), 120) for name, value in by_hand.items()}


def first_that_fit(value: dict[str, Any]) -> dict[str, Any]:
    """The same with short texts in `first`, and of these as many as an XCom has room for."""
    value["first"] = [
        {name: shown(text, 200) if isinstance(text, str) else text for name, text in item.items()}
        for item in value["first"]
    ]
    while value["first"] and len(json.dumps(value)) > XCOM_ROOM:
        value["first"] = value["first"][:-1]
    return value


def _failure(failure: Mapping[str, Any]) -> str:
    words = [str(failure.get(name, "")) for name in ("status", "reason", "message")]
    key = shown(repr(failure.get("key", "")))
    if "source_key" in failure:
        key = f"{shown(repr(failure['source_key']))} -> {key}"
    return f"{words[0]:<10}{key}: {shown(': '.join(word for word in words[1:] if word))}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {word}" for word, count in counts.items())
