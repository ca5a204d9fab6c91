"""Which DAGs does a pairs file stand for? One per sync; a broken entry becomes a DAG that says what is wrong."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Asset, get_parsing_context

from airflow_bucketsync.assets import destination_asset
from airflow_bucketsync.configuration.pair import Broken, DagSettings, Sync
from airflow_bucketsync.configuration.pair_form import by_hand_params
from airflow_bucketsync.configuration.pairs_file import PairsFile, read_pairs_file
from airflow_bucketsync.configuration.section import pairs_setting
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.operators.broken import BrokenSyncOperator
from airflow_bucketsync.operators.listing import ListSourceOperator
from airflow_bucketsync.task_groups.sync import bucket_sync

PREFIX = "bucket_sync__"
OWN = (
    "dag_id", "dag_display_name", "schedule", "description", "doc_md", "catchup", "max_active_runs", "start_date",
    "auto_register", "render_template_as_native_obj",
)  # fmt: skip
"""Arguments of a DAG that the file decides."""

LISTS_OTHERWISE = ("source_list", "follow_links", "symlink_objects")
"""Options by which destinations of one source may each need a listing of their own."""

_LONG_AGO = datetime(2020, 1, 1)
_LOG = logging.getLogger(__name__)


def load_pairs(path: str | os.PathLike[str] | None = None, **dag_arguments: Any) -> dict[str, DAG]:
    """The DAGs of a pairs file, `bucket_sync__<name>` each, registered as those of the DAG file that calls this.

    An entry that is broken becomes a DAG whose one task fails with what is wrong and what to do; the others are as they
    would be without it. A task that reads its DAG file again builds its own DAG only.

    :param path: absolute path of the file; None = `[bucketsync] pairs`
    :param dag_arguments: for every DAG, what YAML can't say: `on_failure_callback`, `deadline`, `access_control`, …
    :raises InvalidConfiguration: the file is no YAML, or what all entries share is wrong; with file, line and remedy
    """
    for name in dag_arguments:
        if name in OWN:
            raise InvalidConfiguration(f"{name}: is what the pairs file says of each sync: write it there")
    DAG(PREFIX, auto_register=False, **dag_arguments)  # what is wrong for all is the DAG file's own error
    file = read_pairs_file(pairs_setting() if path is None else path)
    wanted = get_parsing_context().dag_id
    names = [name for name in file.entries if wanted in (None, PREFIX + name)]
    return {PREFIX + name: _registered(_dag(file, name, dag_arguments)) for name in names}


def _dag(file: PairsFile, name: str, more: Mapping[str, Any]) -> DAG:
    found = file.sync(name)
    if isinstance(found, Sync):
        try:
            return _sync_dag(found, file.file, more)
        except Exception as error:  # whatever it is, it must not take the other DAGs along
            place = file.entries[name][0].place
            found = Broken(
                name=name, problems=(f"{file.file}, {place}: {type(error).__name__}: {error}",), schedule=found.schedule
            )
    _LOG.error("%s%s is broken: %s", PREFIX, name, found.message)
    return _broken_dag(found, file.file, more)


def _sync_dag(sync: Sync, file: str, more: Mapping[str, Any]) -> DAG:
    settings = sync.dag
    arguments = {
        "is_paused_upon_creation": settings.paused,
        "dagrun_timeout": settings.dagrun_timeout,
        **({"max_active_tasks": settings.max_active_tasks} if settings.max_active_tasks else {}),
        **({"default_args": {"owner": settings.owner}} if settings.owner else {}),
        **more,
    }
    with DAG(
        PREFIX + sync.name,
        description=sync.description or _ways(sync),
        doc_md=f"{sync.description or ''}\n\n{_ways(sync)}\n\nFrom the entry `{sync.name}` of `{file}`.",
        schedule=_timetable(sync.schedule),
        start_date=_start(settings),
        catchup=False,  # the next run brings everything along
        max_active_runs=1,  # no two runs of one pair at once
        render_template_as_native_obj=False,
        params={**more.get("params", {}), **by_hand_params(*sync.pairs.values())},
        tags=["bucketsync", *settings.tags, *more.get("tags", ())],
        auto_register=False,
        **{name: value for name, value in arguments.items() if name not in ("tags", "params")},
    ) as dag:
        listing = _listing(sync)
        for group_id, pair in sync.pairs.items():
            # The whole DAG is the file's: what a run is given and nobody reads would be a mistake that nobody sees.
            bucket_sync(replace(pair, by_hand=pair.by_hand or {}), group_id=group_id, listing=listing)
    return dag


def _listing(sync: Sync) -> ListSourceOperator | None:
    """The task that lists the source for all destinations; None = there is one, or they list otherwise."""
    pairs = tuple(sync.pairs.values())
    ways = [tuple(pair.options.get(name) for name in LISTS_OTHERWISE) for pair in pairs]
    if len(pairs) == 1 or len(set(ways)) > 1 or ways[0][0] is not None:
        return None
    first = pairs[0]
    options = dict(first.options)
    if any(pair.options.get("prefixes") != options.get("prefixes") for pair in pairs):
        options.pop("prefixes", None)
    return ListSourceOperator(
        task_id="list_source", source=first.source, name=sync.name, options=options, workspace=first.workspace,
        retries=first.retries, **({"execution_timeout": first.timeouts["list"]} if "list" in first.timeouts else {}),
        **first.resources.get("list", {}),
    )  # fmt: skip


def _broken_dag(broken: Broken, file: str, more: Mapping[str, Any]) -> DAG:
    with DAG(
        PREFIX + broken.name,
        dag_display_name=f"{PREFIX}{broken.name} (broken)",
        description=broken.problems[0][:500],
        doc_md=f"The entry `{broken.name}` of `{file}` can't become a sync:\n\n```\n{broken.message}\n```",
        schedule=_timetable(broken.schedule),
        start_date=_start(DagSettings()),
        catchup=False,
        max_active_runs=1,
        tags=["bucketsync", "broken"],
        auto_register=False,
        **{name: value for name, value in more.items() if name != "tags"},
    ) as dag:
        BrokenSyncOperator(task_id="broken", message=broken.message)
    return dag


def _registered(dag: DAG) -> DAG:
    """The DAG, found by Airflow also where the caller keeps nothing; only now, when nothing can fail any more."""
    dag.auto_register = True
    with dag:
        pass
    return dag


def _timetable(schedule: str | Sequence[str] | None) -> Any:
    if schedule is None or isinstance(schedule, str):
        return schedule
    return [destination_asset(name) if "://" in name else Asset(name) for name in schedule]


def _start(settings: DagSettings) -> datetime:
    """When runs by the clock may begin; its zone is that of the cron text."""
    zone = ZoneInfo(settings.timezone or "UTC")
    start = settings.start_date or _LONG_AGO
    return start.replace(tzinfo=zone) if start.tzinfo is None else start.astimezone(zone)


def _ways(sync: Sync) -> str:
    return "; ".join(f"{pair.source} to {pair.destination}" for pair in sync.pairs.values())
