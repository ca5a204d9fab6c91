"""Does a batch leave exactly one outcome per object, whatever befalls each?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    BodyCorrupted,
    ConnectionLost,
    NotSupported,
    ObjectNotFound,
    PlanMismatch,
    ServerError,
    StoreFull,
    Throttled,
)
from airflow_bucketsync.engine.model.capabilities import ConditionalPut
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.copy import copy_batch
from airflow_bucketsync.engine.steps.joining import units_to_verify
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.run import MemoryProgress, Run
from airflow_bucketsync.engine.steps.units import UnitIndex, outcomes_of
from airflow_bucketsync.engine.stores.gate import Stopped
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES
from tests.engine.steps.pairs import MEDIUM, NO_CHECKSUMS, PART, SMALL_COPIES, Pair, rewrite

OBJECTS = {f"{number:02d}": b"body %d" % number for number in range(12)}
WAYS = ("server_copy", "part_copy", "stream", "stream_parts")
WRITING = {"server_copy": "copy", "part_copy": "copy_part", "stream": "put", "stream_parts": "upload_part"}


def pair_for(way: str, **options: object) -> tuple[Pair, dict[str, int]]:
    """A pair on which objects go this way, and the policy for it."""
    if way == "part_copy":
        options = {"destination": SMALL_COPIES, **options}
    pair = Pair(shared=way in ("server_copy", "part_copy"), **options)  # type: ignore[arg-type]
    return pair, dict(MEDIUM) if way in ("part_copy", "stream_parts") else {}


def body_for(way: str, number: int = 0) -> bytes:
    return bytes([65 + number]) * (3 * PART + 1 if way in ("part_copy", "stream_parts") else PART)


def copied(run: Run, plan: Plan, *, attempt: int = 1, progress: MemoryProgress | None = None) -> UnitIndex:
    return copy_batch(run, plan, 0, attempt=attempt, progress=progress or MemoryProgress())


def outcomes(run: Run, index: UnitIndex) -> dict[str, Outcome]:
    """The result page by key, each key once."""
    found = list(outcomes_of(run.workspace, index))
    keyed = {outcome.key: outcome for outcome in found}
    assert len(keyed) == len(found) == index.page.count
    assert list(keyed) == sorted(keyed)
    return keyed


@pytest.mark.parametrize("way", WAYS)
def test_I1_one_record_per_object(way):
    pair, policy = pair_for(way)
    objects = {key: body_for(way, number) for number, key in enumerate(["a/x", "b/x", "c"])}
    pair.put(objects)
    run = pair.run(**policy)
    plan = make_plan(run)
    index = copied(run, plan)
    found = outcomes(run, index)
    assert set(found) == set(objects)
    for key, outcome in found.items():
        assert (outcome.status, outcome.mode, outcome.bytes) == ("copied", way, len(objects[key]))
        assert outcome.attempts == 1
        assert outcome.seconds > 0
        assert outcome.destination is not None
        assert outcome.destination.etag == pair.destination.head(key).info.etag
    assert index.counts == {"copied": 3}
    assert index.bytes == sum(map(len, objects.values()))
    assert pair.contents() == objects
    assert index.requests["destination"][WRITING[way]] >= 3


@pytest.mark.parametrize("way", ["server_copy", "part_copy"])
def test_D4_no_body_passes_through_when_the_store_copies(way):
    pair, policy = pair_for(way)
    pair.put({"a": body_for(way)})
    run = pair.run(**policy)
    plan = make_plan(run)
    copied(run, plan)
    assert plan.route.transport == "server"
    assert pair.source.requests["get"] == pair.destination.requests["put"] == 0
    assert pair.destination.requests["upload_part"] == 0


def test_zero_bytes_is_an_object_too():
    pair = Pair()
    pair.put({"empty": b""})
    run = pair.run()
    assert outcomes(run, copied(run, make_plan(run)))["empty"].status == "copied"
    assert pair.contents() == {"empty": b""}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", [Throttled("slow"), ConnectionLost("lost"), ServerError("500")])
def test_fault_F32_F33_F34_a_write_that_fails_once_is_tried_again(way, when, error):
    """A lost reply (`after`) is recognised by what stands at the destination: no second version."""
    pair, policy = pair_for(way)
    pair.put({"a": body_for(way), "b": body_for(way, 1)})
    writes = {WRITING[way]} if len(policy) == 0 else {"complete_upload"}
    failed: list[str] = []

    def once(moment: str, verb: str, key: str) -> None:
        if (moment, key) == (when, "a") and verb in writes and not failed:
            failed.append(verb)
            raise error

    pair.at_destination(once)
    run = pair.run(**policy)
    found = outcomes(run, copied(run, make_plan(run)))
    assert failed
    assert {key: outcome.status for key, outcome in found.items()} == {"a": "copied", "b": "copied"}
    assert pair.contents() == {"a": body_for(way), "b": body_for(way, 1)}
    assert pair.uploads() == 0


def test_fault_F33_a_lost_reply_to_an_update_is_recognised():
    """Rewriting an object in parts gives it another ETag, so that the second try finds its condition broken."""
    pair = Pair()
    pair.put_in_parts("a", b"12345", b"678", content_type="a/a")
    pair.put_in_parts("a", b"12345", b"678", store=pair.destination, content_type="b/b")
    failed: list[str] = []

    def once(moment: str, verb: str, key: str) -> None:
        if (moment, verb) == ("after", "copy") and not failed:
            failed.append(key)
            raise ConnectionLost("lost")

    pair.at_destination(once)
    run = pair.run(compare="metadata")
    plan = make_plan(run)
    found = outcomes(run, copied(run, plan))["a"]
    assert failed == ["a"]
    assert (found.status, found.reason) == ("updated", "metadata: content_type")


def test_fault_F49_an_update_does_not_claim_what_somebody_else_wrote():
    """The same bytes with other metadata than ours are not the object that this run was to leave."""
    pair = Pair()
    pair.put_in_parts("a", b"12345", b"678", content_type="a/a")
    pair.put_in_parts("a", b"12345", b"678", store=pair.destination, content_type="b/b")
    run = pair.run(compare="metadata")
    plan = make_plan(run)
    pair.put_there({"a": b"12345678"}, content_type="c/c")
    found = outcomes(run, copied(run, plan))["a"]
    assert (found.status, found.reason) == ("changed", "destination_changed")
    assert pair.destination.head("a").attributes.content_type == "c/c"


def test_fault_F33_without_a_proof_a_lost_reply_is_no_success():
    pair = Pair(shared=False, source=NO_CHECKSUMS, destination=replace(NO_CHECKSUMS, etag_meaning="opaque"))
    pair.put({"a": b"1"})
    failed: list[str] = []

    def once(moment: str, verb: str, key: str) -> None:
        if (moment, verb) == ("after", "put") and not failed:
            failed.append(key)
            raise ConnectionLost("lost")

    pair.at_destination(once)
    run = pair.run()
    found = outcomes(run, copied(run, make_plan(run)))["a"]
    assert (found.status, found.reason) == ("changed", "destination_changed")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (AccessDenied("no"), "failed", "access_denied"),
        (NotSupported("no such name"), "refused", "not_supported"),
        (ConnectionLost("always"), "failed", "connection_lost"),
        (BodyCorrupted("always"), "failed", "body_corrupted"),
        (ObjectNotFound("the bucket is gone"), "failed", "not_found"),
    ],
)
def test_a_failing_object_is_an_outcome_and_the_rest_goes_on(way, error, status, reason):
    pair, policy = pair_for(way)
    pair.put({key: body_for(way) for key in "abc"})

    def fail(moment: str, verb: str, key: str) -> None:
        if (moment, verb, key) == ("before", WRITING[way], "b"):
            raise error

    pair.at_destination(fail)
    run = pair.run(**policy)
    found = outcomes(run, copied(run, make_plan(run)))
    assert (found["b"].status, found["b"].reason) == (status, reason)
    assert str(error) in (found["b"].message or "")
    assert found["a"].status == found["c"].status == "copied"
    assert set(pair.contents()) == {"a", "c"}
    assert pair.uploads() == 0, "an upload was left open"


@pytest.mark.parametrize("error", [StoreFull("no space left"), PlanMismatch("gone")])
@pytest.mark.parametrize("way", WAYS)
def test_fault_F47_what_is_not_about_one_object_ends_the_task(way, error):
    pair, policy = pair_for(way)
    pair.put({key: body_for(way) for key in "abc"})

    def fail(moment: str, verb: str, key: str) -> None:
        if (moment, verb, key) == ("before", WRITING[way], "b"):
            raise error

    pair.at_destination(fail)
    run = pair.run(**policy)
    plan, progress = make_plan(run), MemoryProgress()
    with pytest.raises(type(error)):
        copied(run, plan, progress=progress)
    assert pair.uploads() == 0
    assert progress.value is not None
    assert progress.value["progress"]["objects"][0] >= 1, "what was done is recorded"
    pair.destination.hooks.clear()
    assert {outcome.status for outcome in outcomes(run, copied(run, plan, attempt=2, progress=progress)).values()} == {
        "copied"
    }


class Bug(Exception):
    """Not one of ours."""


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("way", WAYS)
def test_D2_a_bug_in_a_worker_thread_is_not_lost(way, concurrency):
    pair, policy = pair_for(way)
    pair.put({key: body_for(way) for key in "abcdef"})

    def fail(moment: str, verb: str, key: str) -> None:
        if verb == WRITING[way] and key == "c":
            raise Bug(key)

    pair.at_destination(fail)
    run = pair.run(**{**policy, "concurrency": concurrency})
    with pytest.raises(Bug):
        copied(run, make_plan(run))
    assert threading.active_count() < 20


def test_G5_max_errors_stops_dispatch_and_names_the_rest():
    pair = Pair()
    pair.put({f"{number:03d}": b"x" for number in range(50)})

    def fail(moment: str, verb: str, key: str) -> None:
        if verb == "copy" and key >= "010":
            raise AccessDenied("no")

    pair.at_destination(fail)
    run = pair.run(max_errors=3)
    found = outcomes(run, copied(run, make_plan(run)))
    assert len(found) == 50
    reasons = [found[key].reason for key in sorted(found)]
    assert reasons == ["new"] * 10 + ["access_denied"] * 4 + ["max_errors"] * 36
    assert pair.destination.requests["copy"] == 14 + 4, "each denied copy is tried once without tags, and none after"
    assert "max_errors (3)" in (found["049"].message or "")


@pytest.mark.parametrize("way", ["part_copy", "stream_parts"])
def test_G5_max_errors_holds_for_objects_in_parts(way):
    pair, policy = pair_for(way)
    pair.put({key: body_for(way) for key in "abcdef"})

    def fail(moment: str, verb: str, key: str) -> None:
        if verb == WRITING[way]:
            raise AccessDenied("no")

    pair.at_destination(fail)
    run = pair.run(**policy, max_errors=1)
    found = outcomes(run, copied(run, make_plan(run)))
    assert [found[key].reason for key in sorted(found)] == ["access_denied"] * 2 + ["max_errors"] * 4


def test_G5_failures_of_finished_batches_count():
    pair = Pair()
    pair.put({f"{number}": b"x" for number in range(8)})

    def fail(moment: str, verb: str, key: str) -> None:
        if verb == "copy":
            raise AccessDenied("no")

    pair.at_destination(fail)
    run = pair.run(max_errors=3, batch_objects=4)
    plan = make_plan(run)
    assert len(plan.batches) == 2
    copy_batch(run, plan, 0, attempt=1, progress=MemoryProgress())
    index = copy_batch(run, plan, 1, attempt=1, progress=MemoryProgress())
    assert {outcome.reason for outcome in outcomes(run, index).values()} == {"max_errors"}


@pytest.mark.parametrize("ability", ["none", "create_only", "full"])
@pytest.mark.parametrize("there", [False, True])
def test_writes_name_what_they_may_replace(ability: ConditionalPut, there: bool):
    """Whatever the store can be told of it: what it can't, it looks at before it writes."""
    pair = Pair(destination=replace(MEMORY_CAPABILITIES, conditional_put=ability))
    pair.put({"a": b"new"})
    if there:
        pair.put_there({"a": b"old!"})
    run = pair.run()
    plan = make_plan(run)
    pair.put_there({"a": b"somebody else's"})
    status = outcomes(run, copied(run, plan))["a"].status
    assert status == "changed"
    assert pair.contents() == {"a": b"somebody else's"}


@pytest.mark.parametrize("way", WAYS)
def test_fault_F24_F25_the_source_changes_while_it_is_read(way):
    pair, policy = pair_for(way)
    pair.put({"a": body_for(way)})
    other = body_for(way, 5)
    store = pair.source if way.startswith("stream") else pair.destination
    calls: list[str] = []

    def changed(moment: str, verb: str, key: str) -> None:
        if (moment, verb) == ("before", "get" if way.startswith("stream") else WRITING[way]):
            calls.append(verb)
            if len(calls) == (2 if policy else 1):
                pair.source.put("a", other)

    store.hooks.append(changed)
    run = pair.run(**policy)
    outcome = outcomes(run, copied(run, make_plan(run)))["a"]
    assert (outcome.status, outcome.reason) == ("changed", "source_changed")
    assert pair.contents() == {}
    assert pair.uploads() == 0


@pytest.mark.parametrize("way", WAYS)
def test_fault_F24_a_versioned_source_is_read_at_the_planned_version(way):
    pair, policy = pair_for(way, versions=True)
    pair.put({"a": body_for(way)})
    run = pair.run(**policy)
    plan = make_plan(run)
    pair.put({"a": body_for(way, 5)})
    assert outcomes(run, copied(run, plan))["a"].status == "copied"
    assert pair.contents() == {"a": body_for(way)}


def corrupting(pair: Pair, times: int) -> Callable[[str, str, str], None]:
    """Flip a byte of the source for the first readings, and put it right again afterwards."""
    good = pair.contents(pair.source)["a"]
    left = [times]

    def hook(moment: str, verb: str, key: str) -> None:
        if (moment, verb, key) == ("before", "get", "a"):
            bad = bytes([good[0] ^ 1]) + good[1:]
            pair.source.damage("a", bad if left[0] > 0 else good)
            left[0] -= 1

    return hook


@pytest.mark.parametrize("way", ["stream", "stream_parts"])
def test_fault_F28_a_flipped_byte_is_read_again(way):
    pair, policy = pair_for(way)
    pair.put({"a": body_for(way)})
    pair.source.hooks.append(corrupting(pair, 1))
    run = pair.run(**policy)
    outcome = outcomes(run, copied(run, make_plan(run)))["a"]
    assert (outcome.status, outcome.attempts) == ("copied", 2)
    assert pair.contents() == {"a": body_for(way)}
    assert pair.uploads() == 0


@pytest.mark.parametrize("way", ["stream", "stream_parts"])
def test_fault_F28_a_byte_that_stays_flipped_never_becomes_visible(way):
    pair, policy = pair_for(way)
    pair.put({"a": body_for(way)})
    pair.source.hooks.append(corrupting(pair, 1000))
    run = pair.run(**policy)
    outcome = outcomes(run, copied(run, make_plan(run)))["a"]
    assert (outcome.status, outcome.reason, outcome.attempts) == ("failed", "body_corrupted", 3)
    assert pair.contents() == {}
    assert pair.uploads() == 0


def test_fault_F28_the_md5_proves_a_body_without_checksums():
    pair = Pair(shared=False, source=NO_CHECKSUMS)
    pair.put({"a": b"0123456789"})
    pair.source.hooks.append(corrupting(pair, 1000))
    run = pair.run()
    assert outcomes(run, copied(run, make_plan(run)))["a"].reason == "body_corrupted"
    assert pair.contents() == {}


# stopping ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_D15_a_stop_keeps_what_was_done_and_begins_nothing(way):
    pair, policy = pair_for(way)
    objects = {f"{number}": body_for(way, number) for number in range(6)}
    pair.put(objects)
    run = pair.run(**policy)
    plan, progress = make_plan(run), MemoryProgress()

    def stop(moment: str, verb: str, key: str) -> None:
        if moment == "after" and key == "2" and verb in (WRITING[way], "complete_upload"):
            run.gate.stop()

    pair.at_destination(stop)
    with pytest.raises(Stopped):
        copied(run, plan, progress=progress)
    done = set(pair.contents())
    assert done <= {"0", "1", "2"}
    assert progress.value is not None
    assert progress.value["progress"]["objects"][0] == len(done)
    again = pair.run("run", prepared=False, **policy)
    before = pair.writes()
    found = outcomes(again, copied(again, plan, attempt=2, progress=progress))
    assert {outcome.status for outcome in found.values()} == {"copied"}
    assert pair.contents() == objects
    assert pair.uploads() == 0, "the upload that the stop left open was not aborted"
    sent = pair.writes() - before
    finished = "complete_upload" if policy else WRITING[way]
    assert sent[finished] == len(objects) - len(done)


def test_D15_what_failed_because_of_the_stop_is_tried_by_the_next_try():
    pair = Pair()
    pair.put(OBJECTS)
    run = pair.run()
    plan, progress = make_plan(run), MemoryProgress()

    def stop(moment: str, verb: str, key: str) -> None:
        if (moment, verb, key) == ("before", "copy", "03"):
            run.gate.stop()
            raise ConnectionLost("the connection broke while stopping")

    pair.at_destination(stop)
    with pytest.raises(Stopped):
        copied(run, plan, progress=progress)
    pair.destination.hooks.clear()
    found = outcomes(run, copied(pair.run("run", prepared=False), plan, attempt=2, progress=progress))
    assert {outcome.status for outcome in found.values()} == {"copied"}


def test_D15_a_stop_during_a_wait_for_a_retry_keeps_what_was_done():
    pair = Pair()
    pair.put(OBJECTS)
    run = pair.run()
    plan, progress = make_plan(run), MemoryProgress()

    def stop(moment: str, verb: str, key: str) -> None:
        if (moment, verb, key) == ("before", "copy", "11"):
            raise Throttled("slow down")

    honest = pair.clock.wait

    def stopping(seconds: float, event: threading.Event) -> bool:
        run.gate.stop()
        return honest(seconds, event)

    pair.at_destination(stop)
    pair.clock.wait = stopping  # type: ignore[method-assign]
    with pytest.raises(Stopped):
        copied(run, plan, progress=progress)
    assert progress.value is not None
    assert progress.value["progress"]["objects"][0] == len(OBJECTS) - 1


def test_threat_S09_an_edited_batch_is_refused_before_its_first_write():
    pair = Pair()
    pair.put(OBJECTS)
    run = pair.run()
    plan = make_plan(run)
    name = f"pair/run/{plan.batches[0].page.name}"
    edits: list[Callable[[list[bytes]], list[bytes]]] = [
        lambda lines: lines[:-1],
        lambda lines: [*lines, lines[1].replace(b'"00"', b'"99"')],
        lambda lines: [*lines[:-1], lines[-1].replace(b'"size":', b'"size":1')],
        lambda lines: [lines[0].replace(b'"version":1', b'"version":2'), *lines[1:]],
    ]
    honest = pair.contents(pair.pages)[name]
    for edit in edits:
        pair.pages.put(name, honest)
        rewrite(pair, name, edit)
        with pytest.raises(PlanMismatch):
            copied(run, plan)
    assert pair.writes() == {}
    pair.pages.put(name, honest)
    assert copied(run, plan).counts == {"copied": len(OBJECTS)}


def test_G10_clearing_a_finished_batch_writes_nothing_again():
    pair = Pair()
    pair.put(OBJECTS)
    run = pair.run()
    plan, progress = make_plan(run), MemoryProgress()
    first = outcomes(run, copied(run, plan, progress=progress))
    versions = {key: pair.destination.head(key).info for key in OBJECTS}
    second = outcomes(run, copied(run, plan, attempt=2, progress=progress))
    assert {key: outcome.status for key, outcome in second.items()} == dict.fromkeys(first, "copied")
    assert {key: pair.destination.head(key).info for key in OBJECTS} == versions


@pytest.mark.parametrize(
    ("level", "units"), [("none", ()), ("listing", (0,)), ("metadata", (0, 1)), ("content", (0, 1))]
)
def test_units_to_verify(level, units):
    pair = Pair()
    pair.put({f"{number}": b"x" for number in range(9)})
    run = pair.run(verify=level, batch_objects=3)
    plan = make_plan(run)

    def fail(moment: str, verb: str, key: str) -> None:
        if verb == "copy" and int(key) % 3 == 2:
            raise AccessDenied("no")

    pair.at_destination(fail)
    for batch in plan.batches:
        copy_batch(run, plan, batch.number, attempt=1, progress=MemoryProgress())
    assert units_to_verify(run, plan) == units
    run.gate.stop()
    with pytest.raises(Stopped):
        units_to_verify(run, plan)
