"""How do people write the value of an option, and what is a value of its kind?"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, InstanceOf, WithJsonSchema

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.key_mapping import KeyMapping
from airflow_bucketsync.engine.model.outcome import Status
from airflow_bucketsync.engine.model.prefixes import MAX_PREFIXES
from airflow_bucketsync.engine.model.preserve import Preserved
from airflow_bucketsync.engine.model.routing import Routed
from airflow_bucketsync.engine.model.units import parse_size

MAX_PATTERNS = 1000
MAX_PATTERN = 1024
NAMES_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "enum": ["keep", "flatten"]},
        *(
            {"type": "object", "properties": {name: shape}, "required": [name], "additionalProperties": False}
            for name, shape in (
                ("prefix_map", {"type": "object", "additionalProperties": {"type": "string"}}),
                ("relative_root", {"type": "string"}),
                ("relative_folder", {"type": "string"}),
            )
        ),
    ]
}
"""Of `key_mapping`, for editors."""


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(f"write a list of texts, not the text {value!r:.80}")
    return tuple(value) if isinstance(value, list) else value


def _size(value: Any) -> Any:
    if isinstance(value, float) or not isinstance(value, int | str):
        raise ValueError("write bytes, or a number with KiB, MiB, GiB, TiB")
    try:
        return parse_size(value)
    except InvalidConfiguration as error:
        raise ValueError(error.message.partition(": ")[2]) from None


def _time(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r:.80} is no time: write 2026-01-31T12:00:00Z") from None
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("the time has no zone: write 2026-01-31T12:00:00Z, or +02:00 instead of Z")
    return value


def _names(value: Any) -> Any:
    try:
        return value if isinstance(value, KeyMapping) else KeyMapping.from_json(value)
    except InvalidConfiguration as error:
        raise ValueError(error.message.partition(": ")[2]) from None


def _part(value: Any) -> Any:
    try:
        return value if isinstance(value, Routed) else Routed.from_json(value)
    except InvalidConfiguration as error:
        raise ValueError(error.message) from None
    except (KeyError, TypeError, AttributeError):
        raise ValueError("write what `routed_syncs` makes of a table of routes") from None


Texts = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=MAX_PATTERN)], ...],
    BeforeValidator(_texts),
    Field(max_length=MAX_PATTERNS),
]
Size = Annotated[int, BeforeValidator(_size, json_schema_input_type=int | str)]
Time = Annotated[datetime, BeforeValidator(_time)]
Text = Annotated[str, Field(min_length=1, max_length=MAX_PATTERN)]
Classes = Annotated[dict[Text, Text], Field(max_length=50)]
Folders = Annotated[tuple[Text, ...], BeforeValidator(_texts), Field(max_length=MAX_PREFIXES)]
Extensions = Annotated[
    tuple[Annotated[str, Field(max_length=MAX_PATTERN)], ...], BeforeValidator(_texts), Field(max_length=MAX_PATTERNS)
]
Tags = Annotated[dict[Text, Annotated[str, Field(max_length=256)]], Field(max_length=10)]
Names = Annotated[InstanceOf[KeyMapping], BeforeValidator(_names), WithJsonSchema(NAMES_SCHEMA)]
Part = Annotated[InstanceOf[Routed], BeforeValidator(_part), WithJsonSchema({"type": "object"})]
PreservedWords = Annotated[tuple[Preserved, ...], BeforeValidator(_texts)]
Words = Annotated[tuple[Status, ...], BeforeValidator(_texts)]
