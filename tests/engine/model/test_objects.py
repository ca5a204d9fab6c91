from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given

from airflow_bucketsync.engine.model.objects import Checksum, Fingerprint, ObjectInfo
from tests.engine.model.nouns import checksums, fingerprints, infos, quick, through_json

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
INFO = ObjectInfo(key="a/b", size=3, last_modified=NOON, etag="e", version_id="v")


@quick
@given(checksums)
def test_checksum_round_trip(checksum):
    assert through_json(checksum) == checksum


@pytest.mark.parametrize(
    ("checksum", "written"),
    [
        (Checksum(algorithm="crc64nvme", value="0123456789abcdef"), "crc64nvme:0123456789abcdef"),
        (Checksum(algorithm="sha256", value="ab", parts=3), "sha256:ab-3"),
    ],
)
def test_checksum_as_text(checksum, written):
    assert checksum.to_json() == written


@quick
@given(infos)
def test_info_round_trip(info):
    assert through_json(info) == info


@quick
@given(fingerprints)
def test_fingerprint_round_trip(fingerprint):
    assert through_json(fingerprint) == fingerprint


@pytest.mark.parametrize(
    "key",
    [
        "a\nb", "\r", "\t", "\x01start", "\x1b[31mred", "\x7f", "nel\x85ls\u2028ps\u2029", "null", "123",
        '{"a": 1}', '"', "\\", "\ufeffbom", "\u202egnp.exe", "cafe\u0301", "caf\u00e9", "\U0001f600", "\uffee",
        "é" * 512, "/" * 1024,
    ],
)  # fmt: skip
def test_a_hostile_key_stays_in_its_line(key):
    info = replace(INFO, key=key)
    line = orjson.dumps(info.to_json())
    assert b"\n" not in line
    assert through_json(info).key.encode() == key.encode()


@pytest.mark.parametrize("size", [0, 1, 2**31 - 1, 2**31, 2**32, 5 * 2**40, 2**53 + 1, 2**63 - 1])
def test_sizes_are_exact(size):
    assert through_json(replace(INFO, size=size)).size == size
    assert through_json(Fingerprint(size=size, etag=None)).size == size


def test_what_is_none_is_left_out_of_the_line():
    info = ObjectInfo(key="k", size=1, last_modified=NOON)
    assert info.to_json() == {"key": "k", "size": 1, "modified": "2026-03-01T12:00:00+00:00"}
    assert Fingerprint(size=1, etag=None).to_json() == {"size": 1}
    assert through_json(replace(info, etag="")).etag == ""  # empty is not None


def test_microseconds_are_kept():
    moved = INFO.last_modified + timedelta(microseconds=1)
    assert through_json(replace(INFO, last_modified=moved)).last_modified == moved != INFO.last_modified


def test_a_fingerprint_is_that_of_its_object():
    fingerprint = Fingerprint.of(INFO)
    assert fingerprint == Fingerprint(size=3, etag="e", version_id="v", last_modified=NOON)
    assert fingerprint.same_content(INFO)
    assert fingerprint.same_content(replace(INFO, last_modified=NOON + timedelta(days=1), version_id="w"))
    assert not fingerprint.same_content(replace(INFO, etag="f"))
    assert not fingerprint.same_content(replace(INFO, size=4))
    assert not fingerprint.same_content(replace(INFO, etag=None))
    assert not Fingerprint(size=3, etag=None).same_content(replace(INFO, etag=None))  # two unknowns prove nothing
