"""Runs that list the source only (rows F1, F2, G8, G9; faults F12, F13, F56, F57)."""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.model.selection import Selection
from tests.engine.steps.pairs import Pair

OBJECTS = {f"d{n % 3}/{n:03}": f"body {n}".encode() for n in range(30)}
DAY = 24 * 60 * 60


@pytest.fixture(params=[True, False], ids=["server", "stream"])
def pair(request: pytest.FixtureRequest) -> Pair:
    """A pair in step, with 30 objects, after one full run."""
    made = Pair(shared=request.param)
    made.put(OBJECTS)
    assert made.sync(check=True).report.mode == "full"
    made.clock.advance(60)
    return made


def asked(pair: Pair) -> dict[str, int]:
    """Requests to the destination so far."""
    return dict(pair.destination.requests)


def incremental(pair: Pair, **policy):  # type: ignore[no-untyped-def]
    """One incremental run, which must be one."""
    ran = pair.sync(mode="incremental", **policy)
    assert ran.report.mode == "incremental"
    return ran


def test_row_F1_nothing_new_asks_the_destination_nothing(pair):
    before = asked(pair)
    ran = incremental(pair)
    assert ran.report.verified
    assert ran.report.reasons == {"same: known": 30}
    assert asked(pair) == before


def test_row_F1_what_is_new_or_other_is_copied_and_only_that_is_looked_at(pair):
    pair.put({"new": b"n", "d0/000": b"other", "d1/001": b"other body of another length"})
    before = asked(pair)
    ran = incremental(pair)
    assert ran.report.verified
    assert {key: ran.status(key) for key in ran.outcomes} == {
        "d0/000": ("copied", "size"),
        "d1/001": ("copied", "size"),
        "new": ("copied", "new"),
    }
    assert pair.contents() == OBJECTS | {
        "new": b"n", "d0/000": b"other", "d1/001": b"other body of another length",
    }  # fmt: skip
    assert asked(pair).get("list", 0) == before.get("list", 0)
    assert asked(pair)["head"] - before.get("head", 0) == 6, "three before they are written, three to verify them"
    assert incremental(pair).report.counts == {"same": 31}


def test_row_F1_the_same_bytes_at_another_time_ask_for_the_metadata(pair):
    pair.put({"d0/000": OBJECTS["d0/000"]}, content_type="text/csv")
    ran = incremental(pair)
    assert ran.status("d0/000") == ("updated", "metadata: content_type")
    assert incremental(pair).report.counts == {"same": 30}


def test_row_F1_old_times_hide_nothing(pair):
    """A file that was moved here with its time of ten years ago is as new as any other: no clock decides."""
    pair.clock.advance(-10 * 365 * DAY)
    pair.put({"old": b"o", "d0/003": b"replaced"})
    pair.clock.advance(10 * 365 * DAY)
    ran = incremental(pair)
    assert ran.report.counts == {"copied": 2, "same": 29}


def test_fault_F13_what_is_gone_at_the_source_stays_extra_and_remembered(pair):
    pair.source.delete("d0/000")
    for _ in range(2):
        ran = incremental(pair)
        assert ran.report.counts == {"extra": 1, "same": 29}
        assert ran.status("d0/000") == ("extra", "not_at_source")
    assert pair.contents() == OBJECTS


def test_fault_F57_what_others_did_at_the_destination_is_repaired_by_a_full_run(pair):
    pair.destination.delete("d0/000")
    assert incremental(pair).report.counts == {"same": 30}
    assert "d0/000" not in pair.contents()
    assert pair.sync(mode="full").report.counts == {"copied": 1, "same": 29}
    assert pair.contents() == OBJECTS


def test_what_others_wrote_is_not_taken_for_what_was_remembered(pair):
    """It is looked at before it is written: the write depends on what stands there now."""
    pair.put({"d0/000": b"newer"})
    pair.destination.put("d0/000", b"somebody else's")
    ran = incremental(pair)
    assert ran.status("d0/000")[0] == "copied"
    assert pair.contents()["d0/000"] == b"newer"
    pair.put({"d1/001": b"arrived already"})
    pair.destination.put("d1/001", b"arrived already")
    assert incremental(pair).report.counts == {"same": 30}


def test_row_F2_auto_is_full_once_a_day(pair):
    assert pair.sync(mode="auto").report.mode == "incremental"
    pair.clock.advance(DAY)
    assert pair.sync(mode="auto").report.mode == "full"
    assert pair.sync(mode="auto").report.mode == "incremental"
    pair.clock.advance(-2 * DAY)
    assert pair.sync(mode="auto").report.mode == "full", "a clock that was set back says nothing"


def test_a_full_run_that_is_red_does_not_count_as_one(pair):
    def deny(when: str, verb: str, key: str) -> None:
        if when == "before" and verb in ("copy", "put") and key == "new":
            from airflow_bucketsync.engine.errors import AccessDenied

            raise AccessDenied("no")

    pair.clock.advance(DAY)
    pair.put({"new": b"n"})
    pair.at_destination(deny)
    assert not pair.sync(mode="auto").report.green
    assert pair.sync(mode="auto").report.mode == "full"


def test_row_F1_a_failed_object_is_tried_again(pair):
    def deny(when: str, verb: str, key: str) -> None:
        if when == "before" and verb in ("copy", "put") and key == "new":
            from airflow_bucketsync.engine.errors import AccessDenied

            raise AccessDenied("no")

    pair.put({"new": b"n"})
    pair.at_destination(deny)
    assert incremental(pair).report.counts == {"failed": 1, "same": 30}
    pair.destination.hooks.clear()
    assert incremental(pair).report.counts == {"copied": 1, "same": 30}


def test_row_G9_without_memory_a_run_is_full_and_says_so():
    pair = Pair()
    pair.put(OBJECTS)
    ran = pair.sync(mode="incremental", check=True)
    assert ran.report.mode == "full"
    assert any("nothing is remembered" in warning for warning in ran.report.warnings)
    other = pair.sync(Selection(include=("d0/*",)), mode="incremental")
    assert other.report.mode == "full", "another selection"
    assert not pair.sync(mode="auto").report.warnings, "whoever asks for `auto` asked for this"


def test_row_G9_damaged_memory_is_no_memory(pair):
    pages = pair.pages.server.bucket(pair.pages.location.bucket).objects
    for name in [name for name in pages if "/known/" in name]:
        pair.pages.damage(name, b"damaged")
    pair.put({"new": b"n"})
    ran = pair.sync(mode="incremental")
    assert ran.report.counts == {"copied": 1, "same": 30}
    assert ran.report.reasons["same: etag"] == 30
    assert any("memory of earlier runs is damaged" in warning for warning in ran.report.warnings)
    assert ran.report.mode == "full", "both sides were listed after all"
    assert incremental(pair).report.reasons == {"same: known": 31}


def test_verify_none_learns_nothing_and_copies_again(pair):
    pair.put({"new": b"n"})
    assert incremental(pair, verify="none").report.counts == {"copied": 1, "same": 30}
    ran = incremental(pair)
    assert ran.report.counts == {"same": 31}
    assert ran.report.reasons["same: etag"] == 1


def test_a_dry_run_writes_nothing(pair):
    pair.put({"new": b"n"})
    before = pair.writes()
    assert pair.sync(mode="incremental", dry_run=True).report.counts == {"same": 30, "withheld": 1}
    assert pair.writes() == before


def test_start_after_and_selection_hold(pair):
    pair.put({"d2/new": b"n", "d0/new": b"n"})
    chosen = Selection(start_after="d1/", include=("d2/*",))
    assert pair.sync(chosen).report.mode == "full"
    pair.put({"d2/newer": b"n", "d0/newer": b"n"})
    ran = pair.sync(chosen, mode="incremental")
    assert ran.report.mode == "incremental"
    assert set(ran.outcomes) == {"d2/newer"}
