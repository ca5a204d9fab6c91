"""How is the advice of an analysis told: warnings for people, and a snippet for a pairs file?"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_bucketsync.engine.model.advice import Advice
from airflow_bucketsync.engine.model.analysis import Analysis, Readable, TroubleKind
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.engine.model.units import format_size

TROUBLES: Mapping[TroubleKind, str] = {
    "refused": "names here that can't be keys, and are in no other figure",
    "folder": "keys that no folder (file://) can hold",
    "path_store": "keys that no store can hold that keeps them as paths",
    "s3": "keys that no bucket of S3 can hold",
    "oss": "keys that no bucket of OSS can hold",
    "also_a_directory": "keys below which other keys lie: a folder can't hold both",
    "same_name": "keys that are one name with another one where case does not count",
}
READABLE: Mapping[Readable, str] = {
    "yes": "yes",
    "maybe": "some may have to be restored before they are read",
    "restored": "only what was restored can be read",
}
DESTINATION = "s3://your_connection@your-bucket/"
_WIDTH = 110


def warnings_of(analysis: Analysis) -> tuple[str, ...]:
    """What a person should know before a sync."""
    return tuple(_warnings(analysis))


def _warnings(analysis: Analysis) -> Iterator[str]:
    if not analysis.objects:
        yield "no object was found: look at the location and at the selection"
    archived = [row for row in analysis.classes if row.readable != "yes"]
    for row in archived:
        words = f"{row.objects:,} objects ({format_size(row.bytes)}) are in {shown(row.name, 40)}"
        yield f"{words}, of which {READABLE[row.readable]}"
    if archived and len(archived) < len(analysis.classes):
        readable = [shown(row.name, 40) for row in analysis.classes if row.readable == "yes"]
        yield f"a sync leaves out what may be archived with storage_classes: [{', '.join(readable)}]"
    if analysis.marker_bytes:
        yield (
            f"keys that end in `/` hold {format_size(analysis.marker_bytes)} in all: folder_markers: skip would leave "
            "data out, and no folder takes them"
        )
    if analysis.ahead:
        yield f"{analysis.ahead:,} objects were modified over 15 minutes after now: a clock is wrong, there or here"
    for trouble in analysis.troubles:
        yield f"{TROUBLES[trouble.kind]}: {trouble.objects:,}"


def snippet(analysis: Analysis, options: Sequence[Advice]) -> str:
    """An entry of a pairs file with the selection that was analysed, and each option with its reason."""
    head = (
        f"{analysis.objects:,} objects, {format_size(analysis.bytes)}, analysed {analysis.started:%Y-%m-%d %H:%M} UTC"
    )
    lines = [
        f"# {head}. Put your destination in.",
        "syncs:",
        f"  - name: {_quoted(_name(analysis.location))}",
        f"    source: {_quoted(analysis.location)}",
        f"    destination: {_quoted(DESTINATION)}",
    ]
    if analysis.selection or options:
        lines.append("    options:")
    lines += [f"      {name}: {_quoted(value)}" for name, value in analysis.selection.items()]
    lines += [f"      {line}" for line in option_lines(options)]
    if not options:
        lines.append("    # Nothing in the figures speaks against the defaults.")
    return "\n".join(lines) + "\n"


def option_lines(options: Sequence[Advice]) -> Iterator[str]:
    """Lines of YAML that set the options, each below its reason."""
    for one in options:
        comment = textwrap.wrap(shown(one.reason, 1000), _WIDTH, break_long_words=False, break_on_hyphens=False)
        yield from (f"# {line}" for line in comment)
        yield f"{one.option}: {one.written}"


def _name(location: str) -> str:
    last = location.rstrip("/").rpartition("/")[2].rpartition("@")[2]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", last).strip("-")[:100] or "source"


def _quoted(value: Any) -> str:
    """As JSON, which is YAML too; characters that YAML refuses, or that are not seen, as their numbers."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in text)
