"""How is a page of one of our own runs read as a list again?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson

from airflow_bucketsync.engine.errors import PlanMismatch
from airflow_bucketsync.engine.model.pages import Schema, check_header
from airflow_bucketsync.engine.model.source_list import ListEntry
from airflow_bucketsync.engine.rules.list_records import BrokenRule, Named
from airflow_bucketsync.engine.rules.renaming import Renaming
from airflow_bucketsync.engine.steps.lists.files import ListFiles, lines, unpacked
from airflow_bucketsync.engine.steps.lists.violations import Violations

SCHEMAS: tuple[Schema, ...] = ("failed", "outcomes", "result", "findings", "changes", "listing")
"""Pages that name objects of the source."""
UNFINISHED = frozenset({"failed", "unverified", "changed", "refused", "withheld"})
"""Outcome words of objects that are still to be brought in step; those of other words are passed over."""


def read_own_page(
    files: ListFiles,
    name: str,
    named: Named,
    violations: Violations,
    passed: Counter[str],
    *,
    renaming: Renaming,
) -> Iterator[ListEntry]:
    """The objects of a page: those that are not in step yet, or all where the page says nothing of that.

    What the page says of their versions is not taken over: they are looked at again. What it says of their keys at the
    destination is, but of those that were refused.

    :param passed: counts the records that are passed over, by outcome word
    :param renaming: of this run; keys that it gives need no word
    """
    file = files.number(name)
    schema: Schema | None = None
    for line, data in enumerate(lines(unpacked(name, files.chunks(name))), start=1):
        try:
            value = _object(data)
            if schema is None:
                schema = _schema(value)
                continue
            keys = _keys(value, schema)
            if keys is None:
                passed[str(value.get("status"))] += 1
                continue
            key, there = keys
            full_key, own = named.source.full_key(key), None if there in (None, renaming.name(key)) else there
            bucket = named.source.bucket
            yield named.entry(bucket, full_key, file=file, line=line, folders=False, destination_key=own)
        except BrokenRule as broken:
            violations.add(files.place(file, line), broken)
            if schema is None:
                return


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BrokenRule("bad_page", f"no line of a page ({error}): name a page of a run as the run wrote it") from None
    if not isinstance(value, dict):
        raise BrokenRule("bad_page", "no line of a page: name a page of a run as the run wrote it")
    return value


def _schema(header: dict[str, Any]) -> Schema:
    """What the page holds, from its first line."""
    found = next((schema for schema in SCHEMAS if header.get("schema") == f"bucketsync/{schema}"), None)
    if found is None:
        raise BrokenRule(
            "unknown_page",
            f"{header.get('schema')!r:.80} is no page that names objects of a source: name a page of "
            f"{', '.join(SCHEMAS)}, such as report/objects.jsonl.zst of a run",
        )
    try:
        check_header(header, found, name="the page")
    except PlanMismatch as error:
        raise BrokenRule("unknown_page", f"{error.message}: name a page of this release or an older one") from None
    return found


def _keys(value: dict[str, Any], schema: Schema) -> tuple[str, str | None] | None:
    """The source's key that a line names, and that at the destination where it tells one; None = the object needs
    nothing."""
    if schema == "changes":
        source = value.get("source")
        key, there = source.get("key") if isinstance(source, dict) else None, value.get("renamed")
    elif schema == "listing":
        key, there = value.get("key"), None
    elif value.get("status") not in UNFINISHED:
        return None
    else:
        key, there = value.get("key"), None
        if value.get("source_key") is not None:  # what was refused had no name that it could keep
            key, there = value["source_key"], None if value["status"] == "refused" else key
    if not isinstance(key, str) or not isinstance(there, str | None):
        raise BrokenRule("bad_page", "the line has no key: name a page of a run as the run wrote it")
    return key, there
