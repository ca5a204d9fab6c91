"""What is wrong in a pairs file, where, and what is there to do? Errors of the models, in words for its author."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from airflow_bucketsync.configuration.options import Options
from airflow_bucketsync.configuration.routes import Line, Routes
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
    "": SyncPart, "options": Options, "dag": DagPart, "routes": Routes,
    "destinations": DestinationPart, "resources": ResourcesPart, "rules": Line,
}  # fmt: skip
_OF_LISTS = ("destinations", "resources", "rules")
EXAMPLE = "s3://conn_id@bucket/prefix/"
_EXAMPLES = {"to": "name of a destination", "source": EXAMPLE, "location": EXAMPLE, "rules": "[{to: …, match: […]}]"}
_ONE_SOURCE = (
    "a sync has one source, `source:`; several folders of it are `options: prefixes`, and several buckets are "
    "several syncs, each with a place of its own at the destination"
)
_INSTEAD = {"sources": _ONE_SOURCE}
NEEDED = ("name", "source", "location", "to", "rules")
_SAME = {
    "src": "source", "from": "source", "origin": "source", "input": "source",
    "dst": "destination", "dest": "destination", "to": "destination", "target": "destination", "output": "destination",
    "cron": "schedule", "interval": "schedule", "schedule_interval": "schedule", "url": "location", "id": "name",
    "queue": "resources", "timeout": "timeouts", "is_paused_upon_creation": "paused", "filter": "include",
    "route": "routes", "routing": "routes",
}  # fmt: skip
_SAME_IN_RULES = {
    "destination": "to", "name": "to", "target": "to", "dest": "to", "dst": "to", "location": "to",
    "include": "match", "glob": "match", "globs": "match", "regex": "match", "pattern": "match", "patterns": "match",
    "extension": "extensions", "key": "match", "prefix": "match",
}  # fmt: skip
_KINDS = {
    "bool_type": "write true or false, without quotes",
    "bool_parsing": "write true or false, without quotes",
    "int_type": "write a whole number, without quotes",
    "int_from_float": "write a whole number",
    "float_type": "write a number, without quotes",
    "string_type": "write a text; put it in quotes if it looks like a number",
    "tuple_type": "write a list: [one, two], or one per line behind `-`",
    "list_type": "write a list: one per line behind `-`",
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
    found = error.errors(include_url=False)
    unknown = [problem["loc"] for problem in found if problem["type"] == "extra_forbidden"]
    meant = {(*steps[:-1], _meant(steps)) for steps in unknown}
    for problem in found:
        steps, kind = problem["loc"], problem["type"]
        if kind == "missing" and steps in meant:
            continue
        if kind == "extra_forbidden":
            yield place_of(node, steps, name=True), _unknown(steps, level)
        elif steps and steps[-1] == "[key]":
            yield place_of(node, steps[:-1], name=True), _no_task(steps)
        else:
            words = _wrong(kind, problem)
            yield place_of(node, _steps_within(steps, words)), _named(steps, words)


def _steps_within(steps: Sequence[int | str], words: str) -> Sequence[int | str]:
    """As far as the words lead: what a run by hand may set is checked as a whole, and named by them."""
    return (*steps, words.partition(":")[0].partition(" ")[0].strip("'")) if steps[-1:] == ("by_hand",) else steps


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


def unknown_name(name: Any, known: Sequence[str], what: str = "is not known here") -> str:
    """That a name is unknown here, with the nearest one that is."""
    said = f"{name!r:.80} {what}: "
    if near := difflib.get_close_matches(str(name).lower(), known, n=1, cutoff=0.6):
        return f"{said}did you mean `{near[0]}`?"
    return f"{said}write one of {', '.join(known)}"


def _meant(steps: Sequence[int | str]) -> str:
    """The name that is needed, where an unknown one may stand for it."""
    name = str(steps[-1]).lower()
    same = _SAME_IN_RULES if "rules" in steps else _SAME
    near = difflib.get_close_matches(name, NEEDED, n=1, cutoff=0.6)
    return same.get(name) or (near[0] if near else name)


def _unknown(steps: Sequence[int | str], level: type[BaseModel]) -> str:
    name, words = steps[-1], [step for step in steps[:-1] if isinstance(step, str) and step not in TASKS]
    here = words[-1] if words else ""
    model = _LEVELS[here] if here else level
    known = list(model.model_fields)
    wanted = (_SAME_IN_RULES if model is Line else _SAME).get(str(name).lower(), str(name))
    said = f"{_path(steps[:-1])}: " * bool(here) + f"{str(name)!r:.80} is not known here: "
    if name in _INSTEAD:
        return f"{said}{_INSTEAD[str(name)]}"
    if wanted in known:
        return f"{said}write `{wanted}`"
    if model is DefaultsPart and name in SyncPart.model_fields:
        return f"{said}it belongs to each sync, not into the defaults"
    for place, other in _LEVELS.items():
        if wanted in other.model_fields and place not in (here, *_OF_LISTS):
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
        return f"is missing: add `{problem['loc'][-1]}: {_EXAMPLES.get(problem['loc'][-1], '…')}`"
    if problem["loc"] == ("source",) and isinstance(value, list):
        return _ONE_SOURCE
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
    if kind == "too_short":
        return "the list is empty: write at least one"
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
