"""Are options what `Selection` and `SyncPolicy` have, and are they checked?"""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime

import pytest

from airflow_bucketsync.configuration.options import OPTION_NAMES, read_options
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.units import MIB


def test_every_field_is_an_option():
    names = [item.name for noun in (Selection, SyncPolicy) for item in fields(noun)]
    assert list(OPTION_NAMES) == [name for name in names if name != "within"], "that one a run by hand makes"


def test_nothing_given_is_every_default():
    options = read_options({})
    assert (options.selection(), options.policy()) == (Selection(), SyncPolicy())


def test_as_people_write_them():
    options = read_options(
        {
            "include": ["a*"], "exclude": ("b",), "min_size": "1.5 KiB", "max_size": 2 * MIB, "tolerate": ["refused"],
            "modified_after": "2026-01-31T12:00:00Z", "modified_before": datetime(2026, 2, 1, tzinfo=UTC),
            "part_size": "64 MiB", "preserve": ["headers"], "storage_class": "keep", "max_errors": 0,
        }
    )  # fmt: skip
    selection, policy = options.selection(), options.policy()
    assert (selection.include, selection.exclude) == (("a*",), ("b",))
    assert (selection.min_size, selection.max_size) == (1536, 2 * MIB)
    assert selection.modified_after == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert (policy.part_size, policy.preserve, policy.max_errors, policy.tolerate) == (
        64 * MIB,
        ("headers",),
        0,
        ("refused",),
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"min_size": "ten"}, "min_size: 'ten' is no size"),
        ({"min_size": -1}, "min_size"),
        ({"min_size": True}, "min_size"),
        ({"min_size": 1.5}, "min_size"),
        ({"max_errors": "3"}, "max_errors"),
        ({"max_errors": True}, "max_errors"),
        ({"max_errors": -1}, "max_errors must not be negative"),
        ({"concurrency": 0}, "concurrency must be 1 to 256"),
        ({"max_batches": 1025}, "max_batches must be 1 to 1024"),
        ({"small_threshold": "2 GiB"}, "must not be above large_threshold"),
        ({"modified_after": "2026-01-31T12:00:00"}, "no zone"),
        ({"modified_after": datetime(2026, 1, 31)}, "no zone"),
        ({"modified_after": "yesterday"}, "is no time"),
        ({"modified_after": 5}, "modified_after"),
        ({"tolerate": ["everything"]}, "tolerate.0"),
        ({"storage_classes": "GLACIER"}, "write a list"),
        ({"concurency": 4}, "did you mean 'concurrency'"),
        ({"x": 4}, "known are include"),
    ],
)
def test_refused(given, words):
    with pytest.raises(InvalidConfiguration) as caught:
        read_options(given)
    assert words in str(caught.value)
