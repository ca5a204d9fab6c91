"""What is wrong in a pairs file, where, and what is there to do? Errors of the models, in words for its author."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from airflow_bucketsync.configuration.options import Options
from airflow_bucketsync.configuration.sync_model import (
    DagPart,
    DefaultsPart,
    DestinationPart,
    PairsPart,
    ResourcesPart,
    SyncPart,
)
from airflow_bucketsync.configuration.tasks import TASKS
from airflow_bucketsync.configuration.yaml_tree import Block, Items, Node, Place

_LEVELS: Mapping[str, type[BaseModel]] = {
    "": SyncPart, "options": Options, "dag": DagPart, "destinations": DestinationPart, "resources": ResourcesPart,
}  # fmt: skip
_SAME = {
    "src": "source", "from": "source", "origin": "source", "input": "source",
    "dst": "destination", "dest": "destination", "to": "destination", "target": "destination", "output": "destination",
    "cron": "schedule", "interval": "schedule", "schedule_interval": "schedule", "url": "location", "id": "name",
    "queue": "resources", "timeout": "timeouts", "is_paused_upon_creation": "paused", "filter": "include",
}  # fmt: skip
_KINDS = {
    "bool_type": "write true or false, without quotes",
    "bool_parsing": "write true or false, without quotes",
    "int_type": "write a whole number, without quotes",
    "int_from_float": "write a whole number",
    "float_type": "write a number, without quotes",
    "string_type": "write a text; put it in quotes if it looks like a number",
    "tuple_type": "write a list: [one, two], or one per line behind `-`",
    "dict_type": "write a block: `name: value`, one per line",
    "model_type": "write a block: `name: value`, one per line",
    "model_attributes_type": "write a block: `name: value`, one per line",
    "string_too_short": "write something, or remove the line",
}


def problems(error: ValidationError, node: Node, *, level: type[BaseModel] = SyncPart) -> Iterator[tuple[Place, str]]:
    """Each error with the place it stands at.

    :param node: what was checked
    :param level: the model that it was checked with
    """
    for problem in error.errors(include_url=False):
        steps, kind = problem["loc"], problem["type"]
        if kind == "extra_forbidden":
            yield place_of(node, steps, name=True), _unknown(steps, level)
        elif steps and steps[-1] == "[key]":
            yield place_of(node, steps[:-1], name=True), _no_task(steps)
        else:
            yield place_of(node, steps), _named(steps, _wrong(kind, problem))


def place_of(node: Node, steps: Sequence[int | str], *, name: bool = False) -> Place:
    """Where a value stands, or its name; as far as the way there exists."""
    place = node.place
    for step in steps:
        if isinstance(node, Block) and str(step) in node.values:
            place, node = node.names[str(step)], node.values[str(step)]
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.values):
            node = node.values[step]
            place = node.place
        else:
            return place
    return place if name else node.place


def unknown_name(name: Any, known: Sequence[str]) -> str:
    """That a name is unknown here, with the nearest one that is."""
    said = f"{name!r:.80} is not known here: "
    if near := difflib.get_close_matches(str(name).lower(), known, n=1, cutoff=0.6):
        return f"{said}did you mean `{near[0]}`?"
    return f"{said}write one of {', '.join(known)}"


def _unknown(steps: Sequence[int | str], level: type[BaseModel]) -> str:
    name, words = steps[-1], [step for step in steps[:-1] if isinstance(step, str) and step not in TASKS]
    here = words[-1] if words else ""
    model = _LEVELS[here] if here else level
    known = list(model.model_fields)
    wanted = _SAME.get(str(name).lower(), str(name))
    said = f"{_path(steps[:-1])}: " * bool(here) + f"{str(name)!r:.80} is not known here: "
    if wanted in known:
        return f"{said}write `{wanted}`"
    if model is DefaultsPart and name in SyncPart.model_fields:
        return f"{said}it belongs to each sync, not into the defaults"
    for place, other in _LEVELS.items():
        if wanted in other.model_fields and place not in (here, "destinations", "resources"):
            where = f"below `{place}:`" if place else "beside `name:` of the sync"
            return f"{said}write {'it' if wanted == name else f'`{wanted}`'} {where}"
    if near := difflib.get_close_matches(wanted.lower(), known, n=1, cutoff=0.6):
        return f"{said}did you mean `{near[0]}`?"
    if not here and (option := difflib.get_close_matches(wanted, list(Options.model_fields), 1, 0.75)):
        return f"{said}did you mean `{option[0]}`, below `options:`?"
    if model is Options:
        return f"{said}no option of a sync is called so, nor nearly; docs/options.md has them all"
    return f"{said}write one of {', '.join(known)}"


def _no_task(steps: Sequence[int | str]) -> str:
    return (
        f"{steps[0]}: {str(steps[-2])!r:.80} is no task of a sync: " + unknown_name(steps[-2], TASKS).partition(": ")[2]
    )


def _wrong(kind: str, problem: Any) -> str:
    value = problem["input"]
    if kind == "value_error":
        return str(problem["msg"]).removeprefix("Value error, ")
    if kind == "missing":
        return f"is missing: add `{problem['loc'][-1]}: …`"
    got = f", got {_shown(value)}"
    if kind == "string_pattern_mismatch":
        return f"write letters, digits, `_` and `-`, not beginning with `-`, 120 at most{got}"
    if kind == "literal_error":
        words = [word.strip("'") for word in str(problem["ctx"]["expected"]).replace(" or ", ", ").split(", ")]
        near = difflib.get_close_matches(str(value).lower(), words, n=1, cutoff=0.6)
        return f"write one of {', '.join(words)}{got}" + (f"; did you mean {near[0]}?" if near else "")
    if kind in ("greater_than_equal", "less_than_equal"):
        ((bound, number),) = problem["ctx"].items()
        return f"write {number} or {'more' if bound == 'ge' else 'less'}{got}"
    if kind in ("string_too_long", "too_long"):
        return f"is too long: {problem['ctx']['max_length']} at most"
    if kind in _KINDS:
        return f"{_KINDS[kind]}{got}"
    return f"{problem['msg']}{got}"


def _named(steps: Sequence[int | str], words: str) -> str:
    path = _path(steps)
    return f"{path}: {words}" if path and not words.startswith("is missing") else f"{path} {words}".lstrip()


def _path(steps: Sequence[int | str]) -> str:
    """Names only: lines tell entries of a list apart."""
    return ".".join(step for step in steps if isinstance(step, str) and "[" not in step and "-" not in step)


def _shown(value: Any) -> str:
    """A value as a message may show it: what a block or a long text holds could be a secret."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a block"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if len(repr(value)) <= 60 else "a long text"


NAMES_OF_FILE = tuple(PairsPart.model_fields)
