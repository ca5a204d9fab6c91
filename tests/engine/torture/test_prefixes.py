"""What do some folders cost beside very many other objects, and is what stands in their way seen (row A11)?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps.listing import Listing
from airflow_bucketsync.engine.stores.base import ObjectStore
from tests.engine.stand import Stand

OTHERS = 50_000
BELOW = {f"{folder}{name}": name.encode() for folder in ("data/b/", "z/") for name in ("1", "2", "3", "x/4", "x/5")}
NEAR = ("data/", "data/a.csv", "data/b", "data/b-1/x", "data/b.1/x", "data/b0", "data/ba", "z-/x", "z.", "z0")
RULES = Selection(prefixes=("z/", "data/b/"))
DELETES = {"delete": True, "trash": "none", "max_delete_share": 1.0}
LISTS = {"ListObjectsV2", "GetBucketV2"}


def others() -> Iterator[str]:
    """Keys before, between and behind the folders, in several of their own."""
    places = ("!", "a/", "data/b-", "data/b.", "data/c", "m/n/", "y", "z0", "~/")
    return (f"{places[number % len(places)]}{number:05}" for number in range(OTHERS))


@pytest.mark.parametrize("cloud", ["s3", "oss"])
@pytest.mark.parametrize("prefix", ["", "in/"])
def test_row_A11_two_folders_beside_very_many_others(stand: Stand, cloud: str, prefix: str) -> None:
    at = stand.oss_server if cloud == "oss" else stand.server
    source, destination = stand.bucket(at=at), stand.bucket(at=at)
    beside = dict.fromkeys((*others(), *(key for key in NEAR)), b"o")
    for bucket in (source, destination):
        stand.put(bucket, {prefix + key: body for key, body in beside.items()}, at=at)
    markers = {"data/b/": b"", "z/": b""}
    stand.put(source, {prefix + key: body for key, body in (BELOW | markers).items()}, at=at)
    stand.put(destination, {f"{prefix}z/old": b"", f"{prefix}data/b/x/old": b""}, at=at)
    stores = (stand.remote(source, prefix, at=at), stand.remote(destination, prefix, at=at))
    ran = stand.sync(*stores, selection=RULES, **DELETES)
    assert ran.report.green
    assert ran.report.counts == {"copied": len(BELOW) + 2, "deleted": 2}
    lists = [entry for entry in ran.entries if "List" in entry.operation or entry.operation in LISTS]
    assert 4 <= len(lists) <= 10, "two folders at two sides: to tell whether they are many, and for the plan"
    there = stand.contents(destination, at=at)
    assert {key: body for key, body in there.items() if body != b"o"} == {
        prefix + key: body for key, body in (BELOW | markers).items()
    }
    assert len(there) == len(beside) + len(BELOW) + 2
    again = stand.sync(*stores, selection=RULES, **DELETES)
    assert again.report.counts == {"same": len(BELOW) + 2}
    lists = [entry for entry in again.entries if "List" in entry.operation or entry.operation in LISTS]
    assert len(lists) == 4


def tree(store: ObjectStore, objects: Mapping[str, bytes]) -> None:
    """Files of these keys."""
    for key, body in objects.items():
        store.put(key, body)


def test_row_A11_two_folders_of_a_disk(stand: Stand) -> None:
    source, destination = stand.local("from"), stand.local("to")
    tree(source, BELOW | {f"many/{number:03}": b"" for number in range(1500)} | {"data/c/x": b"", "z0": b""})
    tree(destination, {"z/old": b"", "z0": b"stays", "many/000": b"stays"})
    before = source.requests["list"], destination.requests["list"]
    ran = stand.sync(source, destination, selection=RULES, **DELETES)
    assert ran.report.counts == {"copied": len(BELOW), "deleted": 1}
    assert source.requests["list"] - before[0] <= 8, "the way to the folders is looked at too"
    assert destination.requests["list"] - before[1] <= 6
    assert (stand.folder / "to" / "z0").read_bytes() == b"stays"
    assert (stand.folder / "to" / "many" / "000").read_bytes() == b"stays"


@pytest.mark.parametrize("links", ["none", "inside_root"])
@pytest.mark.parametrize(("place", "named"), [("data", "data/b/"), ("data/b", "data/b/"), ("z", "z/")])
def test_a_link_in_the_way_to_a_folder_deletes_nothing(stand: Stand, place: str, named: str, links: str) -> None:
    elsewhere = stand.folder / "elsewhere"
    elsewhere.mkdir()
    source, destination = stand.local("from", follow_links=links), stand.local("to")
    tree(source, BELOW)
    stand.sync(source, destination, selection=RULES)
    moved = stand.folder / "from" / place
    moved.rename(elsewhere / "moved")
    moved.symlink_to(elsewhere / "moved")
    ran = stand.sync(source, destination, selection=RULES, **DELETES)
    assert ran.status(named) == (("skipped", "symlink") if links == "none" else ("refused", "symlink_outside"))
    hidden = {key for key in BELOW if key.startswith(named)}
    assert {key for key, found in ran.outcomes.items() if found.reason == "not_listed"} == hidden
    assert all((stand.folder / "to" / key).read_bytes() == body for key, body in BELOW.items())
    rest = Listing(source, "source", after=f"{named}2", prefixes=RULES.prefixes)
    assert not any(info.key.startswith(named) for info in rest)
    assert named not in dict(rest.refused), "the listing of the folder's beginning has named it"


def test_a_link_that_is_followed_is_a_folder_like_any_other(stand: Stand) -> None:
    source, destination = stand.local("from", follow_links="inside_root"), stand.local("to")
    tree(source, {"real/1": b"1", "real/2": b"2", "other": b""})
    (stand.folder / "from" / "z").symlink_to("real")
    ran = stand.sync(source, destination, selection=RULES)
    assert ran.report.counts == {"copied": 2}
    assert ran.report.green
