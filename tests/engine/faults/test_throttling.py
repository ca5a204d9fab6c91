"""Row D14, fault F34: a storm of refusals makes a run ask less often, and end well; row D13: the limits of a pair."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_bucketsync.engine import sync
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.stores.base import Transfer
from airflow_bucketsync.engine.stores.clock import SystemClock
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.retrying import Retries, RetryingStore
from tests.engine.stand import Stand
from tests.servers.web.faults import Fault


class FastClock(SystemClock):
    """The machine's clock, but faster."""

    def __init__(self, speed: float) -> None:
        self.speed = speed

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        return time.monotonic() * self.speed

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait a part of it."""
        return stop.wait(seconds / self.speed)


@dataclass(frozen=True)
class Storm:
    """What a server saw of a run, in seconds of the run's clock since the storm began."""

    times: tuple[float, ...]
    refused: int
    seconds: float
    verified: bool
    failed: int

    def rate(self, start: float, stop: float) -> float:
        """Requests a second between two moments."""
        return sum(start <= moment < stop for moment in self.times) / (stop - start)


def storm(stand: Stand, kind: str, *, speed: float, lasts: float, objects: int, calm: int) -> Storm:
    """A run in which one request in five is refused for a while.

    :param lasts: seconds of the storm, by the run's clock
    :param calm: copies before it
    """
    at: Any = stand.oss_server if kind == "oss" else stand.server
    source, destination = stand.bucket(at=at), stand.bucket(at=at)
    stand.put(source, {f"k{number:06d}": b"x" for number in range(objects)}, at=at)
    rules: list[tuple[float, Fault]] = []

    def begin(_: Any) -> None:
        rule = Fault("status", status=503, probability=0.2, seed=7, window=(0, lasts / speed), bucket=destination)
        rules.append((time.time(), at.faults.add(rule)))

    stand.fault("before", server=at, operation="CopyObject", bucket=destination, on=calm, hook=begin)
    before, started = at.log.last_index, time.monotonic()
    report = sync(
        stand.remote(source, at=at),
        stand.remote(destination, at=at),
        workspace=stand.workspace,
        policy=SyncPolicy(concurrency=16),
        clock=FastClock(speed),
        check=False,
    )
    ((begun, rule),) = rules
    return Storm(
        times=tuple((entry.time - begun) * speed for entry in at.log.since(before)),
        refused=rule.occurred,
        seconds=(time.monotonic() - started) * speed,
        verified=report.green and report.verified,
        failed=report.counts.get("failed", 0),
    )


def hold(seen: Storm, lasts: float) -> None:
    """The run ends well, and ten seconds after the storm began it asks half as often, or less."""
    assert (seen.failed, seen.verified) == (0, True)
    assert seen.refused >= 5
    assert seen.times[-1] > lasts, "the storm ended before the run"
    before, after = seen.rate(-3.0, 0.0), seen.rate(5.0, 10.0)
    course = [round(seen.rate(at, at + 5), 1) for at in range(-10, 100, 5)]
    assert after <= before / 2, f"requests a second, by five seconds from ten before the storm: {course}"


@pytest.mark.parametrize("kind", ["s3", "oss"])
def test_fault_F34_row_D14_a_storm_halves_the_request_rate(stand: Stand, kind: str) -> None:
    """A short one, on a clock five times as fast."""
    hold(storm(stand, kind, speed=5.0, lasts=15.0, objects=500, calm=250), 15.0)


@pytest.mark.soak
def test_fault_F34_row_D14_a_storm_of_a_minute(stand: Stand) -> None:
    """The acceptance of issue 4, on the machine's clock."""
    hold(storm(stand, "s3", speed=1.0, lasts=60.0, objects=4000, calm=2000), 60.0)


# limits of a pair ----------------------------------------------------------------------------------------------------


def limited(stand: Stand, kind: str, mode: str, count: int, size: int, **limits: float) -> tuple[float, int]:
    """Bring objects over under these limits; the seconds, and the requests to the destination."""
    at: Any = {"oss": stand.oss_server, "s3": stand.server}.get(kind)
    gate = Gate(concurrency=8, **limits)  # type: ignore[arg-type]
    retries = Retries(gate=gate)
    if at is None:
        source = RetryingStore(stand.local("in"), retries)
        destination = RetryingStore(stand.s3(stand.bucket()), retries)
        for number in range(count):
            source.put(f"k{number:03d}", b"x" * size)
    else:
        bucket = stand.bucket(at=at)
        stand.put(bucket, {f"k{number:03d}": b"x" * size for number in range(count)}, at=at)
        source = RetryingStore(stand.remote(bucket, at=at), retries)
        destination = RetryingStore(stand.remote(stand.bucket(at=at), at=at), retries)
    infos = source.list_page().items
    wanted = [
        Transfer(source_store=source, source=info, key=info.key, destination=Condition.ANY, mode=mode)  # type: ignore[arg-type]
        for info in infos
    ]
    sent = sum(destination.requests.values())
    started = time.monotonic()
    answers = list(destination.transfer_many(wanted, gate=gate))
    assert [answer.error for answer in answers] == [None] * count
    return time.monotonic() - started, sum(destination.requests.values()) - sent


@pytest.mark.parametrize("kind", ["s3", "oss"])
def test_row_D13_requests_of_all_threads_stay_below_the_limit(stand: Stand, kind: str) -> None:
    seconds, sent = limited(stand, kind, "server_copy", 50, 10, requests_per_second=25)
    assert sent >= 50
    assert 0.9 <= sent / 25 / (seconds + 0.1) <= 1.05


@pytest.mark.parametrize("kind", ["s3", "oss", "local"])
def test_row_D13_bytes_of_all_threads_stay_below_the_limit(stand: Stand, kind: str) -> None:
    seconds, _ = limited(stand, kind, "stream", 16, 256 * 1024, bandwidth=2 * 1024 * 1024)
    assert 1.8 <= seconds < 4.0


@pytest.mark.parametrize("kind", ["s3", "oss"])
def test_row_D13_bytes_of_a_body_that_is_read_in_ranges_count(stand: Stand, kind: str) -> None:
    at: Any = stand.oss_server if kind == "oss" else stand.server
    bucket = stand.bucket(at=at)
    stand.put(bucket, {"k": bytes(1024 * 1024)}, at=at)
    store = RetryingStore(stand.remote(bucket, at=at), Retries(gate=Gate(bandwidth=512 * 1024)))
    started = time.monotonic()
    for start in (0, 512 * 1024):
        with store.open("k", start=start, length=512 * 1024) as body:
            while body.readinto(memoryview(bytearray(512 * 1024))):
                pass
    assert 1.7 <= time.monotonic() - started < 4.0
