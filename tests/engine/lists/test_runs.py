"""What a run of a list claims, and what it leaves alone: deletes, moves, memory, checkpoint; how much it asks."""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, InvalidConfiguration, InvalidList, InvalidLocation
from airflow_bucketsync.engine.in_process import sync
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.source_list import ListPlace
from tests.engine.lists.making import Listed

MANY = {f"d{number % 7}/k{number:05d}": b"%d" % number for number in range(3000)}


def csv_of(keys) -> str:
    """A list of these objects."""
    return "".join(f"source,in/{key}\n" for key in keys)


@pytest.fixture
def pair() -> Listed:
    made = Listed()
    made.put({"a": b"1", "b": b"2", "c": b"3"})
    return made


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"delete": True}, "delete: a source_list is no complete listing"),
        ({"mode": "incremental"}, "mode: incremental"),
        ({"mode": "until_quiet"}, "mode: until_quiet"),
        ({"since_watermark": True}, "since_watermark: a source_list has no watermark"),
    ],
)
def test_what_a_list_can_not_tell_is_refused(pair, policy, words):
    with pytest.raises(InvalidConfiguration, match=words):
        pair.take("a.csv", csv_of("a"), **policy)


def test_a_move_takes_what_is_named(pair):
    ran = pair.take("a.csv", csv_of("ab"), move=True)
    assert ran.report.counts == {"moved": 2}
    assert set(pair.contents(pair.source)) == {"c"}


def test_what_stands_at_the_destination_besides_is_not_spoken_of(pair):
    pair.put_there({"a": b"1", "extra": b"x"})
    ran = pair.take("a.csv", csv_of("ac"), mode="auto")
    assert ran.report.counts == {"copied": 1, "same": 1}
    assert ran.report.mode == "full"


def test_the_checkpoint_of_the_pair_stays_as_it_is(pair):
    pair.sync()
    before = pair.contents(pair.pages)["pair/checkpoint.json"]
    pair.take("a.csv", csv_of(["a", "none"]), on_missing="fail")
    after = pair.contents(pair.pages)
    assert after["pair/checkpoint.json"] == before
    assert not [name for name in after if name.startswith("pair/failed/")]


def test_what_a_list_proved_is_remembered(pair):
    pair.take("a.csv", csv_of("ab"))
    assert pair.sync().report.reasons == {"same: known": 2, "copied: new": 1}


def test_a_bound_is_gone_on_with_by_the_next_run(pair):
    first = pair.take("a.csv", csv_of("abc"), max_objects=2)
    assert first.report.counts == {"copied": 2}
    assert first.report.resume == "b"
    second = pair.take("a.csv", max_objects=2)
    assert second.report.counts == {"same": 2, "copied": 1}
    assert second.report.resume is None


def test_a_dry_run_of_a_list_writes_nothing(pair):
    ran = pair.take("a.csv", csv_of("ab"), dry_run=True)
    assert ran.report.counts == {"withheld": 2}
    assert pair.contents() == {}


def test_a_destination_that_may_only_be_written_to(pair):
    def deny(moment, verb, key):
        if verb in ("list", "head"):
            raise AccessDenied("writing only", key=key)

    pair.at_destination(deny)
    assert pair.take("a.csv", csv_of("ab"), verify="none", unsafe_deletes=True).report.counts == {"copied": 2}


def test_what_can_not_be_looked_at_has_failed(pair):
    def deny(moment, verb, key):
        if verb == "head" and key == "b":
            raise AccessDenied("not this one", key=key)

    pair.source.hooks.append(deny)
    ran = pair.take("a.csv", csv_of("b"))
    assert ran.status("b") == ("failed", "access_denied")
    assert pair.contents() == {}


def test_dense_keys_are_listed_and_sparse_ones_asked_for():
    pair = Listed()
    pair.put(MANY)
    pair.put_there(MANY)
    ran = pair.take("a.csv", csv_of(reversed(MANY)))
    assert ran.report.counts == {"same": 3000}
    listed = {side: kinds["list"] for side, kinds in ran.report.requests.items()}
    assert listed["source"] <= 6, ran.report.requests
    assert listed["destination"] <= 8, ran.report.requests
    sparse = pair.take("b.csv", csv_of(sorted(MANY)[::250]))
    assert sparse.report.counts == {"same": 12}
    assert sparse.report.requests["destination"]["list"] <= 2, sparse.report.requests


def test_a_listing_that_lacks_keys_makes_none_of_them_gone():
    """F07: an `IsTruncated` that is wrongly false. Each key that a listing does not have is asked for."""
    pair = Listed()
    few = dict(list(MANY.items())[:200])
    pair.put(few)
    pages = pair.source.list_page

    def short(**asked):
        page = pages(**asked)
        return type(page)(items=page.items[:10], next_after=None)

    pair.source.list_page = short
    assert pair.take("a.csv", csv_of(few)).report.counts == {"copied": 200}


def test_a_list_needs_its_store(pair):
    with pytest.raises(InvalidList, match=r"no store was opened for memory://lists/a\.csv"):
        sync(
            pair.source, pair.destination, workspace=pair.pages, selection=Selection(source_list="memory://lists/a.csv")
        )
    with pytest.raises(InvalidList, match=r"does not lie below memory://lists/"):
        sync(
            pair.source,
            pair.destination,
            workspace=pair.pages,
            lists=pair.lists,
            selection=Selection(source_list="memory://other/a.csv"),
        )


@pytest.mark.parametrize(
    ("url", "folder", "name"),
    [
        ("s3://c@bucket/a.csv", "s3://c@bucket/", "a.csv"),
        ("s3://c@bucket/x/y/a.csv", "s3://c@bucket/x/y/", "a.csv"),
        ("s3://bucket/p/source/daily/2026-07-14T01-00Z/manifest.json", "s3://bucket/p/source/daily/",
         "2026-07-14T01-00Z/manifest.json"),
        ("s3://bucket/x//a.csv", "s3://bucket/x//", "a.csv"),
        ("oss://bucket/t/manifest.json", "oss://bucket/", "t/manifest.json"),
        ("oss://bucket/manifest.json", "oss://bucket/", "manifest.json"),
        ("file:///data/lists/a.csv", "file:///data/lists/", "a.csv"),
        ("file:///data/t/manifest.json", "file:///data/", "t/manifest.json"),
        ("file:///data/manifest.json", "file:///data/", "manifest.json"),
    ],
)  # fmt: skip
def test_places_of_lists(url, folder, name):
    place = ListPlace.parse(url)
    assert (place.folder.url, place.name, place.url) == (folder, name, url)


@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/lists/", "file:///x//a.csv", "file:///a.csv", "a.csv"])
def test_what_is_no_place_of_a_list(url):
    with pytest.raises(InvalidLocation):
        ListPlace.parse(url)
    with pytest.raises(InvalidLocation):
        Selection(source_list=url)


def test_options_of_a_list_have_bounds():
    with pytest.raises(InvalidConfiguration, match="max_expansion must be at least 1"):
        Selection(max_expansion=0)
    with pytest.raises(InvalidConfiguration, match="list_encoding: 'utf-8' is none of plain, url"):
        Selection(list_encoding="utf-8")
