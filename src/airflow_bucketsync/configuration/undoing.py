"""What may be asked of an undo: by the author of a DAG, and by a run by hand, which only reaches what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow.sdk import Param

from airflow_bucketsync.configuration.by_hand import MAX_URL, allowed_location
from airflow_bucketsync.configuration.cleaning import flag
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.spec import SyncSpec

FIELDS = ("folder", "dry_run")
_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,249}")


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoAsked:
    """An undo that was asked for, checked.

    :param pair: folder of the pair in the workspace
    :param run: folder of the run in that
    """

    pair: str
    run: str
    dry_run: bool


def read_folder(value: Any, *, workspace: Location) -> tuple[str, str]:
    """The folders of the pair and of the run, from where a report says that it lies; the workspace may stand before it.

    :raises InvalidConfiguration: it is no such folder
    """
    if not isinstance(value, str) or not value or len(value) > MAX_URL:
        raise InvalidConfiguration("folder: copy it from the report of the run that is to be undone: `pair/run/`")
    path = value.strip().removeprefix(workspace.url).removesuffix("/report.json").removesuffix("/undo.json")
    segments = path.rstrip("/").split("/")
    if len(segments) != 2 or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise InvalidConfiguration(
            f"folder: {value!r:.80} is no folder of a run in this workspace; copy it from the run's report: `pair/run/`"
        )
    return segments[0], segments[1]


def read_undo_configuration(given: Mapping[str, Any], *, workspace: Location) -> UndoAsked:
    """The undo that a run's configuration asks for, checked: a dry run unless it says otherwise.

    :param given: the run's parameters, as they came
    :param workspace: where the folder must be
    :raises InvalidConfiguration: with the name that is wrong, and why
    """
    for name in given:
        if name not in FIELDS:
            raise InvalidConfiguration(f"{name!r:.80} is no field of an undo; there are {', '.join(FIELDS)}")
    pair, run = read_folder(given.get("folder"), workspace=workspace)
    return UndoAsked(pair=pair, run=run, dry_run=flag("dry_run", given.get("dry_run", True)))


def require_allowed(spec: SyncSpec, allowed: Sequence[Location]) -> None:
    """Go on only when a run by hand may write where this run wrote.

    :raises InvalidConfiguration: its destination lies below none of the allowed locations
    """
    allowed_location("the destination of that run", spec.destination.url, allowed)


def undo_form() -> dict[str, Param]:
    """The fields of an undo by hand."""
    return {
        "folder": Param(
            type="string",
            minLength=1,
            title="Folder of the run",
            description_md="`report` in the summary of the run that is to be undone: `pair/run/report.json`.",
        ),
        "dry_run": Param(
            True, type="boolean", title="Dry run", description_md="Only say what would be brought back and removed."
        ),
    }
