"""Can a sweep by hand reach more than its author allowed? (J11)"""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_bucketsync.configuration.sweeping import parse_age, read_sweep_configuration, sweep_form
from airflow_bucketsync.engine.errors import InvalidConfiguration, InvalidLocation
from airflow_bucketsync.engine.model.location import Location

ALLOWED = (Location.parse("s3://store@incoming/"), Location.parse("oss://archive@backup/daily/"))
WEEK = timedelta(days=7)


def read(allowed=ALLOWED, most="ours", **given):
    asked = {"location": "s3://store@incoming/2026/", **given}
    return read_sweep_configuration(asked, allowed=allowed, older_than=WEEK, whose=most)


def test_by_default_it_is_a_dry_run_of_what_is_ours():
    asked = read()
    assert asked.location.url == "s3://store@incoming/2026/"
    assert (asked.older_than, asked.whose, asked.dry_run) == (WEEK, "ours", True)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"location": "s3://store@other/"}, "below none of the allowed"),
        ({"location": "s3://incoming/"}, "below none of the allowed"),
        ({"location": "oss://archive@backup/"}, "below none of the allowed"),
        ({"location": "oss://archive@backup/daily2/"}, "below none of the allowed"),
        ({"location": "file:///"}, "below the root"),
        ({"location": None}, "write a location"),
        ({"location": ""}, "an empty text"),
        ({"older_than": "6 days"}, "not ask for less than the DAG does, 7 days"),
        ({"older_than": "1 hour"}, "not ask for less"),
        ({"older_than": "0 hours"}, "less than an hour"),
        ({"older_than": "-8 days"}, "is no age"),
        ({"older_than": "8"}, "is no age"),
        ({"older_than": 8}, "is no age"),
        ({"older_than": ["8 days"]}, "is no age"),
        ({"whose": "all"}, "its author can give it"),
        ({"whose": "theirs"}, "expected 'ours' or 'all'"),
        ({"whose": ["all"]}, "expected 'ours' or 'all'"),
        ({"dry_run": "false"}, "expected true or false"),
        ({"dry_run": 0}, "expected true or false"),
        ({"dry_run": None}, "expected true or false"),
        ({"workspace": "s3://store@incoming/pages/"}, "is no field of a sweep"),
        ({"source": "s3://store@incoming/"}, "is no field of a sweep"),
    ],
)
def test_row_J11_a_run_narrows_and_never_widens(given, words):
    with pytest.raises((InvalidConfiguration, InvalidLocation), match=words):
        read(**given)


def test_row_J11_what_a_run_may_ask_for():
    asked = read(most="all", dry_run=False)
    assert (asked.whose, asked.dry_run) == ("ours", False)
    asked = read(most="all", older_than="2 weeks", whose="all", dry_run=False)
    assert (asked.older_than, asked.whose, asked.dry_run) == (timedelta(days=14), "all", False)


def test_nowhere_without_a_setting():
    with pytest.raises(InvalidConfiguration, match="AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS"):
        read(allowed=())


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("7 days", WEEK),
        ("1 week", WEEK),
        (" 168 Hours ", WEEK),
        ("60 minutes", timedelta(hours=1)),
        (WEEK, WEEK),
        ("999999 weeks", timedelta(weeks=999999)),
    ],
)
def test_ages(text, age):
    assert parse_age(text) == age


@pytest.mark.parametrize(
    "text", ["", "days", "7", "7 months", "1.5 days", "59 minutes", "P7D", None, True, timedelta(0), "9" * 7 + " days"]
)
def test_what_is_no_age(text):
    with pytest.raises(InvalidConfiguration, match="older_than"):
        parse_age(text)


def test_the_form_offers_strangers_uploads_only_where_they_may_be_chosen():
    assert set(sweep_form(allowed=ALLOWED)) == {"location", "older_than", "dry_run"}
    fields = sweep_form(allowed=(), whose="all")
    assert fields["whose"].schema["enum"] == ["ours", "all"]
    assert fields["whose"].value == "ours"
    assert "examples" not in fields["location"].schema
