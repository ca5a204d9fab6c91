"""The flow of a sync as a task group, drawn once.

    prepare -> list[unit] -> plan -+-> copy[batch] ----------------------------------+
                                   |                                                 +-> verify[unit] -> delete_extra
                                   +-> begin_uploads -> upload_parts[group] -> complete_uploads          -> report

Every task returns the list of numbers that the next mapped task needs. `report` is the group's only leaf.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, TaskGroup

from airflow_bucketsync.configuration.hand_limits import read_by_hand
from airflow_bucketsync.configuration.options import read_options
from airflow_bucketsync.configuration.pair import Pair
from airflow_bucketsync.configuration.places import is_template, refuse_overlap
from airflow_bucketsync.configuration.tasks import DEFAULT_RETRIES, TASKS
from airflow_bucketsync.engine.errors import InvalidConfiguration, InvalidLocation
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.operators.base import MAX_RETRY_DELAY, SyncOperator
from airflow_bucketsync.operators.copy import CopyOperator
from airflow_bucketsync.operators.delete import DeleteExtraOperator
from airflow_bucketsync.operators.listing import ListOperator, ListSourceOperator
from airflow_bucketsync.operators.multipart import BeginUploadsOperator, CompleteUploadsOperator, UploadPartsOperator
from airflow_bucketsync.operators.plan import PlanOperator
from airflow_bucketsync.operators.prepare import PrepareByHandOperator, PrepareOperator, PreparingOperator
from airflow_bucketsync.operators.report import ReportOperator
from airflow_bucketsync.operators.verify import VerifyOperator
from airflow_bucketsync.task_groups.named import named_pair
from airflow_bucketsync.task_groups.resources import checked_resources, nearest


def bucket_sync(
    source: str | Pair | None = None,
    destination: str | None = None,
    *,
    pair: str | Pair | None = None,
    pairs_file: str | os.PathLike[str] | None = None,
    listing: ListSourceOperator | None = None,
    group_id: str = "bucket_sync",
    name: str | None = None,
    asset: Asset | None = None,
    workspace: str | None = None,
    pool: str | None = None,
    max_active_copies: int | None = None,
    retries: int | None = None,
    timeouts: Mapping[str, timedelta] | None = None,
    resources: Mapping[str, Mapping[str, Any]] | None = None,
    by_hand: Mapping[str, Any] | None = None,
    **options: Any,
) -> TaskGroup:
    """A task group that brings the destination in step with the source, and verifies what it wrote.

    What stands here is what happens: a run's configuration and params are not read, but for what `by_hand` names.
    A pair comes by name (`bucket_sync("exports")`), by object (`bucket_sync(Pair(…))`), or by the arguments that
    describe it.

    :param source: location URL, such as `s3://conn_id@bucket/prefix/` or `file:///folder/`; may be a template.
        Alone, it is the pair
    :param destination: location URL; may be a template
    :param pair: a pair, or the name of one in a pairs file (`exports`, `exports.second`); beside it stand only
        `listing`, `group_id`, `asset` and `pairs_file`
    :param pairs_file: absolute path of the file that the name is looked up in; None = `[bucketsync] pairs`
    :param listing: the task that lists this source for several syncs; None = the group lists it
    :param group_id: id of the task group; its tasks are `<group_id>.prepare`, …, `<group_id>.report`
    :param name: the pair's name, which names its state and its folder; None = a digest of both locations
    :param asset: the asset whose event says that the destination was written to and verified; None =
        `destination_asset(destination)`
    :param workspace: location of the run's pages, reached by all workers; None = `[bucketsync] workspace`
    :param pool: Airflow pool of the tasks that move or read data (`copy`, `upload_parts`, `verify`)
    :param max_active_copies: how many of them run at once per DAG run; None = as Airflow's settings allow
    :param retries: tries of each task after the first, None = 3; only transient errors use them
    :param timeouts: longest time of one try by task (`{"copy": timedelta(hours=2)}`)
    :param resources: where tasks run, by task (`{"upload_parts": {"queue": "wide", "pool_slots": 2}}`): `pool`,
        `pool_slots`, `queue`, `priority_weight`, `weight_rule`, `executor`, `executor_config`; before `pool`
    :param by_hand: which options a run's parameters may set (`{"dry_run": "any", "max_objects": {"at_most": 1000}}`);
        they narrow what stands here and never widen it, and any other parameter that the DAG has not itself fails the
        run; None = parameters are not read. The DAG's form: `params=by_hand_params(pair)`
    :param options: options of `Selection` and `SyncPolicy` by their names; sizes as numbers or `"50 MiB"`;
        `source_list` may be a template
    :raises InvalidLocation: a URL that is no location
    :raises InvalidConfiguration: an unknown option, a value that does not fit, or sides that overlap
    """
    if destination is None and pair is None:
        source, pair = None, source
    if pair is not None or pairs_file is not None:
        more: dict[str, Any] = {"source": source, "destination": destination, "name": name, "workspace": workspace}
        more |= {"pool": pool, "max_active_copies": max_active_copies, "retries": retries, "timeouts": timeouts}
        more |= {"by_hand": by_hand}
        found = named_pair(pair, pairs_file, {**more, "resources": resources, **options})
        return bucket_sync(
            found.source, found.destination, listing=listing, group_id=group_id, name=found.name,
            asset=asset if asset is not None or found.asset is None else Asset(found.asset),
            workspace=found.workspace, pool=found.pool, max_active_copies=found.max_active_copies,
            retries=found.retries, timeouts=found.timeouts, resources=found.resources, by_hand=found.by_hand,
            **found.options,
        )  # fmt: skip
    if not isinstance(source, str) or not isinstance(destination, str):
        kinds = f"{type(source).__name__} and {type(destination).__name__}"
        raise InvalidLocation(f"source and destination are location URLs, texts, not {kinds}")
    retries = DEFAULT_RETRIES if retries is None else retries
    if read_options(_literals(options)).mode == "until_quiet":
        raise InvalidConfiguration(
            "mode: until_quiet starts its DAG again and again, which somebody's own DAG is not for: run the DAG "
            "`bucket_sync` by hand for a cut-over, and use `auto` here"
        )
    _check_literals(source, destination)
    if by_hand is not None:
        _check_by_hand(by_hand)
    source_list = options.pop("source_list", None)

    if source_list is not None and listing is not None:
        raise InvalidConfiguration("listing: a source_list stands in its place; leave one of them out")

    def prepare(**shared: Any) -> PreparingOperator:
        places = {"source": source, "destination": destination, "source_list": source_list}
        listed = None if listing is None else listing.task_id
        task = PrepareOperator(
            task_id="prepare", name=name, options=options, by_hand=by_hand, listing_task_id=listed, **places, **shared
        )
        if listing is not None:
            listing >> task
        return task

    return _flow(prepare, group_id, asset, workspace, pool, max_active_copies, retries, timeouts, resources)


def bucket_sync_by_hand(
    *,
    group_id: str = "bucket_sync",
    workspace: str | None = None,
    pool: str | None = None,
    max_active_copies: int | None = None,
    retries: int = DEFAULT_RETRIES,
    timeouts: Mapping[str, timedelta] | None = None,
    resources: Mapping[str, Mapping[str, Any]] | None = None,
) -> TaskGroup:
    """The same flow for the pair that a run's configuration names, within `[bucketsync] allowed_locations`."""

    def prepare(**shared: Any) -> PreparingOperator:
        return PrepareByHandOperator(task_id="prepare", **shared)

    return _flow(prepare, group_id, None, workspace, pool, max_active_copies, retries, timeouts, resources)


def _flow(
    make_prepare: Callable[..., PreparingOperator],
    group_id: str,
    asset: Asset | None,
    workspace: str | None,
    pool: str | None,
    max_active_copies: int | None,
    retries: int,
    timeouts: Mapping[str, timedelta] | None,
    resources: Mapping[str, Mapping[str, Any]] | None,
) -> TaskGroup:
    limits = _checked(timeouts or {})
    places = checked_resources(resources, TASKS)

    def shared(task_id: str) -> dict[str, Any]:
        arguments: dict[str, Any] = {"workspace": workspace, "retries": retries, "max_retry_delay": MAX_RETRY_DELAY}
        if task_id in limits:
            arguments["execution_timeout"] = limits[task_id]
        if task_id in ("copy", "upload_parts", "verify"):
            arguments |= {"pool": pool} if pool else {}
            arguments |= {"max_active_tis_per_dagrun": max_active_copies} if max_active_copies else {}
        return {**arguments, **places.get(task_id, {})}

    def mapped(operator: type[SyncOperator], task_id: str, **over: Any) -> Any:
        return operator.partial(task_id=task_id, trigger_rule="all_success", **shared(task_id)).expand(**over)

    def single(operator: type[SyncOperator], task_id: str, trigger_rule: str, **more: Any) -> Any:
        return operator(task_id=task_id, trigger_rule=trigger_rule, **shared(task_id), **more)

    with TaskGroup(group_id, tooltip="Brings a destination in step with its source") as group:
        prepare = make_prepare(trigger_rule="all_success", **shared("prepare"))
        listing = mapped(ListOperator, "list", unit=prepare.output)
        plan = single(PlanOperator, "plan", "none_failed")
        copy = mapped(CopyOperator, "copy", batch=plan.output)
        begin = single(BeginUploadsOperator, "begin_uploads", "all_success")
        parts = mapped(UploadPartsOperator, "upload_parts", group=begin.output)
        complete = single(CompleteUploadsOperator, "complete_uploads", "all_done")
        verify = mapped(VerifyOperator, "verify", unit=complete.output)
        delete = single(DeleteExtraOperator, "delete_extra", "none_failed")
        report = single(ReportOperator, "report", "all_done", asset=asset)
        listing >> plan >> begin
        [plan, copy, begin, parts] >> complete
        [plan, copy, parts, complete, verify] >> delete
        # Every task: behind `delete_extra` alone, it would run while copies still do.
        [prepare, listing, plan, copy, begin, parts, complete, verify, delete] >> report
    return group


def _check_literals(source: Any, destination: Any) -> None:
    """Refuse when the DAG is parsed what is wrong whatever the run; what is a template is checked by `prepare`."""
    places = [Location.parse(url) for url in (source, destination) if not is_template(url)]
    if len(places) == 2:
        refuse_overlap(*places)


def _check_by_hand(by_hand: Mapping[str, Any]) -> None:
    try:
        read_by_hand(by_hand)
    except InvalidConfiguration as error:
        raise InvalidConfiguration(f"by_hand: {error.message}") from None


def _literals(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options, with a plain list in place of one that is a template."""
    template = is_template(options.get("source_list"))
    return {**options, "source_list": "file:///of/a/template.csv"} if template else options


def _checked(timeouts: Mapping[str, timedelta]) -> Mapping[str, timedelta]:
    for task_id, limit in timeouts.items():
        if task_id not in TASKS:
            raise InvalidConfiguration(f"timeouts: {task_id!r} is no task of a sync: {nearest(task_id, TASKS)}")
        if not isinstance(limit, timedelta):
            raise InvalidConfiguration(f"timeouts: {task_id} must be a timedelta, got {limit!r:.40}")
    return timeouts
