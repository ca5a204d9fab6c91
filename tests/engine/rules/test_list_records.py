"""What records of lists name: keys as they are written, times, checksums, and entries on their way through a file."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import quote, quote_plus

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.names import is_state_name
from airflow_bucketsync.engine.model.objects import Checksum
from airflow_bucketsync.engine.model.source_list import ListEntry
from airflow_bucketsync.engine.rules.list_inventory import read_manifest
from airflow_bucketsync.engine.rules.list_records import BrokenRule, Named, contradiction, decoded, joined, time_of
from airflow_bucketsync.engine.rules.list_sums import DIGITS, read_sums

TORTURE = json.loads((Path(__file__).parents[2] / "servers" / "torture.json").read_text())["keys"]
KEYS = [item["key"] for item in TORTURE if isinstance(item.get("key"), str)]
NAMED = Named(source=Location.parse("s3://c@bucket/in/"), refusal=lambda key: None)
TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)).map(
    lambda time: time.replace(microsecond=0, tzinfo=UTC)
)


@pytest.mark.parametrize("key", KEYS, ids=ascii)
def test_torture_keys_are_named_as_they_are(key):
    assert decoded(quote(key, safe="/")) == key
    assert decoded(quote_plus(key, safe="/")) == key
    if not key or is_state_name(key):
        with pytest.raises(BrokenRule):
            NAMED.entry("bucket", f"in/{key}", file=0, line=1, folders=False)
    else:
        assert NAMED.entry("bucket", f"in/{key}", file=0, line=1, folders=False).key == key


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_encoded_is_decoded(key):
    assert decoded(quote(key, safe="")) == decoded(quote_plus(key)) == key


@given(
    st.builds(
        ListEntry,
        key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        file=st.integers(0, 9),
        line=st.integers(1, 10**9),
        size=st.none() | st.integers(0, 2**60),
        last_modified=st.none() | TIMES,
        etag=st.none() | st.just("e"),
        storage_class=st.none() | st.just("IA"),
        sums=st.just(()) | st.just((Checksum(algorithm="md5", value="0" * 32),)),
    )
)
def test_an_entry_comes_back_from_its_line(entry):
    assert ListEntry.from_line(orjson.loads(orjson.dumps(entry.to_line()))) == entry
    assert contradiction(entry, entry) is None
    assert joined(entry, entry) == entry


@pytest.mark.parametrize("text", ["2026-07-14T01:02:03.000Z", "2026-07-14T03:02:03+02:00", "2026-07-14T01:02:03"])
def test_times_are_utc(text):
    assert time_of(text) == datetime(2026, 7, 14, 1, 2, 3, tzinfo=UTC)
    zone = timezone(timedelta(hours=2))
    assert time_of(datetime(2026, 7, 14, 3, 2, 3, tzinfo=zone)) == time_of(text)


@pytest.mark.parametrize("algorithm", DIGITS)
def test_checksums_are_hexadecimal_or_base64(algorithm):
    raw = bytes(range(DIGITS[algorithm] // 2))
    wanted = (Checksum(algorithm=algorithm, value=raw.hex()),)
    for digest in (raw.hex(), raw.hex().upper(), base64.b64encode(raw).decode()):
        assert read_sums(f"{algorithm.upper()}: {digest}".replace(": ", ":")) == wanted
        assert read_sums({algorithm: digest}) == wanted
        assert read_sums(json.dumps({algorithm: digest})) == wanted
    with pytest.raises(BrokenRule, match="bad_sums"):
        read_sums({algorithm: raw.hex()[:-1]})


@pytest.mark.parametrize(
    ("stamp", "made"),
    [
        ("1784000000000", datetime(2026, 7, 14, 3, 33, 20, tzinfo=UTC)),
        ("1784000000", datetime(2026, 7, 14, 3, 33, 20, tzinfo=UTC)),
        (1784000000000, datetime(2026, 7, 14, 3, 33, 20, tzinfo=UTC)),
        ("yesterday", None),
        (None, None),
        ("9" * 40, None),
    ],
)
def test_when_an_inventory_was_made(stamp, made):
    said = {"sourceBucket": "b", "fileFormat": "parquet", "fileSchema": "x", "files": [], "creationTimestamp": stamp}
    assert read_manifest(said).made == made
