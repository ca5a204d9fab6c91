from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_bucketsync.engine.errors import CheckpointMismatch
from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from tests.engine.model.nouns import counts, digests, quick, sizes, text, through_json, times

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
checkpoints = st.builds(
    Checkpoint,
    pair=text,
    fingerprint=digests,
    run=text,
    green=st.booleans(),
    verified=st.booleans(),
    watermark=st.one_of(st.none(), times),
    last_full=st.one_of(st.none(), times),
    objects=counts,
    counts=counts,
    bytes=sizes,
    updated=times,
)
GOOD = Checkpoint(
    pair="p", fingerprint="f", run="r", green=True, verified=True, watermark=NOON, objects={"source": 1},
    counts={"copied": 1}, bytes=2**53 + 1, updated=NOON,
).to_json()  # fmt: skip


@quick
@given(checkpoints)
def test_round_trip(checkpoint):
    assert through_json(checkpoint) == checkpoint


def test_the_one_good_document():
    assert Checkpoint.from_json(GOOD).bytes == 2**53 + 1
    without = {name: value for name, value in GOOD.items() if name != "watermark"}
    assert Checkpoint.from_json(without).watermark is None
    assert Checkpoint.from_json(without).last_full is None


@pytest.mark.parametrize(
    ("pair", "fingerprint", "why"), [("q", "f", "another pair"), ("p", "g", "destination or selection")]
)
def test_a_checkpoint_of_another_sync(pair, fingerprint, why):
    assert Checkpoint.fitting(GOOD, pair="p", fingerprint="f").run == "r"
    with pytest.raises(CheckpointMismatch, match=why):
        Checkpoint.fitting(GOOD, pair=pair, fingerprint=fingerprint)


@pytest.mark.parametrize("name", sorted({item.name for item in fields(Checkpoint)} - {"watermark", "last_full"}))
def test_a_missing_field(name):
    with pytest.raises(CheckpointMismatch, match=f"KeyError: '{name}'"):
        Checkpoint.from_json({key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema", "bucketsync/run"),
        ("schema", None),
        ("version", 0),
        ("version", 2),
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
