"""Is every damage found by its key, and nothing else?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, ConnectionLost, PlanMismatch
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.policy_words import Verify
from airflow_bucketsync.engine.steps.copy import copy_batch
from airflow_bucketsync.engine.steps.joining import units_to_verify
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.report import make_report
from airflow_bucketsync.engine.steps.run import MemoryProgress, Run
from airflow_bucketsync.engine.steps.units import outcomes_of
from airflow_bucketsync.engine.steps.verify import RECHECKS, verify_unit
from airflow_bucketsync.engine.stores.gate import Stopped
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES
from tests.engine.steps.pairs import MEDIUM, NO_CHECKSUMS, OPAQUE, PART, Pair

BODY = bytes(range(65, 65 + 3 * PART + 5))  # three parts and a bit
PARTS = [BODY[start : start + PART] for start in range(0, len(BODY), PART)]
SEEDED: dict[str, Any] = {
    "content_type": "text/csv",
    "content_encoding": "gzip",
    "cache_control": "no-store",
    "user_metadata": {"k": "v", "empty": ""},
    "tags": {"t": "1"},
}
KEYS = ["damaged", "sound/1", "sound/2"]


def copied(pair: Pair, verify: Verify, **options: Any) -> tuple[Run, Plan]:
    """A run up to the copies, all in parts."""
    pair.put(dict.fromkeys(KEYS, BODY), **SEEDED)
    run = pair.run(verify=verify, **{**MEDIUM, **options})
    plan = make_plan(run)
    for batch in plan.batches:
        copy_batch(run, plan, batch.number, attempt=1, progress=MemoryProgress())
    return run, plan


def found_by(run: Run, plan: Plan) -> dict[str, Outcome]:
    """What all units of verify say, by key."""
    indexes = [verify_unit(run, plan, number, attempt=1) for number in units_to_verify(run, plan)]
    return {outcome.key: outcome for index in indexes for outcome in outcomes_of(run.workspace, index)}


def silently(body: bytes) -> Callable[[Pair], None]:
    """Other bytes under the same ETag, checksum and time."""
    return lambda pair: pair.destination.damage("damaged", body)


def rewritten(body: bytes) -> Callable[[Pair], None]:
    """Other bytes, written by somebody through the store."""
    return lambda pair: pair.put_there({"damaged": body}, **SEEDED) and None  # type: ignore[func-returns-value]


def tampered(**attributes: Any) -> Callable[[Pair], None]:
    return lambda pair: pair.tamper("damaged", **attributes)


NOT_COMBINABLE = replace(MEMORY_CAPABILITIES, checksums=("sha256",))
FLIPPED = BODY[:12] + bytes([BODY[12] ^ 4]) + BODY[13:]
SWAPPED = b"".join([PARTS[1], PARTS[0], *PARTS[2:]])


@dataclass(frozen=True)
class Damage:
    """What is done to one object, and the word for it at the levels that can tell; None = it can't."""

    do: Callable[[Pair], None]
    metadata: str | None
    content: str
    listing: str | None = None


DAMAGES = {
    "flipped bit, silent": Damage(silently(FLIPPED), None, "content"),
    "swapped parts, silent": Damage(silently(SWAPPED), None, "content"),
    "one part in another's place, silent": Damage(
        silently(PARTS[0] + b"".join([PARTS[0], *PARTS[2:]])), None, "content"
    ),
    "flipped bit": Damage(rewritten(FLIPPED), "etag, checksum", "etag, checksum, content", "etag"),
    "swapped parts": Damage(rewritten(SWAPPED), "etag, checksum", "etag, checksum, content", "etag"),
    "truncated by one": Damage(rewritten(BODY[:-1]), "size, etag", "size, etag", "size, etag"),
    "truncated, silent": Damage(silently(BODY[:-1]), "size", "size", "size"),
    "dropped part": Damage(rewritten(b"".join([PARTS[0], *PARTS[2:]])), "size, etag", "size, etag", "size, etag"),
    "dropped part, silent": Damage(silently(b"".join([PARTS[0], *PARTS[2:]])), "size", "size", "size"),
    "duplicated part": Damage(rewritten(PARTS[0] + BODY), "size, etag", "size, etag", "size, etag"),
    "duplicated part, silent": Damage(silently(PARTS[0] + BODY), "size", "size", "size"),
    "missing": Damage(lambda pair: pair.destination.delete("damaged"), "missing", "missing", "missing"),
    "content type": Damage(tampered(content_type="text/html"), "content_type", "content_type"),
    "no content type": Damage(tampered(content_type=None), "content_type", "content_type"),
    "content encoding": Damage(tampered(content_encoding=None), "content_encoding", "content_encoding"),
    "cache control": Damage(tampered(cache_control="x"), "cache_control", "cache_control"),
    "user metadata changed": Damage(tampered(user_metadata={"k": "w", "empty": ""}), "user_metadata", "user_metadata"),
    "user metadata lost": Damage(tampered(user_metadata={"k": "v"}), "user_metadata", "user_metadata"),
    "tag changed": Damage(tampered(tags={"t": "2"}), "tags", "tags"),
    "tag lost": Damage(tampered(tags={}), "tags", "tags"),
    "tag added": Damage(tampered(tags={"t": "1", "u": ""}), "tags", "tags"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("level", ["listing", "metadata", "content"])
def test_invariant_I8_H8_every_damage_is_found_by_its_key(level, damage):
    pair = Pair()
    run, plan = copied(pair, level)
    DAMAGES[damage].do(pair)
    words = getattr(DAMAGES[damage], level)
    found = found_by(run, plan)
    assert set(found) == set(KEYS)
    wrong = {key: outcome.reason for key, outcome in found.items() if outcome.status == "unverified"}
    assert wrong == ({} if words is None else {"damaged": words})
    assert all(outcome.verified is (outcome.status == "copied") for outcome in found.values())
    report = make_report(run, plan_digest=plan.digest).report
    assert report.green is (words is None)
    if words is not None:
        assert report.red == ("unverified",)
        assert [failure["key"] for failure in report.failures] == ["damaged"]


@pytest.mark.parametrize("offset", [0, 1, PART - 1, PART, 2 * PART, len(BODY) - 1])
@pytest.mark.parametrize(
    "proof", [MEMORY_CAPABILITIES, NO_CHECKSUMS, replace(MEMORY_CAPABILITIES, checksums=("sha256",))]
)
def test_H3_content_names_the_first_difference(offset, proof):
    """With a checksum that can be put together one side is read, otherwise both; the finding is the same."""
    pair = Pair(source=proof, destination=proof)
    run, plan = copied(pair, "content")
    bad = bytearray(BODY)
    bad[offset] ^= 128
    bad[-1] ^= 1
    pair.destination.damage("damaged", bytes(bad))
    outcome = found_by(run, plan)["damaged"]
    assert outcome.reason == "content"
    assert f"first difference at byte {offset}" in (outcome.message or "")


def test_H2_content_reads_one_side_where_a_checksum_allows():
    for proof, reads in ((MEMORY_CAPABILITIES, 0), (NO_CHECKSUMS, len(KEYS))):
        pair = Pair(source=proof, destination=proof)
        run, plan = copied(pair, "content")
        before = pair.source.requests["get"]
        assert all(outcome.verified for outcome in found_by(run, plan).values())
        assert pair.source.requests["get"] - before == reads


def test_objects_longer_than_a_block(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("airflow_bucketsync.engine.steps.parting.BLOCK", 7)
    for proof in (MEMORY_CAPABILITIES, NO_CHECKSUMS):
        pair = Pair(source=proof, destination=proof)
        run, plan = copied(pair, "content")
        assert all(outcome.verified for outcome in found_by(run, plan).values())
        pair.destination.damage("damaged", FLIPPED)
        assert "byte 12" in (found_by(run, plan)["damaged"].message or "")


@pytest.mark.parametrize("level", ["listing", "metadata", "content"])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("proof", [MEMORY_CAPABILITIES, NO_CHECKSUMS, OPAQUE])
def test_H8_no_false_alarm(level, shared, proof):
    pair = Pair(shared=shared, source=proof, destination=proof)
    pair.put({"empty": b"", "small": b"1", "a/": b""}, **SEEDED)
    pair.put({"plain": b"2"})
    run, plan = copied(pair, level)
    found = found_by(run, plan)
    assert len(found) == len(KEYS) + 4
    assert {(outcome.status, outcome.verified) for outcome in found.values()} == {("copied", True)}
    assert make_report(run, plan_digest=plan.digest).report.verified


def test_damage_that_stores_can_tell_from_their_checksums():
    """The store itself holds another checksum under the same ETag and size: `metadata` is enough."""
    pair = Pair(destination=replace(MEMORY_CAPABILITIES, etag_meaning="opaque"))
    run, plan = copied(pair, "metadata")
    bucket = pair.destination.server.bucket("destination")
    item = bucket.objects["out/damaged"]
    assert item.info.checksum is not None
    bucket.place(replace(item, info=replace(item.info, checksum=replace(item.info.checksum, value="0" * 16))))
    assert {key: found.reason for key, found in found_by(run, plan).items() if found.status == "unverified"} == {
        "damaged": "checksum"
    }


def test_metadata_that_differs_is_repaired_by_the_next_run_that_asks():
    pair = Pair()
    run, plan = copied(pair, "metadata")
    pair.tamper("damaged", content_type="text/html")
    found_by(run, plan)
    make_report(run, plan_digest=plan.digest)
    assert pair.sync(compare="metadata", check=True).status("damaged") == ("updated", "metadata: content_type")


# what the source does meanwhile -----------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["metadata", "content"])
@pytest.mark.parametrize("gone", [False, True])
def test_a_source_that_changed_after_the_copy_is_no_damage(level, gone):
    pair = Pair()
    run, plan = copied(pair, level)
    if gone:
        pair.source.delete("damaged")
    else:
        pair.put({"damaged": b"later"})
    outcome = found_by(run, plan)["damaged"]
    assert (outcome.status, outcome.reason) == ("changed", "source_changed_after_copy")
    report = make_report(run, plan_digest=plan.digest).report
    assert report.green
    assert report.verified
    assert report.counts == {"changed": 1, "copied": 2}
    assert report.changed_anything
    assert report.bytes == 3 * len(BODY), "it was written, whatever the source did since"


def test_a_source_that_changed_hides_no_damage():
    pair = Pair()
    run, plan = copied(pair, "metadata")
    pair.put({"damaged": b"later"})
    pair.destination.delete("damaged")
    assert found_by(run, plan)["damaged"].reason == "missing"


# answers that are late, wrong or denied -----------------------------------------------------------------------------


def stale_heads(pair: Pair, times: int) -> None:
    """The destination answers from an older state for a while."""
    honest = pair.destination.head
    left = [times]

    def head(key: str, **options: Any) -> Any:
        found = honest(key, **options)
        if key == "damaged" and left[0] > 0:
            left[0] -= 1
            return replace(found, info=replace(found.info, etag="old", size=1), attributes=ObjectAttributes())
        return found

    pair.destination.head = head  # type: ignore[method-assign]


@pytest.mark.parametrize("times", [1, len(RECHECKS)])
def test_fault_F51_a_stale_answer_is_looked_at_again(times):
    pair = Pair()
    run, plan = copied(pair, "metadata")
    stale_heads(pair, times)
    assert found_by(run, plan)["damaged"].status == "copied"
    assert pair.clock.waits == list(RECHECKS[:times])


def test_fault_F51_but_not_for_ever():
    pair = Pair()
    run, plan = copied(pair, "metadata")
    stale_heads(pair, 1000)
    assert found_by(run, plan)["damaged"].status == "unverified"
    assert pair.clock.waits == list(RECHECKS)


def test_many_wrong_objects_are_not_all_waited_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("airflow_bucketsync.engine.steps.verify.RECHECKED", 2)
    pair = Pair()
    run, plan = copied(pair, "metadata")
    for key in KEYS:
        pair.destination.delete(key)
    assert {outcome.reason for outcome in found_by(run, plan).values()} == {"missing"}
    assert len(pair.clock.waits) == 2 * len(RECHECKS)


@pytest.mark.parametrize(
    ("error", "reason"), [(AccessDenied("no"), "access_denied"), (ConnectionLost("lost"), "transient")]
)
@pytest.mark.parametrize("side", ["source", "destination"])
def test_fault_F50_what_could_not_be_looked_at_is_not_verified(side, error, reason):
    pair = Pair()
    run, plan = copied(pair, "metadata")

    def fail(when: str, verb: str, key: str) -> None:
        if (verb, key) == ("head", "damaged"):
            raise error

    getattr(pair, side).hooks.append(fail)
    outcome = found_by(run, plan)["damaged"]
    assert (outcome.status, outcome.reason, outcome.verified) == ("unverified", f"not_looked_at: {reason}", False)
    report = make_report(run, plan_digest=plan.digest).report
    assert report.red == ("unverified",)
    assert not report.verified
    assert [record["key"] for record in pair.lines("pair/known/" + known_page(pair))[1:]] == ["sound/1", "sound/2"]


def known_page(pair: Pair) -> str:
    names = [key for key in pair.contents(pair.pages) if key.startswith("pair/known/")]
    assert len(names) == 1
    return names[0].removeprefix("pair/known/")


def test_tags_that_may_not_be_read_are_no_false_alarm():
    pair = Pair()
    run, plan = copied(pair, "metadata")

    def deny(when: str, verb: str, key: str) -> None:
        if verb == "tags":
            raise AccessDenied("no")

    pair.at_destination(deny)
    assert {outcome.status for outcome in found_by(run, plan).values()} == {"copied"}


def test_a_stopped_verify_leaves_no_page():
    pair = Pair()
    run, plan = copied(pair, "metadata")
    run.gate.stop()
    with pytest.raises(Stopped):
        verify_unit(run, plan, 0, attempt=1)
    report = make_report(run, plan_digest=plan.digest).report
    assert report.incomplete == ("verify 0",)
    assert report.counts == {"unverified": 3}


def test_a_unit_without_result():
    pair = Pair()
    pair.put({"a": b"1"})
    run = pair.run()
    with pytest.raises(PlanMismatch, match="result of batch 0 is missing"):
        verify_unit(run, make_plan(run), 0, attempt=1)


def test_one_listing_verifies_all_batches():
    pair = Pair()
    pair.put({f"{number:02d}": b"x" for number in range(12)})
    run = pair.run(verify="listing", batch_objects=4)
    plan = make_plan(run)
    for batch in plan.batches:
        copy_batch(run, plan, batch.number, attempt=1, progress=MemoryProgress())
    pair.destination.delete("05")
    pair.put_there({"06": b"yy", "zz": b""})
    before = pair.destination.requests.copy()
    assert units_to_verify(run, plan) == (0,)
    verify_unit(run, plan, 0, attempt=1)
    assert pair.destination.requests - before == {"list": 1}
    report = make_report(run, plan_digest=plan.digest).report
    assert report.counts == {"copied": 10, "unverified": 2}
    assert report.reasons["unverified: missing"] == 1
    assert report.reasons["unverified: size, etag"] == 1
