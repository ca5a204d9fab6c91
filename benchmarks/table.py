"""How are the figures laid out for people?"""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Figures = Mapping[str, Any]
OURS = "bucketsync"


def rows(figures: Sequence[Figures], task: str) -> list[list[str]]:
    """One line per contender: CPU per 1,000 objects, its ratio to the best peer's, wall, memory, requests."""
    peers = [item["costs"][task]["cpu"] for item in figures if not item["name"].startswith(OURS)]
    best = min(peers) if peers else None
    table = []
    for item in figures:
        cost = item["costs"][task]
        ratio = "" if best is None else f"{cost['cpu'] / best:.2f}"
        memory = cost["memory"] / 2**20
        table.append(
            [
                item["name"],
                f"{cost['cpu'] * 1e6 / item['objects']:,.0f}",
                ratio,
                f"{cost['wall']:.1f}",
                f"{memory:.0f}",
                _requests(cost["requests"]),
            ]
        )
    return table


def _requests(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in Counter(kinds).most_common()) or "none"


HEAD = ["contender", "CPU ms per 1,000 objects", "ratio to the best peer", "wall s", "peak MiB", "requests"]
TASKS = {
    "first": "First run: list, plan, copy everything, verify",
    "second": "Second run: nothing has changed",
}


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(_row(line) for line in (head, ["---"] * len(head), *lines))


def markdown(figures: Sequence[Figures], *, objects: int, large: int) -> str:
    """The whole page of results."""
    lines = [
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}: {objects:,} objects of 8 to 4,104 bytes and one of {large // 2**20} MiB, "
        "bucket to bucket on the strict S3 server of the tests, plain HTTP over loopback, in one run.",
    ]
    for task, title in TASKS.items():
        lines += ["", f"### {title}", "", table(HEAD, rows(figures, task))]
    took_part = [[item["name"], item["version"], item["verifies"], item["arrived"]] for item in figures]
    lines += ["", "### Who took part", "", table(["contender", "version", "its check looks at", "arrived"], took_part)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
