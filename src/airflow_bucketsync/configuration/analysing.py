"""What may be asked of an analysis: by the author of a DAG, and by a run by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow.sdk import Param

from airflow_bucketsync.configuration.by_hand import allowed_location, refuse_regexes
from airflow_bucketsync.configuration.form import form
from airflow_bucketsync.configuration.options import read_options
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.selection import Selection

ANALYSE_OPTIONS = (
    "include", "exclude", "extensions", "recursive", "prefixes", "start_after", "modified_after", "modified_before",
    "min_size", "max_size", "storage_classes",
)  # fmt: skip
"""The options of a sync that choose objects by what a listing tells."""
FIELDS = ("source", *ANALYSE_OPTIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisAsked:
    """An analysis that was asked for, checked."""

    source: Location
    selection: Selection


def read_analysed(given: Mapping[str, Any]) -> Selection:
    """Which objects, as people wrote it.

    :raises InvalidConfiguration: with the name that is wrong, and why
    """
    for name in given:
        if name not in ANALYSE_OPTIONS:
            raise InvalidConfiguration(
                f"{name!r:.80} is no option of an analysis; there are {', '.join(ANALYSE_OPTIONS)}"
            )
    return read_options({name: value for name, value in given.items() if value is not None}).selection()


def read_analysis_configuration(given: Mapping[str, Any], *, allowed: Sequence[Location]) -> AnalysisAsked:
    """The analysis that a run's configuration asks for, checked.

    :param given: the run's parameters, as they came
    :param allowed: locations below which may be looked
    :raises InvalidConfiguration: with the name that is wrong, and why
    :raises InvalidLocation: the source is none
    """
    for name in given:
        if name not in FIELDS:
            raise InvalidConfiguration(f"{name!r:.80} is no field of an analysis; there are {', '.join(FIELDS)}")
    source = allowed_location("source", given.get("source"), allowed)
    refuse_regexes(given, ANALYSE_OPTIONS)
    return AnalysisAsked(
        source=source, selection=read_analysed({name: given[name] for name in ANALYSE_OPTIONS if name in given})
    )


def analysis_form(*, allowed: Sequence[Location]) -> dict[str, Param]:
    """The fields of an analysis by hand.

    :param allowed: proposed as sources
    """
    return form(ANALYSE_OPTIONS, allowed=allowed, sides=("source",))
