"""Does a run that takes a part leave the pair's own runs as they were: cursor, times, failed objects, memory?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from airflow_bucketsync.engine import in_process
from airflow_bucketsync.engine.errors import AccessDenied
from airflow_bucketsync.engine.in_process import CHECKPOINT
from airflow_bucketsync.engine.model.by_hand import ByHand
from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps.report import Finished
from tests.engine.steps.pairs import OPAQUE, Pair

OBJECTS = {f"{folder}/{number:02d}.{kind}": b"body" for folder in "ab" for number in range(4) for kind in ("csv", "gz")}
AUTHOR = Selection()
PARTS = {
    "include": Selection(include=("a/**",)),
    "within": Selection(include=("a/**",), within=("**",)),
    "exclude": Selection(exclude=("b/**",)),
    "prefixes": Selection(prefixes=("a/",)),
    "recursive": Selection(recursive=False),
    "start_after": Selection(start_after="a/02"),
    "extensions": Selection(extensions=("csv",)),
    "max_size": Selection(max_size=3),
}


def by_hand(author: Selection = AUTHOR, *, aside: bool = True, **given: object) -> ByHand:
    return ByHand(given=given or {"x": 1}, selection=author, aside=aside)


def checkpoint(pair: Pair) -> Checkpoint:
    value = pair.pages.server.bucket(pair.pages.location.bucket).objects[f"pair/{CHECKPOINT}"].body
    return Checkpoint.from_json(orjson.loads(value))


@pytest.fixture(params=["server", "stream"])
def pair(request: pytest.FixtureRequest) -> Pair:
    """Pairs whose objects only their memory can tell apart: no checksum, and ETags that mean nothing."""
    blind = replace(OPAQUE, checksums=())
    made = Pair(shared=request.param == "server", source=blind, destination=blind)
    made.put(OBJECTS)
    return made


@pytest.mark.parametrize("mode", ["full", "auto"])
@pytest.mark.parametrize("part", list(PARTS))
def test_J11_a_part_makes_the_next_run_forget_nothing(pair, part, mode):
    pair.sync(mode="full")
    before = checkpoint(pair)
    ran = pair.sync(PARTS[part], by_hand=by_hand(), mode=mode)
    assert ran.report.counts.get("copied", 0) == 0
    assert ran.report.mode == {"full": "full", "auto": "incremental"}[mode], "what is remembered is read"
    assert checkpoint(pair) == before
    writes = pair.writes()
    after = pair.sync(mode="auto")
    assert after.report.mode == "incremental", "the pair still knows when it was looked at whole"
    assert after.report.counts == {"same": len(OBJECTS)}
    assert after.report.reasons == {"same: known": len(OBJECTS)}, "nothing was forgotten"
    assert pair.writes() == writes


@pytest.mark.parametrize("mode", ["full", "auto"])
def test_J11_what_a_part_wrote_is_not_written_again(pair, mode):
    pair.sync()
    pair.put({"a/00.csv": b"newer", "b/00.csv": b"newer"})
    ran = pair.sync(PARTS["prefixes"], by_hand=by_hand(), mode=mode)
    assert ran.report.counts["copied"] == 1
    assert ran.report.by_hand == {"x": 1}
    after = pair.sync(mode="auto")
    assert after.report.reasons == {"copied: size": 1, "same: known": len(OBJECTS) - 1}
    assert set(after.outcomes) == {"b/00.csv"}


def deny(pair: Pair, *keys: str) -> None:
    """Let writes of these keys fail; () = no more."""
    pair.destination.hooks.clear()

    def hook(when: str, verb: str, key: str) -> None:
        if when == "before" and verb in ("copy", "put") and key in keys:
            raise AccessDenied("no")

    pair.at_destination(hook)


def test_J11_failed_objects_are_still_tried_first(pair):
    deny(pair, "b/03.gz")
    pair.sync()
    before = checkpoint(pair)
    assert before.failed is not None
    ran = pair.sync(PARTS["prefixes"], by_hand=by_hand())
    assert ran.report.green
    assert checkpoint(pair) == before
    deny(pair)
    after = pair.sync(mode="auto")
    assert after.status("b/03.gz")[0] == "copied"
    assert checkpoint(pair).failed is None


def test_J11_what_fails_in_a_part_is_found_by_the_next_run(pair):
    pair.sync()
    pair.put({"a/00.csv": b"newer"})
    deny(pair, "a/00.csv")
    ran = pair.sync(PARTS["prefixes"], by_hand=by_hand(), mode="auto")
    assert ran.report.red == ("failed",)
    assert checkpoint(pair).failed is None
    deny(pair)
    assert pair.sync(mode="auto").status("a/00.csv")[0] == "copied"


def test_J11_a_round_goes_on_where_it_was(pair):
    pair.sync(max_objects=5)
    before = checkpoint(pair)
    assert before.round is not None
    pair.put({sorted(OBJECTS)[0]: b"newer"})
    bounded = pair.sync(by_hand=by_hand(max_objects=2), max_objects=2)
    assert checkpoint(pair).round == before.round
    first, *_, last = sorted(OBJECTS)[:6]
    assert sorted(bounded.outcomes) == [first, last], "it begins at the beginning, and takes what differs"
    after = pair.sync(max_objects=5)
    assert sorted(after.outcomes) == sorted(OBJECTS)[6:11]


def test_J11_what_failed_before_counts_among_what_is_taken(pair):
    failing = sorted(OBJECTS)[:3]
    deny(pair, *failing)
    pair.sync()
    deny(pair)
    ran = pair.sync(by_hand=by_hand(max_objects=2), max_objects=2)
    assert sorted(ran.outcomes) == failing[:2]


def test_J11_times_stay(pair):
    pair.sync(mode="auto")
    before = checkpoint(pair)
    pair.clock.advance(timedelta(hours=20).total_seconds())
    pair.sync(by_hand=by_hand(compare="exists"), mode="full", compare="exists")
    assert checkpoint(pair) == before
    pair.clock.advance(timedelta(hours=5).total_seconds())
    assert pair.sync(mode="auto").report.mode == "full", "the daily look at everything is not put off"


def test_J11_only_what_the_author_would_take_since_the_last_run(pair):
    pair.clock.advance(timedelta(hours=1).total_seconds())
    pair.sync(since_watermark=True)
    pair.destination.delete("a/00.csv")
    pair.clock.advance(timedelta(hours=2).total_seconds())
    pair.put({"a/new.csv": b"new"})
    ran = pair.sync(PARTS["prefixes"], by_hand=by_hand(), since_watermark=True)
    assert set(ran.outcomes) == {"a/new.csv"}, "a part of what the author's run takes, and nothing older"


def test_J11_no_other_run_knows_of_a_dry_one(pair):
    pair.sync()
    pair.put({"a/00.csv": b"newer"})
    before, known = checkpoint(pair), pair.contents(pair.pages)
    ran = pair.sync(by_hand=by_hand(dry_run=True), dry_run=True)
    assert ran.status("a/00.csv") == ("withheld", "dry_run")
    assert checkpoint(pair) == before
    assert {key for key in pair.contents(pair.pages) if "/known/" in key} == {key for key in known if "/known/" in key}


def test_J11_what_only_speeds_or_guards_is_a_run_like_any_other(pair):
    pair.sync()
    before = checkpoint(pair)
    ran = pair.sync(by_hand=by_hand(aside=False, verify="content"), verify="content")
    assert checkpoint(pair).run == ran.report.run != before.run


def finished(pair: Pair, selection: Selection | None = None, **options: object) -> bool:
    """Whether a run has an event; as `sync` goes through its steps."""
    seen: list[bool] = []
    original = in_process.make_report

    def make_report(*args: object, **more: object) -> Finished:
        made = original(*args, **more)
        seen.append(made.complete)
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(in_process, "make_report", make_report)
        pair.sync(selection, **options)
    return seen[-1]


def test_J11_the_event_of_a_part_comes_with_the_next_whole_run(pair):
    assert finished(pair)
    assert not finished(pair), "nothing was written"
    pair.put({"a/00.csv": b"newer"})
    assert not finished(pair, PARTS["prefixes"], by_hand=by_hand())
    assert not finished(pair, PARTS["prefixes"], by_hand=by_hand()), "it is owed, not said"
    deny(pair, "b/00.csv")
    pair.put({"b/00.csv": b"newer"})
    assert not finished(pair, mode="auto"), "red"
    deny(pair)
    pair.put({"b/00.csv": b"body"})
    assert finished(pair, mode="auto")
    assert not finished(pair, mode="auto"), "it was said once"


def test_J11_include_of_both(pair):
    ran = pair.sync(Selection(include=("a/**",), within=("*.csv",)), by_hand=by_hand(Selection(include=("*.csv",))))
    assert sorted(ran.outcomes) == [key for key in sorted(OBJECTS) if key.startswith("a/") and key.endswith(".csv")]
    assert ran.report.selected_out == {"include": len(OBJECTS) - len(ran.outcomes)}
