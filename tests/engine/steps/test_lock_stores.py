"""Does the lock of a pair hold on real stores: S3, OSS with and without versions, a folder?"""

from __future__ import annotations

import json
import threading
from functools import partial
from pathlib import Path

import pytest

from airflow_bucketsync.engine.errors import Locked, LockLost
from airflow_bucketsync.engine.steps.holding import held
from airflow_bucketsync.engine.steps.lock import Watch, acquire, peek, release, wait_for_lock
from airflow_bucketsync.engine.steps.lock_object import LockObject, strength_of
from airflow_bucketsync.engine.stores.clock import SystemClock
from tests.engine.stand import QuickClock, one_server, server, stand, two_oss
from tests.engine.steps.locking import Meeting, Skewed

__all__ = ["one_server", "server", "stand", "two_oss"]

PLACES = ("s3", "oss", "oss_versions", "folder")
STRENGTHS = {"s3": "lease", "oss": "no_take_over", "oss_versions": "no_take_over", "folder": "lease"}
ROUNDS = 4


class Fifth(SystemClock):
    """The machine's clock, on which waits take a fifth of the time: long against a request on a busy machine."""

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait a fifth."""
        return stop.wait(seconds / 5)


class Hurried(QuickClock):
    """A clock on which seconds pass as fast as waits do."""

    def monotonic(self) -> float:
        """Seconds, fifty times as fast."""
        return super().monotonic() * 50


@pytest.fixture(params=PLACES)
def place(request):
    """The kind of destination."""
    return request.param


@pytest.fixture
def meeting(stand, place):
    """A destination of this kind."""
    if place == "folder":
        destination = stand.local("out")
    elif place == "s3":
        destination = stand.s3(stand.bucket(), "out/")
    else:
        versioning = {"versioning": "Enabled"} if place == "oss_versions" else {}
        destination = stand.oss(stand.bucket(at=stand.oss_server, **versioning), "out/")
    return Meeting(stand.local("in"), destination, clock=QuickClock())


def together(*work):
    """Call all of these at the same time; returns what each returned, or its error."""
    ready, answers = threading.Barrier(len(work)), [None] * len(work)

    def call(number):
        ready.wait()
        try:
            answers[number] = work[number]()
        except Exception as error:
            answers[number] = error

    threads = [threading.Thread(target=call, args=(number,)) for number in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def test_row_G13_taken_kept_and_given_back(meeting, place):
    one, two = meeting.run("one"), meeting.run("two")
    assert strength_of(one) == STRENGTHS[place]
    peek(one)
    assert acquire(one) == ()
    assert (meeting.holder(), meeting.lock()["number"]) == ("one", 1)
    for ask in (peek, acquire):
        with pytest.raises(Locked, match="run 'one' of DAG 'dag'"):
            ask(two)
    assert release(two) == ()
    first = meeting.lock()["etag"]
    with held(meeting.run("one")):
        second = meeting.lock()["etag"]
    assert acquire(meeting.run("one")) == ()
    assert len({first, second, meeting.lock()["etag"]}) == 3  # who watches sees every renewal
    assert release(one) == ()
    assert meeting.lock() is None
    assert acquire(two) == ()


def test_row_G13_taken_over_when_its_lease_is_over(meeting, place):
    acquire(meeting.run("one"))
    late = meeting.run("two", clock=Skewed(QuickClock(), minutes=21))
    if STRENGTHS[place] == "no_take_over":
        with pytest.raises(Locked, match="can't take the lock of a dead run over by itself"):
            acquire(late)
        return
    with pytest.raises(Locked):
        acquire(meeting.run("two", clock=Skewed(QuickClock(), minutes=19)))
    assert "its lease was over" in acquire(late)[0]
    assert (meeting.holder(), meeting.lock()["number"]) == ("two", 2)


def test_flow_trap_6_taken_over_when_its_run_has_ended(meeting):
    acquire(meeting.run("one"))
    assert "that run has ended" in acquire(meeting.run("two"), finished=lambda document: document.run == "one")[0]
    assert (meeting.holder(), meeting.lock()["number"]) == ("two", 2)
    with pytest.raises(LockLost, match="it is held by run 'two'"), held(meeting.run("one")):
        pass
    assert release(meeting.run("one")) == ()
    assert meeting.holder() == "two"


def test_row_G13_the_break_glass_ends_a_run(meeting):
    acquire(meeting.run("one"))
    run = meeting.run("one", clock=Hurried(), lock_lease=30)

    def work():
        with held(run):
            meeting.delete()
            for _ in range(60):
                run.gate.wait(25)

    with pytest.raises(LockLost, match="it was deleted"):
        work()
    assert release(meeting.run("one")) == ()
    assert acquire(meeting.run("two")) == ()


def test_fault_F66_of_many_that_come_at_once_one_gets_it(meeting):
    for number in range(ROUNDS):
        runs = [meeting.run(f"run {number} {name}") for name in range(5)]
        answers = together(*(partial(acquire, run) for run in runs))
        winners = [run.run for run, answer in zip(runs, answers, strict=True) if answer == ()]
        assert winners == [meeting.holder()], answers
        assert sum(isinstance(answer, Locked) for answer in answers) == 4, answers
        for run in runs:
            release(run)
        assert meeting.lock() is None


def test_fault_F66_of_many_that_take_it_over_at_once_one_gets_it(meeting):
    acquire(meeting.run("dead"))
    for number in range(ROUNDS // 2):
        runs = [meeting.run(f"run {number} {name}", clock=Fifth()) for name in range(4)]
        before = meeting.holder()

        def finished(document, before=before):
            return document.run == before

        answers = together(*(partial(acquire, run, finished=finished) for run in runs))
        winners = [run.run for run, answer in zip(runs, answers, strict=True) if isinstance(answer, tuple)]
        assert winners == [meeting.holder()], answers
        assert sum(isinstance(answer, Locked) for answer in answers) == 3, answers


def test_fault_F66_runs_that_wait_are_let_in_one_by_one(meeting):
    inside, most, done = set(), [], []

    def run(name):
        while True:
            this = meeting.run(name)
            try:
                wait_for_lock(this, Watch(this.clock))
                acquire(this)
                break
            except Locked:
                continue
        with held(meeting.run(name)):
            inside.add(name)
            most.append(len(inside))
            this.gate.wait(2)
            inside.discard(name)
        assert release(this) == ()
        done.append(name)

    answers = together(*(partial(run, name) for name in ("one", "two", "three")))
    assert answers == [None] * 3
    assert sorted(done) == ["one", "three", "two"]
    assert max(most) == 1


def test_several_tasks_of_one_run_renew_it_at_once(meeting):
    acquire(meeting.run("one"))

    def work(run):
        with held(run):
            for _ in range(8):
                run.gate.wait(12)  # a third of the lease is ten seconds, a fifth of a second here

    clock = Hurried()
    answers = together(*(partial(work, meeting.run("one", clock=clock, lock_lease=30)) for _ in range(4)))
    assert answers == [None] * 4
    assert (meeting.holder(), meeting.lock()["number"]) == ("one", 1)


def test_threat_S19_anything_may_stand_there(meeting):
    for body in (b"", b"{}", b"\x00" * 100, b"[" * 70_000):
        meeting.write_bytes(body)
        with pytest.raises(Locked, match="the lock can't be read"):
            acquire(meeting.run("one"))
        assert release(meeting.run("one")) == ()
    meeting.delete()
    acquire(meeting.run("one"))


def test_what_stands_there_is_for_people_too(meeting, place, stand):
    acquire(meeting.run("one"))
    key = LockObject(meeting.run()).key
    if place == "folder":
        body = Path(meeting.destination.location.bucket, "_bucketsync", key).read_bytes()
    else:
        at = stand.server if place == "s3" else stand.oss_server
        body = at.core.body(meeting.destination.location.bucket, f"out/_bucketsync/{key}")
    value = json.loads(body)
    assert list(value)[:4] == ["schema", "version", "pair", "run"]
    assert (value["schema"], value["version"], value["run"]) == ("bucketsync/lock", 1, "one")
    assert b"\n" in body


def test_requests_of_a_run(meeting, place):
    """What a lock costs a run with one writing task."""
    run = meeting.run("one")
    peek(run)
    acquire(run)
    with held(meeting.run("one")):
        pass
    release(run)
    expected = {"s3": 7, "oss": 10, "oss_versions": 14, "folder": 7}[place]
    assert meeting.destination.requests.total() == expected, meeting.destination.requests
