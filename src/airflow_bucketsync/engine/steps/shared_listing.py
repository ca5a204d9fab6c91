"""One listing of a source, for several syncs that read it: taken once, adopted by the run of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from airflow_bucketsync.engine.errors import InvalidConfiguration, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.listing import ListingIndex, ListUnit
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.prefixes import outermost
from airflow_bucketsync.engine.rules.selection import Selector
from airflow_bucketsync.engine.steps.run import Run

SHARED_DOCUMENT = "list/shared.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRef:
    """Where a shared listing is, and what proves that it is the one.

    :param folder: of the run that took it, in the workspace
    :param digest: SHA-256 of its document
    """

    folder: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedListing:
    """A source, listed.

    :param source: its URL
    :param ways: what decides which names of it are objects
    :param prefixes: folders that were listed; () = all of it
    :param started: before the first page, aware UTC: what was written since may be missing
    """

    source: str
    ways: Mapping[str, str]
    prefixes: tuple[str, ...]
    started: datetime
    index: ListingIndex

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return {
            "source": self.source,
            "ways": dict(self.ways),
            "prefixes": list(self.prefixes),
            "started": self.started.isoformat(),
            "index": self.index.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from a document."""
        return cls(
            source=value["source"],
            ways=value["ways"],
            prefixes=tuple(value["prefixes"]),
            started=datetime.fromisoformat(value["started"]),
            index=ListingIndex.from_json(value["index"]),
        )


def read_shared(run: Run, shared: SharedRef) -> SharedListing:
    """The listing that another task took for this run too.

    :raises PlanMismatch: it is missing or another one
    :raises InvalidConfiguration: it is of another source, or of other names of it
    """
    try:
        value = run.workspace.at(shared.folder).read_document(SHARED_DOCUMENT, "shared_listing", digest=shared.digest)
        found = SharedListing.from_json(value)
    except ObjectNotFound:
        raise PlanMismatch(
            "the listing of the source is missing: clear the task that took it", key=SHARED_DOCUMENT
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PlanMismatch(f"{SHARED_DOCUMENT} is damaged: {type(error).__name__}: {error}") from None
    if found.source != run.source.location.url:
        raise InvalidConfiguration(
            f"the shared listing is of {found.source}, the source is {run.source.location.url}: list the same place, "
            "or leave `listing` out"
        )
    ours = ways_of(run.spec.policy)
    if found.ways != ours:
        names = ", ".join(f"{name} {found.ways.get(name)} and {ours[name]}" for name in ours)
        raise InvalidConfiguration(
            f"the shared listing follows links otherwise than this sync does ({names}): set the same for both, or "
            "leave `listing` out"
        )
    wanted = outermost(run.spec.selection.prefixes)
    if found.prefixes and not (wanted and all(prefix.startswith(found.prefixes) for prefix in wanted)):
        raise InvalidConfiguration(
            f"prefixes: the shared listing has {', '.join(found.prefixes)}, this sync wants "
            f"{', '.join(wanted) or 'everything'}: name folders below those, or list without `prefixes`"
        )
    return found


def adopt(run: Run, shared: SharedListing, folder: str, unit: ListUnit) -> None:
    """Let it be the listing of a unit of this run; its pages stay where they are."""
    selector = Selector(run.spec.selection, folder_markers=run.spec.policy.folder_markers)
    below = run.spec.selection.prefixes
    refused = tuple(
        item
        for item in shared.index.refused
        # A link above a folder hides the folder.
        if selector.reaches(item[0]) or any(prefix.startswith(f"{item[0].rstrip('/')}/") for prefix in below)
    )
    dropped = len(shared.index.refused) - len(refused)
    index = replace(
        shared.index,
        unit=unit,
        folder=folder,
        requests={},  # counted where they were sent
        refused=refused,
        refused_count=shared.index.refused_count - dropped,
    )
    run.workspace.write_document(unit.index_name, "listing_index", index.to_json())


def shared_objects(run: Run, shared: SharedListing, folder: str) -> Iterator[ObjectInfo]:
    """What it lists, ascending."""
    pages = run.workspace.at(folder)
    for page in shared.index.pages:
        yield from pages.read_page(page, "listing", ObjectInfo.from_json)


def ways_of(policy: SyncPolicy) -> dict[str, str]:
    """The options that decide which names of a source are objects."""
    return {"follow_links": policy.follow_links, "symlink_objects": policy.symlink_objects}
