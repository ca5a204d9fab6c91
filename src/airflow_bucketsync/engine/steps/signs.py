"""When was an upload last used, as far as anybody can tell, and by whose clock?"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from airflow_bucketsync.engine.errors import ObjectNotFound
from airflow_bucketsync.engine.steps.claims import Claim, listed_below
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What time it is: at the destination, and at the workspace."""

    destination: datetime
    workspace: datetime
    clock: Literal["store", "worker"]

    @classmethod
    def read(cls, destination: ObjectStore, workspace: ObjectStore, written: str, clock: Clock) -> Times:
        """By what the workspace says of a document written just now.

        A destination of the same service has the same clock. Any other one's can't be asked without writing there:
        ours stands in for it, or the workspace's where that is behind, so that nothing seems older than it is.
        """
        there = workspace.head(written, checksum=False).info.last_modified
        if destination.service == workspace.service:
            return cls(destination=there, workspace=there, clock="store")
        return cls(destination=min(there, clock.now()), workspace=there, clock="worker")


class Signs:
    """Signs that an upload is in use, or was until lately."""

    def __init__(self, workspace: ObjectStore, times: Times, older_than: timedelta) -> None:
        self._workspace = workspace
        self._times = times
        self._older_than = older_than
        self._latest: dict[str, datetime | None] = {}

    def idle(self, claim: Claim | None, used: datetime) -> timedelta:
        """How long nothing was seen of an upload: each time is held against the clock that it comes from."""
        idle = self._times.destination - used
        return idle if claim is None else min(idle, self._times.workspace - claim.written)

    def active(self, claim: Claim) -> bool:
        """Whether the run that began it wrote a page since."""
        folder = claim.workspace(self._workspace).run_folder
        if folder not in self._latest:
            latest: datetime | None = None
            for info in listed_below(self._workspace, folder):
                latest = info.last_modified if latest is None else max(latest, info.last_modified)
                if self._times.workspace - latest < self._older_than:
                    break
            self._latest[folder] = latest
        sign = self._latest[folder]
        return sign is not None and self._times.workspace - sign < self._older_than

    def touched(self, claim: Claim) -> bool:
        """Whether a run took its entry up, or out, since it was read."""
        with suppress(ObjectNotFound):
            now = self._workspace.head(claim.document.key, checksum=False).info
            # Listings and HEADs tell the same time with and without its fraction of a second.
            return now.etag != claim.document.etag or abs(now.last_modified - claim.written) >= timedelta(seconds=1)
        return True
