"""Is a run with small, medium and large objects finished, and no part sent twice, whenever a task of it is killed?"""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES
from tests.engine.steps.pairs import PART, SMALL_COPIES, Pair
from tests.engine.steps.test_kills import Killer, lost_ids
from tests.engine.steps.uploading import MODES, TIERS, Job, body, each_part, pair_for, stored

OBJECTS = {"small": body(PART, 1), "medium": body(2 * PART, 2), "large": body(4 * PART + 1, 3)}


def prepared(mode: str, tick: float) -> Pair:
    pair = pair_for(mode, tick=tick, destination=SMALL_COPIES if mode == "part_copy" else MEMORY_CAPABILITIES)
    pair.put(OBJECTS)
    return pair


def driven(pair: Pair, at: int, when: str) -> tuple[str, int]:
    """The request that was killed, and how many there were; the run came out right."""
    killer = Killer(pair, at, when)
    lost: set[str] = set()
    victims: list[str] = []

    def after() -> None:
        victims.append(killer.victim or "a request that failed")
        killer.gone()
        job.seen = None
        for progress in job.progress.values():
            progress.seen = None
        lost.update(lost_ids(pair, job.process()))

    job = Job(pair, seen=killer, before_retry=after, **TIERS)
    report = job.drive()
    requests = killer.seen
    assert job.failed == [], f"killed {when} request {at}"
    assert report.verified, f"killed {when} request {at}: {report}"
    assert {outcome.status for outcome in job.outcomes(report).values()} == {"copied"}
    assert pair.contents() == OBJECTS, f"killed {when} request {at}"
    assert len(lost) <= 1
    assert {upload.upload_id for upload in pair.destination.list_uploads()} == lost, f"killed {when} request {at}"
    assert len(victims) == (at > 0), "the kill must have happened, once"
    return "".join(victims), requests


@pytest.mark.parametrize(("mode", "moments"), [("stream_parts", ("before", "after")), ("part_copy", ("after",))])
def test_row_D6_D7_a_whole_run_killed_at_every_request(mode, moments, record_property):
    """Killed after a request is killed before the next one; here both were seen."""
    requests = driven(prepared(mode, 0.001), 0, "never")[1]
    assert requests >= 60
    recovered = 0
    for at in range(1, requests + 1):
        for when in moments:
            pair = prepared(mode, 0.001)
            victim, _ = driven(pair, at, when)
            assert stored(pair) == each_part(OBJECTS), f"{victim}, {when} request {at}: a part was sent again"
            recovered += 1
    assert recovered == len(moments) * requests
    record_property("recovered", f"{recovered} of {len(moments) * requests}")


@pytest.mark.parametrize("mode", MODES)
def test_row_G2_killed_at_every_third_request_where_everything_is_saved_at_once(mode):
    requests = driven(prepared(mode, 6.0), 0, "never")[1]
    for at in range(1, requests + 1, 3):
        pair = prepared(mode, 6.0)
        victim, _ = driven(pair, at, "after")
        assert stored(pair) == each_part(OBJECTS), f"{victim}, after request {at}: a part was sent again"


@pytest.mark.parametrize("every", [31, 37, 43])
@pytest.mark.parametrize("mode", MODES)
def test_fault_F59_a_run_killed_again_and_again(mode, every):
    pair = prepared(mode, 1.0)
    killers: list[Killer] = []

    def arm() -> None:
        for killer in killers[-1:]:
            killer.gone()
        killers.append(Killer(pair, every, "after"))

    arm()
    report = Job(pair, before_retry=arm, most=20, **TIERS).drive()
    killers[-1].gone()
    assert len(killers) > 3
    assert report.verified
    assert pair.contents() == OBJECTS
    assert stored(pair) == each_part(OBJECTS)
