"""What did a finished run do to each object of its destination, and what does undoing it ask for?"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, cast

import zstandard

from airflow_bucketsync.engine.errors import InvalidConfiguration, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.prepare import read_run
from airflow_bucketsync.engine.steps.workspace import Workspace

REPORT = "report.json"
UNDO = "undo.json"
NEW = "new"
"""The reason of an object that was written where nothing stood."""
NOTHING = "not_there"
"""The reason of an object that was to be deleted, and was gone already."""
_COUNTED = ("copied", "updated", "moved", "deleted", "trashed")
_READ = 256 * 1024

Wish = Literal["remove", "restore", "replace", "not_kept", "moved"]
"""To undo it: remove what was added, bring back what was deleted, or what was overwritten; or why it can't be."""


def wish_of(outcome: Outcome) -> Wish | None:
    """What undoing an outcome asks for; None = the run did nothing to this object."""
    if outcome.status == "moved":
        return "moved"
    if outcome.status in ("deleted", "trashed"):
        if outcome.reason == NOTHING and outcome.kept is None:
            return None
        return "restore" if outcome.kept is not None else "not_kept"
    if outcome.mode is None:
        return None
    if outcome.kept is not None:
        return "replace"
    added = outcome.reason == NEW and outcome.status == "copied"
    return "remove" if added else "not_kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneRun:
    """A finished run (or an undo) as its folder tells of it.

    :param workspace: of its pages
    :param page: with its outcomes; None = it changed nothing
    """

    workspace: Workspace
    spec: SyncSpec
    page: PageRef | None

    def outcomes(self) -> Iterator[tuple[Wish, Outcome]]:
        """Everything that it did."""
        if self.page is not None:
            for outcome in self.workspace.read_page(self.page, "outcomes", Outcome.from_json):
                wish = wish_of(outcome)
                if wish is not None:
                    yield wish, outcome


def read_done(workspace: Workspace) -> DoneRun:
    """What a run left in its folder, proven to be whole.

    :param workspace: of the run that is to be undone
    :raises InvalidConfiguration: there is no report in its folder
    :raises PlanMismatch: the report or its page is damaged
    """
    try:
        value, spec, counts = _of_run(workspace)
    except ObjectNotFound:
        try:
            value = workspace.read_document(UNDO, "undo")
        except ObjectNotFound:
            raise InvalidConfiguration(
                f"{workspace.run_folder} of the workspace holds no report: copy the folder from the report of the run "
                "that is to be undone (`folder`), and see that it has ended",
                location=workspace.store.location.url,
            ) from None
        if value.get("ended") is None:
            raise InvalidConfiguration(
                f"the undo in {workspace.run_folder} did not end: clear its task, or undo the other run once more, so "
                "that it goes on",
                location=workspace.store.location.url,
            ) from None
        spec, counts = _noun(value["spec"]), None
    name = value.get("objects")
    page = None if name is None else page_named(workspace, name)
    if counts is not None:
        _require_whole(workspace, page, counts)
    return DoneRun(workspace=workspace, spec=spec, page=page)


def _of_run(workspace: Workspace) -> tuple[Mapping[str, Any], SyncSpec, Mapping[str, int]]:
    value = workspace.read_document(REPORT, "report")
    spec = read_run(workspace).spec
    if spec.destination.url != value.get("destination"):
        raise PlanMismatch(f"{workspace.run_folder}{REPORT} is of another destination than {spec.destination.url}")
    return value, spec, value["counts"]


def _noun(value: Mapping[str, Any]) -> SyncSpec:
    try:
        return SyncSpec.from_json(value)
    except (KeyError, TypeError, ValueError) as error:
        raise PlanMismatch(f"{UNDO} is damaged: {type(error).__name__}: {error}") from None


def _require_whole(workspace: Workspace, page: PageRef | None, counts: Mapping[str, int]) -> None:
    """A report names its page without a digest: that it speaks of as many objects as were counted must do."""
    found: Counter[str] = Counter()
    if page is not None:
        found.update(line.status for line in workspace.read_page(page, "outcomes", Outcome.from_json))
    for word in _COUNTED:
        if found[word] != counts.get(word, 0):
            raise PlanMismatch(
                f"the page of the run names {found[word]} objects as {word}, its report counted {counts.get(word, 0)}",
                location=workspace.store.location.url,
            )


def page_named(workspace: Workspace, name: str) -> PageRef:
    """A page of which only the name is known.

    :raises PlanMismatch: it is not there, or damaged
    """
    key = workspace.run_folder + name
    digest, size, lines = hashlib.sha256(), 0, 0
    buffer = memoryview(bytearray(_READ))
    with tempfile.SpooledTemporaryFile(max_size=_READ) as spool:
        try:
            with workspace.store.open(key) as body:
                while count := body.readinto(buffer):
                    digest.update(buffer[:count])
                    spool.write(buffer[:count])
                    size += count
            spool.seek(0)
            decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 24)
            reader = decompressor.stream_reader(cast(BinaryIO, spool), read_across_frames=True)
            while chunk := reader.read(_READ):
                lines += chunk.count(b"\n")
        except ObjectNotFound:
            message = f"page {name} is missing: has the workspace been cleaned?"
            raise PlanMismatch(message, location=workspace.store.location.url, key=key) from None
        except zstandard.ZstdError as error:
            raise PlanMismatch(f"page {name} is damaged: {error}", key=key) from None
    return PageRef(name=name, count=lines - 1, size=size, digest=digest.hexdigest())
