"""Decide which way the bytes of a plan go."""

from __future__ import annotations

from airflow_bucketsync.engine.errors import FinalError
from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.route import Route
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.stores.base import ObjectStore

NOTHING = Route(transport="server", reason="nothing to copy")


def choose_route(run: Run, first: Change | None) -> Route:
    """Server-side where the destination can copy from the source by itself, else through the workers.

    :param first: a change to try the destination's credentials on; None = there is none
    """
    if first is None:
        return NOTHING
    obstacle = run.destination.can_copy_from(run.source, first.source.key)
    here, there = _region(run.source), _region(run.destination)
    if obstacle is None:
        words = "source and destination are one service, and one identity may read and write"
        return Route(transport="server", reason=words, source_region=here, destination_region=there)
    return Route(
        transport="stream",
        reason=obstacle,
        source_region=here,
        destination_region=there,
        buffer=run.spec.policy.buffer_size,
    )


def _region(store: ObjectStore) -> str | None:
    """The bucket's region for the report; a store that can't be asked costs a line there, not the run."""
    try:
        return store.region()
    except FinalError:
        return None
