"""List one key range of one side into ordered pages, or a source once for several syncs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from airflow_bucketsync.engine.model.listing import ListingIndex, ListUnit, Side
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.prefixes import outermost
from airflow_bucketsync.engine.steps.listing import KEPT_REFUSALS, Listing
from airflow_bucketsync.engine.steps.listing_parts import listed_in_parts
from airflow_bucketsync.engine.steps.lists.listed import take_list
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.run_document import read_run
from airflow_bucketsync.engine.steps.shared_listing import SHARED_DOCUMENT, SharedListing, SharedRef, ways_of
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.clock import Clock, SystemClock
from airflow_bucketsync.engine.stores.gate import Gate


def store_of(run: Run, side: Side) -> ObjectStore:
    """The store of one side."""
    return run.source if side == "source" else run.destination


def listing_of(run: Run, unit: ListUnit) -> Listing:
    """A unit's listing, of what the selection of the run looks at."""
    selection = run.spec.selection
    return Listing(
        store_of(run, unit.side),
        unit.side,
        after=unit.after,
        until=unit.until,
        flat=selection.flat,
        prefixes=selection.listed_below(unit.side),
    )


def list_unit(run: Run, number: int) -> ListingIndex:
    """List one unit into pages and write its index last, so that an index means a complete listing.

    :raises ListingUntrusted: a page lacked its proof, again and again
    :raises InvalidList: the objects come from a list, and it breaks its rules
    """
    unit = read_run(run.workspace).units[number]
    if run.spec.selection.source_list:
        return _list_from_list(run, unit)
    index = _written(listing_of(run, unit), unit, run.workspace, f"list/{unit.side}-{number:04d}", gate=run.gate)
    run.workspace.write_document(unit.index_name, "listing_index", index.to_json())
    return index


def share_listing(
    source: ObjectStore,
    workspace: Workspace,
    *,
    policy: SyncPolicy,
    gate: Gate,
    prefixes: Sequence[str] = (),
    clock: Clock | None = None,
) -> tuple[SharedListing, SharedRef]:
    """List a source for several syncs; its document is written last, so that it means a complete listing.

    :param policy: with which the source was opened
    :param prefixes: folders that are listed; () = the source as a whole
    :raises ListingUntrusted: a page lacked its proof, again and again
    """
    started = (clock or SystemClock()).now()
    unit = ListUnit(number=0, side="source")
    index = _written(Listing(source, "source", prefixes=prefixes), unit, workspace, "list/shared", gate=gate)
    shared = SharedListing(
        source=source.location.url, ways=ways_of(policy), prefixes=outermost(prefixes), started=started, index=index
    )
    digest = workspace.write_document(SHARED_DOCUMENT, "shared_listing", shared.to_json())
    return shared, SharedRef(folder=workspace.run_folder, digest=digest)


def _written(listing: Listing, unit: ListUnit, workspace: Workspace, name: str, *, gate: Gate) -> ListingIndex:
    """Write a listing into pages, several key ranges of it at once where the store answers over a line.

    :param name: which they begin with
    """
    before = dict(listing.store.requests)
    parts = sorted(listed_in_parts(listing, workspace, name, gate=gate), key=lambda part: part.start)
    refused = [item for part in parts for item in part.refused]
    return ListingIndex(
        unit=unit,
        pages=tuple(page for part in parts for page in part.pages),
        objects=sum(part.objects for part in parts),
        bytes=sum(part.bytes for part in parts),
        requests=dict(Counter(listing.store.requests) - Counter(before)),
        refused=tuple(refused[:KEPT_REFUSALS]),
        refused_count=sum(part.refused_count for part in parts),
    )


def _list_from_list(run: Run, unit: ListUnit) -> ListingIndex:
    """The same from the list of the run, in place of a listing."""
    before = run.requests()
    found = take_list(run, f"list/{unit.side}-{unit.number:04d}")
    index = ListingIndex(
        unit=unit,
        pages=found.pages,
        objects=found.objects,
        bytes=found.bytes,
        requests=run.requests_since(before)[unit.side],
    )
    run.workspace.write_document(unit.index_name, "listing_index", index.to_json())
    return index
