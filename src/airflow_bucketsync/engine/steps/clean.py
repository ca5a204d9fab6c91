"""Delete what a selection takes below one place: listed whole, held against the limits, then version by version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Self

from airflow_bucketsync.engine.errors import InvalidConfiguration, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.cleaning import (
    DRY_RUN,
    CleanLimits,
    CleanReport,
    CleanTrash,
    check_rules,
)
from airflow_bucketsync.engine.model.names import STATE_PREFIX, is_state_name, trash_folder
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.rules.guards import Candidates, Guard, guard
from airflow_bucketsync.engine.rules.selection import Selector
from airflow_bucketsync.engine.steps.cleared import Clearing, Tally
from airflow_bucketsync.engine.steps.discarding import withheld
from airflow_bucketsync.engine.steps.listing import Listing
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.undone import CLEAN
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.clock import Clock
from airflow_bucketsync.engine.stores.gate import Gate

CLEANS = "cleans"
"""The folder of all clean-ups in the workspace."""
TOGETHER = 1_000
"""Objects that are looked at, kept and deleted together: one bulk request, and little time between look and delete."""


def clean(
    store: ObjectStore,
    workspace: ObjectStore,
    *,
    run: str,
    selection: Selection,
    older_than: timedelta | None = None,
    everything: bool = False,
    limits: CleanLimits | None = None,
    trash: CleanTrash = "deleted",
    dry_run: bool = True,
    gate: Gate | None = None,
    clock: Clock | None = None,
) -> CleanReport:
    """Delete what the selection takes below the store's location, and tell of each object what became of it.

    What was selected is written down before the first delete: a later try of the same run deletes that, and nothing
    that came since. An object is deleted in the version that was listed; where the store can't hold a delete to that,
    it is looked at right before. Names of our own are never touched, also not those of places further down.

    :param workspace: where pages are kept; another place than the one that is cleaned
    :param run: names the folder of this clean-up
    :param selection: which objects
    :param older_than: only objects not modified for so long, counted from the first try
    :param everything: take everything below the location, without any rule
    :param trash: `deleted` = kept below `_bucketsync/trash/` of the location first; `none` = gone
    :param dry_run: only say what would be deleted
    :raises InvalidConfiguration: no rule and not `everything`, or both
    :raises BucketsyncError: the location can't be listed to its end; nothing was deleted then
    """
    check_rules(selection, older_than=older_than, everything=everything)
    if trash not in ("none", "deleted"):
        raise InvalidConfiguration(f"trash: expected 'none' or 'deleted', got {trash!r:.40}")
    gate = gate or Gate()
    place = Workspace(workspace, pair=CLEANS, run=run)
    spec = SyncSpec.of(store.location, store.location, name=CLEANS, selection=selection)
    this = Run(
        spec=spec,
        run=run,
        source=store,
        destination=store,
        workspace=place,
        gate=gate,
        clock=clock or gate.clock,
    )
    asked = {
        "location": store.location.url,
        "selection": selection.to_json(),
        "older_than": None if older_than is None else older_than.total_seconds(),
        "trash": trash,
        "dry_run": dry_run,
    }
    chosen = _earlier(place, asked) or _choose(this, asked)
    selector = _selector(asked, chosen.started)
    forbids = Guard(DRY_RUN, "would be deleted") if dry_run else _forbidding(chosen, limits or CleanLimits())
    clearing, tally = Clearing(this, selector, chosen.trash), Tally()
    writer = place.page_writer("objects", "outcomes")
    for chunk in chosen.chunks(place, selector):
        gate.check()
        if forbids is None:
            outcomes = clearing.clear(chunk)
        else:
            outcomes = [withheld(there, forbids.reason, forbids.words) for there in chunk]
        for outcome in outcomes:
            writer.write(outcome.to_json())
            tally.add(outcome)
        forbids = forbids or clearing.too_many
    gate.check()
    report = CleanReport(
        location=store.location.url,
        run=run,
        started=chosen.started,
        selection=_rules(asked, chosen.started).to_json(),
        dry_run=dry_run,
        listed=chosen.listed,
        selected=chosen.page.count,
        bytes=chosen.bytes,
        counts=dict(sorted(tally.counts.items())),
        sizes=dict(sorted(tally.sizes.items())),
        reasons=dict(sorted(tally.reasons.items())),
        unguarded=0 if store.capabilities.conditional_delete else tally.removed,
        trash=chosen.trash,
        withheld=None if forbids is None or dry_run else forbids.words,
        warnings=chosen.warnings,
        first=tuple(tally.first()),
        objects=writer.finish().name if writer.count else None,
    )
    place.write_document(CLEAN, "clean", {**report.to_json(), "spec": spec.to_json(), "chosen": chosen.to_json()})
    return report


def _rules(asked: Mapping[str, Any], started: datetime) -> Selection:
    """The selection with the time that an age stands for."""
    selection = Selection.from_json(asked["selection"])
    if asked["older_than"] is None:
        return selection
    return replace(selection, modified_before=started - timedelta(seconds=asked["older_than"]))


def _selector(asked: Mapping[str, Any], started: datetime) -> Selector:
    return Selector(_rules(asked, started))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """What was selected, as it was written down before the first delete.

    :param asked: what was asked for
    :param page: ObjectInfo per line, ascending
    """

    asked: Mapping[str, Any]
    started: datetime
    listed: int
    bytes: int
    trash: str
    page: PageRef
    warnings: tuple[str, ...]

    def chunks(self, place: Workspace, selector: Selector) -> Iterator[Sequence[ObjectInfo]]:
        """The objects, some at a time; a page that somebody else wrote takes nothing that the selection does not."""
        infos = place.read_page(self.page, "extra", ObjectInfo.from_json)
        while chunk := list(islice(infos, TOGETHER)):
            for there in chunk:
                if is_ours(there.key) or selector.admits(there) is not None:
                    raise PlanMismatch(f"page {self.page.name} names an object that is not selected", key=there.key)
            yield chunk

    def to_json(self) -> dict[str, Any]:
        """As a part of a document."""
        return {
            "asked": dict(self.asked),
            "started": self.started.isoformat(),
            "listed": self.listed,
            "bytes": self.bytes,
            "trash": self.trash,
            "page": self.page.to_json(),
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Back from a part of a document."""
        return cls(
            asked=value["asked"],
            started=datetime.fromisoformat(value["started"]),
            listed=value["listed"],
            bytes=value["bytes"],
            trash=value["trash"],
            page=PageRef.from_json(value["page"]),
            warnings=tuple(value["warnings"]),
        )


def is_ours(key: str) -> bool:
    """Whether a key is of our own state: of this place, or of one further down (its locks, its trash)."""
    return is_state_name(key) or f"/{STATE_PREFIX}" in key


def _earlier(place: Workspace, asked: Mapping[str, Any]) -> _Chosen | None:
    """What an earlier try of this run has chosen; None = nothing, or something else was asked for."""
    try:
        chosen = _Chosen.from_json(place.read_document(CLEAN, "clean")["chosen"])
    except ObjectNotFound:
        return None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PlanMismatch(f"{CLEAN} is damaged: {type(error).__name__}: {error}") from None
    return chosen if chosen.asked == asked else None


def _choose(run: Run, asked: Mapping[str, Any]) -> _Chosen:
    """List everything, and write down what is selected."""
    store, started = run.destination, run.clock.now()
    selector = _selector(asked, started)
    store.list_page(limit=1)  # a folder that is not there would seem an empty one
    listing = Listing(store, "destination")
    writer = run.workspace.page_writer("selected", "extra")
    size = ours = 0
    for info in listing:
        run.gate.check()
        if is_ours(info.key):
            ours += 1
        elif selector.admits(info) is None:
            writer.write(info.to_json())
            size += info.size
    warnings = []
    if listing.refused_count:
        warnings.append(f"{listing.refused_count} names below the location can't be keys; they are left alone")
    chosen = _Chosen(
        asked=asked,
        started=started,
        listed=listing.objects - ours,
        bytes=size,
        trash="" if asked["trash"] == "none" or asked["dry_run"] else trash_folder(started, run.run),
        page=writer.finish(),
        warnings=tuple(warnings),
    )
    run.workspace.write_document(CLEAN, "clean", {"chosen": chosen.to_json()})
    return chosen


def _forbidding(chosen: _Chosen, limits: CleanLimits) -> Guard | None:
    """What forbids to delete anything of what was chosen."""
    expected, selected = limits.expected_objects, chosen.page.count
    if expected is not None and selected > expected:
        return Guard(
            "more_than_expected",
            f"{selected} objects are selected, and expected_objects says {expected}: run dry again, look at the list, "
            "then repeat its number",
        )
    policy = SyncPolicy(
        max_deletes=limits.max_deletes,
        max_delete_share=limits.max_delete_share,
        max_delete_bytes=limits.max_delete_bytes,
    )
    found = Candidates(objects=selected, bytes=chosen.bytes, source=1, destination=chosen.listed, unnamed=0, locks=True)
    return guard(policy, found)
