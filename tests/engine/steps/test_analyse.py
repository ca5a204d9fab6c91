"""Does an analysis count every object of every kind of store, name what is trouble, and write nothing there? (B11)"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from airflow_bucketsync.engine import analyse
from airflow_bucketsync.engine.errors import ListingUntrusted, ObjectNotFound
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps import troubles
from airflow_bucketsync.engine.steps.analyse import analyse_store
from airflow_bucketsync.engine.steps.troubles import Troubles
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES, MemoryStore
from tests.engine.clocks import FakeClock
from tests.engine.steps.sweeping import KINDS, make
from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server

OBJECTS = {"a/1.csv": 10, "a/2.csv": 1024, "a/b/3.GZ": 8192, "top": 0, "z/4": 1023}
READS = {"list", "ListObjectsV2"}


def memory(*keys, **objects):
    store = MemoryStore(
        Location.parse("memory://bucket/in/"),
        clock=FakeClock(),
        capabilities=replace(MEMORY_CAPABILITIES, page_limit=3),
    )
    for key, size in {**dict.fromkeys(keys, 1), **objects}.items():
        store.put(key, b"x" * size)
    return store


def found(*keys):
    """Kinds of trouble with their keys."""
    with Troubles() as all_of_them:
        for key in sorted(keys):
            all_of_them.see(key)
        return {one.kind: [key for key, _ in one.first] for one in all_of_them.found()}


@pytest.fixture(scope="module")
def servers():
    with S3Server(min_part_size=1) as s3, OSSServer(min_part_size=1) as oss:
        yield {"s3": s3, "oss": oss}


@pytest.mark.parametrize("kind", KINDS)
def test_row_B11_every_kind_of_store(kind, servers, tmp_path):
    with ExitStack() as stack:
        store = make(kind, tmp_path, stack, servers, "analysed").destination
        for key, size in OBJECTS.items():
            store.put(key, b"x" * size)
        before = dict(store.requests)
        analysis = analyse_store(store).analysis
        assert {name for name, count in store.requests.items() if count > before.get(name, 0)} <= READS
    assert (analysis.objects, analysis.bytes, analysis.listed) == (5, 10_249, 5)
    assert {row.name: row.objects for row in analysis.sizes if row.objects} == {"0–1K": 3, "1K–8K": 1, "8K–64K": 1}
    assert {row.name: row.bytes for row in analysis.folders.rows} == {"a/": 9226, "z/": 1023, "": 0}
    assert {row.name: row.objects for row in analysis.extensions.rows} == {"csv": 2, "gz": 1, "": 2}
    assert [row.objects for row in analysis.depths] == [1, 3, 1]
    assert [(row.name, row.objects) for row in analysis.classes] == [("STANDARD", 5)]
    assert analysis.largest[0].key == "a/b/3.GZ"
    assert analysis.troubles == ()
    assert analysis.requests >= 1


def test_row_B11_the_selection_and_what_it_leaves_out():
    store = memory(**OBJECTS)
    analysis = analyse_store(store, selection=Selection(include=("*.csv",), max_size=100)).analysis
    assert (analysis.listed, analysis.objects, analysis.bytes) == (5, 1, 10)
    assert analysis.left_out == {"include": 3, "max_size": 1}
    assert analysis.selection == {"include": ["*.csv"], "max_size": 100}
    assert analyse_store(store, selection=Selection(recursive=False)).analysis.objects == 1
    assert analyse_store(store, selection=Selection(start_after="a/2.csv")).analysis.objects == 3


def test_row_B11_what_is_our_own_is_not_counted():
    store = memory("a")
    store.below("_bucketsync/").put("trash/x", b"x")
    assert analyse_store(store).analysis.objects == 1


def test_row_B11_storage_classes():
    store = memory()
    for name in ("GLACIER", "STANDARD_IA"):
        store.put(name, b"x", attributes=ObjectAttributes(storage_class=name))
    analysed = analyse_store(store)
    assert {row.name: row.readable for row in analysed.analysis.classes} == {
        "GLACIER": "restored",
        "STANDARD_IA": "yes",
    }
    assert {one.option: one.value for one in analysed.advised.options} == {"storage_class": "keep"}


def test_row_B11_ages_are_by_the_clock():
    store, clock = memory("a"), FakeClock()
    clock.advance(timedelta(days=8).total_seconds())
    analysis = analyse_store(store, clock=clock).analysis
    assert {row.name: row.objects for row in analysis.ages if row.objects} == {"7–30 days": 1}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["a", "b/c"], {}),
        (["a//b"], {"folder": ["a//b"], "path_store": ["a//b"]}),
        (["a/../b", "./x"], {"folder": ["./x", "a/../b"], "path_store": ["./x", "a/../b"]}),
        (["/a"], {"folder": ["/a"], "path_store": ["/a"], "oss": ["/a"]}),
        (["\\a"], {"oss": ["\\a"]}),
        (["x" * 256], {"folder": ["x" * 256], "path_store": ["x" * 256]}),
        (["x/" * 511 + "y"], {}),
        (["x/" * 511 + "yy"], {"oss": ["x/" * 511 + "yy"]}),
        (["x/" * 512 + "y"], {"s3": ["x/" * 512 + "y"], "oss": ["x/" * 512 + "y"]}),
        (["a", "a/b"], {"also_a_directory": ["a"]}),
        (["a/"], {}),
        (["A", "a", "b"], {"same_name": ["A", "a"]}),
        (["AB", "Ab", "aB", "ab", "abc"], {"same_name": ["AB", "Ab", "aB", "ab"]}),
        (["e\u0301", "\u00e9", "f"], {"same_name": ["e\u0301", "\u00e9"]}),
        (["X", "Y"], {}),
    ],
)
def test_row_B11_keys_that_are_trouble_elsewhere(keys, expected):
    assert found(*keys) == expected


def test_row_B11_names_are_sorted_on_disk_and_only_some_are_kept(monkeypatch):
    monkeypatch.setattr(troubles, "IN_MEMORY", 100)
    with Troubles() as all_of_them:
        for number in range(1000):
            all_of_them.see(f"K{number:04}")
        for number in range(0, 1000, 2):
            all_of_them.see(f"k{number:04}")
        (one,) = all_of_them.found()
    assert (one.kind, one.objects, len(one.first)) == ("same_name", 1000, troubles.SHOWN)


def test_row_B11_names_that_are_no_keys_are_trouble(tmp_path):
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    analysis = analyse_store(LocalStore(Location(scheme="file", bucket=str(tmp_path)))).analysis
    assert analysis.objects == 1
    assert [(one.kind, one.objects, one.first[0][0]) for one in analysis.troubles] == [("refused", 1, "link")]


def test_row_B11_both_pages_stand_in_the_workspace():
    workspace = MemoryStore(Location.parse("memory://work/"), clock=FakeClock())
    analysed = analyse(memory(**OBJECTS), workspace=workspace, run="run", clock=FakeClock())
    with workspace.open("analysis/run/analysis.json") as body:
        data = bytearray(body.details.info.size)
        body.readinto(memoryview(data))
    value = orjson.loads(bytes(data))
    assert (value["schema"], value["version"]) == ("bucketsync/analysis", 1)
    assert value["bytes"] == 10_249
    assert value["sizes"][0] == {"name": "0–1K", "objects": 3, "bytes": 1033, "missed": 0}
    assert value["advice"]["snippet"] == analysed.advised.snippet
    details = workspace.head("analysis/run/analysis.html")
    assert details.info.size == len(analysed.page.encode())
    assert details.attributes.content_type == "text/html; charset=utf-8"


def test_row_B11_a_listing_that_breaks_is_no_analysis():
    store = memory("a", "b", "c", "d", "e")
    store.hooks.append(lambda when, verb, key: broken(when, verb, store))
    with pytest.raises(ListingUntrusted):
        analyse_store(store)
    with pytest.raises(ObjectNotFound):
        analyse_store(LocalStore(Location(scheme="file", bucket="/nowhere/at/all")))


def broken(when, verb, store):
    if (when, verb) == ("before", "list") and store.requests["list"] > 1:
        raise ListingUntrusted("no proof")


def test_row_B11_a_stopped_analysis_ends():
    gate = Gate(clock=FakeClock())
    gate.stop()
    with pytest.raises(Stopped):
        analyse_store(memory("a"), gate=gate)
