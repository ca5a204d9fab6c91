"""What may be asked of a sweep of open uploads: by the author of a DAG, and by a run by hand, which only narrows it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow.sdk import Param

from airflow_bucketsync.configuration.by_hand import allowed_location
from airflow_bucketsync.configuration.form import LOCATION_FORM
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.sweep import LEAST, Asked
from airflow_bucketsync.engine.model.units import format_age

OLDER_THAN = "7 days"
FIELDS = ("location", "older_than", "whose", "dry_run")
_AGE = re.compile(r"([0-9]{1,6})\s*(minute|hour|day|week)s?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepAsked:
    """A sweep that was asked for, checked."""

    location: Location
    older_than: timedelta
    whose: Asked
    dry_run: bool


def read_age(value: timedelta | str, *, name: str = "older_than") -> timedelta:
    """An age as people write it: `7 days`, `36 hours`, `2 weeks`.

    :raises InvalidConfiguration: it is none
    """
    age = value
    if isinstance(value, str) and (match := _AGE.fullmatch(value.strip().lower())):
        age = timedelta(**{f"{match[2]}s": int(match[1])})
    if not isinstance(age, timedelta):
        raise InvalidConfiguration(f"{name}: {value!r:.40} is no age; write a number with hours, days or weeks")
    return age


def parse_age(value: timedelta | str, *, name: str = "older_than") -> timedelta:
    """The age of an upload that may be swept.

    :raises InvalidConfiguration: it is none, or less than an hour
    """
    age = read_age(value, name=name)
    if age < LEAST:
        raise InvalidConfiguration(f"{name}: {value!s:.40} is less than an hour; younger uploads may be in use")
    return age


def parse_whose(value: Any) -> Asked:
    """Whose uploads may be aborted.

    :raises InvalidConfiguration: neither `ours` nor `all`
    """
    if value == "ours":
        return "ours"
    if value == "all":
        return "all"
    raise InvalidConfiguration(f"whose: expected 'ours' or 'all', got {value!r:.40}")


def read_sweep_configuration(
    given: Mapping[str, Any], *, allowed: Sequence[Location], older_than: timedelta, whose: Asked
) -> SweepAsked:
    """The sweep that a run's configuration asks for, checked: a dry run unless it says otherwise.

    :param given: the run's parameters, as they came
    :param allowed: locations below which one may be swept
    :param older_than: the age that the author set; a run may ask for a greater one
    :param whose: what the author set; a run may ask for less
    :raises InvalidConfiguration: with the name that is wrong, and why
    """
    for name in given:
        if name not in FIELDS:
            raise InvalidConfiguration(f"{name!r:.80} is no field of a sweep; there are {', '.join(FIELDS)}")
    location = allowed_location("location", given.get("location"), allowed)
    asked_age = older_than if given.get("older_than") is None else parse_age(given["older_than"])
    if asked_age < older_than:
        raise InvalidConfiguration(
            f"older_than: a run by hand may not ask for less than the DAG does, "
            f"{format_age(older_than.total_seconds())}"
        )
    asked = parse_whose("ours" if given.get("whose") is None else given["whose"])
    if asked == "all" and whose != "all":
        raise InvalidConfiguration(
            "whose: this DAG aborts only what the journals of this workspace name; its author can give it whose='all'"
        )
    dry_run = given.get("dry_run", True)
    if not isinstance(dry_run, bool):
        raise InvalidConfiguration(f"dry_run: expected true or false, got {dry_run!r:.40}")
    return SweepAsked(location=location, older_than=asked_age, whose=asked, dry_run=dry_run)


def sweep_form(*, allowed: Sequence[Location], older_than: str = OLDER_THAN, whose: Asked = "ours") -> dict[str, Param]:
    """The fields of a sweep by hand.

    :param allowed: proposed as locations
    :param older_than: the least age
    :param whose: strangers' uploads can only be chosen where this is `all`
    """
    proposals: dict[str, Any] = {"examples": [location.url for location in allowed]} if allowed else {}
    fields = {
        "location": Param(type="string", minLength=1, title="Location", description_md=LOCATION_FORM, **proposals),
        "older_than": Param(
            older_than,
            type="string",
            title="Older than",
            description_md=f"How long nothing may have been seen of an upload: `{older_than}` or more.",
        ),
        "dry_run": Param(
            True, type="boolean", title="Dry run", description_md="Only say what there is, and what would be aborted."
        ),
    }
    if whose == "all":
        choices = {"ours": "ours: what this workspace's runs began", "all": "all: strangers' too"}
        fields["whose"] = Param(
            "ours",
            type="string",
            enum=list(choices),
            values_display=choices,
            title="Whose",
            description_md="Which uploads may be aborted. All are listed.",
        )
    return fields
