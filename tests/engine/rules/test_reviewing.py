"""Are the changes of a plan counted rightly, whatever their number, and is the review of them what people can trust?"""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import orjson
import pytest

from airflow_bucketsync.engine.model.analysis import Row
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.review import Way
from airflow_bucketsync.engine.model.units import GIB, KIB, MIB
from airflow_bucketsync.engine.rules.largest import LARGEST
from airflow_bucketsync.engine.rules.requests import Cell, Sides, expected_requests
from airflow_bucketsync.engine.rules.reviewing import IN_ARCHIVE_TIER, Reviewing
from tests.engine.clocks import START

S3 = Capabilities(tags=True, checksums=("crc32",))


def change(key, size, *, reason="new", kind="copy", there=False, renamed=None, storage_class=None):
    info = ObjectInfo(key=key, size=size, last_modified=START, etag="e", storage_class=storage_class)
    return Change(kind=kind, source=info, destination=info if there else None, reason=reason, renamed=renamed)


def counted(*changes, transport="stream", policy=None, destination=S3):
    found = Reviewing(policy or SyncPolicy(), destination)
    found.transport = transport
    for one in changes:
        found.take(one)
    return found


def rows(found):
    return {row.name: (row.objects, row.bytes) for row in found}


ALL = (
    change("a", 10 * KIB),
    change("b", 60 * MIB, reason="size", there=True),
    change("c", 3 * GIB, reason="size", there=True, renamed="z"),
    change("d", 5, kind="update", reason="metadata: tags", there=True),
    change("e", 0, storage_class="STANDARD_IA"),
)


def test_row_C15_tiers_reasons_and_ways_of_a_stream():
    found = counted(*ALL)
    assert rows(found.tiers) == {
        "attributes": (1, 0), "small": (2, 10 * KIB), "medium": (1, 60 * MIB), "large": (1, 3 * GIB),
    }  # fmt: skip
    assert rows(found.reasons) == {"new": (2, 10 * KIB), "size": (2, 60 * MIB + 3 * GIB), "metadata: tags": (1, 0)}
    assert found.ways == (
        Way(name="set_attributes", objects=1, bytes=0, parts=0),
        Way(name="stream", objects=2, bytes=10 * KIB, parts=0),
        Way(name="stream_parts", objects=2, bytes=60 * MIB + 3 * GIB, parts=2 + 62),
    )
    assert rows(found.classes) == {"STANDARD": (4, 3 * GIB + 60 * MIB + 10 * KIB), "STANDARD_IA": (1, 0)}
    assert [(one.key, one.size) for one in found.largest] == [
        ("z", 3 * GIB),
        ("b", 60 * MIB),
        ("a", 10 * KIB),
        ("e", 0),
    ]
    assert {row.name: row.objects for row in found.sizes if row.objects} == {
        "0–1K": 2,
        "8K–64K": 1,
        "8M–64M": 1,
        "1G+": 1,
    }


def test_row_C15_a_store_that_copies_by_itself_takes_medium_objects_in_one_request():
    found = counted(*ALL, transport="server")
    assert rows(found.tiers)["medium"] == (1, 60 * MIB)
    assert found.ways == (
        Way(name="part_copy", objects=1, bytes=3 * GIB, parts=62),
        Way(name="server_copy", objects=3, bytes=60 * MIB + 10 * KIB, parts=0),
        Way(name="set_attributes", objects=1, bytes=0, parts=0),
    )


def test_a_size_at_a_threshold_belongs_to_the_lower_tier():
    found = counted(*(change(f"{size}", size) for size in (50 * MIB, 50 * MIB + 1, GIB, GIB + 1)))
    assert {name: count for name, (count, _) in rows(found.tiers).items()} == {"small": 1, "medium": 2, "large": 1}


def test_what_no_way_leads_to_is_said_and_asks_for_nothing():
    small = replace(S3, multipart=False, max_put=MIB, max_copy=GIB)
    found = counted(change("a", 2 * MIB), change("b", 1), destination=small)
    assert rows(found.tiers) == {"small": (1, 1), "too_large": (1, 2 * MIB)}
    assert [way.name for way in found.ways] == ["stream"]


def test_row_C12_archived_objects_per_class():
    found = counted()
    for name in (
        "GLACIER",
        "DEEP_ARCHIVE",
        "INTELLIGENT_TIERING",
        "Archive",
        "ColdArchive",
        "DeepColdArchive",
        "GLACIER",
    ):
        found.archived(ObjectInfo(key="k", size=7, last_modified=START, storage_class=name))
    assert rows(found.archived_classes) == {
        "GLACIER": (2, 14), "DEEP_ARCHIVE": (1, 7), IN_ARCHIVE_TIER: (1, 7), "Archive": (1, 7), "ColdArchive": (1, 7),
        "DeepColdArchive": (1, 7),
    }  # fmt: skip


def test_row_C15_memory_does_not_grow_with_the_changes():
    def take(found, numbers):
        for number in numbers:
            there = number % 3 == 0
            found.take(change(f"k/{number:06}/{'x' * 80}", number * 977 % (90 * MIB), there=there))

    found = counted()
    take(found, range(10_000))
    tracemalloc.start()
    take(found, range(10_000, 60_000))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 100_000
    assert sum(row.objects for row in found.tiers) == 60_000
    assert len(found.largest) == LARGEST


# requests -----------------------------------------------------------------------------------------------------


def requests(*cells, asked=("source", "destination"), source=S3, destination=S3, blind=False, more=None, **policy):
    sides = Sides(
        policy=SyncPolicy(**{"verify": "none", **policy}),
        source=source,
        destination=destination,
        asked=frozenset(asked),
        blind=blind,
        listed=3_500,
    )
    found = expected_requests(cells, sides, **(more or {}))
    return {f"{row.side} {row.kind}": (row.at_least, row.at_most) for row in found}


COPY = Cell(way="server_copy", replaces=False, empty=False, objects=10, bytes=100)
STREAM = Cell(way="stream", replaces=True, empty=False, objects=4, bytes=40)


def test_row_C15_nothing_to_do_asks_for_nothing():
    assert requests(verify="content") == {}


def test_row_C15_a_store_is_looked_at_where_it_can_not_be_told_what_it_must_find():
    assert requests(COPY) == {"destination copy": (10, 10)}
    assert requests(COPY, destination=replace(S3, conditional_copy=False))["destination look"] == (10, 10)
    creating = replace(S3, conditional_put="create_only")
    assert requests(STREAM, destination=creating)["destination look"] == (4, 4)
    assert "destination look" not in requests(STREAM, destination=creating, blind=True)


def test_row_C15_tags_are_asked_for_where_they_are_wanted():
    assert requests(STREAM)["source tags"] == (4, 4)
    assert requests(STREAM, source=replace(S3, counts_tags=True))["source tags"] == (0, 4)
    assert "source tags" not in requests(STREAM, preserve=("headers",))
    assert "source tags" not in requests(STREAM, source=replace(S3, tags=False))


def test_row_C15_each_level_of_verify():
    assert requests(COPY, verify="listing")["destination list"] == (1, 5)
    both = requests(COPY, verify="metadata")
    assert (both["source look"], both["destination look"]) == ((10, 10), (10, 10))
    assert requests(COPY, verify="content")["destination read"] == (10, 10)


def test_row_C15_deletes_go_in_bulk_where_the_store_holds_them_to_a_condition():
    assert requests(delete=True, more={"deletes": 2_500})["destination delete"] == (3, 2_500)
    single = requests(delete=True, destination=replace(S3, conditional_delete=False), more={"deletes": 2_500})
    assert single["destination delete"] == (2_500, 2_500)


def test_row_C15_nothing_is_said_of_a_side_that_is_a_folder():
    assert set(requests(STREAM, asked=("destination",))) == {"destination put"}


def test_the_review_reads_back(review):
    assert type(review).from_json(orjson.loads(orjson.dumps(review.to_json()))) == review


@pytest.fixture
def review():
    from tests.engine.rules.test_review_text import REVIEW

    assert REVIEW.moves == Row(name="moves", objects=3, bytes=9)
    return REVIEW
