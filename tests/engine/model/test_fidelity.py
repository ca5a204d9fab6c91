"""Is what another store can't hold named, and everything else kept?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.fidelity import (
    DEFAULT_CONTENT_TYPE,
    MTIME,
    adapted,
    differences,
    kept_mtime,
    mtime_text,
)
from airflow_bucketsync.engine.model.objects import EPOCH, ObjectAttributes, ObjectDetails, ObjectInfo
from tests.engine.model.nouns import keys, quick, times

BUCKET = Capabilities()
NO_TAGS = Capabilities(tags=False)
FOLDER = Capabilities(keeps_mtime=True, user_metadata=False, tags=False)
NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
FULL = ObjectAttributes(
    content_type="text/csv",
    content_encoding="gzip",
    content_disposition="attachment",
    content_language="de",
    cache_control="no-store",
    expires="Wed, 21 Oct 2026 07:28:00 GMT",
    user_metadata={"k": "v", "ключ": ""},
    tags={"t": "1"},
    redirect="/elsewhere",
)


def details(attributes: ObjectAttributes, *, key: str = "k", modified: datetime = NOON) -> ObjectDetails:
    return ObjectDetails(info=ObjectInfo(key=key, size=1, last_modified=modified), attributes=attributes)


def test_E1_between_buckets_everything_is_kept():
    assert adapted(details(FULL), source=BUCKET, destination=BUCKET) == (FULL, ())


def test_the_storage_class_is_the_destinations_own():
    attributes, lost = adapted(details(replace(FULL, storage_class="GLACIER")), source=BUCKET, destination=BUCKET)
    assert attributes == FULL
    assert lost == ()


def test_E7_tags_that_a_bucket_cannot_hold():
    attributes, lost = adapted(details(FULL), source=BUCKET, destination=NO_TAGS)
    assert (attributes, lost) == (replace(FULL, tags=None), ("tags",))
    for none in ({}, None):
        _, lost = adapted(details(replace(FULL, tags=none)), source=BUCKET, destination=NO_TAGS)
        assert lost == ()


def test_E7_a_folder_holds_the_time_and_nothing_else():
    attributes, lost = adapted(details(FULL), source=BUCKET, destination=FOLDER)
    assert attributes == ObjectAttributes(source_mtime=NOON)
    assert lost == (
        "content_type",
        "content_encoding",
        "content_disposition",
        "content_language",
        "cache_control",
        "expires",
        "redirect",
        "user_metadata",
        "tags",
    )


@pytest.mark.parametrize(
    "plain",
    [
        ObjectAttributes(),
        ObjectAttributes(content_type=DEFAULT_CONTENT_TYPE, tags={}),
        ObjectAttributes(user_metadata={MTIME: "1.5"}),
    ],
)
def test_what_an_object_does_not_have_is_not_lost(plain):
    assert adapted(details(plain), source=BUCKET, destination=FOLDER)[1] == ()


def test_E6_the_time_of_a_file_makes_the_round_trip():
    up, _ = adapted(details(ObjectAttributes(), key="a/b.txt"), source=FOLDER, destination=BUCKET)
    assert up.user_metadata == {MTIME: "1772366400.123456"}
    down, lost = adapted(details(up, modified=NOON + timedelta(days=1)), source=BUCKET, destination=FOLDER)
    assert down.source_mtime == NOON
    assert lost == ("content_type",)


def test_between_folders_the_time_goes_along():
    assert adapted(details(ObjectAttributes()), source=FOLDER, destination=FOLDER)[0].source_mtime == NOON


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a.txt", "text/plain"),
        ("A.TXT", "text/plain"),
        ("x/page.html", "text/html"),
        ("image.jpeg", "image/jpeg"),
        ("data.json", "application/json"),
        ("archive.zip", "application/zip"),
        ("archive.tar.gz", "application/gzip"),
        ("archive.tgz", "application/gzip"),
        ("page.svgz", "application/gzip"),
        ("a.csv.bz2", "application/x-bzip2"),
        ("a.csv.xz", "application/x-xz"),
        ("a.csv.Z", None),
        ("none", None),
        ("folder.html/none", None),
        (".html", None),
        ("data:text/html,x", None),
        ("data:,x.png", "image/png"),
        ("http://[x/a.png", "image/png"),
        ("a.unknown-suffix", None),
        ("folder/", None),
    ],
)
def test_a_file_gets_its_type_by_its_name(key, expected):
    attributes, _ = adapted(details(ObjectAttributes(), key=key), source=FOLDER, destination=BUCKET)
    assert attributes.content_type == expected


@quick
@given(key=keys)
def test_no_name_is_a_crash(key):
    adapted(details(ObjectAttributes(), key=key), source=FOLDER, destination=BUCKET)


# times ----------------------------------------------------------------------------------------------------------------


@quick
@given(time=times)
def test_E6_every_time_survives_as_text(time):
    assert kept_mtime(ObjectAttributes(user_metadata={MTIME: mtime_text(time)})) == time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("1.5", 1.5),
        (" 12 ", 12),
        ("-0.25", -0.25),
        ("-1.25", -1.25),
        ("1.", 1),
        ("1354040105.123456789", 1354040105.123456),
    ],
)
def test_times_that_other_tools_keep(text, seconds):
    assert kept_mtime(ObjectAttributes(user_metadata={MTIME: text})) == EPOCH + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", ".5", "x", "1e9", "1.5e3", "nan", "inf", "9" * 30, "-" + "9" * 30, "1,5", "2026-01-01"]
)
def test_texts_that_are_no_times(text):
    assert kept_mtime(ObjectAttributes(user_metadata={MTIME: text})) is None


def test_no_time_is_kept():
    assert kept_mtime(ObjectAttributes()) is None


# differences ----------------------------------------------------------------------------------------------------------

OTHER: dict[str, Any] = {
    "content_type": "text/plain",
    "content_encoding": "br",
    "content_disposition": None,
    "content_language": "en",
    "cache_control": None,
    "expires": None,
    "user_metadata": {"k": "V", "ключ": ""},
    "tags": {"t": "2"},
    "redirect": None,
}


@pytest.mark.parametrize("name", OTHER)
def test_E1_each_attribute_counts(name):
    other = replace(FULL, **{name: OTHER[name]})
    assert differences(FULL, other) == (name,)
    assert differences(other, FULL) == (name,)


def test_equal_attributes_do_not_differ():
    assert differences(FULL, replace(FULL, storage_class="X", source_mtime=NOON)) == ()


def test_several_differences_are_all_named():
    headers = [name for name in OTHER if name not in ("user_metadata", "tags")]
    assert differences(FULL, ObjectAttributes(tags={})) == (*headers, "user_metadata", "tags")


def test_the_default_type_is_no_type():
    assert differences(ObjectAttributes(), ObjectAttributes(content_type=DEFAULT_CONTENT_TYPE)) == ()
    assert differences(ObjectAttributes(content_type="a/b"), ObjectAttributes()) == ("content_type",)


def test_tags_count_only_where_both_are_known():
    for left, right in ((None, {"t": "1"}), ({"t": "1"}, None), (None, None)):
        assert differences(replace(FULL, tags=left), replace(FULL, tags=right)) == ()
    assert differences(replace(FULL, tags={}), replace(FULL, tags={"t": "1"})) == ("tags",)


@pytest.mark.parametrize(
    ("seconds", "equal"), [(0, True), (9, True), (-9, True), (10, True), (11, False), (-11, False)]
)
def test_E5_expires_within_ten_seconds(seconds, equal):
    one = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)
    texts = [format_datetime(time, usegmt=True) for time in (one, one + timedelta(seconds=seconds))]
    left, right = (replace(FULL, expires=text) for text in texts)
    assert differences(left, right) == (() if equal else ("expires",))


def test_E5_zones_of_expires():
    noon = "Wed, 21 Oct 2026 12:00:00 GMT"
    for zone, equal in (("12:00:00 -0000", True), ("14:00:09 +0200", True), ("12:00:00 +0200", False)):
        found = replace(FULL, expires=f"Wed, 21 Oct 2026 {zone}")
        assert differences(replace(FULL, expires=noon), found) == (() if equal else ("expires",))


@pytest.mark.parametrize(("one", "other"), [("never", "0"), ("", "x"), ("Wed, 21 Oct 2026 07:28:00 GMT", "soon")])
def test_E5_expires_that_are_no_times_must_be_equal(one, other):
    assert differences(replace(FULL, expires=one), replace(FULL, expires=other)) == ("expires",)
    assert differences(replace(FULL, expires=one), replace(FULL, expires=one)) == ()


@quick
@given(headers=st.dictionaries(st.sampled_from(sorted(OTHER)[:5]), st.one_of(st.none(), st.text(max_size=5))))
def test_what_was_adapted_between_buckets_does_not_differ(headers):
    wanted = replace(FULL, **{name: text for name, text in headers.items() if name != "tags"})
    kept, _ = adapted(details(wanted), source=BUCKET, destination=BUCKET)
    assert differences(wanted, kept) == ()
