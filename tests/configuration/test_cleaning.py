"""Can a clean-up by hand reach more than its author allowed? (F11, J11, S01)"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_bucketsync.configuration.cleaning import RULES, clean_form, read_clean_configuration, read_rules
from airflow_bucketsync.engine.errors import InvalidConfiguration, InvalidLocation
from airflow_bucketsync.engine.model.cleaning import CleanLimits
from airflow_bucketsync.engine.model.location import Location

ALLOWED = (Location.parse("s3://store@incoming/"), Location.parse("oss://archive@backup/daily/"))
LIMITS = CleanLimits(max_deletes=50)


def read(allowed=ALLOWED, **given):
    asked = {"location": "s3://store@incoming/2026/", "include": ["*.tmp"], **given}
    return read_clean_configuration(asked, allowed=allowed, limits=LIMITS, everything=False)


def test_by_default_it_is_a_dry_run_under_the_limits_of_the_author():
    asked = read(older_than="30 days", min_size="1 MiB", exclude=None)
    assert asked.location.url == "s3://store@incoming/2026/"
    assert asked.dry_run
    assert asked.limits == LIMITS
    assert asked.rules.selection.include == ("*.tmp",)
    assert asked.rules.selection.min_size == 2**20
    assert asked.rules.older_than == timedelta(days=30)


def test_a_run_that_deletes_repeats_what_a_dry_run_found():
    with pytest.raises(InvalidConfiguration, match="run dry first"):
        read(dry_run=False)
    asked = read(dry_run=False, expected_objects=7)
    assert not asked.dry_run
    assert (asked.limits.max_deletes, asked.limits.expected_objects) == (50, 7)
    assert read(dry_run=False, expected_objects=0).limits.expected_objects == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"location": "s3://store@other/"}, "below none of the allowed"),
        ({"location": "s3://incoming/"}, "below none of the allowed"),
        ({"location": "oss://archive@backup/daily2/"}, "below none of the allowed"),
        ({"location": "file:///"}, "below the root"),
        ({"location": None}, "write a location"),
        ({"include": None}, "at least one rule"),
        ({"include": []}, "at least one rule"),
        ({"include": "*.tmp"}, "list of texts"),
        ({"include": ["regex:.*"]}, "no pattern for a run by hand"),
        ({"exclude": ["regex:(a+)+$"]}, "no pattern for a run by hand"),
        ({"older_than": "30"}, "is no age"),
        ({"older_than": 30}, "is no age"),
        ({"older_than": "0 days"}, "above 0"),
        ({"older_than": "1 day", "modified_before": "2026-01-01T00:00:00Z"}, "say the same"),
        ({"modified_before": "yesterday"}, "is no time"),
        ({"min_size": -1}, "min_size"),
        ({"everything": True}, "by rules only"),
        ({"everything": "false"}, "expected true or false"),
        ({"dry_run": "false"}, "expected true or false"),
        ({"dry_run": 0}, "expected true or false"),
        ({"dry_run": None}, "expected true or false"),
        ({"dry_run": False, "expected_objects": "7"}, "whole number"),
        ({"dry_run": False, "expected_objects": True}, "whole number"),
        ({"dry_run": False, "expected_objects": -1}, "whole number"),
        ({"dry_run": False, "expected_objects": 1e9}, "whole number"),
        ({"max_deletes": 1_000_000}, "is no field of a clean-up"),
        ({"max_delete_share": 1.0}, "is no field of a clean-up"),
        ({"trash": "none"}, "is no field of a clean-up"),
        ({"delete": True}, "is no field of a clean-up"),
        ({"workspace": "s3://store@incoming/pages/"}, "is no field of a clean-up"),
    ],
)
def test_row_J11_a_run_narrows_and_never_widens(given, words):
    with pytest.raises((InvalidConfiguration, InvalidLocation), match=words):
        read(**given)


def test_everything_where_the_author_allows_it():
    given = {"location": "s3://store@incoming/2026/", "everything": True}
    asked = read_clean_configuration(given, allowed=ALLOWED, limits=LIMITS, everything=True)
    assert asked.rules.everything
    with pytest.raises(InvalidConfiguration, match="goes with no rule"):
        read_clean_configuration(given | {"include": ["*"]}, allowed=ALLOWED, limits=LIMITS, everything=True)


def test_nowhere_without_a_setting():
    with pytest.raises(InvalidConfiguration, match="AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS"):
        read(allowed=())


def test_rules_of_an_author():
    rules = read_rules({"include": ["regex:^a"], "modified_before": datetime(2026, 1, 1, tzinfo=UTC)})
    assert rules.selection.include == ("regex:^a",)
    assert read_rules({"older_than": timedelta(minutes=5)}).older_than == timedelta(minutes=5)
    for wrong in ({"start_after": "a"}, {"verify": "none"}, {"includes": ["a"]}):
        with pytest.raises(InvalidConfiguration, match="no rule of a clean-up"):
            read_rules(wrong)


def test_the_form():
    fields = clean_form(allowed=ALLOWED)
    assert set(fields) == {"location", *RULES, "dry_run", "expected_objects"}
    assert fields["dry_run"].value is True
    assert fields["location"].schema["examples"] == [location.url for location in ALLOWED]
    assert all(fields[name].value is None for name in (*RULES, "expected_objects"))
    offered = clean_form(allowed=(), everything=True)
    assert offered["everything"].value is False
    assert "examples" not in offered["location"].schema


def test_what_the_form_gives_back_is_read():
    """A form sends every field, the empty ones as null."""
    sent = {name: field.value for name, field in clean_form(allowed=ALLOWED).items() if name != "location"}
    asked = read(**sent | {"include": ["*.tmp"]})
    assert asked.dry_run
    assert asked.rules.selection.include == ("*.tmp",)
