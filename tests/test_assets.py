"""Is the asset of a destination one and the same, without the connection, however it is written?"""

from __future__ import annotations

import pytest

from airflow_bucketsync.assets import destination_asset
from airflow_bucketsync.engine.errors import InvalidLocation


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("s3://store@bucket/", "s3://bucket/"),
        ("s3://store@bucket", "s3://bucket/"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("s3://store@bucket/a/b", "s3://bucket/a/b"),
        ("s3://store@bucket/a b?c#d/", "s3://bucket/a%20b%3Fc%23d"),
        ("s3://store@bucket/a%20b/", "s3://bucket/a%2520b"),
        ("file:///data/in/", "file:///data/in"),
        ("file://conn@/data/ü x/", "file:///data/%C3%BC%20x"),
    ],
)
def test_name_and_uri(url, uri):
    asset = destination_asset(url)
    assert (asset.name, asset.uri) == (uri, uri)
    assert "store" not in asset.uri


def test_other_places_are_other_assets():
    urls = ["s3://a@b1/", "s3://a@b1/x/", "s3://a@b1/x#y/", "s3://a@b1/x%23y/", "s3://a@b1/x?y/", "s3://a@b2/"]
    assert len({destination_asset(url).uri for url in urls}) == len(urls)


def test_no_place():
    with pytest.raises(InvalidLocation):
        destination_asset("bucket")
