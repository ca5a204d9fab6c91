"""Is a listing in parts the same as one from end to end (row B12), whatever the keys, and is it quicker?"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectInfo, Page
from airflow_bucketsync.engine.steps import listing as listing_of_keys
from airflow_bucketsync.engine.steps.listing import Listing
from airflow_bucketsync.engine.steps.listing_parts import AT_ONCE, ListedPart, listed_in_parts
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES, MemoryStore

PAGE = 5
UNHEALTHY = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


@pytest.fixture(autouse=True)
def pages_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing_of_keys, "WORTH_PARTING", 4 * PAGE)
    monkeypatch.setattr(listing_of_keys, "AGAIN", PAGE)


class Slow(MemoryStore):
    """A store that answers after a moment, and counts how many wait for it."""

    answer = 0.002
    waiting = 0
    most = 0
    lock = threading.Lock()
    refused = ""

    def list_page(self, *, after: str = "", until: str | None = None, limit: int = 1000) -> Page:
        with self.lock:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
        try:
            time.sleep(self.answer)
            if self.refused and after >= self.refused:
                raise AccessDenied("no more", location=self.location.url)
            return super().list_page(after=after, until=until, limit=limit)
        finally:
            with self.lock:
                self.waiting -= 1


def store_of(keys, *, answer: float = 0.002) -> Slow:
    store = Slow(Location.parse("memory://bucket/in/"), capabilities=replace(MEMORY_CAPABILITIES, page_limit=PAGE))
    store.answer = answer
    for key in keys:
        store.put(key, key.encode()[:3])
    return store


def pages_of(parts: list[ListedPart], workspace: Workspace) -> list[ObjectInfo]:
    parts = sorted(parts, key=lambda part: part.start)
    pages = [page for part in parts for page in part.pages]
    return [info for page in pages for info in workspace.read_page(page, "listing", ObjectInfo.from_json)]


def in_parts(store: MemoryStore, *, gate: Gate | None = None, **which) -> tuple[list[ObjectInfo], list[ListedPart]]:
    workspace = Workspace(MemoryStore(Location.parse("memory://pages/")), pair="pair", run="run")
    listing = Listing(store, "source", **which)
    parts = list(listed_in_parts(listing, workspace, "list/source-0000", gate=gate or Gate(concurrency=16)))
    return pages_of(parts, workspace), parts


LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0/")
KEYS = st.one_of(
    st.text(st.sampled_from("ab0/-é\U0001f600"), min_size=1, max_size=6), st.text(LETTERS, min_size=1, max_size=4)
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=UNHEALTHY,
)
@given(
    st.sets(KEYS, max_size=150),
    st.fixed_dictionaries(
        {},
        optional={
            "after": KEYS,
            "until": KEYS,
            "flat": st.booleans(),
            "prefixes": st.sets(st.sampled_from(["a/", "b/", "ab/", "a/b/", "0/", "é/"])).map(tuple),
        },
    ),
)
def test_row_B12_the_same_as_from_end_to_end(keys, which):
    store = store_of(sorted(keys), answer=0.0005)
    expected = list(Listing(store, "source", **which))
    found, parts = in_parts(store, **which)
    assert found == expected
    assert sum(part.objects for part in parts) == len(expected)
    assert sum(part.bytes for part in parts) == sum(info.size for info in expected)


def test_row_B12_a_flat_bucket_is_listed_by_several_requests_at_once():
    keys = [f"{number:06d}" for number in range(2_000)]
    store = store_of(keys, answer=0.004)
    found, parts = in_parts(store)
    assert [info.key for info in found] == keys
    assert 4 <= store.most <= AT_ONCE
    assert len(parts) >= 4
    # What the cuts cost: a page that is not full for each part, and some that are empty.
    assert store.requests["list"] <= 1.35 * len(keys) / PAGE


def test_no_more_at_once_than_the_task_may():
    store = store_of([f"{number:06d}" for number in range(600)])
    in_parts(store, gate=Gate(concurrency=2))
    assert store.most == 2


def test_row_B12_while_objects_come_and_go():
    kept = [f"{number:05d}" for number in range(0, 4_000, 4)]
    store = store_of(kept, answer=0.001)
    choice, over = random.Random(7), threading.Event()

    def write() -> None:
        while not over.is_set():
            key = f"{choice.randrange(4_000):05d}x"
            if choice.random() < 0.5:
                store.put(key, b"x")
            else:
                store.delete(key)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found, parts = in_parts(store)
    finally:
        over.set()
        writer.join()
    keys = [info.key for info in found]
    assert keys == sorted(set(keys))
    assert set(kept) <= set(keys)
    assert len(parts) >= 4


def test_an_error_of_one_part_ends_all():
    store = store_of([f"{number:06d}" for number in range(3_000)], answer=0.002)
    store.refused = "005"  # the half that is given away first
    with pytest.raises(AccessDenied, match="no more"):
        in_parts(store)
    assert store.requests["list"] < 100


def test_a_stop_leaves_no_listing_that_looks_whole():
    store = store_of([f"{number:06d}" for number in range(3_000)], answer=0.002)
    gate = Gate(concurrency=16)
    threading.Timer(0.05, gate.stop).start()
    with pytest.raises((Stopped, BucketsyncError)):
        in_parts(store, gate=gate)


def test_nothing_begins_after_a_stop():
    gate = Gate()
    gate.stop()
    with pytest.raises(Stopped):
        in_parts(store_of(["a"]), gate=gate)


def test_row_A11_folders_that_are_left_are_shared():
    folders = [f"{number:02d}/" for number in range(0, 60, 2)]
    store = store_of([f"{number:02d}/{name}" for number in range(60) for name in "abcdefghijklmnop"])
    found, parts = in_parts(store, prefixes=folders)
    assert [info.key for info in found] == [f"{folder}{name}" for folder in folders for name in "abcdefghijklmnop"]
    assert len(parts) >= 4
    assert store.most >= 3
