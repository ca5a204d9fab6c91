"""Which failures of a task are tried again, and when?"""

from __future__ import annotations

import inspect

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowTaskTimeout

from airflow_bucketsync.engine import errors
from airflow_bucketsync.engine.stores.gate import Stopped
from airflow_bucketsync.retry import RETRY_POLICY, ErrorRetryPolicy

ALL = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.BucketsyncError) and kind.__module__ == errors.__name__
]


@pytest.mark.parametrize("kind", [*ALL, Stopped])
def test_each_error(kind):
    decision = RETRY_POLICY.evaluate(kind("m"), try_number=1, max_tries=3)
    assert decision.action is (RetryAction.RETRY if issubclass(kind, errors.TransientError) else RetryAction.FAIL)
    assert kind.__name__ in decision.reason


@pytest.mark.parametrize("error", [ValueError("bug"), AirflowTaskTimeout("late"), KeyboardInterrupt()])
def test_others_keep_the_rules_of_the_task(error):
    assert RETRY_POLICY.evaluate(error, 1, 3).action is RetryAction.DEFAULT


def seconds(error, attempt):
    return RETRY_POLICY.evaluate(error, attempt, 9).retry_delay.total_seconds()


def test_delays_grow_and_end():
    for attempt, least in ((1, 10), (2, 20), (3, 40), (20, 600)):
        assert least <= seconds(errors.ServerError("m"), attempt) <= 1.25 * least
    assert 60 <= seconds(errors.Throttled("m"), 1) <= 75
    assert 200 <= seconds(errors.Throttled("m", retry_after=200), 1) <= 250
    assert seconds(errors.Throttled("m", retry_after=10**9), 1) <= 750
    assert len({seconds(errors.ServerError("m"), 1) for _ in range(10)}) > 1, "no two tasks come back together"


def test_round_trip():
    policy = ErrorRetryPolicy(base=1, throttled_base=2, cap=3)
    assert ErrorRetryPolicy.deserialize(policy.serialize()).serialize() == policy.serialize()
