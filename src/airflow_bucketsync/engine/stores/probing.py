"""May objects be deleted here? Asked without deleting any."""

from __future__ import annotations

from typing import cast

from airflow_bucketsync.engine.errors import ObjectChanged, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.stores.base import ObjectStore

_PROBE = "probe"
"""Below our own state; nothing ever stands there."""
_NO_VERSION = "bucketsync-probe"
"""An ETag that no object has."""


class Probing:
    """A store that is asked by a delete which finds nothing."""

    def require_deletable(self) -> None:
        """Ask whether objects may be deleted here; nothing is deleted.

        A bucket that keeps versions and knows no conditional deletes gets a delete marker for a name of our own.

        :raises AccessDenied: the credentials may not
        """
        store = cast(ObjectStore, self)
        condition = Condition(etag=_NO_VERSION) if store.capabilities.conditional_delete else Condition.ANY
        try:
            store.below(STATE_PREFIX).delete(_PROBE, destination=condition)
        except (ObjectChanged, ObjectNotFound):
            return
