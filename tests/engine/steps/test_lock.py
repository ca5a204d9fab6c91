"""Who gets the lock of a pair, when is it taken over, and what is said to whoever doesn't get it?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, ConnectionLost, Locked, ServerError
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.lock import LONGEST
from airflow_bucketsync.engine.model.names import is_state_name
from airflow_bucketsync.engine.steps.lock import (
    Watch,
    acquire,
    locks,
    peek,
    release,
    wait_for_lock,
    withholds_removals,
)
from airflow_bucketsync.engine.steps.lock_object import LockObject, strength_of
from airflow_bucketsync.engine.stores.memory import MemoryStore
from tests.engine.clocks import START, FakeClock
from tests.engine.steps.locking import LEASE, Meeting, Skewed

KINDS = ("full", "create_only")


@pytest.fixture
def meeting():
    """A destination with every condition."""
    return Meeting()


@pytest.fixture(params=KINDS)
def either(request):
    """A destination with every condition, and one that can only be told not to overwrite."""
    return Meeting(conditional_put=request.param)


# taken and given back ------------------------------------------------------------------------------------------------


def test_row_G13_one_run_takes_it_and_gives_it_back(either):
    run = either.run("one")
    peek(run)
    assert either.lock() is None  # looking takes nothing
    assert acquire(run) == ()
    lock = either.lock()
    assert (lock["run"], lock["airflow"], lock["dag_id"], lock["run_id"]) == ("one", "here", "dag", "one")
    assert (lock["pair"], lock["lease"], lock["number"]) == ("pair", LEASE, 1)
    assert (lock["source"], lock["destination"]) == ("memory://source/in/", "memory://there/out/")
    assert lock["acquired"] == lock["renewed"] == START.isoformat()
    assert release(run) == ()
    assert either.lock() is None


def test_row_G13_a_second_run_is_told_who_holds_it(either):
    acquire(either.run("one", airflow="prod"))
    either.clock.advance(90)
    for ask in (peek, acquire):
        with pytest.raises(Locked) as caught:
            ask(either.run("two"))
        words = str(caught.value)
        assert "run 'one' of DAG 'dag' in Airflow 'prod', since 2026-03-01T12:00:00+00:00, renewed 2026" in words
        assert "lease 600 s" in words
        assert "on_lock" in words
        assert "surely dead, delete this object" in words
        assert "memory://there/out/_bucketsync/ key 'lock-" in words
        assert ("can't take the lock of a dead run over by itself" in words) == (
            either.destination.capabilities.conditional_put == "create_only"
        )
    assert caught.value.transient
    assert caught.value.reason == "locked"
    assert either.holder() == "one"


def test_runs_of_one_name_in_two_airflows_are_two(either):
    """Two Airflows with one repository of DAGs name their scheduled runs alike."""
    acquire(either.run("scheduled", airflow="a"))
    with pytest.raises(Locked):
        acquire(either.run("scheduled", airflow="b"))
    assert release(either.run("scheduled", airflow="b")) == ()
    assert either.lock()["airflow"] == "a"


def test_a_retry_or_a_cleared_task_of_the_same_run_keeps_it(either):
    acquire(either.run("one"))
    either.clock.advance(50)
    peek(either.run("one"))
    assert acquire(either.run("one")) == ()
    lock = either.lock()
    assert (lock["number"], lock["acquired"]) == (1, START.isoformat())
    assert lock["renewed"] == (START + timedelta(seconds=50)).isoformat()


def test_it_is_met_whatever_connections_and_pairs_are_called(meeting):
    acquire(meeting.run("one"))
    source = MemoryStore(Location.parse("memory://other@source/in/"), server=meeting.source.server)
    destination = MemoryStore(Location.parse("memory://another@there/out/"), server=meeting.destination.server)
    other = Meeting(source, destination, clock=meeting.clock)
    with pytest.raises(Locked):
        acquire(other.run("two", pair="another"))


def test_another_source_is_another_pair(meeting):
    acquire(meeting.run("one"))
    for url in ("memory://source/in/deep/", "memory://source/", "memory://sourcein/"):
        other = Meeting(MemoryStore(Location.parse(url), server=meeting.source.server), meeting.destination)
        acquire(other.run("two"))
        release(other.run("two"))
    assert meeting.holder() == "one"


def test_its_name_is_one_of_ours_and_of_no_object(meeting):
    key = LockObject(meeting.run()).key
    assert key.startswith("lock-")
    assert len(key) == len("lock-") + 16 + len(".json")
    assert is_state_name(f"_bucketsync/{key}")
    acquire(meeting.run("one"))
    assert [info.key for info in meeting.destination.list_page().items] == [f"_bucketsync/{key}"]


# given back ----------------------------------------------------------------------------------------------------------


def test_release_by_another_run_does_nothing(either):
    acquire(either.run("one"))
    before = either.lock()
    assert release(either.run("two")) == ()
    assert either.lock() == before


def test_release_of_what_is_gone_or_unreadable_does_nothing(meeting):
    assert release(meeting.run("one")) == ()
    meeting.write_bytes(b"{")
    assert release(meeting.run("one")) == ()
    assert meeting.lock() is not None


def test_release_never_deletes_what_was_taken_over_meanwhile(meeting):
    acquire(meeting.run("one"))

    def take_over(when, verb, key):
        if (when, verb) == ("before", "delete"):
            meeting.destination.hooks.clear()
            meeting.write(run="two")

    meeting.destination.hooks.append(take_over)
    assert release(meeting.run("one")) == ()
    assert meeting.holder() == "two"


def test_release_after_a_late_renewal_of_its_own_run(meeting):
    acquire(meeting.run("one"))

    def renew(when, verb, key):
        if (when, verb) == ("before", "delete"):
            meeting.destination.hooks.clear()
            meeting.clock.advance(1)
            acquire(meeting.run("one"))

    meeting.destination.hooks.append(renew)
    assert release(meeting.run("one")) == ()
    assert meeting.lock() is None


@pytest.mark.parametrize("error", [AccessDenied("no"), ServerError("oh")])
def test_a_failure_to_release_is_a_warning(meeting, error):
    acquire(meeting.run("one"))

    def fail(when, verb, key):
        if verb == "delete":
            raise error

    meeting.destination.hooks.append(fail)
    (words,) = release(meeting.run("one"))
    assert words.startswith(f"the lock of the pair could not be released: {error.message}")
    assert "memory://there/out/_bucketsync/lock-" in words
    assert meeting.holder() == "one"


def test_a_lost_answer_is_no_lost_lock(either):
    """Each request is applied, and its first answer lost: what the second finds is our own."""
    lost = set()

    def lose(when, verb, key):
        if when == "after" and verb not in lost:
            lost.add(verb)
            raise ConnectionLost("no answer")

    either.destination.hooks.append(lose)
    acquire(either.run("one"))
    assert either.lock()["number"] == 1
    assert release(either.run("one")) == ()
    assert lost >= {"get", "put", "delete"}
    assert either.lock() is None


# taken over ----------------------------------------------------------------------------------------------------------


def test_row_G13_a_lease_that_is_over_and_one_more_is_taken_over(meeting):
    acquire(meeting.run("one"))
    meeting.clock.advance(2 * LEASE)
    with pytest.raises(Locked):
        acquire(meeting.run("two"))
    meeting.clock.advance(1)
    peek(meeting.run("two"))
    (words,) = acquire(meeting.run("two"))
    assert words.startswith("the lock of run 'one' of DAG 'dag'")
    assert words.endswith("was taken over: its lease was over, and one more")
    assert (meeting.holder(), meeting.lock()["number"]) == ("two", 2)
    with pytest.raises(Locked):
        acquire(meeting.run("one"))


def test_row_G13_the_number_grows_with_each_take_over(meeting):
    for number, name in enumerate(("one", "two", "three"), start=1):
        acquire(meeting.run(name))
        assert meeting.lock()["number"] == number
        meeting.clock.advance(3 * LEASE)


def test_no_time_takes_it_over_where_a_store_can_only_create(either):
    acquire(either.run("one", airflow="other"))
    either.clock.advance(10 * LONGEST.total_seconds())
    if either.destination.capabilities.conditional_put == "full":
        acquire(either.run("two"))
        return
    watch = Watch(either.clock)
    for _ in range(3):
        with pytest.raises(Locked):
            acquire(either.run("two"), watch=watch)
        either.clock.advance(10 * LEASE)
    either.delete()  # the break-glass
    acquire(either.run("two"))
    assert either.lock()["number"] == 1


def test_flow_trap_6_the_lock_of_a_finished_run_of_this_airflow_is_taken_over_at_once(either):
    asked = []

    def finished(document):
        asked.append((document.owner.dag_id, document.owner.run_id))
        return True

    acquire(either.run("one"))
    peek(either.run("two"), finished=finished)
    assert either.holder() == "one"
    (words,) = acquire(either.run("two"), finished=finished)
    assert "that run has ended" in words
    assert asked == [("dag", "one")] * 2
    assert (either.holder(), either.lock()["number"]) == ("two", 2)


def test_other_airflows_are_not_asked_about(either):
    acquire(either.run("one", airflow="other"))
    with pytest.raises(Locked):
        acquire(either.run("two"), finished=lambda document: True)
    either.delete()
    acquire(either.run("one", airflow=""))  # runs inside a process belong to no Airflow
    with pytest.raises(Locked):
        acquire(either.run("two", airflow=""), finished=lambda document: True)
    with pytest.raises(Locked):
        acquire(either.run("two"), finished=lambda document: False)


def test_a_lock_seen_unchanged_for_a_lease_is_taken_over(meeting):
    """By the waiter's own seconds: its time of day, and the holder's, may be anything."""
    acquire(meeting.run("one", clock=Skewed(meeting.clock, hours=20)))
    watch, waiter = Watch(meeting.clock), meeting.run("two", clock=Skewed(meeting.clock, hours=-3))
    for seconds in (0, 300, 299):
        meeting.clock.advance(seconds)
        with pytest.raises(Locked):
            acquire(waiter, watch=watch)
    meeting.clock.advance(1)
    assert "seen not to be renewed" in acquire(waiter, watch=watch)[0]


def test_a_renewal_starts_the_watch_anew(meeting):
    acquire(meeting.run("one"))
    watch = Watch(meeting.clock)
    for _ in range(10):
        with pytest.raises(Locked):
            acquire(meeting.run("two"), watch=watch)
        meeting.clock.advance(LEASE - 1)
        with pytest.raises(Locked):
            acquire(meeting.run("two"), watch=watch)
        acquire(meeting.run("one"))
    assert meeting.holder() == "one"


def test_waiting_ends_when_it_is_released_or_dead(meeting):
    acquire(meeting.run("one"))
    clock = meeting.clock
    wait_for_lock(meeting.run("two"), Watch(clock))
    assert LEASE <= (clock.now() - START).total_seconds() < LEASE + 30
    meeting.delete()
    before = clock.monotonic()
    wait_for_lock(meeting.run("two"), Watch(clock))
    assert clock.monotonic() == before


@pytest.mark.parametrize("lease", [30, 600])
@pytest.mark.parametrize("holder", [-4, 0, 4])
@pytest.mark.parametrize("waiter", [-4, 0, 4])
@pytest.mark.parametrize("server", [-4, 0, 4])
def test_row_G13_clocks_that_are_minutes_apart_let_no_two_runs_hold_it(lease, holder, waiter, server):
    """The holder renews as late as it may; whoever comes at any time in between is told to wait."""
    clock = FakeClock()
    there = MemoryStore(Location.parse("memory://there/out/"), clock=Skewed(clock, minutes=server))
    meeting = Meeting(destination=there, clock=clock)
    one = meeting.run("one", clock=Skewed(clock, minutes=holder), lock_lease=lease)
    two = meeting.run("two", clock=Skewed(clock, minutes=waiter), lock_lease=lease)
    for _ in range(5):
        acquire(one)
        for _ in range(4):
            with pytest.raises(Locked):
                acquire(two)
            clock.advance(lease / 4)


def test_threat_S19_a_wrong_clock_takes_nothing_over_while_another_is_right(meeting):
    """A holder whose clock is a day late, and a store whose clock is."""
    acquire(meeting.run("one", clock=Skewed(meeting.clock, days=-1)))
    with pytest.raises(Locked):
        acquire(meeting.run("two"))
    clock = FakeClock()
    there = MemoryStore(Location.parse("memory://there/out/"), clock=Skewed(clock, days=-1))
    meeting = Meeting(destination=there, clock=clock)
    acquire(meeting.run("one"))
    with pytest.raises(Locked):
        acquire(meeting.run("two"))


# what others write there ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"lease": 1e308}, {"lease": 10**15}, {"renewed": "9999-12-31T23:59:59+00:00"},
        {"renewed": "2026-03-31T00:00:00+00:00"}, {"renewed": "9999-12-31T23:59:59-23:59", "lease": 1e300},
        {"renewed": "0001-01-01T00:00:00+23:59", "lease": 10**9},
    ],
)  # fmt: skip
def test_threat_S19_a_lock_for_ever_is_believed_for_a_day(meeting, fields):
    meeting.write(**fields)
    with pytest.raises(Locked):
        acquire(meeting.run("two"))
    meeting.clock.advance(2 * 24 * 3600 + 1)
    acquire(meeting.run("two"))
    assert meeting.holder() == "two"


def test_threat_S19_a_time_ahead_is_believed_for_a_day(meeting):
    meeting.write(renewed=(START + timedelta(hours=23)).isoformat())
    meeting.clock.advance(23 * 3600 + 2 * LEASE)
    with pytest.raises(Locked):
        acquire(meeting.run("two"))
    meeting.clock.advance(1)
    acquire(meeting.run("two"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"version": 2}, "has version 2 of bucketsync/lock"),
        ({"schema": "bucketsync/report"}, "not a bucketsync/lock document"),
        ({"run": ...}, "KeyError: 'run'"), ({"run": 7}, "TypeError"), ({"run": "x" * 3000}, "TypeError"),
        ({"lease": "600"}, "lease is"), ({"lease": True}, "lease is"), ({"lease": 0}, "lease is"),
        ({"lease": -5}, "lease is"), ({"number": 0}, "number is"), ({"number": 1.5}, "number is"),
        ({"renewed": "soon"}, "ValueError"), ({"renewed": "2026-03-01T12:00:00"}, "with its zone"),
        ({"acquired": 12}, "TypeError"), ({"airflow": None}, "TypeError"), ({"dag_id": ["x"]}, "TypeError"),
    ],
)  # fmt: skip
def test_a_lock_that_cannot_be_read_is_held(either, fields, words):
    either.write(**fields)
    with pytest.raises(Locked) as caught:
        acquire(either.run("two"), finished=lambda document: True)
    assert "the lock can't be read" in str(caught.value)
    assert words in str(caught.value)
    assert "delete this object" in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"{" * 60_000, b" " * 70_000])
def test_a_damaged_lock_is_held_for_a_day_and_one_more(meeting, body):
    meeting.write_bytes(body)
    meeting.clock.advance(2 * 24 * 3600)
    with pytest.raises(Locked, match="the lock can't be read"):
        peek(meeting.run("two"))
    meeting.clock.advance(1)
    acquire(meeting.run("two"))
    assert meeting.lock()["number"] == 1


def test_hostile_texts_forge_no_line_of_a_log(meeting):
    meeting.write(run="x\n2026 ERROR all is lost", dag_id="\x1b[31m" * 200, airflow="\r\n", pair="\u202e")
    with pytest.raises(Locked) as caught:
        acquire(meeting.run("two"))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1200


# weaker stores -------------------------------------------------------------------------------------------------------


def test_a_store_without_conditions_has_no_lock_and_that_is_said():
    meeting = Meeting(conditional_put="none")
    run = meeting.run("one")
    peek(run)
    (words,) = acquire(run)
    assert words.startswith("this destination can't hold a lock")
    assert "deleted" not in words
    assert acquire(meeting.run("two")) == (words,)
    assert "nothing is deleted, unless unsafe_deletes" in acquire(meeting.run("one", delete=True))[0]
    assert "nothing is deleted" not in acquire(meeting.run("one", delete=True, unsafe_deletes=True))[0]
    assert release(run) == ()
    assert meeting.destination.requests.total() == 0


@pytest.mark.parametrize(
    ("can", "strength", "withheld"),
    [("full", "lease", False), ("create_only", "no_take_over", False), ("none", "none", True)],
)
def test_row_G13_how_strong_the_lock_is(can, strength, withheld):
    meeting = Meeting(conditional_put=can)
    assert strength_of(meeting.run()) == strength
    assert withholds_removals(meeting.run()) is withheld
    assert not withholds_removals(meeting.run(unsafe_deletes=True))
    assert locks(meeting.run()) is not withheld


def test_a_dry_run_neither_takes_it_nor_minds_it(meeting):
    acquire(meeting.run("one"))
    before = meeting.lock()
    dry = meeting.run("two", dry_run=True)
    peek(dry)
    assert acquire(dry) == ()
    assert release(dry) == ()
    assert meeting.lock() == before


def test_where_creating_is_not_certain_it_is_looked_at_once_more():
    """OSS does not hold a write to an absence where it keeps versions: two runs can both be told that they have it."""
    meeting = Meeting(conditional_put="create_only")
    meeting.destination.server.versions = True

    def overwrite(when, verb, key):
        if (when, verb) == ("after", "put"):
            meeting.destination.hooks.clear()
            meeting.write(run="two")

    meeting.destination.hooks.append(overwrite)
    with pytest.raises(Locked, match="run 'two'"):
        acquire(meeting.run("one"))
    assert meeting.clock.waits == [5.0]


@pytest.mark.parametrize("verb", ["get", "put"])
def test_a_missing_right_is_named(meeting, verb):
    def refuse(when, asked, key):
        if asked == verb:
            raise AccessDenied("no", location="memory://there/out/_bucketsync/", key=key, code="AccessDenied")

    meeting.destination.hooks.append(refuse)
    with pytest.raises(AccessDenied, match="rights to read, write and delete below `_bucketsync/`") as caught:
        acquire(meeting.run("one"))
    assert caught.value.code == "AccessDenied"


def test_a_lock_that_changes_hands_all_the_time_is_not_taken(meeting):
    """Whoever is always a moment late gives up, and says so."""

    def steal(when, verb, key):
        if (when, verb) == ("before", "put"):
            meeting.clock.advance(1)
            bucket = meeting.destination.server.bucket("there")
            for item in [*bucket.objects.values()]:
                bucket.place(replace(item, info=replace(item.info, etag=f"{meeting.clock.monotonic()}")))

    acquire(meeting.run("one"))
    meeting.destination.hooks.append(steal)
    with pytest.raises(Locked, match="changed hands 5 times"):
        acquire(meeting.run("two"), finished=lambda document: True)
