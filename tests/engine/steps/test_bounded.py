"""Runs that stop before they took everything, and objects that failed before (rows C7, G3, G4, G6; F1, F2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import orjson
import pytest

from airflow_bucketsync.engine.errors import AccessDenied, ServerError
from airflow_bucketsync.engine.in_process import CHECKPOINT
from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.failed import FailedObject
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps import remembering
from airflow_bucketsync.engine.steps.failed import KEPT
from airflow_bucketsync.engine.steps.list_units import list_unit
from airflow_bucketsync.engine.steps.listed import Listed
from airflow_bucketsync.engine.steps.prepare import prepare
from airflow_bucketsync.engine.steps.run_document import read_run
from airflow_bucketsync.engine.stores.local import LocalStore
from tests.engine.steps.pairs import Pair

THIRTY = {f"{n:02}": b"0123456789" for n in range(30)}
MODES = ("full", "incremental", "auto")


def stored(pair: Pair) -> Checkpoint:
    """The checkpoint that the last run left."""
    value = pair.pages.server.bucket(pair.pages.location.bucket).objects[f"pair/{CHECKPOINT}"].body
    return Checkpoint.from_json(orjson.loads(value))


def failed(pair: Pair) -> dict[str, FailedObject]:
    """The objects that the next run tries first."""
    page = stored(pair).failed
    lines = [] if page is None else pair.lines(f"pair/{page.name}")[1:]
    return {line["key"]: FailedObject.from_json(line) for line in lines}


def deny(pair: Pair, *keys: str, error: type[Exception] = AccessDenied) -> None:
    """Let writes of these keys fail; () = no more."""
    pair.destination.hooks.clear()

    def hook(when: str, verb: str, key: str) -> None:
        if when == "before" and verb in ("copy", "put") and key in keys:
            raise error("no")

    pair.at_destination(hook)


def copied(ran) -> list[str]:  # type: ignore[no-untyped-def]
    """The keys that a run wrote."""
    return sorted(key for key, outcome in ran.outcomes.items() if outcome.status == "copied")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("bound", [{"max_objects": 1}, {"max_objects": 7}, {"max_bytes": 1}, {"max_bytes": 70}])
def test_row_C7_tiny_bounds_lose_nothing_and_repeat_nothing(mode, bound):
    pair = Pair()
    pair.put(THIRTY)
    step = bound.get("max_objects") or max(1, bound["max_bytes"] // 10)
    seen: list[str] = []
    while True:
        ran = pair.sync(mode=mode, check=True, **bound)
        seen += copied(ran)
        assert len(copied(ran)) <= step
        if ran.report.resume is None:
            break
        assert ran.report.resume == seen[-1] == stored(pair).round.after
    assert seen == sorted(THIRTY), "each once, in order"
    assert pair.contents() == THIRTY
    assert stored(pair).round is None
    assert pair.sync(mode=mode, **bound).report.counts == {"same": 30}


def test_row_C7_one_object_larger_than_the_bound():
    pair = Pair()
    pair.put({"a": b"x", "huge": b"x" * 500, "z": b"x"})
    runs = [copied(pair.sync(max_bytes=10, check=True)) for _ in range(4)]
    assert runs == [["a"], ["huge"], ["z"], []]


def test_row_C7_a_bounded_run_lists_no_further_than_it_takes():
    from dataclasses import replace

    from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES

    small = replace(MEMORY_CAPABILITIES, page_limit=5)
    pair = Pair(source=small, destination=small)
    pair.put(THIRTY)
    before = pair.source.requests["list"]
    pair.sync(max_objects=3)
    assert pair.source.requests["list"] - before <= 2
    assert pair.sync(max_objects=3).report.resume == "05"


def test_row_C7_without_the_bound_a_run_begins_at_the_beginning():
    pair = Pair()
    pair.put(THIRTY)
    pair.sync(max_objects=10)
    pair.put({"00": b"changed body"})
    ran = pair.sync()
    assert copied(ran) == ["00", *sorted(THIRTY)[10:]]
    assert stored(pair).round is None


def test_row_C7_what_changes_behind_the_cursor_is_taken_by_the_next_round():
    pair = Pair()
    pair.put(THIRTY)
    pair.sync(max_objects=20)
    pair.put({"00": b"changed body"})
    assert copied(pair.sync(max_objects=20)) == sorted(THIRTY)[20:]
    assert copied(pair.sync(max_objects=20)) == ["00"]


def test_row_F1_the_watermark_waits_for_the_end_of_a_round():
    pair = Pair()
    pair.put(THIRTY)
    begun = pair.clock.now()
    pair.sync(max_objects=20)
    assert (stored(pair).watermark, stored(pair).last_full) == (None, None)
    pair.clock.advance(3_600)
    pair.sync(max_objects=20)
    overlap = timedelta(minutes=15)
    assert timedelta() <= stored(pair).watermark + overlap - begun < timedelta(minutes=1), "the start of the round"
    assert stored(pair).last_full == stored(pair).watermark + overlap


def test_row_G4_failed_objects_are_kept_tried_first_and_forgotten_after_success():
    pair = Pair()
    pair.put(THIRTY)
    deny(pair, "02", "05")
    first = pair.sync(max_objects=10)
    assert first.report.counts == {"copied": 8, "failed": 2}
    kept = failed(pair)
    assert {key: (item.status, item.reason, item.runs) for key, item in kept.items()} == {
        "02": ("failed", "access_denied", 1), "05": ("failed", "access_denied", 1),
    }  # fmt: skip
    deny(pair, "05")
    second = pair.sync(max_objects=10)
    assert copied(second) == ["02", *sorted(THIRTY)[10:20]], "what failed before is no new work"
    assert second.report.resume == "19"
    assert [(item.key, item.runs, item.since) for item in failed(pair).values()] == [("05", 2, kept["05"].since)]
    deny(pair)
    third = pair.sync(max_objects=10)
    assert copied(third) == ["05", *sorted(THIRTY)[20:]]
    assert third.report.green
    assert failed(pair) == {}
    assert pair.contents() == THIRTY


def test_row_G4_the_list_lives_through_dry_runs_and_runs_that_never_got_so_far():
    pair = Pair()
    pair.put(THIRTY)
    deny(pair, "25")
    pair.sync()
    deny(pair)
    pair.put({f"0{n}": b"changed body" for n in range(5)})
    pair.sync(dry_run=True)
    assert list(failed(pair)) == ["25"]
    pair.sync(max_objects=2)
    assert list(failed(pair)) == ["25"], "not reached"
    while pair.sync(max_objects=2).report.resume is not None:
        pass
    assert failed(pair) == {}
    assert pair.contents()["25"] == THIRTY["25"]


def test_row_G4_what_is_gone_or_unselected_meanwhile_is_forgotten():
    pair = Pair()
    pair.put(THIRTY)
    deny(pair, "01")
    pair.sync(max_objects=5)
    pair.source.delete("01")
    ran = pair.sync(max_objects=5, check=True)
    assert copied(ran) == ["05", "06", "07", "08", "09"]
    assert failed(pair) == {}


def test_row_G4_an_object_that_can_not_be_asked_for_has_failed_again():
    pair = Pair()
    pair.put(THIRTY)
    deny(pair, "01")
    pair.sync(max_objects=5)
    deny(pair)

    def hook(when: str, verb: str, key: str) -> None:
        if when == "before" and verb == "head" and key == "01":
            raise AccessDenied("no")

    pair.source.hooks.append(hook)
    ran = pair.sync(max_objects=5)
    assert ran.status("01") == ("failed", "access_denied")
    assert failed(pair)["01"].runs == 2
    assert not ran.report.green


def test_row_G4_what_failed_before_stands_at_the_head_of_the_batch():
    pair = Pair()
    pair.put(THIRTY)
    deny(pair, "20", "28")
    pair.sync()
    pair.destination.hooks.clear()
    pair.put(dict.fromkeys(THIRTY, b"changed body") | {"03": b"large" * 300_000})
    order: list[str] = []

    def hook(when: str, verb: str, key: str) -> None:
        if when == "before" and verb == "copy":
            order.append(key)

    pair.at_destination(hook)
    pair.sync(check=True)
    assert order[:3] == ["20", "28", "03"], "before the large ones"
    assert sorted(order) == sorted(THIRTY)


def test_row_C7_G4_more_failures_than_are_kept_do_not_move_the_cursor(monkeypatch):
    pair = Pair()
    pair.put(THIRTY)
    deny(pair, *sorted(THIRTY)[:8])
    for name in ("airflow_bucketsync.engine.steps.remembering.KEPT", "airflow_bucketsync.engine.steps.checkpoint.KEPT"):
        monkeypatch.setattr(name, 5)
    assert pair.sync(max_objects=10).report.resume == "09"
    assert stored(pair).round is None
    assert len(failed(pair)) == 5
    deny(pair)
    pair.sync(max_objects=10, check=True)
    assert {key for key in THIRTY if key <= "09"} <= pair.contents().keys()
    assert KEPT == 10_000
    assert remembering.KEPT == 5


def test_row_C7_a_batch_without_result_does_not_move_the_cursor(monkeypatch):
    from airflow_bucketsync.engine import in_process

    pair = Pair()
    pair.put(THIRTY)
    copy_batch = in_process.copy_batch

    def crash(*args, **kwargs):  # type: ignore[no-untyped-def]
        raise ServerError("killed")

    monkeypatch.setattr(in_process, "copy_batch", crash)
    assert not pair.sync(max_objects=10).report.green
    assert (stored(pair).round, stored(pair).stage) == (None, "copy")
    monkeypatch.setattr(in_process, "copy_batch", copy_batch)
    assert copied(pair.sync(max_objects=10, check=True)) == sorted(THIRTY)[:10]
    assert stored(pair).stage == "done"


def test_row_G9_a_list_of_failed_objects_that_is_gone_is_said():
    pair = Pair()
    pair.put(THIRTY)
    deny(pair, "01")
    pair.sync()
    deny(pair)
    pair.pages.delete(f"pair/{stored(pair).failed.name}")
    ran = pair.sync(check=True)
    assert any("the list of objects that failed" in warning for warning in ran.report.warnings)
    assert copied(ran) == ["01"]


def test_row_G1_old_lists_of_failed_objects_are_removed():
    pair = Pair()
    pair.put(THIRTY)
    deny(pair, "01")
    for _ in range(5):
        pair.sync()
    pages = [name for name in pair.contents(pair.pages) if "/failed/" in name]
    assert len(pages) <= 2, "this one, and the one that the last checkpoint names"


def test_row_F1_since_the_watermark_only_what_is_newer_or_failed():
    pair = Pair()
    pair.put(THIRTY)
    deny(pair, "01")
    assert pair.sync(since_watermark=True).report.counts == {"copied": 29, "failed": 1}
    assert stored(pair).watermark is None
    pair.sync(since_watermark=True)
    deny(pair)
    pair.clock.advance(3_600)
    pair.sync(since_watermark=True, check=True)
    assert stored(pair).watermark is not None
    pair.clock.advance(3_600)
    pair.put({"new": b"n"})
    ran = pair.sync(since_watermark=True, check=True)
    assert ran.report.counts == {"copied": 1}
    full = stored(pair).last_full
    deny(pair, "newer")
    pair.put({"newer": b"n"})
    assert pair.sync(since_watermark=True, tolerate=("failed",)).report.verified
    pair.clock.advance(7_200)
    assert pair.sync(since_watermark=True, tolerate=("failed",)).report.verified
    assert pair.source.head("newer").info.last_modified < stored(pair).watermark
    deny(pair)
    assert copied(pair.sync(since_watermark=True, check=True)) == ["newer"], "it failed before"
    assert stored(pair).last_full == full, "a run that did not look at everything is no full one"


def test_row_F2_until_quiet_goes_on_until_little_changes():
    pair = Pair()
    pair.put(THIRTY)
    left = iter([6, 3, 1, 0, 0])

    def writer(when: str, verb: str, key: str) -> None:
        if when == "after" and verb == "list":
            for n in range(next(left, 0)):
                pair.source.put(f"{n:02}", f"{pair.clock.now()}".encode())

    pair.source.hooks.append(writer)
    from airflow_bucketsync.engine.in_process import sync
    from airflow_bucketsync.engine.model.policy import SyncPolicy

    report = sync(
        pair.source, pair.destination, workspace=pair.pages, name="pair", clock=pair.clock, retries=pair.retries(),
        policy=SyncPolicy(mode="until_quiet", quiet_objects=1, concurrency=1),
    )  # fmt: skip
    assert report.rounds >= 3
    assert not report.next_round
    assert stored(pair).history[0].written >= 24
    assert stored(pair).history[-1].written <= 1
    assert pair.contents() == pair.contents(pair.source)
    assert stored(pair).rounds == 0


def test_row_F2_until_quiet_ends_after_max_rounds_and_says_so():
    pair = Pair()
    pair.put(THIRTY)
    one = pair.sync(mode="until_quiet", max_rounds=2, run="one")
    assert (one.report.rounds, one.report.next_round, one.report.mode) == (1, True, "full")
    pair.put({"00": b"changed body"})
    two = pair.sync(mode="until_quiet", max_rounds=2, run="two")
    assert (two.report.rounds, two.report.next_round, two.report.mode) == (2, False, "incremental")
    assert any("max_rounds" in warning for warning in two.report.warnings)
    assert two.report.green
    pair.put({"00": b"changed again"})
    assert pair.sync(mode="until_quiet", max_rounds=2, run="three").report.rounds == 1


def test_row_F2_a_red_run_is_the_last_round():
    pair = Pair()
    pair.put(THIRTY)
    deny(pair, "01")
    assert not pair.sync(mode="until_quiet", run="one").report.next_round


def test_row_F3_missing_or_older_is_a_back_to_source_migration():
    """Objects that a cut-over wrote at the destination stay; what is missing, or older there, comes over."""
    pair = Pair()
    pair.put({"old": b"from the source", "missing": b"m", "newer": b"source"})
    pair.clock.advance(60)
    pair.put_there({"newer": b"written after the cut-over"})
    pair.clock.advance(60)
    pair.put({"old": b"newer at the source"})
    for mode in ("full", "auto", "incremental"):
        ran = pair.sync(mode=mode, compare="missing_or_older", check=True)
    assert pair.contents() == {
        "old": b"newer at the source", "missing": b"m", "newer": b"written after the cut-over",
    }  # fmt: skip
    assert copied(ran) == []


def test_row_G1_split_points_spread_the_next_listing(monkeypatch, tmp_path):
    """The same listing in one range and in many, both sides, and the same plan (invariant I14)."""
    from airflow_bucketsync.engine.rules import splits
    from airflow_bucketsync.engine.steps import prepare as preparing
    from airflow_bucketsync.engine.steps.plan import make_plan

    monkeypatch.setattr(preparing, "SMALL", 0)
    monkeypatch.setattr(splits.SplitPoints.points, "__kwdefaults__", {"unit_objects": 1_000})
    pair = Pair()
    pair.put({f"d{n % 7}/{n:05}": b"" for n in range(5_500)})
    pair.sync(check=True)
    assert len(stored(pair).splits) == 5
    pair.put({"d3/new": b"n", "zz": b"n"})
    plans = []
    for name, checkpoint in (("one", None), ("many", stored(pair))):
        run = pair.run(name, prepared=False)
        units = prepare(run, checkpoint=checkpoint).units
        for number in units:
            list_unit(run, number)
        document = read_run(run.workspace)
        listed = list(Listed(run, document, "source"))
        assert [info.key for info in listed] == sorted(pair.contents(pair.source))
        plans.append((len(units), make_plan(run).digest))
    assert [count for count, _ in plans] == [2, 12]
    assert plans[0][1] == plans[1][1]


def test_row_G1_a_folder_is_listed_in_ranges_as_in_one(tmp_path):
    from airflow_bucketsync.engine.steps.listing import Listing

    for n in range(60):
        folder = tmp_path / f"f{n % 5}" / ("deep" if n % 2 else "")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{n:02}").write_text("x")
    (tmp_path / "f2" / "link").symlink_to("nowhere")
    store = LocalStore(Location.parse(tmp_path.as_uri()))
    whole = Listing(store, "source")
    keys = [info.key for info in whole]
    points = ["", "f0/deep/3", "f1", "f2/", "f2/link", "f3/deep/zz", "f9", None]
    parts = [Listing(store, "source", after=after, until=until) for after, until in pairwise(points)]
    assert [info.key for part in parts for info in part] == keys
    assert sorted(name for part in parts for name, _ in part.refused) == [name for name, _ in whole.refused]


def test_row_C7_selection_and_start_hold_in_a_bounded_run():
    pair = Pair()
    pair.put(THIRTY)
    chosen = Selection(start_after="09", exclude=("15",), modified_before=datetime(2100, 1, 1, tzinfo=UTC))
    seen: list[str] = []
    while True:
        ran = pair.sync(chosen, max_objects=4, check=True)
        seen += copied(ran)
        if ran.report.resume is None:
            break
    assert seen == [key for key in sorted(THIRTY) if key > "09" and key != "15"]
