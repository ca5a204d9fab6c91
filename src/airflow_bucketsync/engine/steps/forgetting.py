"""How does a pair forget what it remembers of some objects, so that its next run looks at them again?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter

from airflow_bucketsync.engine.errors import CheckpointMismatch
from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.known import Known, open_known, update_known
from airflow_bucketsync.engine.steps.spool import sorted_lines
from airflow_bucketsync.engine.steps.workspace import Workspace


def forget(workspace: Workspace, spec: SyncSpec, keys: Iterable[str], *, version: str) -> None:
    """Take these keys out of the pair's memory; a memory that is damaged is forgotten as a whole.

    :param keys: in any order
    :param version: part of the new pages' names, never used before
    """
    known = open_known(workspace, spec)
    if not known.pages:
        return
    try:
        update_known(workspace, spec, known=known, deltas=[_forgotten(keys)], version=version)
    except CheckpointMismatch:
        update_known(workspace, spec, known=Known(workspace), deltas=[], version=f"{version}-anew")


def _forgotten(keys: Iterable[str]) -> Iterator[KnownObject]:
    for line in sorted_lines(([key] for key in keys), key=itemgetter(0)):
        yield KnownObject(key=line[0], source=None, destination=None)
