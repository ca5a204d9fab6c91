"""What may be asked of a sweep of the trash: by the author of a DAG, and by a run by hand, which only narrows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow.sdk import Param

from airflow_bucketsync.configuration.by_hand import allowed_location
from airflow_bucketsync.configuration.cleaning import flag
from airflow_bucketsync.configuration.form import LOCATION_FORM
from airflow_bucketsync.configuration.sweeping import read_age
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.trash_sweep import LEAST
from airflow_bucketsync.engine.model.units import format_age

OLDER_THAN = "30 days"
FIELDS = ("location", "older_than", "dry_run")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrashSweepAsked:
    """A sweep of the trash that was asked for, checked."""

    location: Location
    older_than: timedelta
    dry_run: bool


def parse_trash_age(value: timedelta | str) -> timedelta:
    """The age of a trash that may be swept.

    :raises InvalidConfiguration: it is none, or less than a day
    """
    age = read_age(value)
    if age < LEAST:
        raise InvalidConfiguration(f"older_than: {value!s:.40} is less than a day; no trash is swept sooner")
    return age


def read_trash_sweep_configuration(
    given: Mapping[str, Any], *, allowed: Sequence[Location], older_than: timedelta
) -> TrashSweepAsked:
    """The sweep that a run's configuration asks for, checked: a dry run unless it says otherwise.

    :param given: the run's parameters, as they came
    :param allowed: locations below which one may be swept
    :param older_than: the age that the author set; a run may ask for a greater one
    :raises InvalidConfiguration: with the name that is wrong, and why
    :raises InvalidLocation: the location is none
    """
    for name in given:
        if name not in FIELDS:
            raise InvalidConfiguration(f"{name!r:.80} is no field of a sweep; there are {', '.join(FIELDS)}")
    location = allowed_location("location", given.get("location"), allowed)
    age = older_than if given.get("older_than") is None else parse_trash_age(given["older_than"])
    if age < older_than:
        raise InvalidConfiguration(
            f"older_than: a run by hand may not ask for less than the DAG does, "
            f"{format_age(older_than.total_seconds())}"
        )
    return TrashSweepAsked(location=location, older_than=age, dry_run=flag("dry_run", given.get("dry_run", True)))


def trash_sweep_form(*, allowed: Sequence[Location], older_than: str = OLDER_THAN) -> dict[str, Param]:
    """The fields of a sweep by hand.

    :param allowed: proposed as locations
    :param older_than: the least age
    """
    proposals: dict[str, Any] = {"examples": [location.url for location in allowed]} if allowed else {}
    return {
        "location": Param(type="string", minLength=1, title="Location", description_md=LOCATION_FORM, **proposals),
        "older_than": Param(
            older_than,
            type="string",
            title="Older than",
            description_md=f"How long what a run deleted or overwrote is kept: `{older_than}` or more.",
        ),
        "dry_run": Param(
            True, type="boolean", title="Dry run", description_md="Only say what there is, and what would be deleted."
        ),
    }
