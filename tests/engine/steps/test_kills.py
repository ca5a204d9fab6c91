"""What is left when a try is killed before or after any of its requests, and does the next one finish it?"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.copy import copy_batch
from airflow_bucketsync.engine.steps.journal import UploadJournal
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.run import MemoryProgress, Run
from airflow_bucketsync.engine.steps.units import UnitIndex, outcomes_of
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES
from tests.engine.steps.pairs import MEDIUM, PART, SMALL_COPIES, Pair

WAYS = ("server_copy", "part_copy", "stream", "stream_parts")
FINISHES = {"server_copy": "copy", "stream": "put", "part_copy": "complete_upload", "stream_parts": "complete_upload"}


class Killed(BaseException):
    """The process is gone; nothing of it runs any more."""


class Killer:
    """Kills at the n-th request to any store, before or after it was applied."""

    def __init__(self, pair: Pair, at: int, when: str) -> None:
        self.at, self.when, self.seen, self.victim = at, when, 0, ""
        for store in (pair.source, pair.destination, pair.pages):
            store.hooks.append(self)
        self.pair = pair

    def __call__(self, when: str, verb: str, key: str) -> None:
        self.seen += when == "before"
        if self.at and self.seen > self.at:
            raise Killed  # a dead process sends nothing
        if self.seen == self.at and when == self.when:
            self.victim = verb
            raise Killed

    def gone(self) -> None:
        """The next process is another one."""
        for store in (self.pair.source, self.pair.destination, self.pair.pages):
            store.hooks.remove(self)


def planned(way: str, tick: float) -> tuple[Pair, dict[str, bytes], dict[str, Any], Plan]:
    destination = SMALL_COPIES if way == "part_copy" else MEMORY_CAPABILITIES
    pair = Pair(shared=way in ("server_copy", "part_copy"), tick=tick, destination=destination)
    in_parts = way in ("part_copy", "stream_parts")
    policy = dict(MEDIUM) if in_parts else {}
    objects = {f"{number}": bytes([65 + number]) * (2 * PART + 3 if in_parts else PART) for number in range(4)}
    pair.put(objects)
    return pair, objects, policy, make_plan(pair.run(**policy))


def copied(run: Run, plan: Plan, attempt: int, progress: MemoryProgress) -> UnitIndex:
    return copy_batch(run, plan, 0, attempt=attempt, progress=progress)


def requests_of_a_whole_try(way: str, tick: float) -> int:
    pair, _, policy, plan = planned(way, tick)
    counter = Killer(pair, 0, "never")
    copied(pair.run(prepared=False, **policy), plan, 1, MemoryProgress())
    return counter.seen


def lost_ids(pair: Pair, run: Run) -> set[str]:
    """Uploads that were begun just before the kill, so that their id could not be kept."""
    journal = UploadJournal(run.workspace)
    entries = [journal.read(name) for name in journal.names()]
    known = {entry.upload_id for entry in entries if entry is not None}
    intents = {entry.key for entry in entries if entry is not None and entry.upload_id is None}
    lost = [upload for upload in pair.destination.list_uploads() if upload.upload_id not in known]
    assert {upload.key for upload in lost} <= intents, "even of these the journal knows that they were to be begun"
    return {upload.upload_id for upload in lost}


# With the long tick every outcome is saved at once, with the short one only the last save counts.
@pytest.mark.parametrize("tick", [0.001, 6.0], ids=["rarely saved", "often saved"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("way", WAYS)
def test_invariant_I7_killed_at_every_request(way, when, tick):
    requests = requests_of_a_whole_try(way, tick)
    assert requests >= 8
    for at in range(1, requests + 1):
        pair, objects, policy, plan = planned(way, tick)
        killer, progress = Killer(pair, at, when), MemoryProgress()
        with pytest.raises(Killed):
            copied(pair.run(prepared=False, **policy), plan, 1, progress)
        killer.gone()
        for key, body in pair.contents().items():
            assert body == objects[key], "invariant I2: a destination holds entire versions only"
        finished, recorded = (
            set(pair.contents()),
            sum(part["count"] for part in (progress.value or {}).get("segments", ())),
        )
        forgotten = bool(progress.value) and progress.value["progress"]["objects"][0] > recorded
        before, versions = pair.destination.requests.copy(), {key: pair.destination.head(key).info for key in finished}
        run = pair.run(prepared=False, **policy)
        unknown = lost_ids(pair, run)
        index = copied(run, plan, 2, progress)
        found = list(outcomes_of(run.workspace, index))
        place = f"killed {when} request {at} of {requests}"
        assert [outcome.key for outcome in found] == sorted(objects), place
        assert {outcome.status for outcome in found} == {"copied"}, place
        assert pair.contents() == objects, place
        assert len(unknown) <= 1, place
        assert {upload.upload_id for upload in pair.destination.list_uploads()} == unknown, place
        assert {key: pair.destination.head(key).info for key in finished} == versions, f"{place}: written again"
        sent = (pair.destination.requests - before)[FINISHES[way]]
        assert sent <= len(objects) - recorded, f"{place}: what was recorded was sent again"
        if tick > 1 and not forgotten:
            assert len(finished) - recorded <= 1, f"{place}: more was done than recorded"
        assert progress.value is not None
        assert progress.value["segments"] == []


@pytest.mark.parametrize("way", WAYS)
def test_fault_F59_a_second_kill_is_survived_too(way):
    for first, second in ((3, 2), (5, 5), (7, 3), (9, 6)):
        pair, objects, policy, plan = planned(way, 6.0)
        progress = MemoryProgress()
        for attempt, at in ((1, first), (2, second)):
            killer = Killer(pair, at, "after")
            with pytest.raises(Killed):
                copied(pair.run(prepared=False, **policy), plan, attempt, progress)
            killer.gone()
        run = pair.run(prepared=False, **policy)
        found = Counter(outcome.status for outcome in outcomes_of(run.workspace, copied(run, plan, 3, progress)))
        assert found == {"copied": len(objects)}
        assert pair.contents() == objects


def test_fault_F63_progress_of_another_plan_is_ignored():
    pair, objects, policy, plan = planned("part_copy", 6.0)
    progress = MemoryProgress()

    def kill(when: str, verb: str, key: str) -> None:
        if (verb, key) == ("copy_part", "2"):
            raise Killed

    pair.at_destination(kill)
    with pytest.raises(Killed):
        copied(pair.run(prepared=False, **policy), plan, 1, progress)
    pair.destination.hooks.clear()
    assert progress.value is not None
    assert pair.uploads() == 1
    pair.put({"9": b"x" * PART})
    other = make_plan(pair.run(**policy))
    assert other.digest != plan.digest
    run = pair.run(prepared=False, **policy)
    found = {outcome.key: outcome.status for outcome in outcomes_of(run.workspace, copied(run, other, 2, progress))}
    assert found == {"2": "copied", "3": "copied", "9": "copied"}, "what the new plan holds, and nothing of the old one"
    assert pair.contents() == {**objects, "9": b"x" * PART}
    assert pair.uploads() == 0, "an upload of the earlier plan's try stays open"


def test_D8_uploads_of_others_are_left_alone():
    pair, _, policy, plan = planned("stream_parts", 0.001)
    theirs = pair.destination.begin_upload("0")
    progress = MemoryProgress()
    killer = Killer(pair, 8, "after")
    with pytest.raises(Killed):
        copied(pair.run(prepared=False, **policy), plan, 1, progress)
    killer.gone()
    copied(pair.run(prepared=False, **policy), plan, 2, progress)
    assert [upload.upload_id for upload in pair.destination.list_uploads()] == [theirs]


def test_invariant_I12_a_late_zombie_changes_nothing():
    """A try that was thought dead goes on after its retry has finished: every late write is refused."""
    pair, objects, policy, plan = planned("server_copy", 0.001)
    run, zombie = (pair.run(prepared=False, **policy) for _ in range(2))
    copied(run, plan, 2, MemoryProgress())
    versions = {key: pair.destination.head(key).info for key in objects}
    late = outcomes_of(zombie.workspace, copied(zombie, plan, 1, MemoryProgress()))
    assert {outcome.status for outcome in late} == {"copied"}
    assert {key: pair.destination.head(key).info for key in objects} == versions


def test_D7_what_a_killed_try_completed_is_recognised_with_all_that_is_known_of_it():
    """Nothing of it is sent again, what it lost is reported, and no entry of the journal stays."""
    pair = Pair(shared=False, destination=replace(MEMORY_CAPABILITIES, tags=False))
    pair.put({"0": b"0" * (2 * PART + 3)}, tags={"team": "data"})
    plan = make_plan(pair.run(**MEDIUM))

    def kill(when: str, verb: str, key: str) -> None:
        if (when, verb) == ("after", "complete_upload"):
            raise Killed

    pair.at_destination(kill)
    with pytest.raises(Killed):
        copied(pair.run(prepared=False, **MEDIUM), plan, 1, MemoryProgress())
    pair.destination.hooks.clear()
    before, run = pair.writes(), pair.run(prepared=False, **MEDIUM)
    (found,) = outcomes_of(run.workspace, copied(run, plan, 2, MemoryProgress()))
    assert (found.status, found.lost) == ("copied", ("tags",))
    assert pair.writes() == before
    assert list(UploadJournal(run.workspace).names()) == []
