"""Faults of clocks and calendars: F21 (rounded, shifted, skewed times), F68 (intervals that come twice, or never)."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from airflow_bucketsync.engine.model.fidelity import is_held_time
from tests.engine.clocks import START
from tests.engine.stand import Pair, Stand
from tests.engine.steps import pairs
from tests.servers.s3 import S3Server

EPOCH_TIMES = (0.0, 1.0, 951_782_400.0, 1_772_945_999.999, 4_102_444_800.5)
"""1970, the 29th of February, a last millisecond, 2100."""
HOUR = 3600.0


# F21: times that are not what they were -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("way", "skew"),
    [
        ("server_copy", 0.0),
        ("stream", -400 * 24 * HOUR),
        ("stream", 400 * 24 * HOUR),
        ("s3_to_oss", -0.75),
        ("oss_to_s3", HOUR),
        ("oss_stream", -HOUR),
    ],
)
def test_fault_F21_clocks_of_the_stores_differ(stand: Stand, other: S3Server, way: str, skew: float) -> None:
    """Nothing is copied again for a time, and nothing that changed is passed over for one."""
    pair = Pair.make(way, stand, other)
    for server in stand.servers:
        server.core.clock.freeze(1_772_945_999.5)
    if pair.source_at is not pair.destination_at:
        pair.destination_at.core.clock.shift(skew)
    for number, modified in enumerate(EPOCH_TIMES):
        pair.put({f"k{number}": b"body %d" % number}, modified=modified + skew)
    assert pair.sync().report.verified
    for mode in ("full", "incremental", "full"):
        ran = pair.sync(mode=mode)
        assert (ran.report.mode, ran.report.counts) == (mode, {"same": len(EPOCH_TIMES)})
        assert ran.writes() == []
    pair.put({"k0": b"BODY 0"}, modified=EPOCH_TIMES[0] + skew)  # of the same size and time, at both ends of time
    pair.put({"k4": b"BODY 4"}, modified=EPOCH_TIMES[4] + skew)
    ran = pair.sync(mode="incremental")
    assert ran.report.counts == {"copied": 2, "same": len(EPOCH_TIMES) - 2}
    assert pair.contents() == pair.stand.contents(pair.source, at=pair.source_at)


@pytest.fixture(params=["bucket_to_folder", "folder_to_bucket", "folder_to_folder"])
def way_of_files(request: pytest.FixtureRequest) -> str:
    """Between which kinds of places files go."""
    return str(request.param)


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The zone of this process may be changed; it is put back."""
    yield monkeypatch
    monkeypatch.undo()
    time.tzset()


def ends(stand: Stand, way: str):  # type: ignore[no-untyped-def]
    """Both ends, with a few files of many times at the source."""
    bucket = stand.bucket()
    (stand.folder / "in").mkdir()
    for number, modified in enumerate(EPOCH_TIMES):
        if way == "bucket_to_folder":
            stand.server.core.put(bucket, f"k{number}", b"body %d" % number, modified=modified)
        else:
            path = stand.folder / "in" / f"k{number}"
            path.write_bytes(b"body %d" % number)
            os.utime(path, (modified, modified))
    source = stand.s3(bucket) if way == "bucket_to_folder" else stand.local("in")
    return source, stand.s3(bucket) if way == "folder_to_bucket" else stand.local("out")


def test_fault_F21_summer_time_begins_or_the_worker_moves(
    stand: Stand, way_of_files: str, zone: pytest.MonkeyPatch
) -> None:
    source, destination = ends(stand, way_of_files)
    for turn, name in enumerate(("America/New_York", "Asia/Kathmandu", "UTC", "Pacific/Apia")):
        zone.setenv("TZ", name)
        time.tzset()
        ran = stand.sync(source, destination)
        assert ran.report.verified
        assert ran.report.counts == {"same" if turn else "copied": len(EPOCH_TIMES)}
        assert bool(ran.writes()) <= (turn == 0)


@pytest.mark.parametrize("forgotten", [False, True])
def test_fault_F21_disk_that_keeps_every_other_second(
    stand: Stand, way_of_files: str, forgotten: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As FAT does: times given to it come back rounded. One copy at most where memory is lost, never one each run."""
    set_time = os.utime

    def rounding(path, times=None, *, ns=None, **where):  # type: ignore[no-untyped-def]
        if ns is not None:
            ns = tuple(value // 2_000_000_000 * 2_000_000_000 for value in ns)
        set_time(path, times, **({"ns": ns} if ns is not None else {}), **where)

    monkeypatch.setattr(os, "utime", rounding)
    source, destination = ends(stand, way_of_files)
    first = stand.sync(source, destination)
    assert first.report.verified
    if forgotten:
        for path in stand.folder.glob("workspace/*/known.json"):
            path.unlink()
        assert stand.sync(source, destination).report.verified
    for mode in ("full", "incremental"):
        assert stand.sync(source, destination, mode=mode).report.counts == {"same": len(EPOCH_TIMES)}


def test_fault_F21_disk_that_rounds_hides_no_other_time() -> None:
    """What such a disk makes of a time is that time; what it can't have made of it is another one."""
    given = datetime(2026, 3, 1, 12, 0, 1, 239_000, tzinfo=UTC)
    for held in (given, given.replace(microsecond=230_000), given.replace(microsecond=0), given.replace(second=0)):
        assert is_held_time(held.replace(microsecond=0) if held.second == 0 else held, given)
    for other in (timedelta(seconds=2), timedelta(seconds=-3), timedelta(milliseconds=3), timedelta(hours=1)):
        assert not is_held_time(given + other, given)


def test_fault_F21_all_files_seem_an_hour_older(stand: Stand) -> None:
    """A disk that keeps local time does that when summer ends: at worst all is looked at or copied once."""
    source, destination = ends(stand, "folder_to_bucket")
    assert stand.sync(source, destination).report.verified
    for path in (stand.folder / "in").iterdir():
        os.utime(path, (path.stat().st_mtime - HOUR, path.stat().st_mtime - HOUR))
    (stand.folder / "in" / "k1").write_bytes(b"BODY 1")
    os.utime(stand.folder / "in" / "k1", (EPOCH_TIMES[1], EPOCH_TIMES[1]))
    assert stand.sync(source, destination, mode="incremental").report.verified
    for mode in ("incremental", "full"):
        assert stand.sync(source, destination, mode=mode).report.counts == {"same": len(EPOCH_TIMES)}


# F68: schedules -------------------------------------------------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)


def local_hours(begin: datetime) -> list[tuple[datetime, str]]:
    """Every hour of two days as a schedule in local time names it: in spring one never comes, in autumn one twice."""
    hours = [begin + timedelta(hours=n) for n in range(40)]
    return [(hour, f"{hour.astimezone(BERLIN):%d %H}") for hour in hours]


def chosen(begin: datetime, schedule: str) -> list[datetime]:
    """When runs begin."""
    hours = local_hours(begin)
    if schedule == "each":
        return [hour for hour, _ in hours]
    if schedule == "by name":  # the hour that has a name twice runs once
        return [next(named)[0] for _, named in itertools.groupby(hours, key=lambda hour: hour[1])]
    if schedule == "twice":  # every interval again, and the clock says that no time has passed
        return [hour for hour, _ in hours for _ in range(2)]
    if schedule == "gaps":  # paused, no catch-up
        return [hour for number, (hour, _) in enumerate(hours) if number % 13 == 0 or number == len(hours) - 1]
    return [hour - timedelta(hours=3 * (number % 2)) for number, (hour, _) in enumerate(hours)]  # the clock jumps back


def test_the_calendar_does_what_these_tests_are_about() -> None:
    """An hour that is missing, and one that comes twice."""
    assert "29 02" not in {name for _, name in local_hours(SPRING)}
    names = [name for _, name in local_hours(AUTUMN)]
    assert names.count("25 02") == 2
    assert len(chosen(AUTUMN, "by name")) == len(names) - 1


@pytest.mark.parametrize("mode", ["incremental", "auto"])
@pytest.mark.parametrize("schedule", ["each", "by name", "twice", "gaps", "back"])
@pytest.mark.parametrize("begin", [SPRING, AUTUMN])
def test_fault_F68_an_interval_twice_or_never(begin: datetime, schedule: str, mode: str) -> None:
    """No run asks since when: each brings over what is not there, whatever its hour was and whenever the last began."""
    pair = pairs.Pair(tick=0.0)
    clock = pair.clock

    def until(moment: datetime) -> None:
        clock.advance((moment - clock.now()).total_seconds())

    assert clock.now() == START
    until(begin)
    pair.put({"k": b"0"})
    pair.sync(check=True)
    runs = iter(sorted(chosen(begin, schedule)) if schedule != "back" else chosen(begin, schedule))
    due = next(runs)
    number = 0
    writer = [hour + timedelta(minutes=minute) for hour, _ in local_hours(begin) for minute in (0, 59)]
    for written in writer:
        while due is not None and due <= written:
            until(due)
            before = pair.writes()
            ran = pair.sync(mode=mode)
            assert ran.report.verified
            assert pair.contents() == pair.contents(pair.source), due
            if schedule == "twice" and ran.report.counts.get("copied") is None:
                assert pair.writes() == before
            due = next(runs, None)
        until(written)
        number += 1
        pair.put({"k": b"%d" % number, f"k{number:03d}": b"new"})
    last = pair.sync(mode=mode)
    assert last.report.verified
    assert pair.contents() == pair.contents(pair.source)
    assert pair.sync(mode="full").report.counts == {"same": number + 1}
