"""Which keys have an extension, and what does a selection leave out by it, by folders and by tags?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.rules.extensions import Extensions
from airflow_bucketsync.engine.rules.selection import Selector

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def info(key="k", *, modified=NOON):
    return ObjectInfo(key=key, size=1, last_modified=modified)


@pytest.mark.parametrize(
    ("extensions", "fits", "fits_not"),
    [
        (("csv",), ["a.csv", "a.CSV", "x/a.Csv", "a.b.csv", "a..csv"], ["csv", ".csv", "a.csv/", "a.csv/b", "acsv"]),
        ((".csv",), ["a.csv"], ["a.csv.gz"]),
        (("GZ",), ["a.gz", "a.tar.gz"], ["a.gz.tar"]),
        (("tar.gz",), ["a.tar.gz", "A.TAR.GZ"], ["a.gz", "tar.gz", ".tar.gz"]),
        (("csv", "gz"), ["a.csv", "a.gz"], ["a", "a.png"]),
        (("",), ["a", "x.y/a", ".profile", "a.", "a/", "x.csv/"], ["a.b", ".a.b", "a.b.c"]),
        (("", "csv"), ["a", "a.csv"], ["a.b"]),
        (("é",), ["a.É"], ["a.e"]),
    ],
)
def test_extensions(extensions, fits, fits_not):
    rule = Extensions(extensions)
    assert [key for key in fits if not rule.fit(key)] == []
    assert [key for key in fits_not if rule.fit(key)] == []


@pytest.mark.parametrize("word", ["*.csv", "a/b"])
def test_what_is_no_extension_is_refused(word):
    with pytest.raises(InvalidConfiguration, match=r"write csv or \.csv"):
        Selection(extensions=(word,))


@pytest.mark.parametrize(
    ("key", "rule"),
    [("a", None), ("a/", "recursive"), ("a/b", "recursive"), ("/a", "recursive"), ("a.b", None)],
)
def test_without_folders(key, rule):
    assert Selector(Selection(recursive=False)).admits(info(key)) == rule


@pytest.mark.parametrize(
    ("selection", "key", "rule"),
    [
        (Selection(exclude=("a*",), include=("*.csv",)), "a.csv", "exclude"),
        (Selection(exclude=("a*",), include=("*.csv",)), "b.csv", None),
        (Selection(exclude=("a*",), include=("*.csv",)), "b.txt", "include"),
        (Selection(include=("b*",), extensions=("csv",)), "b.txt", "extensions"),
        (Selection(include=("b*",), extensions=("csv",)), "a.csv", "include"),
        (Selection(start_after="b"), "b", "start_after"),
        (Selection(start_after="b"), "b\0", None),
        (Selection(start_after="b", recursive=False), "c/d", "recursive"),
    ],
)
def test_truth_table(selection, key, rule):
    assert Selector(selection).admits(info(key)) == rule


@pytest.mark.parametrize(
    ("modified", "rule"),
    [
        (NOON - timedelta(microseconds=1), "modified_after"),
        (NOON, None),
        (NOON.astimezone(timezone(timedelta(hours=9))), None),
        (NOON + timedelta(hours=1, microseconds=-1), None),
        (NOON + timedelta(hours=1), "modified_before"),
        ((NOON + timedelta(hours=1)).astimezone(timezone(timedelta(hours=-5))), "modified_before"),
    ],
)
@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-8))])
def test_the_boundary_second_in_every_zone(modified, rule, zone):
    window = Selection(
        modified_after=NOON.astimezone(zone), modified_before=(NOON + timedelta(hours=1)).astimezone(zone)
    )
    assert Selector(window).admits(info(modified=modified)) == rule


@pytest.mark.parametrize(
    ("wanted", "tags", "has"),
    [
        ({"team": "a"}, {"team": "a", "x": "y"}, True),
        ({"team": "a"}, {"team": "A"}, False),
        ({"team": "a"}, {}, False),
        ({"team": "*"}, {"team": ""}, True),
        ({"team": "*"}, {"x": "y"}, False),
        ({"team": "a", "x": "y"}, {"team": "a"}, False),
        ({"team": ""}, {"team": ""}, True),
        ({"team": ""}, {}, False),
    ],
)
def test_tags(wanted, tags, has):
    assert Selector(Selection(tags=wanted)).has_tags(tags) is has
