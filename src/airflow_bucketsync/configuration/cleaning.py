"""What may be asked of a clean-up: by the author of a DAG, and by a run by hand, which only narrows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from airflow.sdk import Param

from airflow_bucketsync.configuration.by_hand import allowed_location, refuse_regexes
from airflow_bucketsync.configuration.form import LOCATION_FORM, PATTERN_FORM
from airflow_bucketsync.configuration.options import Options, read_options
from airflow_bucketsync.configuration.sweeping import read_age
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.cleaning import CleanLimits, check_rules
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.selection import Selection

SELECTION = ("include", "exclude", "modified_after", "modified_before", "min_size", "max_size", "storage_classes")
"""The options of a sync that are rules of a clean-up."""
RULES = (*SELECTION, "older_than")
FIELDS = ("location", *RULES, "everything", "dry_run", "expected_objects")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Which objects, checked."""

    selection: Selection
    older_than: timedelta | None
    everything: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanAsked:
    """A clean-up that was asked for, checked."""

    location: Location
    rules: Rules
    limits: CleanLimits
    dry_run: bool


def read_rules(given: Mapping[str, Any], *, everything: Any = False) -> Rules:
    """Rules as people wrote them.

    :raises InvalidConfiguration: with the name that is wrong, and why; or there is none, and `everything` is not said
    """
    for name in given:
        if name not in RULES:
            raise InvalidConfiguration(f"{name!r:.80} is no rule of a clean-up; there are {', '.join(RULES)}")
    flag("everything", everything)
    said = {name: value for name, value in given.items() if value is not None}
    age = None if "older_than" not in said else read_age(said.pop("older_than"))
    selection = read_options(said).selection()
    check_rules(selection, older_than=age, everything=everything)
    return Rules(selection=selection, older_than=age, everything=everything)


def flag(name: str, value: Any) -> bool:
    """A truth value, as such.

    :raises InvalidConfiguration: it is something else that could be taken for one
    """
    if not isinstance(value, bool):
        raise InvalidConfiguration(f"{name}: expected true or false, got {value!r:.40}")
    return value


def read_clean_configuration(
    given: Mapping[str, Any], *, allowed: Sequence[Location], limits: CleanLimits, everything: bool
) -> CleanAsked:
    """The clean-up that a run's configuration asks for, checked: a dry run unless it says otherwise.

    A run that deletes repeats the number of objects that a dry run found, so that nobody deletes what nobody has seen.

    :param given: the run's parameters, as they came
    :param allowed: locations below which may be cleaned
    :param limits: what the author set
    :param everything: whether the author lets runs go without any rule
    :raises InvalidConfiguration: with the name that is wrong, and why
    :raises InvalidLocation: the location is none
    """
    for name in given:
        if name not in FIELDS:
            raise InvalidConfiguration(f"{name!r:.80} is no field of a clean-up; there are {', '.join(FIELDS)}")
    location = allowed_location("location", given.get("location"), allowed)
    refuse_regexes(given, RULES)
    all_of_it = flag("everything", given.get("everything", False))
    if all_of_it and not everything:
        raise InvalidConfiguration("everything: this DAG takes objects by rules only; its author can allow it")
    rules = read_rules({name: given[name] for name in RULES if name in given}, everything=all_of_it)
    dry_run = flag("dry_run", given.get("dry_run", True))
    expected = given.get("expected_objects")
    if expected is None and not dry_run:
        raise InvalidConfiguration(
            "expected_objects: run dry first, look at the list, then repeat here how many objects it found"
        )
    return CleanAsked(
        location=location, rules=rules, limits=replace(limits, expected_objects=expected), dry_run=dry_run
    )


def clean_form(*, allowed: Sequence[Location], everything: bool = False) -> dict[str, Param]:
    """The fields of a clean-up by hand.

    :param allowed: proposed as locations
    :param everything: offer to go without any rule
    """
    proposals: dict[str, Any] = {"examples": [location.url for location in allowed]} if allowed else {}
    fields = {
        "location": Param(type="string", minLength=1, title="Location", description_md=LOCATION_FORM, **proposals),
        "older_than": _rule("older_than", ["null", "string"], "Only objects not modified for so long: `30 days`."),
    }
    for name in SELECTION:
        words = Options.model_fields[name].description or ""
        if name in ("include", "exclude"):
            fields[name] = _list(name, f"{words} {PATTERN_FORM}")
        elif name == "storage_classes":
            fields[name] = _list(name, f"{words} One storage class per line.")
        elif name.startswith("modified_"):
            fields[name] = _rule(name, ["null", "string"], words, format="date-time")
        else:
            fields[name] = _rule(name, ["null", "string"], words)
    if everything:
        fields["everything"] = Param(
            False, type="boolean", title="Everything", description_md="Take every object, without any rule."
        )
    return fields | {
        "dry_run": Param(True, type="boolean", title="Dry run", description_md="Only say what would be deleted."),
        "expected_objects": Param(
            None,
            type=["null", "integer"],
            minimum=0,
            title="Expected objects",
            description_md="How many objects the dry run found. Where more are found now, nothing is deleted.",
        ),
    }


def _list(name: str, words: str) -> Param:
    return _rule(name, ["null", "array"], words, items={"type": "string"})


def _rule(name: str, kinds: list[str], words: str, **shape: Any) -> Param:
    title = name.replace("_", " ").capitalize()
    return Param(None, type=kinds, title=title, description_md=words, section="Which objects", **shape)
