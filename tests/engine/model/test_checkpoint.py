from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_bucketsync.engine.errors import CheckpointMismatch
from airflow_bucketsync.engine.model.checkpoint import HISTORY, Checkpoint, Round, RunCounters
from airflow_bucketsync.engine.model.outcome import STATUSES
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.rules.splits import LONGEST, MAX_SPLITS
from airflow_bucketsync.state import STATE, save_checkpoint
from tests.engine.model.nouns import counts, digests, quick, sizes, text, through_json, times

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
modes = st.sampled_from(["full", "incremental"])
pages = st.builds(PageRef, name=text, count=sizes, size=sizes, digest=digests)
rounds = st.builds(Round, after=text, started=times, mode=modes, changed=st.booleans())
counters = st.builds(
    RunCounters,
    folder=text,
    started=times,
    seconds=st.integers(0, 10**6).map(float),
    mode=text,
    green=st.booleans(),
    written=sizes,
    failed=sizes,
    bytes=sizes,
)
checkpoints = st.builds(
    Checkpoint,
    pair=text,
    fingerprint=digests,
    run=text,
    stage=st.sampled_from(["prepare", "plan", "copy", "verify", "done"]),
    green=st.booleans(),
    verified=st.booleans(),
    watermark=st.none() | times,
    last_full=st.none() | times,
    round=st.none() | rounds,
    rounds=st.integers(0, 30),
    failed=st.none() | pages,
    owes_event=st.booleans(),
    splits=st.sets(text, max_size=4).map(lambda keys: tuple(sorted(keys))),
    objects=counts,
    counts=counts,
    bytes=sizes,
    updated=times,
    history=st.lists(counters, max_size=3).map(tuple),
)
ROUND = Round(after="a", started=NOON, mode="full", changed=True).to_json()
COUNTERS = RunCounters(
    folder="r", started=NOON, seconds=1.0, mode="full", green=True, written=1, failed=0, bytes=1
).to_json()  # fmt: skip
GOOD = Checkpoint(
    pair="p", fingerprint="f", run="r", green=True, verified=True, watermark=NOON, last_full=NOON,
    round=Round.from_json(ROUND), rounds=2, failed=PageRef(name="failed/x", count=1, size=2, digest="d"),
    splits=("b", "c"), objects={"source": 1}, counts={"copied": 1}, bytes=2**53 + 1, updated=NOON,
    history=(RunCounters.from_json(COUNTERS),),
).to_json()  # fmt: skip


@quick
@given(checkpoints)
def test_round_trip(checkpoint):
    assert through_json(checkpoint) == checkpoint


def test_the_one_good_document():
    assert Checkpoint.from_json(GOOD).bytes == 2**53 + 1
    without = Checkpoint.from_json({name: value for name, value in GOOD.items() if name not in OPTIONAL})
    assert (without.watermark, without.last_full, without.round, without.failed) == (None, None, None, None)
    assert (without.rounds, without.splits, without.history) == (0, (), ())


def test_row_G1_the_first_version_is_read():
    """As the first version was written: without stage, round, failed objects, split points and history."""
    first = {name: GOOD[name] for name in GOOD if name not in OPTIONAL - {"watermark"} and name != "stage"}
    read = Checkpoint.from_json({**first, "version": 1})
    assert (read.stage, read.watermark, read.round, read.history) == ("done", NOON, None, ())
    assert read.to_json()["version"] == 2


def test_row_G1_the_largest_fits_the_store():
    """Every text at its longest, in the letters that take most room in JSON."""
    key, point, run = "\x01" * 1024, "\x01" * LONGEST, "ü" * 700
    largest = Checkpoint(
        pair="p" * 250, fingerprint="f" * 64, run=run, stage="prepare", green=False, verified=False, watermark=NOON,
        last_full=NOON, round=Round(after=key, started=NOON, mode="incremental", changed=False), rounds=10**6,
        failed=PageRef(name="failed/" + "x" * 200, count=10_000, size=10**9, digest="d" * 64),
        splits=tuple(f"{n:02}{point[2:]}" for n in range(MAX_SPLITS)), objects={"destination": 10**12},
        counts=dict.fromkeys(STATUSES, 10**12), bytes=10**18, updated=NOON,
        history=(RunCounters(folder="f" * 120, started=NOON, seconds=1e6, mode="incremental", green=False,
                             written=10**12, failed=10**12, bytes=10**18),) * HISTORY,
    )  # fmt: skip
    save_checkpoint({"asset_state_store": {STATE: Kept()}}, largest)


class Kept(dict):
    """The state store of an asset."""

    def set(self, name, value):
        self[name] = value


@pytest.mark.parametrize(
    ("pair", "fingerprint", "why"), [("q", "f", "another pair"), ("p", "g", "destination or selection")]
)
def test_a_checkpoint_of_another_sync(pair, fingerprint, why):
    assert Checkpoint.fitting(GOOD, pair="p", fingerprint="f").run == "r"
    with pytest.raises(CheckpointMismatch, match=why):
        Checkpoint.fitting(GOOD, pair=pair, fingerprint=fingerprint)


OPTIONAL = {"watermark", "last_full", "round", "rounds", "failed", "owes_event", "splits", "history"}


@pytest.mark.parametrize("name", sorted({item.name for item in fields(Checkpoint)} - OPTIONAL))
def test_a_missing_field(name):
    with pytest.raises(CheckpointMismatch, match=f"KeyError: '{name}'"):
        Checkpoint.from_json({key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema", "bucketsync/run"),
        ("schema", None),
        ("version", 0),
        ("version", 3),
        ("version", True),
        ("version", "1"),
        ("version", None),
        ("version", "9" * 10_000),
        ("pair", None),
        ("pair", 7),
        ("fingerprint", ["f"]),
        ("run", {}),
        ("green", "yes"),
        ("green", 1),
        ("green", None),
        ("verified", "false"),
        ("verified", 0),
        ("watermark", "yesterday"),
        ("watermark", "x" * 10_000),
        ("watermark", 1_700_000_000),
        ("watermark", "2026-03-01T12:00:00"),
        ("watermark", "2026-03-01"),
        ("watermark", False),
        ("last_full", "2026-03-01T12:00:00"),
        ("last_full", 7),
        ("stage", "started"),
        ("stage", None),
        ("round", "a"),
        ("round", {**ROUND, "after": None}),
        ("round", {**ROUND, "started": "2026-03-01"}),
        ("round", {**ROUND, "mode": "auto"}),
        ("round", {**ROUND, "changed": 1}),
        ("rounds", -1),
        ("rounds", "2"),
        ("failed", "failed/x.jsonl.zst"),
        ("failed", {"name": "failed/x", "count": 1, "size": -1, "digest": "d"}),
        ("splits", "abc"),
        ("splits", ["b", "a"]),
        ("splits", ["a", "a"]),
        ("splits", [1]),
        ("history", {}),
        ("history", [{"folder": "r"}]),
        ("history", [{**COUNTERS, "seconds": True}]),
        ("history", [{**COUNTERS, "written": 1.5}]),
        ("updated", None),
        ("updated", "2026-03-01T12:00:00"),
        ("updated", "2026-13-01T12:00:00+00:00"),
        ("objects", []),
        ("objects", "many"),
        ("objects", {"source": -1}),
        ("objects", {"source": True}),
        ("objects", {"source": 1.5}),
        ("objects", {"source": "1"}),
        ("counts", None),
        ("counts", {"copied": None}),
        ("counts", {"copied": {"a": 1}}),
        ("bytes", -1),
        ("bytes", "0"),
        ("bytes", 1e30),
        ("bytes", None),
    ],
)
def test_a_damaged_field(field, value):
    with pytest.raises(CheckpointMismatch) as caught:
        Checkpoint.from_json({**GOOD, field: value})
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("document", [None, [], "checkpoint", 7, {}, [GOOD], "", b""])
def test_no_checkpoint_at_all(document):
    with pytest.raises(CheckpointMismatch, match="not a bucketsync checkpoint"):
        Checkpoint.from_json(document)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False), text),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(text, inner, max_size=3)),
    max_leaves=5,
)


@quick
@given(st.dictionaries(st.sampled_from(sorted(GOOD)), json_values, max_size=3))
def test_any_edit_is_read_or_refused_and_nothing_else(edits):
    try:
        checkpoint = Checkpoint.from_json({**GOOD, **edits})
    except CheckpointMismatch:
        return
    assert orjson.dumps(checkpoint.to_json())
    assert checkpoint.updated.tzinfo is not None
    assert checkpoint.watermark is None or checkpoint.watermark.tzinfo is not None
