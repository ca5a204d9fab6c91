"""Do the batch pages hold every change once, within their bounds and balanced?"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_bucketsync.engine.errors import PlanMismatch
from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.objects import EPOCH, ObjectInfo
from airflow_bucketsync.engine.model.units import MIB
from airflow_bucketsync.engine.rules.batching import OBJECT_COST
from airflow_bucketsync.engine.steps.batches import batch_of, write_batches
from airflow_bucketsync.engine.steps.plan import make_plan
from tests.engine.steps.pairs import Pair

SIZES = st.lists(st.one_of(st.integers(0, 100), st.integers(0, 300 * MIB)), min_size=1, max_size=60)


def changes_of(sizes: list[int], *, updates: int = 0) -> list[Change]:
    """Changes in key order; the first `updates` of them move no bytes."""
    return [
        Change(
            kind="update" if number < updates else "copy",
            source=ObjectInfo(key=f"{number:05d}", size=size, last_modified=EPOCH),
            destination=None,
            reason="new",
        )
        for number, size in enumerate(sizes)
    ]


@settings(deadline=None, max_examples=60)
@given(
    sizes=SIZES,
    updates=st.integers(0, 5),
    most=st.integers(1, 9),
    objects=st.integers(1, 30),
    megabytes=st.integers(1, 400),
)
def test_C3_every_change_once_within_bounds(sizes, updates, most, objects, megabytes):
    changes = changes_of(sizes, updates=updates)
    total = sum(change.load for change in changes)
    run = Pair().run(max_batches=most, batch_objects=objects, batch_bytes=megabytes * MIB, prepared=False)
    batches = write_batches(run, lambda: iter(changes), objects=len(changes), total_bytes=total)
    pages = [list(run.workspace.read_page(batch.page, "changes", Change.from_json)) for batch in batches]
    assert sorted((change for page in pages for change in page), key=lambda change: change.source.key) == changes
    assert [batch.number for batch in batches] == list(range(len(batches)))
    assert len(batches) <= min(most, len(changes))
    for batch, page in zip(batches, pages, strict=True):
        assert batch.objects == len(page) >= 1
        assert batch.bytes == sum(change.load for change in page)
    loads = [batch.bytes + batch.objects * OBJECT_COST for batch in batches]
    largest = max(change.load for change in changes) + OBJECT_COST
    assert max(loads) - min(loads) <= 2 * largest, "each end of a range of keys is cut at the nearest object"


def test_C4_an_oversize_object_is_alone():
    changes = changes_of([500 * MIB, *[MIB] * 40])
    run = Pair().run(max_batches=4, batch_objects=5, prepared=False)
    batches = write_batches(run, lambda: iter(changes), objects=len(changes), total_bytes=540 * MIB)
    assert sorted(batch.objects for batch in batches) == [1, 13, 13, 14]


def test_C3_a_page_has_one_range_of_keys_behind_what_goes_first():
    """What failed before is at the head whatever its size; it and the large ones are shared out by load."""
    sizes = [200 * MIB if number in (7, 150) else 4096 for number in range(200)]
    changes = changes_of(sizes)
    failed = {f"{number:05d}" for number in (20, 40, 150)}
    run = Pair().run(max_batches=4, batch_objects=10, prepared=False)
    batches = write_batches(run, lambda: iter(changes), objects=200, total_bytes=sum(sizes), first=failed)
    pages = [
        [change.source.key for change in run.workspace.read_page(batch.page, "changes", Change.from_json)]
        for batch in batches
    ]
    assert sum(len(page) for page in pages) == 200
    assert [page[0] for page in pages[:2]] == ["00007", "00150"], "one large object each"
    assert [page[0] for page in pages[2:]] == ["00020", "00040"]
    ranges = sorted(page[1:] for page in pages if len(page) > 1)
    assert len(ranges) == 2, "beside a large object there is no room"
    assert [key for keys in ranges for key in keys] == sorted(
        change.source.key for change in changes if change.load == 4096 and change.source.key not in failed
    )
    assert abs(len(ranges[0]) - len(ranges[1])) <= 1


def test_fault_F65_batches_grow_instead_of_becoming_too_many():
    pair = Pair()
    pair.put({f"{number:03d}": b"x" for number in range(100)})
    plan = make_plan(pair.run(max_batches=3, batch_objects=1))
    assert sorted(batch.objects for batch in plan.batches) == [33, 33, 34]


def test_a_number_that_the_plan_does_not_have():
    pair = Pair()
    pair.put({"a": b"1"})
    plan = make_plan(pair.run())
    assert batch_of(plan, 0) == plan.batches[0]
    with pytest.raises(PlanMismatch, match="no batch 7"):
        batch_of(plan, 7)
