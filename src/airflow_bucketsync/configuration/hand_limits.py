"""Which options may a run by hand set, and within which bounds? As the pair's author writes it: `by_hand`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from airflow_bucketsync.configuration.form import COUNTS, FLAGS, LISTS, NUMBERS, SIZES
from airflow_bucketsync.configuration.hand_rules import RULES, SETTABLE
from airflow_bucketsync.configuration.options import OPTION_NAMES, read_single_options, unknown_option
from airflow_bucketsync.engine.errors import InvalidConfiguration

ANY, NEVER = "any", "never"
WORDS = ("at_least", "at_most", "one_of")
HOW = f"write `{ANY}`, a block with at_least, at_most or one_of, or `{NEVER}`"
_NUMBERS = SIZES | set(COUNTS) | set(NUMBERS)
_NO_LIST = FLAGS | {"tags", "modified_after", "modified_before", "start_after"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a run by hand may give an option, besides what the option's own rule says.

    :param at_least: the least number, inclusive; sizes in bytes; None = any
    :param at_most: the highest one, inclusive
    :param one_of: the values there are, of a list those of its items; None = any
    """

    at_least: Any = None
    at_most: Any = None
    one_of: tuple[Any, ...] | None = None

    def refuses(self, given: Any) -> str | None:
        """Why the author does not allow this value; None = they do."""
        if self.one_of is not None:
            items = given if isinstance(given, tuple) else (given,)
            if [item for item in items if item not in self.one_of]:
                return f"only {', '.join(map(str, self.one_of))} may be set by hand"
        if self.at_least is not None and given < self.at_least:
            return f"only {self.at_least} or more may be set by hand"
        if self.at_most is not None and given > self.at_most:
            return f"only {self.at_most} or less may be set by hand"
        return None


def read_by_hand(given: Any) -> dict[str, Limit]:
    """The options that may be set, each with its bounds, as an author wrote them; `never` takes one away.

    :raises InvalidConfiguration: with the option, what is wrong and what to write
    """
    if not isinstance(given, Mapping):
        raise InvalidConfiguration(f"write a block of options, such as `dry_run: {ANY}`, got {given!r:.80}")
    return {name: _limit(name, value) for name, value in given.items() if _known(name) and value not in (None, NEVER)}


def _known(name: Any) -> bool:
    if name not in OPTION_NAMES:
        raise InvalidConfiguration(unknown_option(name))
    if name not in SETTABLE:
        near = ", ".join(difflib.get_close_matches(name, SETTABLE, n=3, cutoff=0.0))
        raise InvalidConfiguration(f"{name}: is the author's alone and can't be set by hand; nearest is {near}")
    return True


def _limit(name: str, value: Any) -> Limit:
    if value == ANY:
        return Limit()
    if not isinstance(value, Mapping) or not value:
        raise InvalidConfiguration(f"{name}: {HOW}, got {value!r:.80}")
    for word in value:
        if word not in WORDS:
            raise InvalidConfiguration(f"{name}: {word!r:.80} is not known here: write one of {', '.join(WORDS)}")
    ends = {word: _value(name, value[word]) for word in ("at_least", "at_most") if word in value}
    if ends and name not in _NUMBERS:
        raise InvalidConfiguration(f"{name}: {next(iter(ends))} is for numbers and sizes: write `{ANY}`, or one_of")
    if len(ends) == 2 and ends["at_least"] > ends["at_most"]:
        raise InvalidConfiguration(f"{name}: at_least is above at_most, so nothing may be set: change one of them")
    if "one_of" not in value:
        return Limit(**ends)
    if name in _NO_LIST:
        raise InvalidConfiguration(f"{name}: one_of is for words, numbers and lists of them: write `{ANY}`")
    items = value["one_of"]
    if not isinstance(items, (list, tuple)) or not items:
        raise InvalidConfiguration(f"{name}: one_of is a list of values: write [first, second], got {items!r:.80}")
    return Limit(one_of=tuple(_item(name, item) for item in items), **ends)


def _value(name: str, value: Any) -> Any:
    """As an option of this name holds it."""
    found = getattr(read_single_options({name: value}), name)
    if found is None:
        raise InvalidConfiguration(f"{name}: a bound is a value, not null")
    return found


def _item(name: str, value: Any) -> Any:
    return _value(name, [value])[0] if name in LISTS else _value(name, value)


def _checked(value: Any) -> Any:
    try:
        read_by_hand(value)
    except InvalidConfiguration as error:
        raise ValueError(error.message) from None
    return value


def _schema() -> dict[str, Any]:
    one_of = {"type": "array", "minItems": 1}
    number = {"type": ["integer", "number", "string"]}
    shapes = {}
    for name in SETTABLE:
        bounds: dict[str, Any] = {"at_least": number, "at_most": number} if name in _NUMBERS else {}
        bounds |= {} if name in _NO_LIST else {"one_of": one_of}
        block = {"type": "object", "properties": bounds, "additionalProperties": False, "minProperties": 1}
        ways: list[dict[str, Any]] = [{"enum": [ANY, NEVER]}, *([block] if bounds else []), {"type": "null"}]
        shapes[name] = {"anyOf": ways, "description": f"A run by hand: {RULES[name].words}."}
    return {"type": "object", "properties": shapes, "additionalProperties": False}


ByHand = Annotated[dict[str, Any], BeforeValidator(_checked), WithJsonSchema(_schema())]
"""In a pairs file."""
