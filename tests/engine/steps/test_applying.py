"""A plan reviewed in a dry run and applied later: what drifted is named, too much of it refuses. (C16)"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from airflow_bucketsync.engine.errors import InvalidConfiguration, PlanDrifted, PlanMismatch
from airflow_bucketsync.engine.in_process import sync
from airflow_bucketsync.engine.model.approval import Approval
from airflow_bucketsync.engine.model.key_mapping import KeyMapping
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps.copy import copy_batch
from airflow_bucketsync.engine.steps.manifest import read_plan
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.run import MemoryProgress
from airflow_bucketsync.engine.steps.settling import settle
from tests.engine.steps.pairs import IN_PARTS, Pair, kill_at

MANY = {f"k{number:03d}": b"1" for number in range(100)}


@pytest.fixture
def pair():
    made = Pair(shared=False)
    made.put(MANY)
    return made


def planned(pair, **options):
    """The digest of a dry run's plan."""
    before = pair.contents()
    ran = pair.sync(dry_run=True, **options)
    assert pair.contents() == before
    return ran.report.plan_digest


def changed(pair, count):
    pair.put(dict.fromkeys(list(MANY)[:count], b"two"))


def test_row_C16_the_plan_is_applied_as_it_was_reviewed(pair):
    digest = planned(pair)
    ran = pair.sync(apply_plan=digest, max_drift=0.0)
    assert ran.report.green
    assert ran.report.verified
    assert ran.report.counts == {"copied": 100}
    assert ran.report.drift.counts == {"agreed": 100}
    assert pair.contents() == MANY


def test_row_C16_one_percent_runs_and_is_named(pair):
    digest = planned(pair)
    changed(pair, 1)
    ran = pair.sync(apply_plan=digest)
    assert ran.report.green
    assert not ran.report.verified, "one object is not in step, so no watermark may pass it"
    assert ran.report.counts == {"copied": 99, "withheld": 1}
    assert ran.status("k000") == ("withheld", "drifted")
    assert ran.report.drift.first == {"changed": ["k000"]}
    assert pair.contents() == {key: body for key, body in MANY.items() if key != "k000"}
    assert pair.sync().report.counts == {"copied": 1, "same": 99}


def test_row_C16_sixty_percent_refuses_before_any_write(pair):
    digest = planned(pair)
    changed(pair, 60)
    before = pair.writes()
    with pytest.raises(PlanDrifted) as refused:
        pair.sync(apply_plan=digest)
    words = str(refused.value)
    assert "60 of 100 objects drifted" in words
    assert "60 changed ('k000', 'k001'" in words
    assert "max_drift is 0.1" in words
    assert "make a plan anew" in words
    assert pair.writes() == before
    assert pair.contents() == {}
    assert pair.sync(apply_plan=digest, max_drift=0.6).report.counts == {"copied": 40, "withheld": 60}


def test_row_C16_every_way_to_drift(pair):
    pair.put_there({"old": b"old", "older": b"old", "k009": b"0"})
    digest = planned(pair, delete=True, max_delete_share=1.0)
    pair.source.delete("k000")  # gone
    pair.put({"k001": b"other"})  # changed
    pair.put({"new": b"n"})  # new
    pair.put({"old": b"now at the source"})  # changed: it was to be deleted
    pair.put_there({"older": b"another"})  # changed: another version
    pair.put_there({"k002": b"1"})  # in step
    pair.put_there({"k003": b"somebody's"})  # changed: something stands there now
    pair.put_there({"extra": b"e"})  # new: to be deleted
    ran = pair.sync(apply_plan=digest, delete=True, max_delete_share=1.0)
    drift = ran.report.drift
    assert drift.first == {"changed": ["k001", "k003", "old", "older"], "gone": ["k000"], "new": ["extra", "new"]}
    assert drift.counts == {"agreed": 96, "in_step": 1, "changed": 4, "gone": 1, "new": 2}
    assert drift.planned == 102
    assert ran.report.counts == {"copied": 96, "same": 1, "withheld": 6}
    assert ran.report.green
    kept = pair.contents()
    assert kept["old"] == b"old"
    assert kept["older"] == b"another"
    assert kept["k003"] == b"somebody's"
    assert "extra" in kept
    assert "new" not in kept
    assert pair.lines(f"pair/{ran.report.run}/plan/drift.jsonl.zst")[1:] == [
        {"key": "extra", "word": "new"},
        {"key": "k000", "word": "gone"},
        {"key": "k001", "word": "changed"},
        {"key": "k003", "word": "changed"},
        {"key": "new", "word": "new"},
        {"key": "old", "word": "changed"},
        {"key": "older", "word": "changed"},
    ]


def test_row_C16_deletes_of_the_plan_under_its_guards(pair):
    pair.put_there({"old": b"old"})
    digest = planned(pair, delete=True, max_delete_share=1.0)
    ran = pair.sync(apply_plan=digest, delete=True, max_delete_share=1.0)
    assert ran.report.counts == {"copied": 100, "trashed": 1}
    assert "old" not in pair.contents()


def test_row_C16_what_was_in_step_counts_for_the_share(pair):
    pair.sync()
    pair.put({"k000": b"two"})
    digest = planned(pair)
    pair.put({f"new-{number}": b"n" for number in range(10)})
    ran = pair.sync(apply_plan=digest)
    assert ran.report.drift.share == 0.1
    assert ran.report.counts == {"copied": 1, "same": 99, "withheld": 10}
    assert ran.status("new-0") == ("withheld", "drifted")


def test_row_C16_applied_twice(pair):
    digest = planned(pair)
    pair.sync(apply_plan=digest)
    before = pair.writes()
    ran = pair.sync(apply_plan=digest)
    assert ran.report.counts == {"same": 100}
    assert ran.report.drift.counts == {"in_step": 100}
    assert ran.report.verified
    assert pair.writes() == before


def test_row_C16_large_objects_and_several_batches():
    pair = Pair(shared=False)
    large = {f"large-{number}": bytes([number]) * 35 for number in range(4)}
    small = {f"k{number:03d}": b"1" for number in range(40)}
    pair.put({**large, **small})
    options = {**IN_PARTS, "batch_objects": 5, "group_bytes": 50}
    digest = planned(pair, **options)
    pair.put({"large-2": b"x" * 40})
    ran = pair.sync(apply_plan=digest, **options)
    assert ran.report.counts == {"copied": 43, "withheld": 1}
    assert ran.report.drift.first == {"changed": ["large-2"]}
    assert pair.contents().keys() == {**large, **small}.keys() - {"large-2"}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(1, 40, 6))
def test_row_C16_killed_anywhere_it_goes_on(at, when):
    pair = Pair(shared=False)
    pair.put({f"k{number}": b"1" for number in range(8)})
    digest = planned(pair)
    pair.put({"k3": b"two"})
    kill_at(pair, at, when)
    with suppress(KeyboardInterrupt):
        pair.sync(run="one", apply_plan=digest, max_drift=0.2)
    pair.source.hooks.clear()
    pair.destination.hooks.clear()
    ran = pair.sync(run="two", apply_plan=digest, max_drift=0.2)
    assert ran.report.green
    assert ran.report.drift.first == {"changed": ["k3"]}
    assert pair.contents().keys() == {f"k{number}" for number in range(8)} - {"k3"}


def test_row_C16_a_dry_run_tells_the_drift_and_writes_nothing(pair):
    digest = planned(pair)
    changed(pair, 3)
    ran = pair.sync(apply_plan=digest, dry_run=True)
    assert ran.report.drift.counts == {"agreed": 97, "changed": 3}
    assert pair.contents() == {}


@pytest.mark.parametrize(
    "mapping", [KeyMapping(kind="flatten"), KeyMapping(kind="prefix_map", prefixes={"": "y/", "z/": "a/"})]
)
def test_row_C16_keys_that_are_mapped(mapping):
    pair = Pair(shared=False)
    pair.put({"z/a": b"1", "b/z": b"2", "a/c": b"3", "a/d": b"4"})
    selection = Selection(key_mapping=mapping)
    digest = planned(pair, selection=selection)
    pair.put({"a/c": b"other"})
    ran = pair.sync(selection, apply_plan=digest, max_drift=0.5)
    assert ran.report.drift.counts == {"agreed": 3, "changed": 1}
    assert ran.report.counts == {"copied": 3, "withheld": 1}


def test_row_C16_a_plan_of_a_run_that_listed_the_source_only(pair):
    pair.sync(mode="auto")
    changed(pair, 3)
    digest = planned(pair, mode="auto")
    ran = pair.sync(mode="auto", apply_plan=digest, max_drift=0.0)
    assert ran.report.mode == "full"
    assert ran.report.counts == {"copied": 3, "same": 97}


# plans that are none ------------------------------------------------------------------------------------------------


def test_row_C16_no_such_plan(pair):
    with pytest.raises(InvalidConfiguration, match="pair pair has no plan 0000"):
        pair.sync(apply_plan="0" * 64)
    assert pair.contents() == {}


def test_row_C16_the_plan_of_another_pair(pair):
    digest = planned(pair)
    other = Pair(shared=False)
    other.put(MANY)
    with pytest.raises(InvalidConfiguration, match="has no plan"):
        other.sync(apply_plan=digest)
    for name, body in pair.contents(pair.pages).items():
        pair.pages.put(name.replace("pair/", "other/", 1), body)
    with pytest.raises(InvalidConfiguration, match="than this run has: pair;"):
        sync(
            pair.source,
            pair.destination,
            workspace=pair.pages,
            name="other",
            policy=SyncPolicy(concurrency=1, apply_plan=digest),
            clock=pair.clock,
            retries=pair.retries(),
        )
    assert pair.contents() == {}


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"selection": Selection(exclude=("k00*",))}, "exclude"),
        ({"delete": True}, "delete"),
        ({"compare": "always"}, "compare"),
    ],
)
def test_row_C16_other_options_are_named(pair, options, name):
    digest = planned(pair)
    with pytest.raises(InvalidConfiguration, match=rf"other options than this run has: {name};"):
        pair.sync(apply_plan=digest, **options)
    assert pair.contents() == {}


def test_row_C16_options_about_the_run_may_differ(pair):
    digest = planned(pair)
    ran = pair.sync(apply_plan=digest, on_lock="skip", approvers=("ada",), approval_hours=1.0, lock_lease=60)
    assert ran.report.counts == {"copied": 100}


def test_row_C16_a_page_that_is_gone_or_another_one(pair):
    digest = planned(pair)
    [page] = [name for name in pair.contents(pair.pages) if "plan/batch-" in name]
    body = pair.contents(pair.pages)[page]
    for spoil in (lambda: pair.pages.put(page, body[:-1]), lambda: pair.pages.delete(page)):
        spoil()
        with pytest.raises(PlanMismatch, match="batch-0000"):
            pair.sync(apply_plan=digest)
        assert pair.contents() == {}


@pytest.mark.parametrize("folder", ["../other/", "a/b/", "", 5, None, "nothing/"])
def test_threat_S09_an_entry_leads_nowhere_else(pair, folder):
    digest = planned(pair)
    run = pair.run("here", prepared=False)
    run.workspace.write_document(f"plans/{digest}.json", "kept_plan", {"folder": folder}, of_pair=True)
    with pytest.raises(PlanMismatch):
        pair.sync(apply_plan=digest)


def test_threat_S09_a_plan_put_in_the_place_of_the_reviewed_one(pair):
    digest = planned(pair)
    pair.put({"more": b"m"})
    other = planned(pair)
    run = pair.run("here", prepared=False)
    entry = run.workspace.read_document(f"plans/{other}.json", "kept_plan", of_pair=True)
    run.workspace.write_document(f"plans/{digest}.json", "kept_plan", {"folder": entry["folder"]}, of_pair=True)
    with pytest.raises(PlanMismatch, match="not the one"):
        pair.sync(apply_plan=digest)


# a person's yes, outside of Airflow ---------------------------------------------------------------------------------


def test_row_C16_nobody_can_be_asked_outside_of_airflow(pair):
    pair.put_there({"old": b"old"})
    ran = pair.sync(approve_plan=True, delete=True, max_delete_share=1.0)
    assert not ran.report.green
    assert ran.report.reasons == {"withheld: not_asked": 101}
    assert any("run it in Airflow" in words for words in ran.report.warnings)
    assert pair.contents() == {"old": b"old"}
    assert not ran.report.verified


def test_row_C16_nobody_is_asked_about_an_empty_plan(pair):
    pair.sync()
    ran = pair.sync(approve_plan=True)
    assert ran.report.green
    assert ran.report.verified
    assert ran.report.approval is None


def test_row_C16_a_withheld_plan_can_be_applied_later(pair):
    digest = pair.sync(approve_plan=True).report.plan_digest
    assert pair.sync(apply_plan=digest).report.counts == {"copied": 100}


def test_row_C16_a_withheld_plan_leaves_the_state_of_the_pair_alone(pair):
    pair.sync(mode="auto")
    before = {name: body for name, body in pair.contents(pair.pages).items() if "/run-" not in name}
    changed(pair, 2)
    pair.sync(mode="auto", approve_plan=True)
    after = {name: body for name, body in pair.contents(pair.pages).items() if "/run-" not in name}
    assert {name: body for name, body in after.items() if "/plans/" not in name} == before
    assert pair.sync(mode="auto").report.counts == {"copied": 2, "same": 98}


def test_row_C16_a_withheld_move_takes_nothing_away(pair):
    pair.put_there({"k000": b"1"})
    ran = pair.sync(approve_plan=True, move=True)
    assert ran.report.reasons == {"withheld: not_asked": 100}
    assert pair.contents(pair.source) == MANY


def test_row_C16_the_lock_is_taken_after_the_yes_and_not_before(pair):
    run = pair.run("run", approve_plan=True)
    plan = make_plan(run)
    assert plan.asks
    bucket = pair.destination.server.bucket(pair.destination.location.bucket)
    assert not bucket.objects, "nothing, not even a lock"
    settled = settle(run, plan, approval(plan, "apply"))
    assert settled.lock
    assert not settled.dry
    assert settled.digest == plan.digest
    assert len(bucket.objects) == 1
    assert read_plan(run.workspace, plan.digest) == settled


@pytest.mark.parametrize(
    ("answer", "reason"), [("delete", "rejected"), ("keep", "rejected"), ("none", "not_answered"), (None, "not_asked")]
)
def test_row_C16_only_a_yes_to_this_very_plan_carries_it_out(pair, answer, reason):
    run = pair.run("run", approve_plan=True)
    plan = make_plan(run)
    said = approval(plan, answer) if answer else replace(approval(plan, "apply"), plan="0" * 64)
    settled = settle(run, plan, said)
    assert settled.withheld == reason
    assert settled.dry
    assert not settled.lock
    with pytest.raises(PlanMismatch, match="nobody said yes to this run, and nothing of its plan"):
        copy_batch(run, settled, 0, attempt=1, progress=MemoryProgress())
    assert not pair.destination.server.bucket(pair.destination.location.bucket).objects


def approval(plan, answer):
    return Approval(plan=plan.digest, answer=answer, by="ada", at=datetime(2026, 1, 1, tzinfo=UTC))
