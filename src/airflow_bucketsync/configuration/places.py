"""Are the places of a sync apart from each other?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location

DEFAULT_CONNECTIONS = {"s3": "aws_default", "oss": "oss_default"}
"""The connection that a location of this scheme means when it names none."""


def is_template(url: Any) -> bool:
    """Whether Airflow renders the URL when the task runs; until then nobody knows the place."""
    return isinstance(url, str) and ("{{" in url or "{%" in url)


def refuse_overlap(source: Location, destination: Location) -> None:
    """Source and destination must be apart, or a run would copy its own copies.

    Told from what is written: another connection is another store here. `prepare` and the store know more.

    :raises InvalidConfiguration: when one lies in the other
    """
    if _overlap(source, destination):
        raise InvalidConfiguration(
            f"source {source.url} and destination {destination.url} overlap: one lies inside the other; "
            "choose prefixes of which neither begins with the other"
        )


def refuse_workspace_inside(workspace: Location, source: Location, destination: Location | None = None) -> None:
    """A run's pages must be no data of the run.

    :raises InvalidConfiguration: when the workspace overlaps with a side
    """
    for name, side in (("source", source), ("destination", destination)):
        if side is not None and _overlap(workspace, side):
            raise InvalidConfiguration(
                f"the workspace {workspace.url} and the {name} {side.url} overlap: "
                "the pages of a run would be its data; move the workspace ([bucketsync] workspace)"
            )


def _overlap(one: Location, other: Location) -> bool:
    one, other = _connected(one), _connected(other)
    return one.below(other) or other.below(one)


def _connected(location: Location) -> Location:
    if location.scheme == "file":
        return replace(location, conn_id=None)
    return replace(location, conn_id=location.conn_id or DEFAULT_CONNECTIONS.get(location.scheme))
