"""What does [bucketsync] in Airflow's configuration say? Read when asked, never on import."""

from __future__ import annotations

import os
import re
from dataclasses import replace

from airflow.sdk.configuration import conf

from airflow_bucketsync.configuration.options import OPTION_NAMES, unknown_option
from airflow_bucketsync.engine.errors import InvalidConfiguration, InvalidLocation
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.spec import SyncSpec

SECTION = "bucketsync"
DEFAULT_MANUAL_OPTIONS = ("dry_run", "apply_plan", "max_drift", "include", "exclude", "verify", "compare")
_FAR = frozenset(
    {"CeleryExecutor", "KubernetesExecutor", "CeleryKubernetesExecutor", "EdgeExecutor", "AwsEcsExecutor",
     "AwsBatchExecutor", "AwsLambdaExecutor"}
)  # fmt: skip
"""Executors that run tasks on machines of their own."""
HOW_TO_ALLOW = (
    "set [bucketsync] allowed_locations (AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS) to the locations below which runs by "
    "hand may work, for example 's3://store@incoming/, file:///data/exports/'"
)


def workspace_location() -> Location:
    """Where runs keep their pages.

    :raises InvalidConfiguration: the setting is no location
    """
    url = (conf.get(SECTION, "workspace", fallback=None) or "").strip()
    if not url:
        home = os.path.abspath(os.path.expanduser(os.path.expandvars(os.environ.get("AIRFLOW_HOME", "~/airflow"))))
        url = f"file://{home}/bucketsync/"
    return _location(url, "workspace")


def allowed_locations() -> tuple[Location, ...]:
    """Below which locations runs by hand may work; () = nowhere.

    :raises InvalidConfiguration: an entry is no location
    """
    return tuple(_location(entry, "allowed_locations") for entry in _entries("allowed_locations") or ())


def manual_options() -> tuple[str, ...]:
    """Which options a run by hand may set.

    :raises InvalidConfiguration: an entry is no option
    """
    names = _entries("manual_options")
    if names is None:
        return DEFAULT_MANUAL_OPTIONS
    for name in names:
        if name not in OPTION_NAMES:
            raise InvalidConfiguration(f"{_setting('manual_options')}: {unknown_option(name)}")
    return tuple(dict.fromkeys(names))


def pairs_setting() -> str:
    """The path of the pairs file that is meant where none is named.

    :raises InvalidConfiguration: the setting is empty
    """
    path = (conf.get(SECTION, "pairs", fallback=None) or "").strip()
    if not path:
        raise InvalidConfiguration(f"no pairs file is named: give its path, or set {_setting('pairs')}")
    return path


def within_map_length(spec: SyncSpec) -> SyncSpec:
    """The same sync, mapping over no more batches than Airflow lets one task map over; batches grow instead."""
    longest = conf.getint("core", "max_map_length", fallback=1024)
    if spec.policy.max_batches <= longest:
        return spec
    return replace(spec, policy=replace(spec.policy, max_batches=longest))


def several_machines() -> str:
    """The configured executors that run tasks on several machines, by their names; "" = none is known to."""
    names = [entry.strip() for entry in conf.get("core", "executor", fallback="").split(",")]
    return " and ".join(name for name in (_bare(entry) for entry in names) if name in _FAR)


def _bare(executor: str) -> str:
    """The name of an executor's class: an entry may be `team=alias:path.to.Class`."""
    return re.split(r"[.:=;]", executor)[-1]


def _entries(option: str) -> list[str] | None:
    text = conf.get(SECTION, option, fallback=None)
    if text is None:
        return None
    return [entry.strip() for entry in re.split(r"[,\n]", text) if entry.strip()]


def _location(url: str, option: str) -> Location:
    try:
        return Location.parse(url)
    except InvalidLocation as error:
        raise InvalidConfiguration(f"{_setting(option)}: {error.message}") from None


def _setting(option: str) -> str:
    return f"[{SECTION}] {option} (AIRFLOW__BUCKETSYNC__{option.upper()})"
