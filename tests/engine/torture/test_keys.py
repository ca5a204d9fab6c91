"""Every hostile key, between buckets and to and from a tree of files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from airflow_bucketsync.engine.model.fidelity import kept_mtime
from tests.engine.stand import Pair, Stand
from tests.engine.torture.hostile import (
    KEYS,
    OSS_KEYS,
    TO_LOCAL,
    as_text,
    body_of,
    headers_of,
    held_tags,
    metadata_of,
    seed,
    seed_oss,
    tags_of,
)
from tests.engine.ways import ALL_WAYS
from tests.servers.s3 import S3Server


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


@pytest.mark.parametrize("way", ALL_WAYS)
def test_torture_keys_from_bucket_to_bucket(stand: Stand, other: S3Server, way: str) -> None:
    """Each key as the file says: exact, with everything it carries, or refused by name."""
    pair = Pair.make(way, stand, other)
    (seed_oss if pair.from_oss else seed)(pair.source_at.core, pair.source)
    asked = OSS_KEYS if pair.from_oss else KEYS
    accepted = OSS_KEYS if pair.to_oss else asked
    refused = set(asked) - set(accepted)
    parts: dict[str, Any] = {"small_threshold": 10, "large_threshold": 10, "part_size": 20} if pair.policy else {}
    ran = pair.sync(**parts)
    assert ran.report.counts == {"copied": len(accepted)} | ({"refused": len(refused)} if refused else {})
    assert {key for key, outcome in ran.outcomes.items() if outcome.status == "refused"} == refused
    for key in refused:
        assert ran.status(key) == ("refused", "name")
        assert "limit is 1023" in (ran.outcomes[key].message or "") or "begins with / or" in (
            ran.outcomes[key].message or ""
        )
    assert {ran.outcomes[key].mode for key in accepted} == {pair.mode}
    assert all(ran.outcomes[key].verified for key in accepted)
    assert ran.report.red == (("refused",) if refused else ())
    loses_tags = pair.to_oss and not pair.from_oss
    assert ran.report.lost == ({"tags": len(accepted)} if loses_tags else {})
    assert pair.contents() == {key: body_of(key) for key in accepted}
    for key in accepted:
        carried = stand.version(pair.destination, key, at=pair.destination_at).attributes
        assert carried.headers == headers_of(key), key
        assert (as_text(carried.metadata) if pair.to_oss else carried.metadata) == metadata_of(key), key
        assert carried.tags == (held_tags(key) if pair.to_oss or pair.from_oss else tags_of(key)), key
    again = pair.sync(**parts)
    assert again.report.counts == {"same": len(accepted)} | ({"refused": len(refused)} if refused else {})
    assert again.writes() == []
    assert not again.operations().get("GetObject")


@pytest.mark.parametrize("cloud", ["s3", "oss"])
@pytest.mark.parametrize("page", range(1, 8))
def test_torture_keys_are_themselves_at_every_page_size(stand: Stand, page: int, cloud: str) -> None:
    """Keys at which a page ends come back as the point to go on from (p14)."""
    at = stand.oss_server if cloud == "oss" else stand.server
    keys = OSS_KEYS if cloud == "oss" else KEYS
    source, destination = stand.bucket(at=at), stand.bucket(at=at)
    for bucket in (source, destination):
        stand.put(bucket, {key: body_of(key) for key in keys}, at=at)
        at.core.bucket(bucket).settings.listing_oddity = f"page_cap={page}"
    ran = stand.sync(stand.remote(source, at=at), stand.remote(destination, at=at))
    assert ran.report.counts == {"same": len(keys)}
    assert ran.writes() == []
    pages = -(-len(keys) // page)
    assert pages <= ran.operations(source)["ListObjectsV2"] <= pages + 2


@pytest.mark.parametrize("cloud", ["s3", "oss"])
def test_torture_keys_below_a_prefix(stand: Stand, cloud: str) -> None:
    """There OSS takes also what begins with a slash."""
    at = stand.oss_server if cloud == "oss" else stand.server
    bucket = stand.bucket(at=at)
    keys = [key for key in KEYS if len(key.encode()) <= 1000]
    objects = {f"from +%/{key}": body_of(key) for key in keys} | {"from +%": b"no", "from +%0": b"no"}
    stand.put(bucket, objects, at=at)
    ran = stand.sync(stand.remote(bucket, "from +%/", at=at), stand.remote(bucket, "to\n/\U0001f600/", at=at))
    assert ran.report.counts == {"copied": len(keys)}
    assert ran.report.verified
    found = stand.contents(bucket, at=at)
    assert {key: found[f"to\n/\U0001f600/{key}"] for key in keys} == {key: body_of(key) for key in keys}
    assert len(found) == 2 * len(keys) + 2


@pytest.mark.parametrize("cloud", ["s3", "oss"])
def test_torture_keys_to_a_tree_and_back(stand: Stand, cloud: str) -> None:
    """Each key as the file says: exact, or refused by name; nothing outside the root; and back without loss."""
    at = stand.oss_server if cloud == "oss" else stand.server
    keys = OSS_KEYS if cloud == "oss" else KEYS
    words = {key: TO_LOCAL[key] for key in keys}
    source, back = stand.bucket(at=at), stand.bucket(at=at)
    stand.put(source, {key: body_of(key) for key in keys}, at=at)
    root = stand.folder / "deep" / "deeper"
    ran = stand.sync(stand.remote(source, at=at), stand.local("deep/deeper"))
    exact = {key for key, word in words.items() if word == "exact"}
    assert {key for key, outcome in ran.outcomes.items() if outcome.status == "refused"} == set(keys) - exact
    for key, word in words.items():
        if word != "exact":
            outcome = ran.outcomes[key]
            assert outcome.message
            assert (outcome.reason == "also_a_directory") == (word == "refuse-conflict"), key
    assert ran.report.counts == {"copied": len(exact), "refused": len(keys) - len(exact)}
    assert ran.report.red == ("refused",)
    found = {os.path.relpath(path, root): data for path, data in files_below(root).items()}
    assert found == {key: body_of(key) for key in exact}
    assert {path.name for path in stand.folder.iterdir()} == {"workspace", "deep"}
    assert {path.name for path in (stand.folder / "deep").iterdir()} == {"deeper"}
    again = stand.sync(stand.remote(source, at=at), stand.local("deep/deeper"))
    assert again.report.counts == {"same": len(exact), "refused": len(keys) - len(exact)}

    ran = stand.sync(stand.local("deep/deeper"), stand.remote(back, at=at))
    assert ran.report.counts == {"copied": len(exact)}
    assert ran.report.verified
    assert stand.contents(back, at=at) == {key: body_of(key) for key in exact}
    store = stand.remote(back, at=at)
    for key in sorted(exact)[:20]:
        written = stand.version(source, key, at=at).modified
        kept = kept_mtime(store.head(key).attributes)
        assert kept is not None
        assert int(kept.timestamp()) == int(written)
    assert stand.sync(stand.local("deep/deeper"), stand.remote(back, at=at)).writes() == []


def test_torture_keys_tolerated_by_name(stand: Stand) -> None:
    source = stand.bucket()
    stand.put(source, {"../escape": b"x", "fine": b"f"})
    ran = stand.sync(stand.s3(source), stand.local("out"), tolerate=("refused",))
    assert ran.report.green
    assert ran.report.tolerated == ("refused",)
    assert not (stand.folder / "escape").exists()
