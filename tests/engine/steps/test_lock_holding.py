"""Does a task that writes renew its lock, and stop when it is no longer its run's?"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, Locked, LockLost, ServerError, TransientError
from airflow_bucketsync.engine.steps.holding import held
from airflow_bucketsync.engine.steps.lock import Watch, acquire, release
from airflow_bucketsync.engine.stores.bulk import in_threads
from airflow_bucketsync.engine.stores.gate import Stopped
from tests.engine.clocks import START
from tests.engine.steps.locking import LEASE, Meeting

REPORT = ("report.json", "report", {})


@pytest.fixture
def meeting():
    """A destination with every condition."""
    return Meeting()


@pytest.fixture(params=["full", "create_only"])
def either(request):
    """A destination with every condition, and one that can only be told not to overwrite."""
    return Meeting(conditional_put=request.param)


def work(run, seconds):
    """Have this task wait for requests for so long."""
    run.gate.wait(seconds)


def task(run, *doing):
    """A task that does this under the lock."""
    with held(run):
        for do in doing:
            do()


# renewed -------------------------------------------------------------------------------------------------------------


def test_row_G13_it_is_renewed_while_the_work_goes_on(either):
    acquire(either.run("one"))
    run, ages = either.run("one"), []
    with held(run) as strength:
        assert (
            strength
            == {"full": "lease", "create_only": "no_take_over"}[either.destination.capabilities.conditional_put]
        )
        for _ in range(200):
            work(run, 30)
            ages.append((either.clock.now() - START).total_seconds() - seconds_of(either.lock()["renewed"]))
            with pytest.raises(Locked):
                acquire(either.run("two"))
    assert max(ages) < LEASE / 2
    puts = either.destination.requests["put"]
    assert 200 * 30 / (LEASE / 2) < puts < 200 * 30 / (LEASE / 4)
    assert either.lock()["number"] == 1
    assert either.lock()["acquired"] == START.isoformat()


def seconds_of(time):
    return (datetime.fromisoformat(time) - START).total_seconds()


def test_a_short_task_sends_two_requests(either):
    acquire(either.run("one"))
    either.destination.requests.clear()
    with held(either.run("one")):
        pass
    assert either.destination.requests == {"get": 1, "put": 1}


def test_it_is_renewed_at_the_beginning_so_that_a_whole_lease_is_left(meeting):
    acquire(meeting.run("one"))
    meeting.clock.advance(2 * LEASE - 1)
    with held(meeting.run("one")):
        meeting.clock.advance(2 * LEASE - 1)
        with pytest.raises(Locked):
            acquire(meeting.run("two"))


def test_several_tasks_of_one_run_renew_it_and_none_has_lost_it(either):
    """Each comes between the look and the write of the other."""
    acquire(either.run("one"))
    tasks = [either.run("one") for _ in range(3)]
    between = []

    def renew(when, verb, key):
        if (when, verb) == ("before", "put") and not between:
            between.append(verb)
            either.clock.advance(1)
            acquire(either.run("one"))

    either.destination.hooks.append(renew)
    with held(tasks[0]), held(tasks[1]), held(tasks[2]):
        for _ in range(100):
            between.clear()
            for run in tasks:
                work(run, 20)
    assert either.holder() == "one"
    assert either.lock()["number"] == 1


def test_a_renewal_that_fails_is_tried_again_soon(meeting):
    acquire(meeting.run("one"))
    run, failed = meeting.run("one"), []

    def fail(when, verb, key):
        if verb == "put" and when == "before" and 0.3 * LEASE < meeting.clock.monotonic() < 0.8 * LEASE:
            failed.append(meeting.clock.monotonic())
            raise ServerError("oh")

    meeting.destination.hooks.append(fail)
    with held(run):
        for _ in range(60):
            work(run, 20)
    assert 3 < len(failed) < 10
    assert meeting.holder() == "one"


# lost ----------------------------------------------------------------------------------------------------------------


def test_row_G13_a_run_whose_lock_was_deleted_stops(either):
    acquire(either.run("one"))
    run, done = either.run("one"), []

    def step(number):
        either.clock.advance(30)
        if number == 5:
            either.delete()
        done.append(number)
        return number

    with pytest.raises(LockLost, match="no longer this run's, it was deleted") as caught, held(run):
        list(in_threads(step, range(1000), gate=run.gate))
    assert not caught.value.transient
    assert caught.value.reason == "lock_lost"
    assert 5 < len(done) < 5 + LEASE / 2 / 30
    assert run.gate.stopped
    with pytest.raises(Stopped):
        run.destination.put("more", b"")
    assert either.lock() is None


def test_row_G13_a_run_whose_lock_was_taken_over_stops_and_says_who_has_it(meeting):
    acquire(meeting.run("one"))
    run = meeting.run("one")
    sleep = partial(meeting.clock.advance, 3 * LEASE)
    with pytest.raises(LockLost, match="it is held by run 'two'") as caught:
        task(run, sleep, partial(acquire, meeting.run("two")), partial(work, run, 1000))
    assert isinstance(caught.value.__cause__, Stopped)
    assert "raise it" in str(caught.value)
    assert (meeting.holder(), meeting.lock()["number"]) == ("two", 2)


def test_a_task_that_did_not_look_meanwhile_learns_it_at_the_end(meeting):
    acquire(meeting.run("one"))
    with pytest.raises(LockLost):
        task(meeting.run("one"), partial(meeting.clock.advance, 3 * LEASE), partial(acquire, meeting.run("two")))


def test_a_task_that_slept_and_lost_nothing_goes_on(meeting):
    acquire(meeting.run("one"))
    with held(meeting.run("one")):
        meeting.clock.advance(3 * LEASE)
    assert meeting.lock()["renewed"] == (START + timedelta(seconds=3 * LEASE)).isoformat()


@pytest.mark.parametrize("how", ["deleted", "taken_over", "damaged"])
def test_a_task_does_not_begin_without_it(either, how):
    acquire(either.run("one"))
    {
        "deleted": either.delete,
        "taken_over": lambda: either.write(run="two"),
        "damaged": lambda: either.write_bytes(b"?"),
    }[how]()
    began = []
    with pytest.raises(LockLost), held(either.run("one")):
        began.append(True)
    assert not began


def test_a_lock_that_can_not_be_renewed_ends_the_work_with_its_lease(meeting):
    """The holder gives up before anybody who waits may take it: the same seconds count for both."""
    acquire(meeting.run("one"))
    run, watch = meeting.run("one"), Watch(meeting.clock)
    stopped = []

    def fail(when, verb, key):
        if verb == "put" and not stopped:
            raise ServerError("oh")

    def go_on():
        meeting.destination.hooks.append(fail)
        while not run.gate.stopped:
            with pytest.raises(Locked):
                acquire(meeting.run("two"), watch=watch)
            work(run, 10)

    with pytest.raises(TransientError, match=r"could not be renewed before its lease is over.*oh") as caught:
        task(run, go_on)
    stopped.append(True)
    assert not isinstance(caught.value, LockLost)
    with pytest.raises(Locked):
        acquire(meeting.run("two"), watch=watch)
    meeting.clock.advance(LEASE / 6)
    acquire(meeting.run("two"), watch=watch)


def test_a_retry_after_that_goes_on_where_nobody_took_it(meeting):
    acquire(meeting.run("one"))
    run = meeting.run("one")

    def fail(when, verb, key):
        if verb == "put":
            raise AccessDenied("no")

    with pytest.raises(TransientError):
        task(run, partial(meeting.destination.hooks.append, fail), partial(work, run, 2 * LEASE))
    meeting.destination.hooks.clear()
    with held(meeting.run("one")):
        pass


def test_errors_of_the_work_stay_what_they_are(meeting):
    acquire(meeting.run("one"))
    with pytest.raises(KeyError):
        task(meeting.run("one"), partial({}.__getitem__, "mine"))
    run = meeting.run("one")
    with pytest.raises(Stopped):  # somebody ended the task
        task(run, run.gate.stop, partial(work, run, 10 * LEASE))


# a run that had ended ------------------------------------------------------------------------------------------------


def test_a_cleared_task_of_a_run_that_had_ended_takes_it_again(either):
    """ "Clear failed" runs a copy again after `report` had released the lock, and not `plan`."""
    run = either.run("one")
    acquire(run)
    run.workspace.write_document(*REPORT)
    assert release(run) == ()
    with held(either.run("one")):
        assert either.holder() == "one"
        with pytest.raises(Locked):
            acquire(either.run("two"))


def test_a_cleared_task_waits_for_another_run(either):
    run = either.run("one")
    acquire(run)
    run.workspace.write_document(*REPORT)
    release(run)
    acquire(either.run("two"))
    with pytest.raises(Locked), held(either.run("one")):
        pass
    release(either.run("two"))
    with held(either.run("one")):
        pass


# without -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [{}, {"dry_run": True}])
def test_without_a_lock_nothing_is_asked(policy):
    meeting = Meeting(conditional_put="none" if not policy else "full")
    run = meeting.run("one", **policy)
    with held(run) as strength:
        work(run, 10 * LEASE)
    assert strength == ("none" if not policy else "lease")
    assert meeting.destination.requests.total() == 0
