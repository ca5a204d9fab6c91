"""How many requests it takes to look keys up, and what is told of them."""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import AccessDenied
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.steps.lists.lookups import looked_up
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.memory import MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    """A store of 2,000 objects `0000`, `0001`, …"""
    made = MemoryStore(Location.parse("memory://bucket/"))
    for number in range(2000):
        made.put(f"{number:04d}", b"%d" % number)
    made.requests.clear()
    return made


@pytest.mark.parametrize(
    ("every", "lists", "heads"),
    [
        (1, 2, 2),  # a page tells of 1,000 keys
        (10, 2, 2),  # of 100
        (19, 2, 2),  # of 52
        (25, 1, 40),  # of 40, which is as many requests as asking for each
        (1999, 1, 2),  # of none
    ],
)
def test_pages_are_asked_for_where_keys_are_dense(store, every, lists, heads):
    keys = [f"{number:04d}" for number in range(0, 2000, every)]
    found = looked_up(store, keys, gate=Gate(), prove_absence=False)
    assert {key: info.key for key, info in found.items()} == {key: key for key in keys}
    assert store.requests == {"list": lists, "head": heads}


def test_what_is_not_there_is_told_apart(store):
    found = looked_up(store, ["0000", "0000a", "0001", "zzz"], gate=Gate(), prove_absence=False)
    assert [key for key, info in found.items() if info is None] == ["0000a", "zzz"]
    assert store.requests == {"list": 1, "head": 2}
    looked_up(store, ["0000", "0000a", "0001", "zzz"], gate=Gate(), prove_absence=True)
    assert store.requests == {"list": 2, "head": 5}


def test_where_listing_is_denied_each_key_is_asked_for(store):
    def deny(moment, verb, key):
        if verb == "list" or key == "0002":
            raise AccessDenied("not this", key=key)

    store.hooks.append(deny)
    found = looked_up(store, ["0001", "0002", "none"], gate=Gate(), prove_absence=False)
    assert found["0001"].key == "0001"
    assert isinstance(found["0002"], AccessDenied)
    assert found["none"] is None
