"""What does the form of a pair's DAG look like? A field for each option that a run by hand may set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from airflow.sdk import Param

from airflow_bucketsync.configuration.form import CHOICES, COUNTS, FLAGS, LISTS, NUMBERS, SIZES, form
from airflow_bucketsync.configuration.hand_limits import Limit, read_by_hand
from airflow_bucketsync.configuration.hand_rules import RULES
from airflow_bucketsync.configuration.options import OPTION_NAMES, read_single_options
from airflow_bucketsync.configuration.pair import Pair
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.units import KIB, format_size

_ADDED = ("include", "exclude", "tags")
"""What stands in their fields comes on top of the author's."""


def by_hand_params(*pairs: Pair) -> dict[str, Param]:
    """The `params` of a DAG with these pairs: what a run by hand may set, with what holds when it does not.

    Where pairs say different things, a field is empty, and empty is what each pair says. The fields are the first
    gate; what a run asks for is checked by its `prepare`.

    :raises InvalidConfiguration: `by_hand` or an option of a pair is wrong
    """
    limits: dict[str, Limit] = {}
    for pair in pairs:
        limits |= read_by_hand(pair.by_hand or {})
    authors = [_values(pair.options) for pair in pairs]
    fields = dict[str, Param]()
    for name in OPTION_NAMES:
        if name in limits:
            values = [author[name] for author in authors]
            field = _field(name, limits[name], values)
            fields |= {name: field} if field is not None else {}
    return fields


def _values(options: Mapping[str, Any]) -> dict[str, Any]:
    given = read_single_options({name: value for name, value in options.items() if name != "source_list"})
    selection, policy = given.selection(), given.policy()
    return {
        name: getattr(selection if name in Selection.__dataclass_fields__ else policy, name) for name in OPTION_NAMES
    }


def _field(name: str, limit: Limit, authors: Sequence[Any]) -> Param | None:
    """The field; None = there is nothing to choose."""
    author = authors[0] if all(value == authors[0] for value in authors) else None
    schema = dict(form((name,), sides=())[name].schema)
    words = [schema["description_md"], f"By hand: {RULES[name].words}."]
    if name in FLAGS:
        if not any(RULES[name].widens(value, not value) is None for value in authors):
            return None
        if author is None:
            schema["type"] = ["null", "boolean"]
    elif name in CHOICES:
        words = [schema["description_md"]]
        choices = [word for word in schema["enum"] if _may(name, word, limit, authors)]
        if len(choices) < 2 and author is not None:
            return None
        shown = {word: schema["values_display"][word] for word in choices}
        schema |= {"enum": choices, "values_display": shown}
        if author is None:
            schema |= {"type": ["null", "string"], "enum": [None, *choices]}
    elif name in COUNTS or name in NUMBERS:
        schema |= _ends(name, limit, author, schema)
    elif name in LISTS and limit.one_of is not None:
        schema |= {"examples": list(limit.one_of)}
    if name in SIZES:
        schema["type"] = ["null", "string", "integer"]
        words += [f"{word} {format_size(end)}." for word, end in _size_ends(name, limit, author)]
    if name in _ADDED and author:
        written = ", ".join(f"{key}={value}" for key, value in author.items()) if name == "tags" else ", ".join(author)
        words.append(f"The author's: `{written:.500}`.")
    schema["description_md"] = " ".join(words)
    return Param(None if name in _ADDED else _default(name, author), **schema)


def _may(name: str, word: str, limit: Limit, authors: Sequence[Any]) -> bool:
    """Whether every pair takes the word."""
    if word == "until_quiet":
        return False
    if word in authors:
        return all(word == author or RULES[name].widens(author, word) is None for author in authors)
    return limit.refuses(word) is None and all(RULES[name].widens(author, word) is None for author in authors)


def _ends(name: str, limit: Limit, author: Any, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Least and highest number; the author's own always fits."""
    found = {}
    highest = author if author is not None else limit.at_most
    if highest is not None:
        found["maximum"] = highest
    if limit.at_least is not None:
        lowest = limit.at_least if author is None else min(author, limit.at_least)
        found["minimum"] = max(lowest, schema.get("minimum", lowest))
    return found


def _size_ends(name: str, limit: Limit, author: Any) -> list[tuple[str, int]]:
    lowest, highest = limit.at_least, limit.at_most
    if author is not None and name == "min_size":
        lowest = max(author, lowest or 0)
    elif author is not None:
        highest = author if highest is None else min(author, highest)
    return [(word, end) for word, end in (("At least", lowest), ("At most", highest)) if end is not None]


def _default(name: str, author: Any) -> Any:
    """The author's value, as the field holds it."""
    if author is None or author in ((), ""):
        return None
    if isinstance(author, datetime):
        return author.isoformat()
    if name in SIZES:
        return _size_text(author)
    return list(author) if isinstance(author, tuple) else author


def _size_text(size: int) -> str:
    """A size that is read as this very number."""
    for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size and size % KIB**power == 0:
            return f"{size // KIB**power} {unit}"
    return str(size)
