"""What may stand in a pairs file? The models that check it; its JSON Schema is made from them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from airflow.sdk import CronTriggerTimetable
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowTimetableInvalid
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from airflow_bucketsync.configuration.durations import read_duration
from airflow_bucketsync.configuration.hand_limits import ByHand
from airflow_bucketsync.configuration.options import Options
from airflow_bucketsync.configuration.places import is_template
from airflow_bucketsync.configuration.routes import Routes
from airflow_bucketsync.configuration.tasks import TaskName
from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.location import Location

PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly", "@continuous", "@once")
SYNC_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,119}$")
T = TypeVar("T")


def _location(value: Any) -> Any:
    if isinstance(value, str):
        if "${" in value or re.search(r"\$[A-Z]", value):
            raise ValueError(
                f"{value!r:.80} names a variable of the environment, which is not read here: what differs between "
                "environments belongs into the connection, or into a template such as {{ var.value.bucket }}"
            )
        if not is_template(value):
            Location.parse(value)
    return value


def _schedule(value: Any) -> Any:
    if isinstance(value, list):
        if not value or not all(isinstance(name, str) and name for name in value):
            raise ValueError("write a list of names of assets: [exports_backed_up]")
        for name in value:
            if "://" in name:
                Location.parse(name)
        return tuple(value)
    if value is not None and not isinstance(value, str):
        raise ValueError('write a cron text in quotes ("7 * * * *"), a preset, a list of assets, or null = by hand')
    if isinstance(value, str) and value not in PRESETS and not _is_cron(value):
        raise ValueError(
            f'{value!r:.60} is no cron text: write five fields ("7 * * * *"), one of {", ".join(PRESETS)}, '
            "a list of assets [exports_backed_up], or null = by hand"
        )
    return value


@lru_cache(maxsize=1024)
def _is_cron(text: str) -> bool:
    try:
        CronTriggerTimetable(text, timezone="UTC").validate()
    except AirflowTimetableInvalid:
        return False
    return True


def _executor(value: Any) -> Any:
    """Refused here: Airflow would refuse it for the whole file."""
    configured = (conf.get("core", "executor", fallback="") or "").strip()
    known = {name for token in re.split(r"[,;=:\s]+", configured) for name in (token, token.rpartition(".")[2]) if name}
    if isinstance(value, str) and value not in known and value.rpartition(".")[2] not in known:
        raise ValueError(f"{value!r:.60} is not configured: write one of [core] executor, {', '.join(sorted(known))}")
    return value


def _time(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError(f"{value!r:.60} is no time: write 2026-01-31 or 2026-01-31T12:00:00")


def _timezone(value: Any) -> Any:
    if isinstance(value, str):
        try:
            ZoneInfo(value)
        except (ValueError, OSError, LookupError):
            raise ValueError(f"{value!r:.60} is no time zone: write its name, such as Europe/Zurich") from None
    return value


def _texts(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _made(value: Any) -> Any:
    if value is not None:
        raise ValueError("a table makes it: write `routes:` beside `destinations:`, and remove this line")
    return value


def _checked(check: Callable[[Any], T]) -> Callable[[Any], T]:
    """The check with errors of ours as pydantic takes them."""

    def checked(value: Any) -> T:
        try:
            return check(value)
        except BucketsyncError as error:
            raise ValueError(error.message) from None

    return checked


Name = Annotated[str, Field(min_length=1, max_length=250)]
SyncName = Annotated[str, Field(pattern=SYNC_NAME.pattern)]
LocationText = Annotated[str, Field(min_length=1, max_length=2048), BeforeValidator(_checked(_location))]
Duration = Annotated[timedelta, BeforeValidator(_checked(read_duration), json_schema_input_type=str)]
Schedule = Annotated[str | tuple[str, ...] | None, BeforeValidator(_checked(_schedule))]
Start = Annotated[datetime, BeforeValidator(_time, json_schema_input_type=str)]
Zone = Annotated[Name, BeforeValidator(_timezone)]
Tags = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], BeforeValidator(_texts)]
WeightRule = Literal["downstream", "upstream", "absolute"]
Positive = Annotated[int, Field(ge=1)]


class Part(BaseModel):
    """A block of a pairs file: names that it does not know are refused, and nothing is converted.

    Built when it is first used, which is none but `SyncPart` and `DefaultsPart` while a DAG file is read.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class FileOptions(Options):
    """Every option of a sync, but for what `routes:` makes."""

    routed: SkipJsonSchema[Annotated[None, BeforeValidator(_made)]] = Field(None, description="Made of `routes`.")


class ResourcesPart(Part):
    """Where one task runs; each an argument of Airflow's operators."""

    pool: Name | None = Field(None, description="Airflow pool.")
    pool_slots: Positive | None = Field(None, description="Slots of the pool that one task takes.")
    queue: Name | None = Field(None, description="Queue of the executor.")
    priority_weight: int | None = Field(None, description="Which task goes first in a pool.")
    weight_rule: WeightRule | None = Field(None, description="How the weights of later tasks add up.")
    executor: Annotated[Name, BeforeValidator(_executor)] | None = Field(None, description="Executor by its alias.")
    executor_config: dict[str, Any] | None = Field(None, description="What the executor is told of the task.")


class DagPart(Part):
    """What is said of the DAG besides its schedule."""

    start_date: Start | None = Field(None, description="Runs by the clock begin after it: `2026-01-31`.")
    timezone: Zone | None = Field(None, description="Zone of the cron text: `Europe/Zurich`. Empty = UTC.")
    paused: bool | None = Field(None, description="Whether a new DAG is paused. Empty = as Airflow is configured.")
    dagrun_timeout: Duration | None = Field(None, description="After which a run has failed. Empty = `2 days`.")
    max_active_tasks: Positive | None = Field(None, description="Tasks of the DAG that run at once.")
    owner: Name | None = Field(None, description="Owner of its tasks.")
    tags: Tags | None = Field(None, description="Tags in the list of DAGs, besides `bucketsync`.")


class DestinationPart(Part):
    """One of several destinations, with a task group of its own."""

    name: SyncName = Field(description="Names its task group, and its pair as `sync.destination`.")
    location: LocationText = Field(description="Where to: `scheme://conn_id@bucket/prefix/` or `file:///folder/`.")
    options: FileOptions | None = Field(None, description="Options of this destination, over those of the sync.")
    asset: Name | None = Field(None, description="Name of the asset that has an event when it was written to.")


class DefaultsPart(Part):
    """What is said of all syncs that don't say otherwise."""

    schedule: Schedule = Field(
        None, description="Cron text or preset, names of assets as a list, or null = by hand (the default)."
    )
    options: FileOptions | None = Field(None, description="Which objects, and how: every option of a sync.")
    by_hand: ByHand | None = Field(None, description="Which options a run by hand may set, and within which bounds.")
    workspace: LocationText | None = Field(None, description="Where its pages are. Empty = `[bucketsync] workspace`.")
    pool: Name | None = Field(None, description="Airflow pool of the tasks that move or read data.")
    max_active_copies: Positive | None = Field(None, description="How many of them run at once per DAG run.")
    retries: Annotated[int, Field(ge=0, le=100)] | None = Field(
        None, description="Tries of each task after the first. Empty = 3."
    )
    timeouts: dict[TaskName, Duration] | None = Field(None, description="Longest time of one try, by task.")
    resources: dict[TaskName, ResourcesPart] | None = Field(None, description="Where tasks run, by task.")
    dag: DagPart | None = Field(None, description="The DAG.")


class SyncPart(DefaultsPart):
    """One sync: one DAG, `bucket_sync__<name>`."""

    name: SyncName = Field(description="Names the DAG, the state and the folder; letters, digits, `_` and `-`.")
    description: Annotated[str, Field(max_length=1000)] | None = Field(None, description="For people.")
    source: LocationText = Field(description="Where from; may be a template.")
    destination: LocationText | None = Field(None, description="Where to; may be a template.")
    destinations: Annotated[tuple[DestinationPart, ...], BeforeValidator(_texts)] | None = Field(
        None, description="Several destinations, each with a task group of its own."
    )
    routes: Routes | None = Field(None, description="Which object goes to which of `destinations`. Empty = all to all.")
    asset: Name | None = Field(
        None, description="Name of the asset that has an event when the destination was written to and verified."
    )


class PairsPart(Part):
    """A pairs file."""

    defaults: DefaultsPart | None = Field(None, description="What is said of all syncs that don't say otherwise.")
    syncs: Annotated[tuple[SyncPart, ...], BeforeValidator(_texts)] = Field(description="One DAG each.")
