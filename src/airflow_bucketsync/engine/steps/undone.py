"""What did a finished run do to each object of its destination, and what does undoing it ask for?"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, cast

import zstandard

from airflow_bucketsync.engine.errors import InvalidConfiguration, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.run_document import read_run
from airflow_bucketsync.engine.steps.workspace import Workspace

REPORT = "report.json"
UNDO = "undo.json"
CLEAN = "clean.json"
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
    """A finished run (or an undo, or a clean-up) as its folder tells of it.

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
    """What a run, an undo or a clean-up left in its folder, proven to be whole.

    :param workspace: of the run that is to be undone
    :raises InvalidConfiguration: there is no report in its folder, or it did not end
    :raises PlanMismatch: the report or its page is damaged
    """
    for read in (_of_run, _of_undo, _of_clean_up):
        with suppress(ObjectNotFound):
            value, spec, counts = read(workspace)
            break
    else:
        raise InvalidConfiguration(
            f"{workspace.run_folder} of the workspace holds no report: copy the folder from the report of the run "
            "that is to be undone (`folder`), and see that it has ended",
            location=workspace.store.location.url,
        )
    name = value.get("objects")
    page = None if name is None else page_named(workspace, name)
    if counts is not None:
        _require_whole(workspace, page, counts)
    elif (0 if page is None else page.count) != sum(value["counts"].values()):
        raise PlanMismatch(
            f"the page of the undo names {0 if page is None else page.count} objects, its report counted "
            f"{sum(value['counts'].values())}",
            location=workspace.store.location.url,
        )
    return DoneRun(workspace=workspace, spec=spec, page=page)


_Read = tuple[Mapping[str, Any], SyncSpec, Mapping[str, int] | None]
"""A document, the spec of its pair, and how many objects it counted, where its words are those of outcomes."""


def _of_run(workspace: Workspace) -> _Read:
    value = workspace.read_document(REPORT, "report")
    spec = read_run(workspace).spec
    if spec.destination.url != value.get("destination"):
        raise PlanMismatch(f"{workspace.run_folder}{REPORT} is of another destination than {spec.destination.url}")
    return value, spec, value["counts"]


def _of_undo(workspace: Workspace) -> _Read:
    value = workspace.read_document(UNDO, "undo")
    if value.get("ended") is None:
        raise _not_ended(workspace, "undo", "clear its task, or undo the other run once more, so that it goes on")
    return value, _noun(value["spec"], UNDO), None


def _of_clean_up(workspace: Workspace) -> _Read:
    value = workspace.read_document(CLEAN, "clean")
    if "spec" not in value:
        raise _not_ended(workspace, "clean-up", "clear its task, so that it goes on and says what it did")
    return value, _noun(value["spec"], CLEAN), value["counts"]


def _not_ended(workspace: Workspace, what: str, remedy: str) -> InvalidConfiguration:
    return InvalidConfiguration(
        f"the {what} in {workspace.run_folder} did not end: {remedy}", location=workspace.store.location.url
    )


def _noun(value: Mapping[str, Any], document: str) -> SyncSpec:
    try:
        return SyncSpec.from_json(value)
    except (KeyError, TypeError, ValueError) as error:
        raise PlanMismatch(f"{document} is damaged: {type(error).__name__}: {error}") from None


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
