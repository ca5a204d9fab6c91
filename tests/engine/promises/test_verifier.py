"""Rows H1 and H8: whatever is wrong with an object that was written is found, and nothing that is right is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.stand import Pair, Stand
from tests.servers.core.model import ObjectVersion
from tests.servers.s3 import S3Server

PIECES = (b"A" * 1000, b"B" * 1000, b"C" * 1000)
BODY = b"".join(PIECES)
HEADERS = {"content-type": "text/plain", "content-encoding": "identity"}

Damage = Callable[[ObjectVersion], None]


def body_of(content: bytes) -> Damage:
    """Other bytes under the same ETag and checksum: what a bad disk or a broken store would serve."""

    def damage(version: ObjectVersion) -> None:
        version.body, version.size, version.renderings = content, len(content), None

    return damage


def flipped(at: int) -> bytes:
    """The body with one bit inverted."""
    damaged = bytearray(BODY)
    damaged[at] ^= 1
    return bytes(damaged)


def header(name: str, value: str | None) -> Damage:
    """Another value of a content header, or none."""

    def damage(version: ObjectVersion) -> None:
        version.attributes.headers = {**version.attributes.headers}
        if value is None:
            del version.attributes.headers[name]
        else:
            version.attributes.headers[name] = value

    return damage


def metadata(values: dict[str, str]) -> Damage:
    """Other user metadata."""

    def damage(version: ObjectVersion) -> None:
        version.attributes.metadata = values

    return damage


def tags(values: dict[str, str]) -> Damage:
    """Other tags."""

    def damage(version: ObjectVersion) -> None:
        version.attributes.tags = values

    return damage


CONTENT: dict[str, Damage] = {
    "first bit": body_of(flipped(0)),
    "bit in the middle": body_of(flipped(1500)),
    "last bit": body_of(flipped(-1)),
    "part swapped": body_of(PIECES[1] + PIECES[0] + PIECES[2]),
    "part twice": body_of(PIECES[0] + PIECES[0] + PIECES[2]),
}
METADATA: dict[str, tuple[str, Damage]] = {
    "truncated by one": ("size", body_of(BODY[:-1])),
    "part dropped": ("size", body_of(PIECES[0] + PIECES[2])),
    "byte appended": ("size", body_of(BODY + b"x")),
    "content type": ("content_type", header("content-type", "text/html")),
    "content encoding": ("content_encoding", header("content-encoding", "gzip")),
    "content encoding gone": ("content_encoding", header("content-encoding", None)),
    "user metadata": ("user_metadata", metadata({"a": "2"})),
    "user metadata gone": ("user_metadata", metadata({})),
    "tag": ("tags", tags({"t": "2"})),
    "tags gone": ("tags", tags({})),
}


def damaged_after_writing(pair: Pair, damage: Damage) -> None:
    """Damage `k` at the moment it was written, without any trace in ETag or checksum."""
    core = pair.destination_at.core
    pair.put({"k": BODY, "sound": BODY}, headers=HEADERS, metadata={"a": "1"}, tags={"t": "1"})
    pair.at_destination(
        "after", operation=pair.write, key="k", hook=lambda call: damage(core.find(pair.destination, "k"))
    )


@pytest.mark.parametrize("way", ["server_copy", "stream_parts"])
@pytest.mark.parametrize("kind", METADATA)
def test_row_H8_damage_that_metadata_shows(stand: Stand, other: S3Server, way: str, kind: str) -> None:
    pair = Pair.make(way, stand, other)
    word, damage = METADATA[kind]
    damaged_after_writing(pair, damage)
    ran = pair.sync(concurrency=2)
    assert ran.status("k")[0] == "unverified"
    assert word in (ran.status("k")[1] or "").split(", ")
    assert ran.outcomes["sound"].verified
    assert ran.report.red == ("unverified",)
    assert not ran.report.verified


@pytest.mark.parametrize("way", ["server_copy", "part_copy", "stream"])
@pytest.mark.parametrize("kind", CONTENT)
def test_row_H8_damage_that_only_reading_back_shows(stand: Stand, other: S3Server, way: str, kind: str) -> None:
    pair = Pair.make(way, stand, other)
    damaged_after_writing(pair, CONTENT[kind])
    ran = pair.sync(verify="content")
    assert ran.status("k") == ("unverified", "content")
    where = next(at for at, byte in enumerate(pair.contents()["k"]) if byte != BODY[at])
    assert f"byte {where})" in (ran.outcomes["k"].message or "")
    assert ran.outcomes["sound"].verified
    assert ran.report.red == ("unverified",)


@pytest.mark.parametrize("level", ["listing", "metadata", "content"])
def test_row_H8_missing_or_replaced(pair: Pair, level: str) -> None:
    core = pair.destination_at.core
    pair.put({"missing": BODY, "replaced": BODY, "sound": BODY})
    pair.at_destination(
        "after", operation=pair.write, key="missing", hook=lambda call: core.delete(pair.destination, "missing")
    )
    pair.at_destination(
        "after", operation=pair.write, key="replaced", hook=lambda call: pair.put_destination({"replaced": flipped(7)})
    )
    ran = pair.sync(verify=level)
    assert ran.status("missing") == ("unverified", "missing")
    assert ran.status("replaced")[0] == "unverified"
    assert "etag" in (ran.status("replaced")[1] or "")
    assert ran.outcomes["sound"].verified


@pytest.mark.parametrize("level", ["listing", "metadata", "content"])
def test_row_H8_no_false_alarm(pair: Pair, level: str) -> None:
    pair.put(
        {f"k{number:03d}": BODY[: number * 130] for number in range(24)},
        headers={**HEADERS, "expires": "Wed, 21 Oct 2026 07:28:00 GMT"},
        metadata={"a": "Grüße"},
        tags={"t": "1"},
    )
    ran = pair.sync(verify=level)
    assert ran.report.verified
    assert ran.report.counts == {"copied": 24}


def test_row_H1_what_was_not_verified_is_looked_at_by_the_next_run(copied: Pair) -> None:
    """Damage that the listing shows is mended by the next run, whatever is remembered."""
    copied.put({"k": BODY})
    copied.at_destination(
        "after", operation="CopyObject", times=1, hook=lambda call: copied.put_destination({"k": flipped(3)})
    )
    assert copied.sync().report.red == ("unverified",)
    assert copied.sync().report.verified
    assert copied.contents() == {"k": BODY}
