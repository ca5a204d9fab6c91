"""Does what Airflow keeps for us come back, and is it distrusted?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from airflow.sdk import BaseOperator
from structlog.testing import capture_logs

from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.state import (
    MAX_VALUE,
    PROGRESS_KEY,
    STATE,
    StateTooLarge,
    TaskProgress,
    load_checkpoint,
    save_checkpoint,
)
from tests.operators.fakes import Store

SPEC = SyncSpec.of(Location.parse("s3://a@one/"), Location.parse("s3://a@two/"))
NOW = datetime(2026, 1, 31, tzinfo=UTC)
CHECKPOINT = Checkpoint(
    pair=SPEC.pair,
    fingerprint=SPEC.fingerprint(),
    run="r",
    green=True,
    verified=True,
    watermark=NOW,
    objects={"source": 3, "destination": 3},
    counts={"copied": 3},
    bytes=30,
    updated=NOW,
)


@pytest.fixture
def context():
    return {"asset_state_store": {STATE: Store()}, "task_state_store": Store()}


def test_checkpoint_comes_back(context):
    assert load_checkpoint(context, SPEC) == (None, ())
    save_checkpoint(context, CHECKPOINT)
    assert load_checkpoint(context, SPEC) == (CHECKPOINT, ())


@pytest.mark.parametrize(
    "damage",
    [
        "text", 7, [], True, {}, {"schema": "bucketsync/checkpoint"}, {**CHECKPOINT.to_json(), "version": 99},
        {**CHECKPOINT.to_json(), "fingerprint": "0" * 64}, {**CHECKPOINT.to_json(), "pair": "other"},
        {**CHECKPOINT.to_json(), "bytes": -1}, {**CHECKPOINT.to_json(), "objects": {"source": "many"}},
        {**CHECKPOINT.to_json(), "watermark": "never"}, {**CHECKPOINT.to_json(), "__class__": "os.system"},
    ],
)  # fmt: skip
def test_what_does_not_fit_is_ignored_with_a_warning(context, damage):
    context["asset_state_store"][STATE].set(SPEC.pair, damage)
    checkpoint, warnings = load_checkpoint(context, SPEC)
    if isinstance(damage, dict) and "__class__" in damage:
        assert checkpoint == CHECKPOINT, "an unknown field is nothing"
    else:
        assert checkpoint is None
        assert "everything is compared" in warnings[0]


def test_other_selection_other_checkpoint(context):
    save_checkpoint(context, CHECKPOINT)
    narrower = SyncSpec.of(SPEC.source, SPEC.destination, selection=Selection(include=("a",)))
    assert load_checkpoint(context, narrower)[0] is None


def test_progress(context):
    progress = TaskProgress(context)
    assert progress.load() is None
    progress.save({"mark": "key", "plan": "digest"})
    assert TaskProgress(context).load() == {"mark": "key", "plan": "digest"}
    context["task_state_store"].set(PROGRESS_KEY, ["something else"])
    assert progress.load() is None


class Log:
    def __init__(self):
        self.lines = []

    def info(self, event, /, *args):
        self.lines.append(event % args)


def test_I5_progress_is_said_at_most_every_30_seconds(context):
    log, now = Log(), 100.0
    progress = TaskProgress(context, log=log, clock=lambda: now)
    for second in range(0, 100, 5):
        now = 100.0 + second
        progress.save({"done": second, "progress": {"text": f"{second} % done", "share": second / 100}})
    assert log.lines == ["0 % done", "30 % done", "60 % done", "90 % done"]
    assert TaskProgress(context).load() == {"done": 95, "progress": {"text": "95 % done", "share": 0.95}}


@pytest.mark.parametrize("value", [{}, {"progress": None}, {"progress": "41 %"}, {"progress": {"text": 7}}])
def test_I5_a_value_without_a_text_says_nothing(context, value):
    log = Log()
    progress = TaskProgress(context, log=log)
    progress.save(value)
    assert log.lines == []
    progress.save({"progress": {"text": "1 %"}})
    assert log.lines == ["1 %"], "nor does it use up the first line"


def test_I5_what_could_not_be_saved_is_not_said(context):
    log = Log()
    with pytest.raises(StateTooLarge):
        TaskProgress(context, log=log).save({"keys": "x" * MAX_VALUE, "progress": {"text": "1 %"}})
    assert log.lines == []


def test_I5_the_log_of_a_task_takes_it(context):
    """Airflow's own logger of an operator: a percent sign in the text is no place for an argument."""
    operator = BaseOperator(task_id="copy")
    with capture_logs() as lines:
        TaskProgress(context, log=operator.log).save({"progress": {"text": "31 % of 100 %s"}})
    assert [line["event"] for line in lines] == ["31 % of 100 %s"]


def test_what_is_too_large_or_no_json(context):
    with pytest.raises(StateTooLarge):
        TaskProgress(context).save({"keys": "x" * MAX_VALUE})
    with pytest.raises(ValueError, match="JSON"):
        TaskProgress(context).save({"rate": float("nan")})
