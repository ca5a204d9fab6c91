"""Does the merge show each key once, with what each stream has of it?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.objects import EPOCH, Fingerprint, ObjectInfo
from airflow_bucketsync.engine.steps.merging import merged
from tests.engine.model.nouns import keys, quick

KEYS = st.sets(st.one_of(keys, st.sampled_from(["a", "a/b", "a\0", "aa", "b", "\uffff", "\U00010000"])), max_size=12)


def listed(names: set[str], size: int) -> list[ObjectInfo]:
    """Ascending objects, as a listing brings them."""
    return [ObjectInfo(key=key, size=size, last_modified=EPOCH) for key in sorted(names, key=str.encode)]


@quick
@given(source=KEYS, destination=KEYS, memory=KEYS)
def test_each_key_once_with_what_each_stream_has(source, destination, memory):
    here, there = listed(source, 1), listed(destination, 2)
    fingerprint = Fingerprint(size=3, etag=None)
    known = [KnownObject(key=info.key, source=fingerprint, destination=fingerprint) for info in listed(memory, 3)]
    found = list(merged(iter(here), iter(there), iter(known)))
    assert [key for key, *_ in found] == sorted(source | destination | memory, key=str.encode)
    assert [one for _, one, _, _ in found if one is not None] == here
    assert [two for _, _, two, _ in found if two is not None] == there
    assert [three for _, _, _, three in found if three is not None] == known
    assert all(item is None or item.key == key for key, *items in found for item in items)


def test_nothing_is_nothing():
    assert list(merged(iter(()), iter(()), iter(()))) == []
