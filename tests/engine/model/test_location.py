from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_bucketsync.engine.errors import InvalidLocation
from airflow_bucketsync.engine.model.location import Location
from tests.engine.model.nouns import bucket_locations, locations, quick, text, through_json


@pytest.mark.parametrize(
    ("url", "conn_id", "bucket", "prefix"),
    [
        ("s3://bucket", None, "bucket", ""),
        ("s3://bucket/", None, "bucket", ""),
        ("s3://bucket/a", None, "bucket", "a/"),
        ("s3://bucket/a/b/", None, "bucket", "a/b/"),
        ("s3://bucket//", None, "bucket", "/"),
        ("s3://bucket//a//", None, "bucket", "/a//"),
        ("s3://aws_default@bucket/p", "aws_default", "bucket", "p/"),
        ("s3://my.conn-1@bucket.with.dots/p", "my.conn-1", "bucket.with.dots", "p/"),
        ("s3://bucket/a@b", None, "bucket", "a@b/"),
        ("s3://c@bucket/a@b", "c", "bucket", "a@b/"),
        ("s3://bucket/a b+c%20d?e=f#g", None, "bucket", "a b+c%20d?e=f#g/"),  # nothing is decoded
        ("s3://bucket/../x", None, "bucket", "../x/"),  # a plain prefix in a bucket
        ("s3://bucket/ä\n中😀", None, "bucket", "ä\n中😀/"),
        ("s3://bucket/" + "p" * 1022, None, "bucket", "p" * 1022 + "/"),
        ("oss://c@bucket/p/", "c", "bucket", "p/"),
        ("memory://bucket/p/", None, "bucket", "p/"),
        ("file:///data", None, "/data", ""),
        ("file:///data/in/", None, "/data/in", ""),
        ("file:///data/in//", None, "/data/in", ""),
        ("file://c@/data/in", "c", "/data/in", ""),
        ("file:///data/a@b/..c/.d/e..", None, "/data/a@b/..c/.d/e..", ""),
        ("file:///data/%2e%2e/x", None, "/data/%2e%2e/x", ""),
    ],
)
def test_parse(url, conn_id, bucket, prefix):
    location = Location.parse(url)
    assert (location.conn_id, location.bucket, location.prefix) == (conn_id, bucket, prefix)
    assert location.scheme == url.partition(":")[0]
    assert Location.parse(location.url) == location
    assert str(location) == location.url


SECRET = "wJalrXUtnFEMI"
"""Stands for a credential wherever one could be written; it must never be read again."""

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
LONG = "p" * 2000

REFUSED = {
    "is a non-empty text": ["", None, 7, b"s3://AKIA:wJalrXUtnFEMI@bucket/", {"secret": SECRET}, [f"s3://{SECRET}/"]],
    "names no scheme of s3, oss, file": [
        "bucket",
        "bucket/prefix",
        "/data/in",
        "C:\\data",
        "s3:bucket",
        "s3:/bucket/p",
        "s3//bucket",
        "://bucket",
        "S3://bucket/",
        " s3://bucket/",
        "s3 ://bucket/",
        "s3a://bucket/",
        "gs://bucket/",
        "https://bucket.s3.amazonaws.com/key",
        "arn:aws:s3:::bucket/prefix",
        "javascript:alert(1)",
        "x" * 10_000,
        f"x\n{SECRET}@bucket",
        f"s3:{KEY_ID}:a/{SECRET}@bucket/p",
        f"{KEY_ID}:{SECRET}@bucket/p",
        f"user:{SECRET}",
        f"https://user:{SECRET}@host/bucket",
        f"https://user:a/{SECRET}@host/bucket",
        f"https://bucket.s3.amazonaws.com/key?X-Amz-Credential=AKIA&X-Amz-Signature={SECRET}",
        f"https://host/key#token={SECRET}",
        f"S3://{KEY_ID}:a/{SECRET}@bucket/p",
    ],
    "has no bucket name where one must stand": [
        "s3://",
        "s3:///",
        "s3:///prefix",
        "s3://conn@",
        "s3://conn@/prefix",
        "s3://b",
        "s3://-bucket/",
        "s3://.bucket/",
        "s3://../etc",
        "s3://bucket /",
        "s3://buc ket/",
        "s3://bucket\n/",
        "s3://bücket/",
        "s3://bucket:9000/p",
        "s3://[::1]/p",
        "s3://bucket?versionId=1",
        "s3://bucket#x/",
        "s3://" + "b" * 256 + "/",
        "s3://bucket%2f/",
        f"s3://user:{SECRET}",
        f"s3://user:{SECRET}/p",
        f"s3://{KEY_ID}:a/{SECRET}@bucket/p",
        f"s3://{KEY_ID}:a/b//{SECRET}@bucket/p",
        f"s3://bucket?secret={SECRET}",
    ],
    "before '@' must be a connection id": [
        "s3://@bucket/",
        "s3://a b@bucket/",
        "s3://a@b@bucket/",
        "s3://c%40@bucket/",
        "s3://" + "c" * 251 + "@bucket/",
        f"s3://{KEY_ID}:{SECRET}@bucket/p",
        f"s3://{KEY_ID}:{SECRET}@bucket/{LONG}",
        f"s3://{KEY_ID}:a\n{SECRET}@bucket/p",
        f"s3://bad conn:{SECRET}@bucket/p",
        f"s3://x@y:{SECRET}@bucket/p",
        f"oss://LTAI:{SECRET}@bucket/p",
        f"file://user:{SECRET}@/data",
    ],
    "holds a character that no store can hold": [
        "s3://bucket/a\x00b",
        "s3://bucket/\udcff",
        "file:///data/\x00",
        f"s3://{KEY_ID}:{SECRET}@bucket/\x00",
    ],
    "leaves no room for a name": [
        "s3://bucket/" + "p" * 1023,
        "s3://bucket/" + "p" * 1022 + "//",
        "s3://bucket/" + "é" * 512,
        f"s3://bucket/{SECRET}@{LONG}",
    ],
    "must name an absolute folder below the root: file:///": [
        "file://",
        "file:///",
        "file:////",
        "file://data/in",
        "file://host/data",
        "file://localhost/data",
        "file://~/data",
        "file://../data",
        "file://c@host/data",
        f"file://user:{SECRET}/data",
    ],
    "segment: write the folder's plain path": [
        "file:////data",
        "file:///data/../etc",
        "file:///..",
        "file:///data/..",
        "file:///data/./x",
        "file:///data//x",
        f"file:///data/../x?secret={SECRET}",
    ],
}


@pytest.mark.parametrize(
    ("words", "url"),
    [(words, url) for words, urls in REFUSED.items() for url in urls],
    ids=lambda value: ascii(value)[:50].replace(SECRET, "SECRET"),
)
def test_refused(words, url):
    with pytest.raises(InvalidLocation) as caught:
        Location.parse(url)
    message = str(caught.value)
    assert words in message
    assert SECRET not in message
    assert KEY_ID not in message
    assert len(message) < 300
    assert message.isprintable()
    assert caught.value.__context__ is None


@quick
@given(text, st.sampled_from(["s3://", "file://", "https://", "s3:", ""]), text)
def test_what_stands_before_an_at_is_never_shown(before, scheme, after):
    url = f"{scheme}k:{before}{SECRET}@{after}"
    with pytest.raises(InvalidLocation) as caught:
        Location.parse(url)
    assert SECRET not in str(caught.value)


@quick
@given(locations)
def test_round_trip(location):
    assert through_json(location) == location
    assert Location.parse(location.url).url == location.url


@quick
@given(bucket_locations, text)
def test_keys_go_in_and_out(location, key):
    assert location.relative_key(location.full_key(key)) == key


def test_a_key_outside_is_refused():
    location = Location.parse("s3://bucket/a/b")
    for outside in ("", "a", "a/b", "a/bc", "x/a/b/c", "A/b/c"):
        with pytest.raises(InvalidLocation, match="outside"):
            location.relative_key(outside)
    assert location.relative_key("a/b/") == ""


@pytest.mark.parametrize(
    ("inner", "outer", "below"),
    [
        ("s3://b1c/a/b/", "s3://b1c/a/", True),
        ("s3://b1c/a/", "s3://b1c/a/", True),
        ("s3://b1c/a/", "s3://b1c/", True),
        ("s3://b1c/", "s3://b1c/a/", False),
        ("s3://b1c/ab/", "s3://b1c/a/", False),
        ("s3://b1c/a/", "s3://b1cd/", False),
        ("s3://b1cd/a/", "s3://b1c/", False),
        ("s3://c@b1c/a/", "s3://b1c/", False),
        ("s3://c@b1c/a/", "s3://d@b1c/", False),
        ("s3://b1c/a/", "oss://b1c/", False),
        ("file:///data/in/x", "file:///data/in", True),
        ("file:///data/in", "file:///data/in", True),
        ("file:///data/inx", "file:///data/in", False),
        ("file:///data", "file:///data/in", False),
        ("file://c@/data/in", "file:///data", False),
    ],
)
def test_below(inner, outer, below):
    assert Location.parse(inner).below(Location.parse(outer)) == below
