from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo, PartReceipt
from airflow_bucketsync.engine.model.upload import Begun, OpenEntry, Receipt, Upload
from tests.engine.model.nouns import (
    checksums,
    digests,
    fingerprints,
    infos,
    keys,
    page_refs,
    quick,
    sizes,
    text,
    through_json,
    times,
    words,
)
from tests.engine.model.test_outcome import outcomes
from tests.engine.model.test_plan import changes

numbers = st.integers(0, 10**9)
modes = st.sampled_from(["part_copy", "stream_parts"])
lost = st.lists(words, max_size=3).map(tuple)
part_sizes = st.integers(1, 5 * 1024**3)
uploads = st.builds(Upload, number=numbers, change=changes, mode=modes, part_size=part_sizes)
begun = st.one_of(
    st.builds(
        Begun,
        number=numbers,
        upload_id=text,
        entry=keys,
        source=infos,
        expected=st.one_of(st.none(), checksums),
        lost=lost,
        receipts=st.one_of(st.none(), page_refs),
        resumed=st.booleans(),
    ),
    st.builds(Begun, number=numbers, outcome=outcomes),
)
part_receipts = st.builds(
    PartReceipt,
    number=st.integers(1, 10_000),
    size=sizes,
    etag=text,
    checksum=st.one_of(st.none(), checksums),
)
receipts = st.one_of(
    st.builds(Receipt, upload=numbers, part=part_receipts, proof=st.one_of(st.none(), checksums), sent=sizes),
    st.builds(Receipt, upload=numbers, outcome=outcomes, passing=st.booleans()),
)
entries = st.builds(
    OpenEntry,
    name=keys,
    destination=text,
    key=keys,
    source=fingerprints,
    mode=modes,
    part_size=part_sizes,
    attributes=digests,
    run=text,
    begun=times,
    upload_id=st.one_of(st.none(), text),
    lost=lost,
    receipts=st.one_of(st.none(), page_refs),
)


@quick
@given(st.one_of(uploads, begun, receipts))
def test_round_trip(noun):
    assert through_json(noun) == noun


@quick
@given(entries)
def test_entry_round_trip(entry):
    assert OpenEntry.from_json(entry.name, entry.to_json()) == entry


@pytest.mark.parametrize(
    ("size", "part_size", "parts"),
    [(1, 10, 1), (9, 10, 1), (10, 10, 1), (11, 10, 2), (100, 10, 10), (101, 10, 11), (2**53 + 1, 2**40, 8193)],
)
def test_parts_of_an_upload(size, part_size, parts):
    info = ObjectInfo(key="k", size=size, last_modified=datetime(2026, 3, 1, tzinfo=UTC), etag="e")
    change = Change(kind="copy", source=info, destination=None, reason="new")
    upload = Upload(number=0, change=change, mode="part_copy", part_size=part_size)
    assert (upload.key, upload.size, upload.parts) == ("k", size, parts)


def test_a_page_says_only_what_there_is_to_say():
    part = PartReceipt(number=7, size=5, etag="e")
    assert Receipt(upload=3, part=part).to_json() == {"upload": 3, "number": 7, "size": 5, "etag": "e"}
    assert Begun(number=2).to_json() == {"number": 2}


def test_when_a_part_arrived_is_not_kept():
    at = datetime(2026, 3, 1, tzinfo=UTC)
    arrived = Receipt(upload=3, part=PartReceipt(number=7, size=5, etag="e", arrived=at))
    assert through_json(arrived) == arrived
    found = through_json(arrived).part
    assert found is not None
    assert found.arrived is None


def test_an_entry_without_a_known_version_is_still_one():
    entry = OpenEntry(
        name="n",
        destination="d",
        key="k",
        source=Fingerprint(size=1, etag=None),
        mode="part_copy",
        part_size=1,
        attributes="",
        run="r",
        begun=datetime(2026, 3, 1, tzinfo=UTC),
    )
    assert OpenEntry.from_json("n", entry.to_json()) == entry
