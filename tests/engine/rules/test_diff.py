"""Does every mode of comparing decide as the table in `diff` says?"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.fidelity import MTIME, mtime_text
from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.objects import (
    Checksum,
    Fingerprint,
    ObjectAttributes,
    ObjectDetails,
    ObjectInfo,
)
from airflow_bucketsync.engine.model.policy_words import COMPARE_MODES
from airflow_bucketsync.engine.rules.diff import PROOFS, Comparison
from tests.engine.model.nouns import infos, quick

BUCKET = Capabilities(checksums=("crc64nvme",))
ENCRYPTED = replace(BUCKET, etag_meaning="opaque")
FOLDER = Capabilities(
    keeps_mtime=True, user_metadata=False, tags=False, etag_meaning="opaque", checksums=("crc64nvme",)
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER, EARLIER = NOON + timedelta(hours=1), NOON - timedelta(hours=1)


def md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def info(body: bytes = b"body", *, at: datetime = NOON, etag: str | None = "") -> ObjectInfo:
    return ObjectInfo(key="k", size=len(body), last_modified=at, etag=md5(body) if etag == "" else etag)


def known(source: ObjectInfo, destination: ObjectInfo) -> KnownObject:
    return KnownObject(key="k", source=Fingerprint.of(source), destination=Fingerprint.of(destination))


def details(
    of: ObjectInfo, *, checksum: str | None = None, parts: int | None = None, **attributes: object
) -> ObjectDetails:
    proof = None if checksum is None else Checksum(algorithm="crc64nvme", value=checksum, parts=parts)
    return ObjectDetails(info=replace(of, checksum=proof), attributes=ObjectAttributes(**attributes))  # type: ignore[arg-type]


SAME, OTHER, LONGER = info(at=LATER), info(b"bodY", at=LATER), info(b"longer", at=LATER)
TOUCHED = info(at=LATER)
# What the listings say: the source (at noon), the destination (an hour later unless told), what is known.
SITUATIONS = {
    "missing": (info(), None, None),
    "equal": (info(), SAME, None),
    "same size, other bytes": (info(), OTHER, None),
    "other size": (info(), LONGER, None),
    "known match": (info(), OTHER, known(info(), OTHER)),
    "known, source changed": (info(b"BODY"), OTHER, known(info(), OTHER)),
    "known, destination changed": (info(), OTHER, known(info(), info(b"BOdy"))),
    "known, both changed": (info(b"BODY"), OTHER, known(info(), info(b"BOdy"))),
    "known, time changed": (info(at=EARLIER), OTHER, known(info(), OTHER)),
    "known, destination's time changed": (info(), OTHER, known(info(), replace(OTHER, last_modified=NOON))),
}
LISTED = {  # rows C1: mode -> verdict and reason per situation, in the order above
    "auto": "copy new|same etag|look content|copy size|same known|copy source_changed|look content|look content|"
    "look metadata|look metadata",
    "exists": "copy new" + "|same exists" * 9,
    "size": "copy new|same size|same size|copy size" + "|same size" * 6,
    "size_mtime": "copy new|look content|look content|copy size|same known|copy source_changed|look content|"
    "look content|same known|same known",
    "etag": "copy new|same etag|copy etag|copy size|same known|copy source_changed|copy etag|copy etag|"
    "same known|same known",
    "checksum": "copy new|look content|look content|copy size" + "|look content" * 6,
    "metadata": "copy new|look content|look content|copy size|look metadata|copy source_changed|look content|"
    "look content|look metadata|look metadata",
    "missing_or_older": "copy new" + "|same not_older" * 9,
    "always": "copy new" + "|copy always" * 9,
}


def test_C1_every_mode_is_in_the_matrix():
    assert set(LISTED) == set(COMPARE_MODES)


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("mode", COMPARE_MODES)
def test_C1_listed(mode, situation):
    expected = LISTED[mode].split("|")[list(SITUATIONS).index(situation)]
    decision = Comparison(mode, source=BUCKET, destination=BUCKET).listed(*SITUATIONS[situation])
    assert f"{decision.verdict} {decision.reason}" == expected


def test_C1_missing_or_older_copies_what_is_older():
    decide = Comparison("missing_or_older", source=BUCKET, destination=BUCKET).listed
    assert decide(info(at=NOON), info(at=EARLIER), None).reason == "older"
    assert decide(info(at=NOON), info(at=NOON), None).reason == "not_older"


@pytest.mark.parametrize(("source", "destination"), [(ENCRYPTED, BUCKET), (BUCKET, ENCRYPTED), (ENCRYPTED, ENCRYPTED)])
def test_equal_etags_of_opaque_stores_prove_nothing(source, destination):
    for mode, verdict in (("auto", "look"), ("etag", "copy")):
        assert Comparison(mode, source=source, destination=destination).listed(info(), SAME, None).verdict == verdict


def test_fault_F22_unequal_etags_of_parts_are_looked_at():
    multipart = info(etag=md5(b"x") + "-2")
    assert Comparison("auto", source=BUCKET, destination=BUCKET).listed(info(), multipart, None).verdict == "look"


@pytest.mark.parametrize(
    ("mode", "decided"), [("auto", "same empty"), ("etag", "copy etag"), ("metadata", "look content")]
)
def test_empty_objects_are_equal_whatever_their_etags(mode, decided):
    compare = Comparison(mode, source=ENCRYPTED, destination=ENCRYPTED)
    decision = compare.listed(info(b"", etag="1"), info(b"", etag="2", at=LATER), None)
    assert f"{decision.verdict} {decision.reason}" == decided


def test_a_memory_without_fingerprints_decides_nothing():
    nameless = info(etag=None)
    decide = Comparison("auto", source=ENCRYPTED, destination=ENCRYPTED).listed
    assert decide(nameless, OTHER, known(nameless, OTHER)).verdict == "look"
    assert decide(info(), nameless, known(info(), nameless)).verdict == "look"


@pytest.mark.parametrize("source", [BUCKET, FOLDER])
def test_a_file_that_carries_the_time_is_equal(source):
    compare = Comparison("auto", source=source, destination=FOLDER)
    assert compare.listed(info(etag="1"), info(etag="2"), None).reason == "mtime"
    assert compare.listed(info(etag="1"), info(etag="2", at=LATER), None).verdict == "look"


def test_times_of_two_buckets_prove_nothing():
    decide = Comparison("auto", source=ENCRYPTED, destination=ENCRYPTED).listed
    assert decide(info(etag="1"), info(etag="2"), None).verdict == "look"


HERE, THERE = info(etag="1-2"), info(etag="2-3", at=LATER)
LOOKS = {
    "equal checksums": (details(HERE, checksum="aa"), details(THERE, checksum="aa")),
    "other checksums": (details(HERE, checksum="aa"), details(THERE, checksum="bb")),
    "one checksum": (details(HERE, checksum="aa"), details(THERE)),
    "equal checksums over parts": (details(HERE, checksum="aa", parts=2), details(THERE, checksum="aa", parts=2)),
    "other checksums over parts": (details(HERE, checksum="aa", parts=2), details(THERE, checksum="bb", parts=2)),
    "equal ETags": (details(info()), details(SAME)),
    "nothing": (details(HERE), details(THERE)),
    "other sizes": (details(HERE), details(LONGER)),
}
LOOKED = {  # mode -> the same, for what HEAD of both says
    "auto": "same checksum|copy content|copy content|same checksum|copy content|same etag|copy content|copy size",
    "checksum": "same checksum|copy content|copy content|same checksum|copy content|copy content|copy content|"
    "copy size",
    "metadata": "same checksum|copy content|copy content|same checksum|copy content|same etag|copy content|copy size",
    "size_mtime": "copy mtime|" * 7 + "copy size",
}


@pytest.mark.parametrize("situation", LOOKS)
@pytest.mark.parametrize("mode", LOOKED)
def test_C1_looked_at(mode, situation):
    expected = LOOKED[mode].split("|")[list(LOOKS).index(situation)]
    source, destination = LOOKS[situation]
    compare = Comparison(mode, source=BUCKET, destination=BUCKET)
    decision = compare.looked_at(source, destination, content_known=False)
    assert f"{decision.verdict} {decision.reason}" == expected


@pytest.mark.parametrize("mode", ["auto", "metadata"])
def test_E4_known_content_with_other_metadata_is_updated(mode):
    compare = Comparison(mode, source=BUCKET, destination=BUCKET)
    source = details(HERE, content_type="text/csv", user_metadata={"a": "1"}, tags={"t": "1"})
    other = details(THERE, content_type="text/plain", user_metadata={"a": "2"}, tags={"t": "2"})
    decision = compare.looked_at(source, other, content_known=True)
    assert decision.verdict == "update"
    assert decision.reason == "metadata: content_type, user_metadata, tags"
    assert compare.looked_at(source, replace(source, info=THERE), content_known=True).verdict == "same"


def test_metadata_counts_only_in_the_modes_that_ask_for_it():
    source, other = details(HERE, checksum="aa", content_type="a/b"), details(THERE, checksum="aa")
    for mode, verdict in (("auto", "same"), ("checksum", "same"), ("metadata", "update")):
        compare = Comparison(mode, source=BUCKET, destination=BUCKET)
        assert compare.looked_at(source, other, content_known=False).verdict == verdict


def test_a_folder_has_no_metadata_to_update():
    compare = Comparison("metadata", source=BUCKET, destination=FOLDER)
    source = details(HERE, content_type="text/csv")
    assert compare.looked_at(source, details(THERE), content_known=True).verdict == "same"


@pytest.mark.parametrize("mode", ["auto", "size_mtime", "metadata"])
@pytest.mark.parametrize(("kept", "verdict"), [(NOON, "same"), (LATER, "copy")])
def test_the_time_kept_with_an_object_speaks_for_a_file(mode, kept, verdict):
    file, bucket = details(info(etag="1")), details(info(etag="2", at=LATER), user_metadata={MTIME: mtime_text(kept)})
    there = replace(bucket, attributes=replace(bucket.attributes, content_type=None))
    up = Comparison(mode, source=FOLDER, destination=BUCKET).looked_at(file, there, content_known=False)
    down = Comparison(mode, source=BUCKET, destination=FOLDER).looked_at(bucket, file, content_known=False)
    assert (up.verdict, down.verdict) == (verdict, verdict)


@pytest.mark.parametrize("mode", COMPARE_MODES)
@quick
@given(source=infos, destination=infos, memory=st.one_of(st.none(), st.tuples(infos, infos)))
def test_promises_of_every_mode(mode, source, destination, memory):
    """Only modes that ask for it pass over another size, and a remembered proof is never from less than a proof."""
    compare = Comparison(mode, source=BUCKET, destination=BUCKET)
    decision = compare.listed(source, destination, None if memory is None else known(*memory))
    assert decision.verdict in ("same", "copy", "look")
    if source.size != destination.size and mode not in ("exists", "missing_or_older"):
        assert decision.verdict == "copy"
    if decision.verdict == "same" and decision.reason in PROOFS:
        assert source.size == destination.size
        assert mode not in ("exists", "size", "missing_or_older", "always", "checksum")
