"""What may a run by hand ask for? Its configuration is user input: it narrows what was allowed, and never widens it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_bucketsync.configuration.options import OPTION_NAMES, read_options, unknown_option
from airflow_bucketsync.configuration.places import refuse_overlap
from airflow_bucketsync.configuration.section import HOW_TO_ALLOW
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.source_list import ListPlace
from airflow_bucketsync.engine.model.spec import SyncSpec

SIDES = ("source", "destination")
MAX_URL = 2048


def read_run_configuration(given: Mapping[str, Any], *, allowed: Sequence[Location], manual: Sequence[str]) -> SyncSpec:
    """The sync that a run's configuration asks for, checked.

    :param given: the run's parameters, as they came
    :param allowed: locations below which both sides must lie
    :param manual: options that may be set
    :raises InvalidConfiguration: with the name that is wrong, and why
    :raises InvalidLocation: a side that is no location
    """
    for name in given:
        if name not in SIDES and name not in manual:
            raise InvalidConfiguration(_refused(name))
    source, destination = (allowed_location(name, given.get(name), allowed) for name in SIDES)
    if "source_list" in manual and given.get("source_list") is not None:
        allowed_list(given["source_list"], allowed)
    refuse_overlap(source, destination)
    refuse_regexes(given, manual)
    options = read_options({name: given[name] for name in manual if given.get(name) is not None})
    return SyncSpec.of(source, destination, selection=options.selection(), policy=options.policy())


def refuse_regexes(given: Mapping[str, Any], manual: Sequence[str]) -> None:
    """A regular expression can take for ever to match; only the author of a DAG is trusted with one.

    :raises InvalidConfiguration: a pattern is one
    """
    for name in ("include", "exclude"):
        patterns = given.get(name) if name in manual else None
        for pattern in patterns if isinstance(patterns, (list, tuple)) else ():
            if isinstance(pattern, str) and pattern.startswith("regex:"):
                raise InvalidConfiguration(f"{name}: {pattern!r:.80} is no pattern for a run by hand: write globs")


def allowed_location(name: str, url: Any, allowed: Sequence[Location]) -> Location:
    """The location that a run by hand names, if it may.

    :raises InvalidConfiguration: it lies below none of the allowed ones
    :raises InvalidLocation: it is none
    """
    if not isinstance(url, str) or not url:
        found = "an empty text" if url == "" else type(url).__name__
        raise InvalidConfiguration(f"{name}: write a location, such as s3://conn_id@bucket/prefix/, not {found}")
    if len(url) > MAX_URL:
        raise InvalidConfiguration(f"{name}: a location has at most {MAX_URL} characters, this one has {len(url)}")
    location = Location.parse(url)
    if not allowed:
        raise InvalidConfiguration(f"{name}: no location is allowed for runs by hand: {HOW_TO_ALLOW}")
    if not any(location.below(entry) for entry in allowed):
        raise InvalidConfiguration(
            f"{name}: {location.url} lies below none of the allowed locations "
            f"({', '.join(entry.url for entry in allowed)}): {HOW_TO_ALLOW}"
        )
    if location.scheme == "file" and not any(_real(location).below(_real(entry)) for entry in allowed):
        raise InvalidConfiguration(
            f"{name}: a link on the way of {location.url} leads out of the allowed locations: write the folder's real "
            "path, and allow that one"
        )
    return location


def _real(location: Location) -> Location:
    """The folder that a path leads to on this worker."""
    return replace(location, bucket=os.path.realpath(location.bucket)) if location.scheme == "file" else location


def allowed_list(url: Any, allowed: Sequence[Location]) -> None:
    """Refuse a list that lies below none of the allowed locations; the data files of an inventory are part of it.

    :raises InvalidConfiguration: it lies elsewhere
    :raises InvalidLocation: it is no file of a location
    """
    if not isinstance(url, str) or len(url) > MAX_URL:
        raise InvalidConfiguration(f"source_list: write the URL of a file, at most {MAX_URL} characters")
    allowed_location("source_list", ListPlace.parse(url).folder.url, allowed)


def _refused(name: Any) -> str:
    if name in OPTION_NAMES:
        return (
            f"{name!r} may not be set by hand: [bucketsync] manual_options "
            "(AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS) does not name it"
        )
    return unknown_option(name)
