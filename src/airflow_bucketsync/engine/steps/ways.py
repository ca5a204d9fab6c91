"""Is something in the way to a folder whose listing begins right at it?

A listing that begins further up names a link that stands in a folder's place. One that begins at the folder does not
get to see it, and what lies behind it would look as if it were gone.
"""

from __future__ import annotations

from collections.abc import Iterator

from airflow_bucketsync.engine.errors import ObjectNotFound
from airflow_bucketsync.engine.model.listing import Side
from airflow_bucketsync.engine.rules.ranges import right_before
from airflow_bucketsync.engine.stores.base import ObjectStore


def way_to(store: ObjectStore, side: Side, folder: str) -> tuple[tuple[str, str], ...]:
    """The folder and a word for what is no folder and stands in its place, or in that of one above; () = nothing does.

    Buckets have no folders, and of a destination nothing is concluded from what is not there.

    :param folder: "" = the location itself
    """
    if side == "destination" or not store.capabilities.keeps_mtime:
        return ()
    for name in _above(folder):
        try:
            page = store.list_page(after=right_before(name), until=name)
        except ObjectNotFound:
            return ()  # of the tree itself: for the listing to tell
        reasons = [reason for found, reason in page.refused if found in (name, f"{name}/")]
        if reasons:
            return ((folder, reasons[0]),)
    return ()


def _above(folder: str) -> Iterator[str]:
    """The names on the way, that of the folder itself last; none of them ends in `/`."""
    return (folder[:at] for at, character in enumerate(folder) if character == "/")
