"""Does the advice follow from the figures, and is it ready for a pairs file? (B11)"""

from __future__ import annotations

import inspect
from dataclasses import replace
from datetime import timedelta

import pytest
import yaml

from airflow_bucketsync.configuration.options import read_options
from airflow_bucketsync.configuration.pair import Sync
from airflow_bucketsync.configuration.pairs_file import read_pairs_file
from airflow_bucketsync.engine.model.advice import Advice
from airflow_bucketsync.engine.model.analysis import Analysis
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.units import GIB, KIB, MIB
from airflow_bucketsync.engine.rules.advice import TRY, advise
from airflow_bucketsync.engine.rules.advice_words import snippet
from airflow_bucketsync.engine.rules.counting import Counting
from airflow_bucketsync.operators.copy import CopyOperator
from tests.engine.clocks import START


def analysis(*objects, **fields):
    """Of (how many, size, more of ObjectInfo); many of a kind are multiplied where they are counted."""
    counting = Counting(START)
    factor = {}
    for number, (count, size, *more) in enumerate(objects):
        key = f"{number:03}" if not more else more[0].get("key", f"{number:03}")
        named = {name: value for name, value in (more[0] if more else {}).items() if name != "key"}
        counting.see(ObjectInfo(key=key, size=size, last_modified=START, **named))
        factor[size] = count
    tables = counting.tables()
    for name in ("sizes", "classes"):
        tables[name] = tuple(
            replace(row, objects=many, bytes=many * (row.bytes // row.objects))
            if row.objects and (many := factor.get(row.bytes // row.objects, 0))
            else row
            for row in tables[name]
        )
    total = sum(row.objects for row in tables["sizes"])
    tables |= {"objects": total, "bytes": sum(row.bytes for row in tables["sizes"])}
    known = {
        "location": "s3://store@exports/daily/", "started": START, "seconds": 2.0, "requests": -(-total // 1000),
        "page": 1000, "selection": {}, "listed": total, "left_out": {}, "troubles": (),
    }  # fmt: skip
    return Analysis(**known | tables | fields)


def options(found):
    return {one.option: one.value for one in advise(found).options}


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([], {}),
        ([(100, 4 * KIB)], {}),
        ([(3, 900 * MIB)], {"part_size": 8 * MIB, "small_threshold": 8 * MIB}),
        ([(20_000, 4 * KIB)], {"concurrency": 32, "batch_objects": 2000}),
        ([(300_000, 4 * KIB)], {"concurrency": 32, "mode": "auto"}),
        ([(400_000_000, 4 * KIB)], {"concurrency": 32, "max_batches": 1024, "mode": "auto"}),
        (
            [(1, 1200 * MIB)],
            {"part_size": 8 * MIB, "small_threshold": 8 * MIB, "large_threshold": 1280 * MIB},
        ),
        ([(1, 20 * GIB)], {"part_size": 8 * MIB, "small_threshold": 8 * MIB, "group_bytes": 3414 * MIB}),
    ],
    ids=["nothing", "few", "some large", "small", "many small", "very many", "just above large", "one huge"],
)
def test_row_B11_what_follows_from_sizes(objects, expected):
    assert options(analysis(*objects)) == expected


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([(1, 0, {"key": "a/"})], {"folder_markers": "skip"}),
        ([(1, 7, {"key": "a/"})], {}),
        ([(1, 5, {"storage_class": "STANDARD_IA"})], {"storage_class": "keep"}),
        ([(1, 5, {"storage_class": "STANDARD"})], {}),
    ],
)
def test_row_B11_what_follows_from_markers_and_classes(objects, expected):
    assert options(analysis(*objects)) == expected


@pytest.mark.parametrize(("listed", "mode"), [(40_000, None), (40_001, "auto")])
def test_row_B11_auto_is_worth_it_where_listing_takes_longer_than_a_task_to_start(listed, mode):
    assert options(analysis((1, 1), listed=listed)).get("mode") == mode


def test_row_B11_warnings():
    found = analysis(
        (1, 0, {"key": "a"}), (1, 7, {"key": "a/", "storage_class": "GLACIER"}), (1, 9, {"storage_class": "x\ny"}),
        ahead=1,
    )  # fmt: skip
    words = "\n".join(advise(found).warnings)
    assert "1 objects (7 B) are in GLACIER, of which only what was restored can be read" in words
    assert "storage_classes: [STANDARD, x\\ny]" in words
    assert "hold 7 B in all" in words
    assert "a clock is wrong" in words
    assert advise(analysis()).warnings == ("no object was found: look at the location and at the selection",)


def test_row_B11_every_reason_has_figures_and_the_costs_are_those_of_the_advice():
    found = advise(analysis((20_000, 4 * KIB)))
    assert all(any(char.isdigit() for char in one.reason) for one in found.options)
    assert found.costs.tasks == 10
    assert found.costs.copied < found.costs.streamed
    assert (found.costs.list_requests, found.costs.list_seconds) == (20, 2.0)


EVERYTHING = [(400_000_000, 4 * KIB), (1, 20 * GIB), (1, 0, {"key": "a/", "storage_class": "STANDARD_IA"})]


@pytest.mark.parametrize(
    ("location", "selection"),
    [
        ("s3://store@exports/daily/", {}),
        ("file:///data/2026/", {"include": ['a"b\\', "\u202e\x07\U0001f600.csv", "#: {}"], "recursive": False}),
        ("s3://store@null/", {"modified_after": "2026-01-31T00:00:00+00:00", "min_size": 5}),
        ("oss://ali@bucket/\u2028x: #/", {"extensions": ["", "csv"]}),
    ],
)
@pytest.mark.parametrize("objects", [EVERYTHING, []])
def test_row_B11_the_snippet_is_an_entry_of_a_pairs_file(tmp_path, location, selection, objects):
    found = analysis(*objects, location=location, selection=selection)
    advised = advise(found)
    assert bool(advised.options) == bool(objects)
    (tmp_path / "pairs.yaml").write_text(advised.snippet)
    pairs = read_pairs_file(tmp_path / "pairs.yaml")
    (name,) = pairs.entries
    sync = pairs.sync(name)
    assert isinstance(sync, Sync), sync
    (entry,) = yaml.safe_load(advised.snippet)["syncs"]
    assert entry["source"] == location
    wanted = read_options({**selection, **{one.option: one.value for one in advised.options}})
    assert read_options(entry.get("options", {})) == wanted


def test_row_B11_a_reason_can_not_leave_its_comment(tmp_path):
    text = snippet(analysis(), [Advice(option="mode", value="auto", reason="x\n      delete: true\u2028" * 20)])
    assert yaml.safe_load(text)["syncs"][0]["options"] == {"mode": "auto"}


def test_row_B11_a_try_may_take_as_long_as_is_assumed():
    default = inspect.signature(CopyOperator.__init__).parameters["execution_timeout"].default
    assert default == timedelta(seconds=TRY)
