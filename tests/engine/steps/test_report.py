"""Does the report count each object once, and is it red whenever anything is missing?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from airflow_bucketsync.engine.errors import AccessDenied, PlanMismatch
from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.outcome import RED, Report
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.checkpoint import OVERLAP
from airflow_bucketsync.engine.steps.copy import copy_batch
from airflow_bucketsync.engine.steps.joining import units_to_verify
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.report import make_report
from airflow_bucketsync.engine.steps.run import MemoryProgress, Run
from airflow_bucketsync.engine.steps.units import read_units
from airflow_bucketsync.engine.steps.verify import verify_unit
from tests.engine.clocks import START
from tests.engine.steps.pairs import Pair, rewrite

COUNT = 12


def finished(pair: Pair, **options: Any) -> tuple[Run, Plan]:
    """A run of three batches, up to the report."""
    pair.put({f"{number:02d}": b"x" * number for number in range(COUNT)})
    pair.put({"same": b"1"})
    pair.put_there({"same": b"1", "extra": b"2"})
    run = pair.run(**{"batch_objects": 4, **options})
    plan = make_plan(run)
    for batch in plan.batches:
        copy_batch(run, plan, batch.number, attempt=1, progress=MemoryProgress())
    for unit in units_to_verify(run, plan):
        verify_unit(run, plan, unit, attempt=1)
    return run, plan


def remembered(pair: Pair) -> set[str]:
    """The keys in the pair's memory."""
    names = [key for key in pair.contents(pair.pages) if key.startswith("pair/known/")]
    return {line["key"] for name in names for line in pair.lines(name)[1:]}


def test_invariant_I11_each_key_once():
    pair = Pair()
    run, plan = finished(pair)
    report = make_report(run, plan_digest=plan.digest).report
    assert sum(report.counts.values()) == plan.counts["planned"] + plan.counts["same"] + plan.counts["extra"]
    assert report.counts == {"copied": COUNT, "same": 1, "extra": 1}
    assert sum(report.reasons.values()) == sum(report.counts.values())
    assert set(pair.outcomes(report)) == {f"{number:02d}" for number in range(COUNT)} | {"extra"}
    assert report.bytes == sum(range(COUNT))
    assert report.green
    assert report.verified
    assert report.plan_digest == plan.digest


def test_round_trips():
    pair = Pair()
    run, plan = finished(pair)
    made = make_report(run, plan_digest=plan.digest)
    written = orjson.loads(pair.contents(pair.pages)["pair/run/report.json"])
    assert Report.from_json(written) == made.report
    assert Report.from_json(run.workspace.read_document("report.json", "report")) == made.report
    assert Checkpoint.from_json(orjson.loads(orjson.dumps(made.checkpoint.to_json()))) == made.checkpoint
    assert len(pair.contents(pair.pages)["pair/run/report.json"]) < 10_000
    assert pair.lines("pair/run/report/objects.jsonl.zst")[0] == {"schema": "bucketsync/outcomes", "version": 1}


def test_F1_the_watermark_is_the_start_of_a_verified_run_less_an_overlap():
    pair = Pair()
    run, plan = finished(pair)
    checkpoint = make_report(run, plan_digest=plan.digest).checkpoint
    assert checkpoint.green
    assert checkpoint.verified
    assert checkpoint.watermark is not None
    assert START <= checkpoint.watermark + OVERLAP <= pair.destination.head("00").info.last_modified
    assert checkpoint.objects == {"source": COUNT + 1, "destination": 2}
    red = make_report(run, plan_digest=plan.digest, failed_tasks=["copy"]).checkpoint
    assert (red.green, red.verified, red.watermark) == (False, False, None)
    quiet, plan = finished(Pair(), verify="none")
    checkpoint = make_report(quiet, plan_digest=plan.digest).checkpoint
    assert (checkpoint.green, checkpoint.verified, checkpoint.watermark) == (True, False, None)


def test_requests_of_all_tasks_are_counted():
    pair = Pair()
    run, plan = finished(pair)
    report = make_report(run, plan_digest=plan.digest).report
    seeded = {"put": 2}
    for side, store in (("source", pair.source), ("destination", pair.destination)):
        sent = {verb: n for verb, n in store.requests.items() if verb != "put"}
        assert dict(report.requests[side]) == sent
    assert pair.destination.requests["put"] == seeded["put"]


# what is missing ---------------------------------------------------------------------------------------------------


def removed(name: str) -> Callable[[Pair], None]:
    return lambda pair: pair.pages.delete(f"pair/run/{name}")


def put(name: str, content: bytes) -> Callable[[Pair], None]:
    def do(pair: Pair) -> None:
        pair.pages.put(f"pair/run/{name}", content)

    return do


def flipped(name: str) -> Callable[[Pair], None]:
    def do(pair: Pair) -> None:
        packed = pair.contents(pair.pages)[f"pair/run/{name}"]
        middle = len(packed) // 2
        pair.pages.put(f"pair/run/{name}", packed[:middle] + bytes([packed[middle] ^ 1]) + packed[middle + 1 :])

    return do


def edited(name: str, change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Pair], None]:
    return lambda pair: rewrite(pair, f"pair/run/{name}", change)


def swapped(one: str, other: str) -> Callable[[Pair], None]:
    def do(pair: Pair) -> None:
        first, second = (pair.contents(pair.pages)[f"pair/run/{name}"] for name in (one, other))
        pair.pages.put(f"pair/run/{one}", second)
        pair.pages.put(f"pair/run/{other}", first)

    return do


RESULT, FINDINGS = "result/0001-try01.jsonl.zst", "findings/0001-try01.jsonl.zst"
RESULT_INDEX, FINDINGS_INDEX = "result/0001-try01.json", "findings/0001-try01.json"
FORGED = b'{"schema": "bucketsync/unit_index", "version": 1}'
DAMAGES: dict[str, tuple[Callable[[Pair], None], str]] = {
    "result index missing": (removed(RESULT_INDEX), "copy 1"),
    "result index empty": (put(RESULT_INDEX, b""), "copy 1"),
    "result index forged": (put(RESULT_INDEX, FORGED), "copy 1"),
    "result index of another batch": (swapped(RESULT_INDEX, "result/0002-try01.json"), "copy 1"),
    "result page missing": (removed(RESULT), "copy 1"),
    "result page flipped": (flipped(RESULT), "copy 1"),
    "result line dropped": (edited(RESULT, lambda lines: lines[:-1]), "copy 1"),
    "result line forged": (edited(RESULT, lambda lines: [*lines[:-1], b'{"status":"copied"}']), "copy 1"),
    "result pages swapped": (swapped(RESULT, "result/0002-try01.jsonl.zst"), "copy 1"),
    "findings index missing": (removed(FINDINGS_INDEX), "verify 1"),
    "findings index damaged": (put(FINDINGS_INDEX, b"{}"), "verify 1"),
    "findings page missing": (removed(FINDINGS), "verify 1"),
    "findings page flipped": (flipped(FINDINGS), "verify 1"),
    "findings line dropped": (edited(FINDINGS, lambda lines: lines[:-1]), "verify 1"),
    "findings pages swapped": (swapped(FINDINGS, "findings/0002-try01.jsonl.zst"), "verify 1"),
    "decided page missing": (removed("plan/decided.jsonl.zst"), "plan"),
    "decided page edited": (edited("plan/decided.jsonl.zst", lambda lines: lines[:1]), "plan"),
    "manifest missing": (removed("plan/manifest.json"), "plan"),
    "manifest damaged": (put("plan/manifest.json", b"{"), "plan"),
    "run.json missing": (removed("run.json"), "prepare"),
    "run.json damaged": (put("run.json", b'{"schema": "bucketsync/run", "version": 1}'), "prepare"),
}


@pytest.mark.parametrize("level", ["metadata", "listing"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_threat_S09_I9_never_green_with_a_page_missing(damage, level):
    pair = Pair()
    run, plan = finished(pair, verify=level)
    do, task = DAMAGES[damage]
    do(pair)
    report = make_report(run, plan_digest=plan.digest).report
    assert task in report.incomplete
    assert not report.green
    assert not report.verified
    assert Report.from_json(run.workspace.read_document("report.json", "report")) == report
    if task == "verify 1":
        assert report.reasons["unverified: not_looked_at"] == (8 if "swapped" in damage else 4)
        assert sum(report.counts.values()) == COUNT + 2
    elif task == "copy 1":
        assert report.counts["copied"] == (4 if damage.endswith("swapped") or "another" in damage else 8)
    assert (remembered(pair) <= {"same"}) or report.counts["copied"] == len(remembered(pair) - {"same"})


@pytest.mark.parametrize("tolerated", ["unverified", "failed"])
def test_a_missing_page_can_not_be_tolerated(tolerated):
    for damage in ("findings index missing", "result index missing"):
        pair = Pair()
        run, plan = finished(pair, tolerate=(tolerated,))
        DAMAGES[damage][0](pair)
        assert not make_report(run, plan_digest=plan.digest).report.green


def test_a_result_that_speaks_of_too_few_objects_is_incomplete():
    """A page that is whole, of the right plan, but of another batch's size."""
    pair = Pair()
    run, plan = finished(pair)
    name = "pair/run/result/0001-try01.json"
    index = orjson.loads(pair.contents(pair.pages)[name])
    page = run.workspace.write_page("result/0001-try01", "result", iter(()))
    pair.pages.put(name, orjson.dumps({**index, "page": page.to_json(), "counts": {}}))
    report = make_report(run, plan_digest=plan.digest).report
    assert report.incomplete == ("copy 1",)
    assert any("4 objects over, its result speaks of 0" in warning for warning in report.warnings)


def test_threat_S09_another_runs_manifest():
    pair = Pair()
    run, plan = finished(pair)
    other = pair.run("other", compare="always")
    make_plan(other)
    pair.pages.put("pair/run/plan/manifest.json", pair.contents(pair.pages)["pair/other/plan/manifest.json"])
    report = make_report(run, plan_digest=plan.digest).report
    assert report.incomplete == ("plan",)
    assert any("not the one this run made" in warning for warning in report.warnings)


def test_fault_F67_results_of_another_plan_do_not_count():
    pair = Pair()
    run, _ = finished(pair)
    pair.put({"more": b"1"})
    plan = make_plan(run)
    report = make_report(run, plan_digest=plan.digest).report
    assert report.incomplete == tuple(f"copy {batch.number}" for batch in plan.batches)
    assert "copied" not in report.counts


def test_another_run_document_is_noticed():
    pair = Pair()
    run, plan = finished(pair)
    assert make_report(run, plan_digest=plan.digest, run_digest="0" * 64).report.incomplete == ("prepare",)


def test_without_a_plan_there_is_a_report_all_the_same():
    pair = Pair()
    run = pair.run(prepared=False)
    made = make_report(run, failed_tasks=["prepare", "plan"])
    assert made.report.incomplete == ("prepare", "plan")
    assert made.report.counts == {}
    assert made.report.objects is None
    assert not made.report.green
    assert Report.from_json(orjson.loads(pair.contents(pair.pages)["pair/run/report.json"])) == made.report
    assert made.checkpoint.objects == {}
    assert made.checkpoint.watermark is None


def test_failed_tasks_are_named_once():
    pair = Pair()
    run, plan = finished(pair)
    DAMAGES["result index missing"][0](pair)
    report = make_report(run, plan_digest=plan.digest, failed_tasks=["copy 1 (it was killed)"]).report
    assert report.incomplete == ("copy 1 (it was killed)",)


@pytest.mark.parametrize("damage", ["decided page missing", "decided page edited"])
def test_invariant_I11_what_no_page_says_is_not_counted_though_its_task_failed_anyway(damage):
    """Found by the property machine: objects were counted as beyond those that a listing names."""
    pair = Pair()
    run, plan = finished(pair)
    DAMAGES[damage][0](pair)
    report = make_report(run, plan_digest=plan.digest, failed_tasks=["plan (it was cleared, and killed)"]).report
    assert report.incomplete == ("plan (it was cleared, and killed)",)
    assert not [reason for reason in report.reasons if reason.endswith("not_named")]
    assert report.counts.keys() == {"copied", "same"}


def test_fault_F61_the_highest_complete_try_counts():
    pair = Pair()
    run, plan = finished(pair)
    for attempt in (2, 10):
        copy_batch(run, plan, 1, attempt=attempt, progress=MemoryProgress())
    assert read_units(run.workspace, "result", plan=plan.digest)[1].attempt == 10
    pair.pages.put("pair/run/result/0001-try11.jsonl.zst", b"a page whose index was never written")
    assert make_report(run, plan_digest=plan.digest).report.green
    pair.pages.put("pair/run/result/0001-try10.json", b"{")
    with pytest.raises(PlanMismatch, match="damaged"):
        read_units(run.workspace, "result", plan=plan.digest)
    assert make_report(run, plan_digest=plan.digest).report.incomplete == ("copy 1",), "an older try proves nothing"


def test_findings_of_versions_that_a_later_try_replaced_prove_nothing():
    pair = Pair()
    run, plan = finished(pair)
    units = read_units(run.workspace, "result", plan=plan.digest)
    pages = {number: pair.lines(f"pair/run/{index.page.name}")[1:] for number, index in units.items()}
    number, lines = next(item for item in pages.items() if any(line["key"] == "05" for line in item[1]))
    for line in lines:
        if line["key"] == "05":
            line["destination"]["etag"] = "of another write"
    page = run.workspace.write_page(f"result/{number:04d}-try02", "result", iter(lines))
    later = replace(units[number], attempt=2, page=page)
    run.workspace.write_document(f"result/{number:04d}-try02.json", "unit_index", later.to_json())
    report = make_report(run, plan_digest=plan.digest).report
    assert report.reasons["unverified: not_looked_at"] == 1
    assert pair.outcomes(report)["05"].status == "unverified"


# colours -----------------------------------------------------------------------------------------------------------


def broken(pair: Pair, *, key: str = "03") -> None:
    def deny(when: str, verb: str, asked: str) -> None:
        if (verb, asked) == ("copy", key):
            raise AccessDenied("no", location=pair.destination.location.url, key=key)

    pair.at_destination(deny)


@pytest.mark.parametrize("tolerate", [(), ("refused",), ("failed",), ("failed", "refused")])
def test_I9_red_unless_the_word_is_tolerated(tolerate):
    pair = Pair()
    broken(pair)
    run, plan = finished(pair, tolerate=tolerate)
    report = make_report(run, plan_digest=plan.digest).report
    green = "failed" in tolerate
    assert report.green is green
    assert report.red == (() if green else ("failed",))
    assert report.tolerated == (("failed",) if green else ())
    assert [failure["key"] for failure in report.failures] == ["03"]
    assert "no" in report.failures[0]["message"]


def test_unverified_objects_can_be_tolerated_but_are_not_verified():
    pair = Pair()
    pair.put({"a": b"1"})
    run = pair.run(tolerate=("unverified",))
    plan = make_plan(run)
    copy_batch(run, plan, 0, attempt=1, progress=MemoryProgress())
    pair.destination.delete("a")
    verify_unit(run, plan, 0, attempt=1)
    report = make_report(run, plan_digest=plan.digest).report
    assert report.green
    assert report.tolerated == ("unverified",)
    assert not report.verified


def test_the_first_20_failures_are_shown():
    pair = Pair()
    pair.put({f"{number:03d}": b"x" for number in range(50)})

    def deny(when: str, verb: str, key: str) -> None:
        if verb == "copy":
            raise AccessDenied("no")

    pair.at_destination(deny)
    report = pair.sync().report
    assert report.counts == {"failed": 50}
    assert len(report.failures) == 20


def test_words_that_make_a_run_red():
    assert {"failed", "unverified", "refused", "withheld"} == RED


def test_a_memory_that_cannot_be_written_costs_a_warning():
    pair = Pair()
    run, plan = finished(pair)

    def deny(when: str, verb: str, key: str) -> None:
        if verb == "put" and key.startswith("pair/known"):
            raise AccessDenied("no")

    pair.pages.hooks.append(deny)
    report = make_report(run, plan_digest=plan.digest).report
    assert report.green
    assert any("could not be remembered" in warning for warning in report.warnings)


def test_invariant_I9_only_what_was_verified_is_remembered():
    pair = Pair()
    broken(pair)
    run, plan = finished(pair)
    make_report(run, plan_digest=plan.digest)
    assert remembered(pair) == {f"{number:02d}" for number in range(COUNT) if number != 3} | {"same"}


def test_a_kill_while_the_memory_is_written_leaves_the_old_one_whole():
    class Killed(BaseException):
        pass

    pair = Pair()
    run, plan = finished(pair)
    make_report(run, plan_digest=plan.digest)
    before = remembered(pair)
    for at in range(1, 12):
        pair.put({"00": b"changed %d" % at})
        left = [at]

        def kill(when: str, verb: str, key: str, left: list[int] = left) -> None:
            if key.startswith("pair/known") and verb in ("put", "delete"):
                left[0] -= 1
                if left[0] == 0:
                    raise Killed

        pair.pages.hooks.append(kill)
        try:
            pair.sync(run=f"killed-{at}")
        except Killed:
            pair.pages.hooks.clear()
            ran = pair.sync(run=f"after-{at}", dry_run=True)
            assert not ran.report.warnings
            assert ran.report.reasons["same: known"] >= len(before) - 1
            continue
        pair.pages.hooks.clear()
        break
    assert at == 7, "each of three requests, before and after it"
