"""May a plan delete anything at all?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.rules.guards import Candidates, guard

FOUND = Candidates(objects=10, bytes=1000, source=90, destination=100, unnamed=0, locks=True)


@pytest.mark.parametrize(
    ("policy", "found", "reason"),
    [
        ({}, {}, None),
        ({}, {"source": 0}, "empty_source"),
        ({"allow_empty_source": True}, {"source": 0}, None),
        ({}, {"unnamed": 1}, "names_unknown"),
        ({}, {"locks": False}, "no_lock"),
        ({"unsafe_deletes": True}, {"locks": False}, None),
        ({"max_deletes": 10}, {}, None),
        ({"max_deletes": 9}, {}, "too_many_deletes"),
        ({"max_deletes": 0}, {"objects": 1}, "too_many_deletes"),
        ({"max_delete_share": 0.1}, {}, None),
        ({"max_delete_share": 0.099}, {}, "too_many_deletes"),
        ({"max_delete_bytes": 1000}, {}, None),
        ({"max_delete_bytes": 999}, {}, "too_many_deletes"),
        ({"max_delete_share": 1.0}, {"objects": 100, "source": 1}, None),
    ],
)
def test_fault_F15_what_withholds_every_deletion(policy: dict[str, Any], found: dict[str, Any], reason: str | None):
    forbids = guard(SyncPolicy(delete=True, **policy), replace(FOUND, **found))
    assert (None if forbids is None else forbids.reason) == reason


def test_fault_F15_every_limit_that_is_exceeded_is_named():
    forbids = guard(SyncPolicy(delete=True, max_deletes=1, max_delete_share=0.01, max_delete_bytes=1), FOUND)
    assert forbids is not None
    for words in ("max_deletes is 1", "max_delete_share is 0.01", "max_delete_bytes is 1"):
        assert words in forbids.words
