"""What does a person see of a run in the terminal?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from tests.system.airflow import Airflow
from tests.system.processes import NotReady

FINISHED = {"success", "failed"}
SHORT = {"success": "done", "none": "waiting", "upstream_failed": "not reached"}


def step(words: str) -> None:
    """A line that says what happens now."""
    print(f"\n== {words}", flush=True)


def line(words: str) -> None:
    """A line of detail."""
    print(f"   {words}", flush=True)


def _progress(tasks: list[dict[str, Any]]) -> str:
    """States per task, in the order of the flow; what has not begun is left out."""
    states: dict[str, Counter[str]] = {}
    for task in sorted(tasks, key=lambda task: task["start_date"] or "~"):
        name = task["task_id"].rpartition(".")[2]
        states.setdefault(name, Counter())[task["state"] or "none"] += 1
    words = []
    for name, counts in states.items():
        shown = {state: count for state, count in counts.items() if state not in ("none", "skipped")}
        if shown:
            words.append(f"{name} " + ", ".join(_counted(SHORT.get(s, s), c, counts.total()) for s, c in shown.items()))
    return " | ".join(words)


def _counted(state: str, count: int, total: int) -> str:
    return state if total == 1 else f"{count}/{total} {state}"


def follow(airflow: Airflow, dag: str, run: str, seconds: float = 300.0) -> tuple[str, list[dict[str, Any]]]:
    """Show a run until it ends, a line for each change; returns its state and its task instances.

    :raises NotReady: it did not end in time
    """
    began, last = time.monotonic(), ""
    path = f"/api/v2/dags/{dag}/dagRuns/{quote(run)}"
    while time.monotonic() - began < seconds:
        state = airflow.get(path)["state"]
        tasks = airflow.get(f"{path}/taskInstances?limit=500")["task_instances"]
        now = _progress(tasks)
        if now != last:
            line(f"{time.monotonic() - began:5.1f} s  {now}")
            last = now
        if state in FINISHED:
            return state, tasks
        time.sleep(1)
    raise NotReady(f"run {run} of {dag} did not end within {seconds:.0f} s; its logs are in {airflow.home / 'logs'}")


def summary(report: Mapping[str, Any]) -> None:
    """The report of a run, for people."""
    counts = ", ".join(f"{count} {word}" for word, count in report["counts"].items()) or "nothing"
    line(f"{'green' if report['green'] else 'RED'}: {counts}; {report['bytes']:,} bytes in {report['seconds']:.1f} s")
    line(f"verified: {'yes' if report['verified'] else 'no'} (level {report['verify']})")
    for side, kinds in report["requests"].items():
        line(f"requests to the {side}: " + (", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "none"))
    for warning in report["warnings"]:
        line(f"warning: {warning}")
    for failure in report["failures"]:
        line(f"{failure}")


class Checks:
    """What the demo claims, each shown as it is found true or not."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def that(self, holds: bool, words: str) -> None:
        """Show one claim."""
        line(f"{'[ok]    ' if holds else '[FAILED]'} {words}")
        if not holds:
            self.failed.append(words)
