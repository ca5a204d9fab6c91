"""Is what is transient tried again, in time and often enough, and nothing else?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    BodyCorrupted,
    BucketsyncError,
    ConnectionLost,
    FinalError,
    ListingUntrusted,
    ObjectChanged,
    ObjectNotFound,
    ServerError,
    Throttled,
    TransientError,
)
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.stores.base import ObjectStore, Transfer
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.items import Deletion
from airflow_bucketsync.engine.stores.memory import MemoryServer, MemoryStore
from airflow_bucketsync.engine.stores.retrying import Retries, RetryingStore, unwrapped
from airflow_bucketsync.engine.stores.transfer import read_exactly
from tests.engine.clocks import FakeClock

BODY = bytes(range(100))
TRANSIENT = [Throttled("slow"), ConnectionLost("lost"), ServerError("500"), ListingUntrusted("?"), BodyCorrupted("?")]
FINAL = [AccessDenied("no"), ObjectNotFound("gone"), ObjectChanged("other"), FinalError("no")]


def retries(clock: FakeClock | None = None, **options: Any) -> Retries:
    return Retries(gate=Gate(concurrency=1, clock=clock or FakeClock()), **options)


def stores(**options: Any) -> tuple[MemoryStore, RetryingStore]:
    inner = MemoryStore(Location.parse("memory://bucket/"))
    inner.put("a", BODY)
    return inner, RetryingStore(inner, retries(**options))


class Failing:
    """Fails the first requests of a verb, and counts all."""

    def __init__(self, store: MemoryStore, verb: str, error: BucketsyncError, *, times: int, when: str = "before"):
        self.verb, self.error, self.left, self.when, self.seen = verb, error, times, when, 0
        store.hooks.append(self)

    def __call__(self, when: str, verb: str, key: str) -> None:
        if (when, verb) == (self.when, self.verb):
            self.seen += 1
            self.left -= 1
            if self.left >= 0:
                raise self.error


# how often and how long ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", TRANSIENT)
def test_G7_transient_errors_use_all_tries(error):
    tries = retries(attempts=5)
    calls = []

    def fail() -> None:
        calls.append(None)
        raise error

    with pytest.raises(type(error)):
        tries.call(fail)
    assert len(calls) == 5
    assert len(tries.gate.clock.waits) == 4  # type: ignore[attr-defined]


@pytest.mark.parametrize("error", [*FINAL, ValueError("a bug"), Stopped("stop")])
def test_G7_final_errors_are_never_retried(error):
    tries, calls = retries(), []

    def fail() -> None:
        calls.append(None)
        raise error

    with pytest.raises(type(error)):
        tries.call(fail)
    assert len(calls) == 1
    assert tries.gate.clock.waits == []  # type: ignore[attr-defined]


def test_G7_waits_grow_and_are_capped():
    clock = FakeClock()
    tries = retries(clock, attempts=9, base=0.2, cap=5.0, draw=lambda longest: longest)
    with pytest.raises(Throttled):
        tries.call(lambda: raising(Throttled("slow")))
    assert clock.waits == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def raising(error: Exception) -> None:
    raise error


def test_G7_jitter_is_drawn_from_nothing_to_the_longest():
    clock = FakeClock()
    for _ in range(50):
        with pytest.raises(Throttled):
            retries(clock, attempts=4, base=1.0).call(lambda: raising(Throttled("slow")))
    for nth, longest in enumerate((1.0, 2.0, 4.0)):
        waits = clock.waits[nth::3]
        assert all(0 <= wait <= longest for wait in waits)
        assert min(waits) < longest / 4
        assert max(waits) > longest * 3 / 4
        assert len(set(waits)) == 50


@pytest.mark.parametrize(("asked", "waited"), [(7.5, 7.5), (0.001, 0.2), (3600.0, 60.0)])
def test_G7_retry_after_is_honoured_within_reason(asked, waited):
    clock = FakeClock()
    tries = retries(clock, attempts=2, draw=lambda longest: longest)
    with pytest.raises(Throttled):
        tries.call(lambda: raising(Throttled("slow", retry_after=asked)))
    assert clock.waits == [waited]


def test_D15_a_stop_ends_the_wait():
    clock = FakeClock()
    tries, calls = retries(clock), []

    def fail() -> None:
        calls.append(None)
        tries.gate.stop()
        raise Throttled("slow")

    with pytest.raises(Stopped):
        tries.call(fail)
    assert len(calls) == 1
    assert clock.waits == []
    with pytest.raises(Stopped):
        tries.call(fail)
    assert len(calls) == 1, "a request was begun after the stop"


# single verbs --------------------------------------------------------------------------------------------------------

ATTRIBUTES = ObjectAttributes(content_type="a/b")
SINGLE = {
    "list": lambda store: store.list_page(),
    "head": lambda store: store.head("a"),
    "tags": lambda store: store.tags("a"),
    "get": lambda store: read(store),
    "put": lambda store: store.put("b", b"1"),
    "copy": lambda store: store.copy("b", source_store=store, source_key="a", source=Condition.ANY),
    "delete": lambda store: store.delete("a"),
    "begin_upload": lambda store: store.begin_upload("b"),
    "list_uploads": lambda store: list(store.list_uploads()),
    "abort_upload": lambda store: store.abort_upload("b", "none"),
}


def read(store: ObjectStore, **options: Any) -> bytes:
    length = options.get("length", len(BODY) - options.get("start", 0))
    with store.open("a", **options) as body:
        return bytes(read_exactly(body, length, store=store, key="a"))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("verb", SINGLE)
def test_every_verb_is_retried(verb, when):
    inner, store = stores()
    failing = Failing(inner, verb, ConnectionLost("lost"), times=2, when=when)
    result = SINGLE[verb](store)
    assert failing.seen == 3
    if verb == "get":
        assert result == BODY


def test_multipart_verbs_are_retried():
    inner, store = stores()
    upload = store.begin_upload("b")
    for verb in ("upload_part", "copy_part", "list_parts", "complete_upload"):
        Failing(inner, verb, ServerError("500"), times=1)
    first = store.upload_part("b", upload, 1, b"xyz")
    pin = Condition.matching(inner.head("a").info)
    second = store.copy_part("b", upload, 2, source_store=store, source_key="a", start=10, length=5, source=pin)
    assert store.list_parts("b", upload) == (first, second)
    store.complete_upload("b", upload, [first, second], size=8)
    assert inner.head("b").info.size == 8
    Failing(inner, "copy", ServerError("500"), times=1)
    store.set_attributes("b", ATTRIBUTES, destination=Condition.ANY)
    assert inner.head("b").attributes.content_type == "a/b"


def test_what_is_not_retried_passes_through():
    inner, store = stores()
    assert store.capabilities is inner.capabilities
    assert store.refusal("") == inner.refusal("")
    assert store.location is inner.location
    assert store.requests is inner.requests
    assert isinstance(store, ObjectStore)
    twice = RetryingStore(store, retries())
    assert unwrapped(twice) is unwrapped(inner) is inner
    assert store.can_copy_from(twice) is None
    assert store.can_copy_from(MemoryStore(Location.parse("memory://other/"))) is not None
    store.close()


# bodies --------------------------------------------------------------------------------------------------------------


class Breaking(MemoryStore):
    """Bodies break after some bytes, as often as is asked, and every opening is noted."""

    def __init__(self, *, after: int, error: BucketsyncError, times: int = 1, versions: bool = False) -> None:
        super().__init__(Location.parse("memory://bucket/"), server=MemoryServer(versions=versions))
        self.after, self.error, self.times = after, error, times
        self.opened: list[tuple[int, int | None, Condition]] = []
        self.closed = 0
        self.put("a", BODY)

    @contextmanager
    def open(
        self, key: str, *, start: int = 0, length: int | None = None, source: Condition = Condition.ANY
    ) -> Iterator[Any]:
        """A body that breaks."""
        self.opened.append((start, length, source))
        with super().open(key, start=start, length=length, source=source) as body:
            yield BreakingBody(self, body)
        self.closed += 1


class BreakingBody:
    """Gives some bytes, then breaks."""

    def __init__(self, store: Breaking, body: Any) -> None:
        self._store, self._body, self._left = store, body, store.after
        self.details = body.details

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill, or break."""
        if self._left <= 0 and self._store.times > 0:
            self._store.times -= 1
            raise self._store.error
        count = self._body.readinto(buffer[: self._left] if self._store.times > 0 else buffer)
        self._left -= count
        return int(count)


@pytest.mark.parametrize("after", [0, 1, 40, 99, 100])
@pytest.mark.parametrize("error", [ConnectionLost("lost"), ServerError("500"), Throttled("slow")])
def test_F35_a_broken_body_is_reopened_where_it_broke(after, error):
    inner = Breaking(after=after, error=error)
    assert read(RetryingStore(inner, retries())) == BODY
    starts = [start for start, _, _ in inner.opened]
    assert starts == ([0, after] if after < len(BODY) else [0])
    assert inner.closed == len(inner.opened)


def test_a_range_is_reopened_within_itself():
    inner = Breaking(after=7, error=ConnectionLost("lost"), times=3)
    assert read(RetryingStore(inner, retries()), start=10, length=50) == BODY[10:60]
    assert [(start, length) for start, length, _ in inner.opened] == [(10, 50), (17, 43), (24, 36), (31, 29)]


def test_fault_F24_a_reopened_body_is_pinned_to_the_version_it_began_with():
    inner = Breaking(after=40, error=ConnectionLost("lost"))
    etag = inner.head("a").info.etag
    store = RetryingStore(inner, retries())
    with store.open("a") as body:
        buffer = memoryview(bytearray(200))
        assert body.readinto(buffer) == 40
        inner.put("a", BODY[::-1])
        with pytest.raises(ObjectChanged):
            body.readinto(buffer)
    assert inner.opened[0][2].is_any
    assert inner.opened[1][2].etag == etag


def test_row_B14_a_reopened_body_goes_on_at_the_version_that_answered():
    """Whoever asks by ETag, as a listing tells no version ids, gets the rest of a version that is overwritten."""
    inner = Breaking(after=40, error=ConnectionLost("lost"), versions=True)
    info = inner.head("a").info
    assert info.version_id
    store = RetryingStore(inner, retries())
    with store.open("a", source=Condition(etag=info.etag, size=info.size)) as body:
        buffer = memoryview(bytearray(200))
        assert body.readinto(buffer) == 40
        inner.put("a", BODY[::-1])
        assert body.readinto(buffer[40:]) == 60
    assert buffer[:100] == BODY
    assert inner.opened[1][2].version_id == info.version_id


def test_fault_F28_a_corrupted_body_is_not_gone_on_with():
    """The bytes that went by are wrong: even at the very end that is no success."""
    for after in (40, len(BODY)):
        inner = Breaking(after=after, error=BodyCorrupted("checksum"))
        with pytest.raises(BodyCorrupted):
            read(RetryingStore(inner, retries()))
        assert len(inner.opened) == 1


def test_a_body_that_always_breaks_is_given_up():
    inner = Breaking(after=0, error=ConnectionLost("lost"), times=1000)
    with pytest.raises(ConnectionLost):
        read(RetryingStore(inner, retries(attempts=4)))
    assert len(inner.opened) == 4


def test_details_are_those_of_the_first_answer():
    inner = Breaking(after=10, error=ConnectionLost("lost"))
    with RetryingStore(inner, retries()).open("a", start=5) as body:
        assert body.details.info.size == len(BODY)
        assert body.details.info.etag == inner.head("a").info.etag


def throttled_width(use: Any) -> int:
    """Requests in flight that are allowed after a store was throttled once, of 16 before."""
    clock = FakeClock()
    inner = Breaking(after=40, error=Throttled("slow"))
    gate = Gate(concurrency=16, clock=clock)
    for _ in range(5):
        assert gate.width <= 16
        clock.advance(1.0)
    assert gate.width == 16
    use(inner, RetryingStore(inner, Retries(gate=gate, draw=lambda longest: 0.0)), gate)
    return gate.width


def test_row_D14_a_gate_hears_of_throttling_wherever_it_comes_out():
    def single(inner: MemoryStore, store: RetryingStore, gate: Gate) -> None:
        Failing(inner, "head", Throttled("slow"), times=1)
        store.head("a")

    def many(inner: MemoryStore, store: RetryingStore, gate: Gate) -> None:
        Failing(inner, "head", Throttled("slow"), times=1)
        assert [head.error for head in store.head_many(["a"], gate=gate)] == [None]

    def body(inner: MemoryStore, store: RetryingStore, gate: Gate) -> None:
        assert read(store) == BODY

    def nothing(inner: MemoryStore, store: RetryingStore, gate: Gate) -> None:
        store.head("a")

    assert [throttled_width(use) for use in (single, many, body, nothing)] == [8, 8, 8, 16]


# many at once --------------------------------------------------------------------------------------------------------


def test_bulk_heads_resubmit_only_what_is_transient():
    inner, store = stores()
    for key in "bcd":
        inner.put(key, b"1")
    tried: Counter[str] = Counter()

    def fail(when: str, verb: str, key: str) -> None:
        if (when, verb) == ("before", "head"):
            tried[key] += 1
            if key == "b" and tried[key] < 3:
                raise Throttled("slow")
            if key == "c":
                raise AccessDenied("no")

    inner.hooks.append(fail)
    found = {head.key: head for head in store.head_many(["a", "b", "c", "d", "none"], gate=store.retries.gate)}
    assert tried == {"a": 1, "b": 3, "c": 1, "d": 1, "none": 1}
    assert isinstance(found["c"].error, AccessDenied)
    assert found["none"].details is found["none"].error is None
    assert found["b"].details is not None
    assert len(found) == 5


def transfers(source: ObjectStore, *keys: str) -> list[Transfer]:
    found = {info.key: info for info in source.list_page().items}
    return [
        Transfer(source_store=source, source=found[key], key=key, destination=Condition.ANY, mode="server_copy")
        for key in keys
    ]


def test_bulk_transfers_count_their_tries_and_keep_their_items():
    server = MemoryServer()
    source = RetryingStore(MemoryStore(Location.parse("memory://in-1/"), server=server), retries())
    inner = MemoryStore(Location.parse("memory://out/"), server=server)
    for key in "abcd":
        source.put(key, BODY)
    tried: Counter[str] = Counter()

    def fail(when: str, verb: str, key: str) -> None:
        if (when, verb) == ("before", "copy"):
            tried[key] += 1
            if key == "b" and tried[key] < 3:
                raise ServerError("500")
            if key == "c":
                raise ConnectionLost("always")
            if key == "d":
                raise ObjectChanged("other")

    inner.hooks.append(fail)
    clock = FakeClock()
    store = RetryingStore(inner, retries(clock, attempts=4))
    wanted = transfers(source, *"abcd")
    answers = {answer.transfer.key: answer for answer in store.transfer_many(iter(wanted), gate=store.retries.gate)}
    assert {key: answer.attempts for key, answer in answers.items()} == {"a": 1, "b": 3, "c": 4, "d": 1}
    assert [answers[item.key].transfer for item in wanted] == wanted, "the answer names what was asked, wrapper and all"
    assert answers["a"].error is answers["b"].error is None
    assert isinstance(answers["c"].error, ConnectionLost)
    assert isinstance(answers["d"].error, ObjectChanged)
    assert len(clock.waits) == 3


def test_bulk_deletes_keep_their_conditions():
    inner, store = stores()
    inner.put("b", b"1")
    failing = Failing(inner, "delete", Throttled("slow"), times=2)
    wrong = Condition(etag="0" * 32)
    answers = {
        answer.key: answer.error
        for answer in store.delete_many(
            [Deletion(key="a", destination=wrong), Deletion(key="b"), Deletion(key="c")], gate=store.retries.gate
        )
    }
    assert failing.seen == 5
    assert isinstance(answers.pop("a"), ObjectChanged)
    assert answers == {"b": None, "c": None}
    assert [info.key for info in inner.list_page().items] == ["a"]


def test_D15_a_stop_resubmits_nothing():
    inner, store = stores()
    gate = store.retries.gate

    def fail(when: str, verb: str, key: str) -> None:
        if verb == "head":
            gate.stop()
            raise Throttled("slow")

    inner.hooks.append(fail)
    answers = list(store.head_many(["a", "b", "c"], gate=gate))
    assert [type(answer.error) for answer in answers] == [Throttled]
    assert inner.requests["head"] == 1


def test_waits_happen_between_rounds_and_not_per_item():
    clock = FakeClock()
    inner, store = stores(clock=clock, attempts=2)
    for number in range(50):
        inner.put(f"{number:02d}", b"")
    failing = Failing(inner, "head", Throttled("slow"), times=50)
    keys = [f"{number:02d}" for number in range(50)]
    assert all(head.error is None for head in store.head_many(keys, gate=store.retries.gate))
    assert failing.seen == 100
    assert len(clock.waits) == 1


def test_errors_of_this_package_are_transient_or_final():
    def leaves(kind: type[BucketsyncError]) -> Iterator[type[BucketsyncError]]:
        for child in kind.__subclasses__():
            yield child
            yield from leaves(child)

    for kind in leaves(BucketsyncError):
        if kind.__name__ != "SyncIncomplete":
            assert issubclass(kind, TransientError) != issubclass(kind, FinalError), kind
