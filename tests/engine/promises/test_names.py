"""Rows B4 and C9 between real stores: folders that are jumped over, names that are mapped, deletes that know them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_bucketsync.engine.model.key_mapping import KeyMapping
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps.listing import Listing
from tests.engine.stand import Pair, Ran, Stand

TREE = {f"{folder}/{number:03}": b"%d" % number for folder in ("a", "b") for number in range(5)}
DELETES = {"delete": True, "trash": "none", "max_delete_share": 1.0}
SWAP = Selection(key_mapping=KeyMapping(kind="prefix_map", prefixes={"a/": "b/", "b/": "a/"}))
ROOT = Selection(key_mapping=KeyMapping(kind="relative_root", folder="a/"), include=("a/**",))


def swapped(tree: dict[str, bytes]) -> dict[str, bytes]:
    """What `SWAP` makes of a tree."""
    return {{"a": "b", "b": "a"}[key[0]] + key[1:]: body for key, body in tree.items()}


def run(pair: Pair, selection: Selection, **policy: Any) -> Ran:
    """One run of a pair, when every other has ended."""
    pair.unlock()
    options = {**pair.policy, **policy}
    return pair.stand.sync(pair.source_store(), pair.destination_store(), selection=selection, **options)


@pytest.mark.parametrize("any_pair", ["server_copy", "part_copy", "s3_to_oss_parts", "oss_to_s3"], indirect=True)
def test_row_C9_names_from_bucket_to_bucket(any_pair: Pair) -> None:
    any_pair.put(TREE | {"a/large": bytes(3000)})
    first = run(any_pair, SWAP, verify="content")
    assert first.report.verified
    assert any_pair.contents() == swapped(TREE | {"a/large": bytes(3000)})
    assert first.outcomes["b/large"].source_key == "a/large"
    again = run(any_pair, SWAP, **DELETES)
    assert again.writes() == []
    any_pair.source_at.core.delete(any_pair.source, "a/large")
    last = run(any_pair, SWAP, **DELETES)
    assert last.report.counts["deleted"] == 1
    assert any_pair.contents() == swapped(TREE)


@pytest.mark.parametrize("selection", [SWAP, ROOT], ids=["swap", "root"])
def test_row_C9_names_from_and_to_a_folder(stand: Stand, selection: Selection) -> None:
    bucket = stand.bucket()
    stand.put(bucket, TREE)
    folder = stand.folder / "tree"
    there = stand.sync(stand.s3(bucket), stand.local("tree"), selection=selection)
    assert there.report.verified
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    kept = {key: body for key, body in found.items() if not key.startswith("_bucketsync/")}
    assert kept == (swapped(TREE) if selection is SWAP else {key[2:]: TREE[key] for key in TREE if key[0] == "a"})
    assert stand.sync(stand.s3(bucket), stand.local("tree"), selection=selection).report.counts["same"] == len(kept)
    back = stand.bucket()
    flat = Selection(key_mapping=KeyMapping(kind="flatten"), include=("a/003", "/003"))
    assert stand.sync(stand.local("tree"), stand.s3(back), selection=flat).report.counts == {"copied": 1}
    assert stand.contents(back) == {"003": TREE["b/003" if selection is SWAP else "a/003"]}


@pytest.mark.parametrize("kind", ["s3", "oss"])
def test_row_B4_folders_of_a_bucket_are_jumped_over(stand: Stand, kind: str) -> None:
    at = stand.server if kind == "s3" else stand.oss_server
    bucket = stand.bucket(at=at)
    below = {f"{folder}/{number:04}": b"" for folder in ("a", "\u00e9", "\U0001f600") for number in range(1100)}
    stand.put(bucket, {"0": b"", "b": b"", "~": b""} | below, at=at)
    store = stand.remote(bucket, at=at)
    before = sum(store.requests.values())
    assert [info.key for info in Listing(store, "source", flat=True)] == ["0", "b", "~"]
    assert sum(store.requests.values()) - before <= 4
