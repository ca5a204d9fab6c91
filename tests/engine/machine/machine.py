"""What must be true of a pair to which anything may have happened, when everything has come to rest?"""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.outcome import Report
from airflow_bucketsync.engine.model.selection import Selection
from tests.engine.machine import drawn
from tests.engine.machine.faults import VISIBLE
from tests.engine.machine.invariants import CANARY, unpacked
from tests.engine.machine.stepping import Stepping


class Sync(Stepping):
    """Steps of all kinds, and now and then peace."""

    @precondition(lambda self: self.unsettled >= 6)
    @rule(
        policy=drawn.policies(
            mode="full",
            dry_run=False,
            verify="metadata",
            compare="auto",
            on_missing="skip",
            max_errors=100,
            max_objects=None,
            max_bytes=None,
            removal={},
        ),
        late=st.booleans(),
        bound=drawn.bounds,
        mirror=drawn.mirrors,
    )
    def settle(
        self,
        policy: dict[str, Any],
        late: bool = False,
        bound: dict[str, int] | None = None,
        mirror: dict[str, Any] | None = None,
    ) -> None:
        """No more trouble: one full run brings the destination in step, the next one finds nothing to do.

        :param mirror: options of another run, which deletes what is not at the source
        :param late: what was given up stays alive, and ends when all is done
        :param bound: not one run, but as many as it takes within this bound
        """
        self.unsettled = 0
        since = self.world.time
        self.armory.armed.clear()
        if not late:
            self.end_all()
        report = self.whole_run(policy) if bound is None else self.bounded_runs({**policy, **bound})
        self.armory.lied = False
        here, there = self.world.contents("source"), self.world.contents("destination")
        assert {key: item.body for key, item in here.items()} == {
            key: item.body for key, item in there.items() if key in here
        }, "invariant I1: a full run is green, and the destination is another"
        if report is not None:
            words = {"same", "copied", "updated", "extra"}
            assert set(report.counts) <= words, f"invariant I1: {report.counts}"
            assert sum(report.counts.values()) == len(here.keys() | there.keys()), f"invariant I11: {report.counts}"
        self.whole_run({**policy, "compare": "metadata"})
        there = self.world.contents("destination")
        assert here == {key: item for key, item in there.items() if key in here}, "invariant I1: other attributes"
        self.nothing_to_do(policy, len(here.keys() | there.keys()))
        if mirror is not None:
            report = self.whole_run({**policy, **mirror})
            assert self.world.contents("destination") == here, f"invariant I1: not mirrored: {report.counts}"
        self.judge.uploads_are_closed()
        if late:
            self.end_all()
            taken = here.keys() - self.world.contents("destination").keys() - self.judge.removals.on_their_way(since)
            assert not taken, f"invariant I12: a late try took something away: {taken}"
        self.no_secrets()

    def bounded_runs(self, policy: dict[str, Any]) -> None:
        """As many runs as it takes: they lose nothing, and repeat nothing.

        What an earlier run began is gone through first; then one pass goes over everything.
        """
        since, passes = self.world.time, 0
        for _ in range(3 * len(drawn.KEYS)):
            report = self.whole_run(policy)
            passes += report.resume is None
            if passes == 2:
                break
        assert passes == 2, f"bounded runs do not come to an end: {report}"
        written = [
            event.key
            for event in self.world.since(since)
            if event.side == "destination" and event.verb in VISIBLE and not event.key.startswith(STATE_PREFIX)
        ]
        assert len(written) == len(set(written)), f"bounded runs wrote again what they had written: {written}"

    def whole_run(self, policy: dict[str, Any]) -> Report:
        """One run from its beginning to its end, which must be green."""
        run = self.new_run(policy, Selection())
        while not run.over:
            task = run.ready()[0]
            self.step(run, task, run.start(task), drawn.MANY)
            assert task.state == "success", f"{task.name}: {task.state}"
        assert run.report is not None
        assert run.report.green, f"invariant I1: {run.report}"
        return run.report

    def nothing_to_do(self, policy: dict[str, Any], keys: int) -> None:
        """Invariant I6: listing is all that a run does which finds nothing new."""
        before = self.world.time
        report = self.whole_run(policy)
        sent = Counter(
            (event.side, event.verb)
            for event in self.world.since(before)
            if event.side != "pages" and not event.key.startswith(STATE_PREFIX)
        )
        assert set(report.counts) <= {"same", "extra"}, f"invariant I6: {report.counts}"
        assert {verb for _, verb in sent} == {"list"}, f"invariant I6: {sent}"
        pages = 2 * (keys // self.world.capabilities["source"].page_limit + 1)
        assert sum(sent.values()) <= pages + 2, f"invariant I6: {sent}"

    def no_secrets(self) -> None:
        """Invariant I15: nothing of what objects carry stands in a page or report."""
        for name, item in self.world.objects("pages").items():
            text = unpacked(item.body) if name.endswith(".zst") else item.body
            assert CANARY.encode() not in text, f"invariant I15: {name}"

    @invariant()
    def nothing_is_broken(self) -> None:
        """What is asked after every request, and of every report."""
        if hasattr(self, "judge"):
            assert not self.judge.broken, self.judge.broken[0]
            self.world.assert_neighbours_untouched()
