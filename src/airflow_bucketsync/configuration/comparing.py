"""What may be asked of a comparison, by the author of a DAG and by a run by hand, and what does its form look like?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow.sdk import Param

from airflow_bucketsync.configuration.by_hand import read_run_configuration
from airflow_bucketsync.configuration.cleaning import flag
from airflow_bucketsync.configuration.form import form
from airflow_bucketsync.configuration.options import OPTION_NAMES
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.spec import SyncSpec

COMPARE_OPTIONS: tuple[str, ...] = (
    *Selection.__dataclass_fields__, "verify", "preserve", "storage_class", "storage_class_map", "on_collision",
    "on_missing", "folder_markers", "follow_links", "symlink_objects", "concurrency", "buffer_size", "bandwidth",
    "requests_per_second",
)  # fmt: skip
"""Options of a sync that mean something where nothing is copied."""

FAIL_ON_EXTRA = "fail_on_extra"
"""The field that is no option of a sync."""
LEVELS = {
    "listing": "listing: names and sizes",
    "metadata": "metadata: checksums, metadata and tags too",
    "content": "content: both bodies of every object are read",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonAsked:
    """A comparison that was asked for, checked."""

    spec: SyncSpec
    fail_on_extra: bool


def read_comparison_configuration(
    given: Mapping[str, Any], *, allowed: Sequence[Location], manual: Sequence[str]
) -> ComparisonAsked:
    """The comparison that a run's configuration asks for, checked.

    :param given: the run's parameters, as they came
    :param allowed: locations below which both sides must lie
    :param manual: options of a sync that may be set; those that mean nothing here may not
    :raises InvalidConfiguration: with the name that is wrong, and why
    :raises InvalidLocation: a side that is no location
    """
    offered = offered_options(manual)
    for name in given:
        if name in OPTION_NAMES and name not in COMPARE_OPTIONS:
            fields = ", ".join(("source", "destination", *offered, FAIL_ON_EXTRA))
            raise InvalidConfiguration(f"{name!r} means nothing where two places are compared; there are {fields}")
    rest = {name: value for name, value in given.items() if name != FAIL_ON_EXTRA}
    return ComparisonAsked(
        spec=read_run_configuration(rest, allowed=allowed, manual=offered),
        fail_on_extra=flag(FAIL_ON_EXTRA, given.get(FAIL_ON_EXTRA, False)),
    )


def compare_form(*, manual: Sequence[str], allowed: Sequence[Location] = ()) -> dict[str, Param]:
    """The fields of a comparison by hand.

    :param manual: options of a sync that a run may set; those that mean something here are offered
    :param allowed: proposed as locations
    """
    fields = form(offered_options(manual), allowed=allowed)
    if "verify" in fields:
        fields["verify"] = Param(
            SyncPolicy.__dataclass_fields__["verify"].default,
            type="string",
            enum=list(LEVELS),
            values_display=LEVELS,
            title="Verify",
            section="How",
            description_md="How deep the two sides are looked at.",
        )
    fields[FAIL_ON_EXTRA] = Param(
        False,
        type="boolean",
        title="Fail on extra",
        section="How",
        description_md="Objects that only the destination has make the run red too.",
    )
    return fields


def offered_options(manual: Sequence[str]) -> tuple[str, ...]:
    """Of the options that a run may set, those that mean something here."""
    return tuple(name for name in manual if name in COMPARE_OPTIONS)
