"""What was each try told of its run, whatever became of the pages afterwards?"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson

from airflow_bucketsync.engine.model.policy import SyncPolicy
from tests.engine.machine.world import Event, World

RUN, PLAN = "run.json", "plan/manifest.json"


class Told:
    """The options that each try was given, and the documents of its run as it read them.

    A try goes by what it read when it began. By the time it writes, the page may be lost or damaged, or may tell of
    another plan: a run that is prepared once more, a day later, may be a full one.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._given: dict[str, SyncPolicy] = {}
        self._read: dict[tuple[str, str], bytes] = {}

    def begins(self, by: str, policy: SyncPolicy) -> None:
        """A try begins, with these options."""
        self._given[by] = policy

    def reads(self, event: Event) -> None:
        """Take down what a try reads of its own run."""
        name = event.key.partition(f"/run-{event.run}/")[2]
        if event.by is not None and event.verb == "get" and name in (RUN, PLAN):
            self._read[event.by, name] = self.world.objects("pages")[event.key].body

    def policy(self, by: str | None) -> SyncPolicy:
        """The options that a try was given."""
        return self._given[by or ""]

    def run(self, by: str | None) -> dict[str, Any]:
        """What a try was told of its run; {} = nothing that can be read."""
        return self._document(by, RUN)

    def plan(self, by: str | None) -> dict[str, Any]:
        """What it was told of the plan; {} = nothing that can be read."""
        return self._document(by, PLAN)

    def _document(self, by: str | None, name: str) -> dict[str, Any]:
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(self._read.get((by or "", name), b"{}"))
        return {}
