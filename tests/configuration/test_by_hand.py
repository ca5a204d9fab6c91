"""Can a run's configuration reach what was not allowed? (J11; S01, S02, S03, S07)"""

from __future__ import annotations

import pytest

from airflow_bucketsync.configuration.by_hand import read_run_configuration
from airflow_bucketsync.configuration.section import DEFAULT_MANUAL_OPTIONS
from airflow_bucketsync.engine.errors import InvalidConfiguration, InvalidLocation
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy

ALLOWED = tuple(
    Location.parse(url) for url in ("s3://store@incoming/", "s3://archive@backup/daily/", "file:///data/exports/")
)
GOOD = {"source": "s3://store@incoming/2026/", "destination": "s3://archive@backup/daily/x/"}


def read(manual=DEFAULT_MANUAL_OPTIONS, allowed=ALLOWED, **given):
    return read_run_configuration({**GOOD, **given}, allowed=allowed, manual=manual)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        # S01: other buckets, other prefixes, other connections
        ({"source": "s3://store@other/"}, "below none of the allowed"),
        ({"source": "s3://incoming/"}, "below none of the allowed"),
        ({"source": "s3://aws_default@incoming/"}, "below none of the allowed"),
        ({"source": "s3://archive@incoming/"}, "below none of the allowed"),
        ({"destination": "s3://archive@backup/"}, "below none of the allowed"),
        ({"destination": "s3://archive@backup/dail"}, "below none of the allowed"),
        ({"destination": "s3://archive@backup/daily2/"}, "below none of the allowed"),
        ({"destination": "s3://archive@backup/Daily/"}, "below none of the allowed"),
        ({"destination": "s3://archive@backup2/daily/"}, "below none of the allowed"),
        ({"destination": "s3://archive@backup//daily/"}, "below none of the allowed"),
        ({"destination": "oss://archive@backup/daily/"}, "below none of the allowed"),
        ({"destination": "memory://archive@backup/daily/"}, "below none of the allowed"),
        ({"source": "s3://store@incoming@evil/"}, "must be a connection id"),
        # S01: what would destroy or widen
        ({"delete": True, "max_deletes": 10**9}, "'delete' may not be set by hand"),
        ({"max_deletes": 10**9}, "'max_deletes' may not be set by hand"),
        ({"move": True}, "'move' may not be set by hand"),
        ({"unsafe_deletes": True}, "'unsafe_deletes' may not be set by hand"),
        ({"allow_empty_source": True}, "'allow_empty_source' may not be set by hand"),
        ({"on_lock": "skip"}, "'on_lock' may not be set by hand"),
        ({"max_delete": 1e9}, "no option"),
        ({"max_errors": 10**9}, "may not be set by hand"),
        ({"tolerate": ["failed"]}, "may not be set by hand"),
        ({"acl": "bucket-owner-full-control"}, "may not be set by hand"),
        ({"follow_links": "inside_root"}, "may not be set by hand"),
        ({"concurrency": 256}, "may not be set by hand"),
        ({"workspace": "s3://store@incoming/pages/"}, "no option"),
        ({"name": "another-pair"}, "no option"),
        ({"allowed_locations": "s3://store@other/"}, "no option"),
        ({"manual_options": ["max_errors"]}, "no option"),
        ({"__class__": "x"}, "no option"),
        # a pattern that never ends
        ({"include": ["*.csv", "regex:(a+)+$"]}, "no pattern for a run by hand"),
        ({"exclude": ["regex:x"]}, "no pattern for a run by hand"),
        # S02: endpoints
        ({"endpoint_url": "http://169.254.169.254"}, "no option"),
        ({"source": "http://169.254.169.254/latest/"}, "names no scheme"),
        ({"source": "s3://store@169.254.169.254/"}, "below none of the allowed"),
        ({"source": "s3://store@[::ffff:a9fe:a9fe]/"}, "no bucket name"),
        ({"source": "s3://store@0x7f000001:9000/incoming/"}, "no bucket name"),
        ({"source": "s3://key:secret@incoming/"}, "must be a connection id"),
        ({"source": "s3://store@incoming?endpoint_url=http://x/"}, "no bucket name"),
        # S03: folders
        ({"source": "file:///etc/"}, "below none of the allowed"),
        ({"source": "file:///data/exports2/"}, "below none of the allowed"),
        ({"source": "file:///data/exports/../../etc/"}, "segment"),
        ({"source": "file:///data/exports/./../x/"}, "segment"),
        ({"source": "file:///data/exports//x/"}, "segment"),
        ({"source": "file://localhost/data/exports/"}, "absolute folder"),
        ({"source": "file:///"}, "absolute folder"),
        ({"source": "/data/exports/"}, "names no scheme"),
        ({"source": "file:///data/exports/a\x00b/"}, "no store can hold"),
        ({"source": "s3://store@incoming/\ud800/"}, "no store can hold"),
        # S07: templates and types
        ({"source": "{{ conn.store.password }}"}, "names no scheme"),
        ({"source": "s3://{{ var.value.bucket }}/"}, "no bucket name"),
        ({"source": 123}, "write a location"),
        ({"source": None}, "write a location"),
        ({"source": ["s3://store@incoming/"]}, "write a location"),
        ({"source": {"url": "s3://store@incoming/"}}, "write a location"),
        ({"source": True}, "write a location"),
        ({"source": ""}, "write a location"),
        ({"source": "s3://store@incoming/" + "x" * 5000}, "at most 2048"),
        ({"dry_run": "yes"}, "valid boolean"),
        ({"dry_run": 0}, "valid boolean"),
        ({"dry_run": []}, "valid boolean"),
        ({"compare": "nothing"}, "compare"),
        ({"verify": ["none"]}, "verify"),
        ({"include": "*.csv"}, "write a list"),
        ({"include": [1]}, "valid string"),
        ({"include": [""]}, "at least 1"),
        ({"include": {"*": 1}}, "include"),
        ({"exclude": ["x" * 2000]}, "at most 1024"),
        ({"exclude": ["x"] * 2000}, "at most 1000"),
        ({"inclde": ["*"]}, "did you mean 'include'"),
        # both sides
        ({"destination": "s3://store@incoming/2026/copy/"}, "overlap"),
        ({"source": "s3://store@incoming/", "destination": "s3://store@incoming/x/"}, "overlap"),
        ({"source": "file:///data/exports/", "destination": "file:///data/exports/in/"}, "overlap"),
    ],
)
def test_refused(given, words):
    with pytest.raises((InvalidConfiguration, InvalidLocation)) as caught:
        read(**given)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("side", ["source", "destination"])
def test_nothing_is_allowed_until_it_is_set(side):
    with pytest.raises(InvalidConfiguration, match="AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS"):
        read(allowed=())


def test_missing_side():
    with pytest.raises(InvalidConfiguration, match="destination: write a location"):
        read_run_configuration({"source": GOOD["source"]}, allowed=ALLOWED, manual=())


def test_what_is_allowed():
    spec = read(include=["*.csv", "{{ 7 * 7 }}"], dry_run=True, compare="size", verify="none", exclude=None)
    assert spec.source == Location.parse("s3://store@incoming/2026/")
    assert spec.selection.include == ("*.csv", "{{ 7 * 7 }}")
    assert spec.selection.exclude == ()
    assert (spec.policy.dry_run, spec.policy.compare, spec.policy.verify) == (True, "size", "none")
    assert read().policy == SyncPolicy()
    assert read(source="s3://store@incoming/2026").source == spec.source
    assert read(source="file:///data/exports/a").source.bucket == "/data/exports/a"
    assert read(manual=("max_errors",), max_errors=3).policy.max_errors == 3
