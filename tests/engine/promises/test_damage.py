"""Does a comparison name every kind of damage by its key, and nothing else (rows H3, H5, E5)?"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import pytest

from airflow_bucketsync.engine.model.policy_words import Verify
from airflow_bucketsync.engine.model.preserve import PRESERVED
from airflow_bucketsync.engine.stores.base import ObjectStore
from tests.engine.comparing import Comparison, Told, compare
from tests.engine.stand import Server, Stand

BLOCK = 64 * 1024
"""Bytes that are held against each other at a time, so that large objects take several."""
SMALL = bytes(range(250)) * 4
LARGE = bytes(range(256)) * 1200  # five blocks, the last one not full
OBJECTS = {f"folder/{number:03d}": SMALL + str(number).encode() for number in range(94)} | {
    f"large/{number}": LARGE + str(number).encode() for number in range(6)
}
HEADERS = {
    "content-type": "text/csv",
    "content-encoding": "gzip",
    "content-language": "de",
    "content-disposition": "attachment; filename=a.csv",
    "cache-control": "max-age=60",
    "expires": "Wed, 21 Oct 2026 07:28:00 GMT",
}
METADATA = {"colour": "blue", "owner": "data"}
TAGS = {"team": "data"}
STAMP = 1_790_000_000_000_000_000


class Place(Protocol):
    """A destination that can be damaged behind everybody's back."""

    store: ObjectStore

    def body(self, key: str, body: bytes) -> None:
        """Other bytes; ETag, checksum and time stay."""

    def remove(self, key: str) -> None:
        """No object."""

    def add(self, key: str) -> None:
        """One more."""


class Bucket:
    """A bucket of a strict server."""

    def __init__(self, stand: Stand, at: Server) -> None:
        self.at = at
        self.bucket = stand.bucket(at=at)
        self.store = stand.remote(self.bucket, at=at)

    def seed(self) -> None:
        for key, body in OBJECTS.items():
            self.at.core.put(self.bucket, key, body, headers=HEADERS, metadata=METADATA, tags=TAGS)

    def body(self, key: str, body: bytes) -> None:
        modified = self.at.core.find(self.bucket, key).modified
        self.at.core.replace_current(self.bucket, key, body=body, size=len(body))
        self.at.core.find(self.bucket, key).modified = modified

    def remove(self, key: str) -> None:
        self.at.core.delete(self.bucket, key)

    def add(self, key: str) -> None:
        self.at.core.put(self.bucket, key, b"extra")

    def change(self, key: str, **changes: Any) -> None:
        """Other attributes; ETag and checksum stay."""
        attributes = self.at.core.find(self.bucket, key).attributes
        self.at.core.replace_current(self.bucket, key, attributes=replace(attributes, **changes))

    def header(self, key: str, name: str, value: str) -> None:
        self.change(key, headers={**HEADERS, name: value})


class Folder:
    """A folder of this machine."""

    def __init__(self, stand: Stand, name: str) -> None:
        self.root = stand.folder / name
        self.store = stand.local(name)

    def seed(self) -> None:
        for key, body in OBJECTS.items():
            path = self.root / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            path.chmod(0o640)
            os.utime(path, ns=(STAMP, STAMP))

    def body(self, key: str, body: bytes) -> None:
        (self.root / key).write_bytes(body)
        os.utime(self.root / key, ns=(STAMP, STAMP))

    def remove(self, key: str) -> None:
        (self.root / key).unlink()

    def add(self, key: str) -> None:
        (self.root / key).write_bytes(b"extra")


def flipped(body: bytes, offset: int) -> bytes:
    """The same with another byte there."""
    return body[:offset] + bytes([body[offset] ^ 1]) + body[offset + 1 :]


Damage = Callable[[Any], None]


def at_byte(key: str, offset: int) -> tuple[str, Damage, list[Told]]:
    offset %= len(OBJECTS[key])
    return key, lambda place: place.body(key, flipped(OBJECTS[key], offset)), [("content", (), offset)]


def resized(key: str, body: bytes, position: int) -> tuple[str, Damage, list[Told]]:
    return key, lambda place: place.body(key, body), [("size", (), position)]


def header(key: str, name: str, value: str) -> tuple[str, Damage, list[Told]]:
    return key, lambda place: place.header(key, name, value), [(name.replace("-", "_"), (), None)]


def attributes(key: str, told: Told, **changes: Any) -> tuple[str, Damage, list[Told]]:
    return key, lambda place: place.change(key, **changes), [told]


A = OBJECTS["folder/003"]
L = OBJECTS["large/3"]
EVERYWHERE = [
    at_byte("folder/000", 0),
    at_byte("folder/001", 500),
    at_byte("folder/002", -1),
    at_byte("large/0", 0),
    at_byte("large/1", 3 * BLOCK - 1),
    at_byte("large/2", -1),
    resized("folder/003", A[:-1], len(A) - 1),
    resized("folder/004", OBJECTS["folder/004"] + b"x", len(OBJECTS["folder/004"])),
    resized("folder/005", b"", 0),
    resized("large/3", L[:BLOCK] + L[BLOCK + 1 :], BLOCK),
    ("folder/006", lambda place: place.remove("folder/006"), [("missing", (), None)]),
    ("folder/zzz", lambda place: place.add("folder/zzz"), [("extra", (), None)]),
]
IN_BUCKETS = [
    *EVERYWHERE,
    header("folder/010", "content-type", "text/html"),
    header("folder/011", "content-encoding", "br"),
    header("folder/012", "content-language", "en"),
    header("folder/013", "content-disposition", "inline"),
    header("folder/014", "cache-control", "no-cache"),
    header("folder/015", "expires", "Wed, 21 Oct 2026 07:28:11 GMT"),
    attributes("folder/016", ("user_metadata", ("colour",), None), metadata={**METADATA, "colour": "red"}),
    attributes("folder/017", ("user_metadata", ("owner",), None), metadata={"colour": "blue"}),
    attributes("folder/018", ("user_metadata", ("more",), None), metadata={**METADATA, "more": "1"}),
    attributes("folder/019", ("tags", ("team",), None), tags={}),
    attributes("folder/020", ("tags", ("more",), None), tags={**TAGS, "more": "1"}),
]
NOTHING = [header("folder/050", "expires", f"Wed, 21 Oct 2026 07:{time} GMT") for time in ("27:51", "28:09")]


def retimed(key: str) -> Damage:
    return lambda place: os.utime(place.root / key, ns=(STAMP + 60 * 10**9,) * 2)


IN_FOLDERS = [
    *EVERYWHERE,
    ("folder/030", retimed("folder/030"), [("mtime", (), None)]),
    ("folder/031", lambda place: (place.root / "folder/031").chmod(0o600), [("mode", (), None)]),
]


@pytest.fixture(params=["s3", "oss", "local"])
def places(request: pytest.FixtureRequest, stand: Stand, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """A source and a destination of a hundred equal objects."""
    monkeypatch.setattr("airflow_bucketsync.engine.steps.parting.BLOCK", BLOCK)
    if request.param == "local":
        found: tuple[Any, Any] = (Folder(stand, "in"), Folder(stand, "out"))
    else:
        server: Server = stand.server if request.param == "s3" else stand.oss_server
        found = (Bucket(stand, server), Bucket(stand, server))
    for place in found:
        place.seed()
    return found


def held(stand: Stand, places: tuple[Any, Any], level: Verify = "content", **options: Any) -> Comparison:
    source, destination = places
    return compare(stand, source.store, destination.store, verify=level, preserve=PRESERVED, **options)


@pytest.mark.parametrize("level", ["listing", "metadata", "content"])
def test_row_H3_no_false_alarm(stand: Stand, places: tuple[Any, Any], level: Verify) -> None:
    found = held(stand, places, level, fail_on_extra=True)
    assert found.told == {}
    assert found.report.counts == {"same": len(OBJECTS)} == {"same": 100}
    assert found.report.in_step
    assert found.document["in_step"] is True


def test_row_H3_ten_kinds_of_damage_at_once(stand: Stand, places: tuple[Any, Any]) -> None:
    kinds = IN_FOLDERS if isinstance(places[1], Folder) else [*IN_BUCKETS, *NOTHING]
    for _, damage, _ in kinds:
        damage(places[1])
    wanted = {key: told for key, _, told in kinds if (key, told) not in [(key, told) for key, _, told in NOTHING]}
    assert len(wanted) >= 10
    found = held(stand, places)
    assert {key: [item for item in told if item[0] != "checksum"] for key, told in found.told.items()} == wanted
    missing, extra = (sum(told[0][0] == word for told in wanted.values()) for word in ("missing", "extra"))
    differ = len(wanted) - missing - extra
    same = len(OBJECTS) - differ - missing
    assert found.report.counts == {"differ": differ, "extra": extra, "missing": missing, "same": same}
    assert not found.report.in_step
    assert {row["key"] for row in found.table} == set(wanted)
    assert len(found.table) == sum(len(told) for told in found.told.values())
