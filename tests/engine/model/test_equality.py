"""Is nothing called equal that may differ, and nothing different that may be equal?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.equality import equal_checksums, equal_content, equal_etags, etags_comparable
from airflow_bucketsync.engine.model.objects import EPOCH, Checksum, ObjectInfo
from tests.engine.model.nouns import checksums, infos, quick

MD5 = "d41d8cd98f00b204e9800998ecf8427e"


def crc(value: str = "aa", *, parts: int | None = None, algorithm: str = "crc32") -> Checksum:
    return Checksum(algorithm=algorithm, value=value, parts=parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (None, None, None),
        (crc(), None, None),
        (None, crc(), None),
        (crc(), crc(), True),
        (crc("aa"), crc("bb"), False),
        (crc(algorithm="crc32"), crc(algorithm="crc32c"), None),
        (crc(parts=2), crc(parts=2), True),
        (crc("aa", parts=2), crc("bb", parts=2), None),
        (crc("aa", parts=2), crc("aa", parts=3), None),
        (crc("aa", parts=2), crc("aa"), None),
        (crc("aa"), crc("bb", parts=1), None),
    ],
)
def test_H2_checksums(left, right, expected):
    assert equal_checksums(left, right) is expected
    assert equal_checksums(right, left) is expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (MD5, MD5, True),
        (MD5 + "-3", MD5 + "-3", True),
        (MD5, MD5 + "-1", False),
        (MD5, None, False),
        (None, None, False),
        ("", "", False),
        ("opaque", "opaque", False),
        (MD5 + "x", MD5 + "x", False),
        (MD5[:-1], MD5[:-1], False),
    ],
)
def test_fault_F22_only_etags_that_look_like_md5_prove_anything(left, right, expected):
    assert equal_etags(left, right) is expected


def test_etags_of_an_opaque_store_are_not_compared():
    md5, opaque = Capabilities(), Capabilities(etag_meaning="opaque")
    assert etags_comparable(md5, md5)
    assert not etags_comparable(md5, opaque)
    assert not etags_comparable(opaque, md5)
    assert not etags_comparable(opaque, opaque)


ONE = ObjectInfo(key="k", size=5, last_modified=EPOCH, etag=MD5)


def test_content():
    other = replace(ONE, etag=MD5 + "-2")
    assert equal_content(ONE, ONE, etags=True) is True
    assert equal_content(ONE, ONE, etags=False) is None
    assert equal_content(ONE, other, etags=True) is None
    assert equal_content(ONE, replace(ONE, size=6), etags=True) is False
    assert equal_content(replace(ONE, checksum=crc("aa")), replace(ONE, checksum=crc("bb")), etags=True) is False
    assert equal_content(replace(other, checksum=crc()), replace(ONE, checksum=crc()), etags=True) is True
    empty = replace(ONE, size=0)
    assert equal_content(empty, replace(empty, etag="x"), etags=False) is True


@quick
@given(left=checksums, right=checksums)
def test_checksums_agree_whichever_way_they_are_held(left, right):
    assert equal_checksums(left, right) is equal_checksums(right, left)
    assert equal_checksums(left, left) is True
    if equal_checksums(left, right) is False:
        assert left.parts is right.parts is None


@quick
@given(left=infos, right=infos, etags=st.booleans())
def test_equal_content_has_equal_sizes(left, right, etags):
    verdict = equal_content(left, right, etags=etags)
    assert verdict is equal_content(right, left, etags=etags)
    if left.size != right.size:
        assert verdict is False
