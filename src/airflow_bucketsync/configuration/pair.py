"""What does a DAG need to know of one pair: which places, which options, and where its tasks run?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from airflow_bucketsync.configuration.tasks import DEFAULT_RETRIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One source and one destination, as `bucket_sync(pair)` takes them. Checked when it is drawn.

    :param name: names its state and its folder in the workspace
    :param source: location URL, may be a template
    :param destination: location URL, may be a template
    :param options: options of `Selection` and `SyncPolicy` by their names; sizes as numbers or `"50 MiB"`
    :param by_hand: which of these a run by hand may set, by their names, with `"any"` or a block with `at_least`,
        `at_most`, `one_of`; it narrows them and never widens; None = what a run is given is not read
    :param workspace: location of its pages; None = `[bucketsync] workspace`
    :param pool: Airflow pool of the tasks that move or read data
    :param max_active_copies: how many of them run at once per DAG run
    :param retries: tries of each task after the first
    :param timeouts: longest time of one try, by task
    :param resources: where tasks run, by task
    :param asset: name of the asset whose event says that the destination was written to; None = the destination's own
    """

    name: str
    source: str
    destination: str
    options: Mapping[str, Any] = field(default_factory=dict)
    by_hand: Mapping[str, Any] | None = None
    workspace: str | None = None
    pool: str | None = None
    max_active_copies: int | None = None
    retries: int = DEFAULT_RETRIES
    timeouts: Mapping[str, timedelta] = field(default_factory=dict)
    resources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    asset: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DagSettings:
    """What a pairs file says of a DAG, besides its schedule."""

    start_date: datetime | None = None
    timezone: str | None = None
    paused: bool | None = None
    dagrun_timeout: timedelta = timedelta(days=2)
    max_active_tasks: int | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """One entry of a pairs file, checked: one DAG, with a task group for each pair.

    :param pairs: by the id of their task group
    :param schedule: a cron text or preset, names of assets, or None = by hand
    """

    name: str
    pairs: Mapping[str, Pair]
    description: str | None = None
    schedule: str | Sequence[str] | None = None
    dag: DagSettings = field(default_factory=DagSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """An entry of a pairs file that can't become a sync.

    :param problems: each with place and remedy
    :param schedule: what could be read of it, so that somebody is told when the sync should have run
    """

    name: str
    problems: tuple[str, ...]
    schedule: str | Sequence[str] | None = None

    @property
    def message(self) -> str:
        """All problems, one per line."""
        return "\n".join(self.problems)
