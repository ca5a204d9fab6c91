"""May what a task takes away go? Only what its run may delete, had seen there, and had proven right before."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.policy import SyncPolicy
from tests.engine.machine.faults import Armory
from tests.engine.machine.world import Event, World

AFTER_PROOF = {
    "destination": {("source", "head"), ("source", "list"), ("destination", "delete")},
    "source": {*itertools.product(("source", "destination"), ("head", "tags", "get")), ("source", "delete")},
}
"""By side, what a task may do between the proof of an object and its delete: prove and delete others, never write."""
LOCK = f"{STATE_PREFIX}lock-"


class Removals:
    """Holds invariants I3 to I5 against every delete.

    :param views: by run what its plan was told of the destination
    """

    def __init__(self, world: World, armory: Armory, views: Mapping[int, Sequence[Mapping[str, str | None]]]) -> None:
        self.world = world
        self.armory = armory
        self.views = views

    def broken_by(self, event: Event, policy: SyncPolicy) -> Iterator[str]:
        """What does not hold of a delete.

        :param policy: that the task was given
        """
        side, key = event.side, event.key
        if not (policy.move if side == "source" else policy.delete):
            yield f"invariant I3: {event.by} deletes {key!r} at the {side}"
        gone = self.world.at(side, key, event.at - 1)
        if gone is None:
            return
        proof = self._proof(event)
        if proof is None:
            yield f"invariant I5: {event.by} deleted {key!r} at the {side} without a look at the other side"
            return
        since = self._done_between(proof, event) - AFTER_PROOF[side]
        if since:
            yield f"invariant I5: {event.by} deleted {key!r} at the {side}, and did {since} after its proof"
        seen = proof.seen[key]
        if side == "source":
            versions = [item for item in self.world.older("destination", key) if item.info.etag == seen]
            # A store that shows an older version for a while is not seen through by looking.
            if not any(item.body == gone.body for item in versions) and not self.armory.lied:
                yield f"row D11: {event.by} deleted {key!r}, and the destination had {seen}"
            return
        if seen is not None:
            yield f"invariant I5: {event.by} deleted {key!r}, and the source had it: {seen}"
        planned = {view[key] for view in self.views[event.run] if key in view}
        if gone.info.etag not in planned:
            yield f"invariant I5: {event.by} deleted {gone.info.etag} of {key!r}, not {planned}"

    def on_their_way(self, since: int) -> set[str]:
        """What was deleted at the destination after a point in time by tasks that had proven it absent before that.

        No store holds a delete to what another store has by then. That there is nothing between proof and delete that
        takes long is held above; so this is what a task was about to send when it was left alone.
        """
        deletes = [event for event in self.world.since(since) if (event.side, event.verb) == ("destination", "delete")]
        proofs = [(event.key, self._proof(event)) for event in deletes]
        return {key for key, proof in proofs if proof is not None and proof.at <= since}

    def _proof(self, event: Event) -> Event | None:
        """The last look of the same task at the same object of the other side."""
        other = "destination" if event.side == "source" else "source"
        looks = [
            look for look in self.world.events
            if look.by == event.by and look.side == other and look.verb in ("head", "list") and look.at < event.at
            and event.key in look.seen
        ]  # fmt: skip
        return looks[-1] if looks else None

    def _done_between(self, look: Event, event: Event) -> set[tuple[str, str]]:
        """What the task did since; its lock and its progress, saved by the clock, apart."""
        between = [
            other for other in self.world.since(look.at)
            if other.at < event.at and other.by == event.by
            and "/segments/" not in other.key and not other.key.startswith(LOCK)
        ]  # fmt: skip
        return {(other.side, other.verb) for other in between}
