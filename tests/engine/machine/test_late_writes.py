"""What becomes of a write on its way, when its source went back to the bytes that it was to replace?"""

from __future__ import annotations

from typing import Any

import pytest

from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.selection import Selection
from tests.engine.machine.fibers import taking_turns
from tests.engine.machine.machine import Sync
from tests.engine.machine.test_found_late import driven, ended

FIRST, SECOND = b"ABCDEFGHI", b"abcdefghi"
LARGE: dict[str, Any] = {"small_threshold": 4, "large_threshold": 4, "part_size": 4, "group_bytes": 12}


def overtaken(point: str, policy: dict[str, Any], **newer: Any) -> Sync:
    """A run is left at a request, its source goes back, a newer run finds that in step, and the request goes on."""
    sync = driven(a=FIRST)
    ended(sync)
    sync.put_source({"a": SECOND}, ObjectAttributes())
    run = sync.new_run(policy, Selection())
    assert sync.go_until(run, point, 0)
    sync.put_source({"a": FIRST}, ObjectAttributes())
    report = ended(sync, **{"mode": "full", **newer}).report
    assert report is not None
    assert report.counts == {"moved" if newer else "same": 1}
    sync.end_all()
    return sync


def there(sync: Sync) -> bytes:
    return sync.world.contents("destination")["a"].body


@pytest.mark.parametrize("newer", [{}, {"move": True}], ids=["copied", "moved"])
def test_I12_a_late_complete_finds_its_upload_ended_by_the_newer_run(newer):
    with taking_turns():
        sync = overtaken("complete destination complete_upload a", LARGE, **newer)
    assert there(sync) == FIRST
    assert sync.judge.broken == []


def test_a_late_put_whose_bytes_are_on_their_way_arrives_and_a_full_run_mends_it():
    with taking_turns():
        sync = overtaken("copy destination put a", {})
        assert there(sync) == SECOND
        ended(sync)
    assert there(sync) == FIRST
    assert sync.judge.broken == []


def test_what_a_late_put_overwrites_after_a_move_is_in_the_trash():
    with taking_turns():
        sync = overtaken("copy destination put a", {"trash": "all"}, move=True)
    assert there(sync) == SECOND
    objects = sync.world.servers["destination"].bucket(sync.world.locations["destination"].bucket).objects
    assert FIRST in [item.body for key, item in objects.items() if STATE_PREFIX in key and key.endswith("/a")]
    assert sync.judge.broken == []
