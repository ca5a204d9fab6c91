"""Are objects counted into the right classes, at every bound, in memory that does not grow with them? (B11)"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_bucketsync.engine.model.analysis import AGES, DEEPEST, SIZES
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.rules.counting import Counting, readable
from airflow_bucketsync.engine.rules.largest import LARGEST
from airflow_bucketsync.engine.rules.most import HELD, Most, MostInOrder

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def info(key="key", size=1, *, age=timedelta(), storage_class=None):
    return ObjectInfo(key=key, size=size, last_modified=START - age, storage_class=storage_class)


def counted(*infos):
    counting = Counting(START)
    for one in infos:
        counting.see(one)
    return counting.tables()


def filled(rows):
    return {row.name: (row.objects, row.bytes) for row in rows if row.objects}


BOUNDS = [
    ("0–1K", 0, 1023), ("1K–8K", 1024, 8191), ("8K–64K", 8192, 65_535), ("64K–512K", 65_536, 524_287),
    ("512K–1M", 524_288, 1_048_575), ("1M–8M", 1_048_576, 8_388_607), ("8M–64M", 8_388_608, 67_108_863),
    ("64M–512M", 67_108_864, 536_870_911), ("512M–1G", 536_870_912, 1_073_741_823), ("1G+", 1_073_741_824, 2**50),
]  # fmt: skip


@pytest.mark.parametrize(("name", "least", "most"), BOUNDS)
def test_row_B11_every_bound_of_size(name, least, most):
    tables = counted(info("a", least), info("b", most))
    assert filled(tables["sizes"]) == {name: (2, least + most)}
    assert tables["empty"] == (least == 0)


def test_row_B11_the_classes_of_size_are_these():
    assert [name for name, _ in SIZES] == [name for name, _, _ in BOUNDS]


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("under a day", 0, 1), ("1–7 days", 1, 7), ("7–30 days", 7, 30), ("30–91 days", 30, 91),
     ("91–365 days", 91, 365), ("365+ days", 365, 5000)],
)  # fmt: skip
def test_row_B11_every_bound_of_age(name, least, most):
    tick = timedelta(microseconds=1)
    tables = counted(info("a", age=timedelta(days=least)), info("b", age=timedelta(days=most) - tick))
    assert filled(tables["ages"]) == {name: (2, 2)}
    assert [row.name for row in tables["ages"]] == [word for word, _ in AGES]


def test_row_B11_what_is_newer_than_the_clock():
    tables = counted(info("a", age=timedelta(minutes=-15)), info("b", age=timedelta(minutes=-15, microseconds=-1)))
    assert filled(tables["ages"]) == {"under a day": (2, 2)}
    assert tables["ahead"] == 1


def test_row_B11_depth():
    deep = ["/".join("x" * (depth + 1)) for depth in (0, 1, 1 + DEEPEST, DEEPEST, DEEPEST - 1)]
    rows = counted(*(info(key) for key in deep))["depths"]
    assert filled(rows) == {"0": (1, 1), "1": (1, 1), str(DEEPEST - 1): (1, 1), f"{DEEPEST}+": (2, 2)}
    assert [row.name for row in counted(info("a/b"))["depths"]] == ["0", "1"]


def test_row_B11_extensions_and_classes():
    keys = ["a.CSV", "b/c.csv", "README", ".profile", "a.d/x", "x.", "x.tar.gz", "folder.d/"]
    tables = counted(*(info(key) for key in keys))
    assert filled(tables["extensions"].rows) == {"csv": (2, 2), "gz": (1, 1), "": (5, 5)}
    tables = counted(info("a"), info("b", storage_class="GLACIER"), info("c", 5, storage_class="INTELLIGENT_TIERING"))
    assert [(row.name, row.objects, row.bytes, row.readable) for row in tables["classes"]] == [
        ("GLACIER", 1, 1, "restored"), ("INTELLIGENT_TIERING", 1, 5, "maybe"), ("STANDARD", 1, 1, "yes"),
    ]  # fmt: skip
    assert {readable(name) for name in ("Archive", "ColdArchive", "DeepColdArchive", "DEEP_ARCHIVE")} == {"restored"}
    assert {readable(name) for name in ("IA", "STANDARD_IA", "GLACIER_IR")} == {"yes"}


def test_row_B11_first_folders_are_exact_although_keys_without_one_lie_between():
    tables = counted(*(info(key) for key in ("A", "a/1", "a/b/2", "b", "c/1", "d")))["folders"]
    assert filled(tables.rows) == {"a/": (2, 2), "c/": (1, 1), "": (3, 3)}
    assert tables.names == 3


def test_row_B11_ends_and_markers():
    tables = counted(
        *(info(f"{number:02}", number, age=timedelta(days=number)) for number in range(LARGEST + 5)),
        info("marker/", 0, age=timedelta(days=3)),
        info("z", 3, age=timedelta(hours=-1)),
        info("z/", 7),
    )
    assert [one.size for one in tables["largest"]] == [*range(24, 6, -1), 7, 6]
    assert len(tables["largest"]) == LARGEST
    assert (tables["oldest"].key, tables["newest"].key) == ("24", "z")
    assert (tables["markers"], tables["marker_bytes"], tables["empty"]) == (2, 7, 2)


def test_row_B11_nothing_at_all():
    tables = counted()
    assert tables["objects"] == tables["bytes"] == 0
    assert (tables["largest"], tables["oldest"], tables["depths"], tables["classes"]) == ((), None, (), ())


def test_row_B11_any_number_of_names_in_bounded_memory():
    most, truth = Most(), {"often": 0}
    for number in range(200_000):
        name = "often" if number % 10 == 0 else f"x{number}"
        truth["often"] += name == "often"
        most.add(name, 3)
        assert len(most._counts) <= HELD
    table = most.table()
    first = table.rows[0]
    assert (first.name, first.objects, first.missed) == ("often", truth["often"], 0), "never merged, so exact"
    assert table.names is None, "too many to be told apart"
    assert sum(row.objects for row in table.rows) + table.others.objects == 200_000
    assert sum(row.bytes for row in table.rows) + table.others.bytes == 600_000


def test_row_B11_a_row_that_began_late_says_how_much_it_may_miss():
    most, truth = Most(held=20, kept=5), dict.fromkeys(range(300), 0)
    for number in range(9000):
        name = number * number % 300 if number % 3 else number % 300
        truth[name] += 1
        most.add(str(name), 1)
    table = most.table(shown=10)
    assert any(row.missed for row in table.rows)
    for row in table.rows:
        assert row.objects <= truth[int(row.name)] <= row.objects + row.missed


def test_row_B11_a_name_too_long_for_a_row_is_among_the_others():
    most = Most()
    most.add("x" * 65, 5)
    most.add("csv", 1)
    table = most.table()
    assert [row.name for row in table.rows] == ["csv"]
    assert (table.others.objects, table.others.bytes, table.names) == (1, 5, None)


def test_row_B11_the_folders_with_the_most_bytes_are_exact():
    most = MostInOrder(shown=3)
    for number in range(1000):
        for _ in range(1 + number % 7):
            most.add(f"{number:04}/", number)
    table = most.table()
    best = sorted(((number * (1 + number % 7), f"{number:04}/") for number in range(1000)), reverse=True)[:3]
    assert [(row.bytes, row.name) for row in table.rows] == best
    assert table.names == 1000
    assert sum(row.objects for row in table.rows) + table.others.objects == sum(1 + n % 7 for n in range(1000))
    assert table.named("none")[-1].name == "997 others"
