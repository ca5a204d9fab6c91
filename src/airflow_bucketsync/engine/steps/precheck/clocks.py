"""Do the stores' clocks show the time that ours shows?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from airflow_bucketsync.engine.errors import FinalError
from airflow_bucketsync.engine.model.lock import SKEW
from airflow_bucketsync.engine.model.precheck import Check
from airflow_bucketsync.engine.steps.precheck.asking import PROBE, Asking, done, failed, not_asked, warned
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.telling import telling

NEAR = 60.0
"""Seconds that clocks may be apart without a word."""
_REMEDY = "set the clock of this worker (or of the store, where it is yours), and keep it by NTP"


def ask(asking: Asking) -> Iterator[Check]:
    """How far each is from ours."""
    for side, store in asking.sides:
        name = f"{side} clock"
        if side in asking.closed:
            continue
        before = asking.run.clock.now()
        shown = _shown(asking, side, store)
        after = asking.run.clock.now()
        if shown is None:
            yield not_asked(name, "it does not tell its time")
        else:
            yield _held(asking, name, shown, before, after, locks=side == "destination")


def _shown(asking: Asking, side: str, store: ObjectStore) -> datetime | None:
    if telling(store) is not None:
        return asking.told(store, lambda tells: tells.server_time())
    if side == "destination" and asking.stands and store.location.scheme == "file":
        with suppress(FinalError):
            return asking.state.head(PROBE).info.last_modified  # of a folder that another machine serves
    return None


def _held(asking: Asking, name: str, shown: datetime, before: datetime, after: datetime, *, locks: bool) -> Check:
    # It shows whole seconds, and a folder's is a moment old.
    ahead = max((shown - after).total_seconds(), 0.0) or min((shown - before).total_seconds() + 1.0, 0.0)
    if abs(ahead) <= NEAR:
        return done(name, "as ours")
    words = f"it is {abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} ours"
    most = SKEW.total_seconds()
    if locks and abs(ahead) > most:
        return failed(name, f"{words}, more than the {most:,.0f} s that the pair's lock allows", _REMEDY)
    return warned(name, f"{words}, so that times in options and leases of locks are off by as much", _REMEDY)
