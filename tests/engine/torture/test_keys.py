"""Every hostile key, between buckets and to and from a tree of files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from airflow_bucketsync.engine.model.fidelity import kept_mtime
from tests.engine.stand import Pair, Stand
from tests.engine.torture.hostile import KEYS, TO_LOCAL, body_of, headers_of, metadata_of, seed, tags_of
from tests.servers.s3 import S3Server

EVERYTHING = {key: body_of(key) for key in KEYS}


def files_below(folder: Path) -> dict[str, bytes]:
    """Path and bytes of every file, walked by descriptors: some paths are longer than the system takes."""
    found = {}
    for _, _, names, descriptor in os.fwalk(os.fsencode(folder)):
        shown = os.readlink(f"/proc/self/fd/{descriptor}") if hasattr(os, "O_PATH") else ""
        for name in names:
            opened = os.open(name, os.O_RDONLY, dir_fd=descriptor)
            found[os.fsdecode(name) if not shown else f"{shown}/{os.fsdecode(name)}"] = os.read(opened, 1 << 20)
            os.close(opened)
    return found


@pytest.mark.parametrize("way", ["server_copy", "part_copy", "stream", "stream_parts"])
def test_torture_keys_from_bucket_to_bucket(stand: Stand, other: S3Server, way: str) -> None:
    pair = Pair.make(way, stand, other)
    seed(pair.source_at.core, pair.source)
    parts: dict[str, Any] = {"small_threshold": 10, "large_threshold": 10, "part_size": 20} if pair.policy else {}
    ran = pair.sync(**parts)
    assert ran.report.counts == {"copied": len(KEYS)}
    assert {outcome.mode for outcome in ran.outcomes.values()} == {way}
    assert ran.report.verified
    assert ran.report.lost == {}
    assert pair.contents() == EVERYTHING
    for key in KEYS:
        carried = stand.version(pair.destination, key, at=pair.destination_at).attributes
        assert carried.headers == headers_of(key), key
        assert carried.metadata == metadata_of(key), key
        assert carried.tags == tags_of(key), key
    again = pair.sync(**parts)
    assert again.report.counts == {"same": len(KEYS)}
    assert again.writes() == []
    assert not again.operations().get("GetObject")


@pytest.mark.parametrize("page", range(1, 8))
def test_torture_keys_are_themselves_at_every_page_size(stand: Stand, page: int) -> None:
    """Keys at which a page ends come back as the point to go on from (p14)."""
    source, destination = stand.bucket(), stand.bucket()
    for bucket in (source, destination):
        stand.put(bucket, EVERYTHING)
        stand.server.core.bucket(bucket).settings.listing_oddity = f"page_cap={page}"
    ran = stand.sync(stand.s3(source), stand.s3(destination))
    assert ran.report.counts == {"same": len(KEYS)}
    assert ran.writes() == []
    pages = -(-len(KEYS) // page)
    assert pages <= ran.operations(source)["ListObjectsV2"] <= pages + 2


def test_torture_keys_below_a_prefix(stand: Stand) -> None:
    bucket = stand.bucket()
    keys = [key for key in KEYS if len(key.encode()) <= 1000]
    stand.put(bucket, {f"from +%/{key}": body_of(key) for key in keys} | {"from +%": b"no", "from +%0": b"no"})
    ran = stand.sync(stand.s3(bucket, "from +%/"), stand.s3(bucket, "to\n/\U0001f600/"))
    assert ran.report.counts == {"copied": len(keys)}
    assert ran.report.verified
    found = stand.contents(bucket)
    assert {key: found[f"to\n/\U0001f600/{key}"] for key in keys} == {key: body_of(key) for key in keys}
    assert len(found) == 2 * len(keys) + 2


def test_torture_keys_to_a_tree_and_back(stand: Stand) -> None:
    """Each key as the file says: exact, or refused by name; nothing outside the root; and back without loss."""
    source, back = stand.bucket(), stand.bucket()
    stand.put(source, EVERYTHING)
    root = stand.folder / "deep" / "deeper"
    ran = stand.sync(stand.s3(source), stand.local("deep/deeper"))
    exact = {key for key, word in TO_LOCAL.items() if word == "exact"}
    assert {key for key, outcome in ran.outcomes.items() if outcome.status == "refused"} == set(KEYS) - exact
    for key, word in TO_LOCAL.items():
        if word != "exact":
            outcome = ran.outcomes[key]
            assert outcome.message
            assert (outcome.reason == "also_a_directory") == (word == "refuse-conflict"), key
    assert ran.report.counts == {"copied": len(exact), "refused": len(KEYS) - len(exact)}
    assert ran.report.red == ("refused",)
    found = {os.path.relpath(path, root): data for path, data in files_below(root).items()}
    assert found == {key: body_of(key) for key in exact}
    assert {path.name for path in stand.folder.iterdir()} == {"workspace", "deep"}
    assert {path.name for path in (stand.folder / "deep").iterdir()} == {"deeper"}
    again = stand.sync(stand.s3(source), stand.local("deep/deeper"))
    assert again.report.counts == {"same": len(exact), "refused": len(KEYS) - len(exact)}

    ran = stand.sync(stand.local("deep/deeper"), stand.s3(back))
    assert ran.report.counts == {"copied": len(exact)}
    assert ran.report.verified
    assert stand.contents(back) == {key: body_of(key) for key in exact}
    store = stand.s3(back)
    for key in sorted(exact)[:20]:
        written = stand.version(source, key).modified
        kept = kept_mtime(store.head(key).attributes)
        assert kept is not None
        assert int(kept.timestamp()) == int(written)
    assert stand.sync(stand.local("deep/deeper"), stand.s3(back)).writes() == []


def test_torture_keys_tolerated_by_name(stand: Stand) -> None:
    source = stand.bucket()
    stand.put(source, {"../escape": b"x", "fine": b"f"})
    ran = stand.sync(stand.s3(source), stand.local("out"), tolerate=("refused",))
    assert ran.report.green
    assert ran.report.tolerated == ("refused",)
    assert not (stand.folder / "escape").exists()
