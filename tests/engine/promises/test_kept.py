"""What is kept, set or mapped on request, and what is said before it is tried (rows A9, C12, D20, E3, E6, E9)."""

from __future__ import annotations

import os
from contextlib import closing

import pytest

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.preserve import DEFAULT_PRESERVED
from tests.engine.stand import Pair, Stand
from tests.servers.s3 import S3Server

BODY = bytes(range(250)) * 14
KEPT = {"x-amz-website-redirect-location": "/elsewhere.html"}


def class_of(pair: Pair, key: str) -> str:
    """The storage class at the destination."""
    return pair.stand.version(pair.destination, key, at=pair.destination_at).attributes.storage_class


@pytest.mark.parametrize(
    ("asked", "classes", "given"),
    [
        ("default", {}, {"k": "STANDARD", "ia": "STANDARD", "ir": "STANDARD"}),
        ("keep", {}, {"k": "STANDARD", "ia": "STANDARD_IA", "ir": "GLACIER_IR"}),
        ("ONEZONE_IA", {}, dict.fromkeys(("k", "ia", "ir"), "ONEZONE_IA")),
        ("STANDARD", {}, dict.fromkeys(("k", "ia", "ir"), "STANDARD")),
        (
            "keep",
            {"STANDARD": "INTELLIGENT_TIERING", "GLACIER_IR": "STANDARD"},
            {"k": "INTELLIGENT_TIERING", "ia": "STANDARD_IA", "ir": "STANDARD"},
        ),
    ],
)
def test_row_D20_storage_class(pair: Pair, asked: str, classes: dict[str, str], given: dict[str, str]) -> None:
    pair.put({"k": BODY})
    pair.put({"ia": BODY}, storage_class="STANDARD_IA")
    pair.put({"ir": BODY}, storage_class="GLACIER_IR")
    ran = pair.sync(storage_class=asked, storage_class_map=classes)
    assert ran.report.verified
    assert {key: class_of(pair, key) for key in given} == given
    assert not pair.sync(storage_class=asked, storage_class_map=classes).writes(), "the class is given once"


def test_row_D20_an_update_leaves_the_class(pair: Pair) -> None:
    pair.put({"k": BODY}, metadata={"a": "1"})
    pair.sync(storage_class="STANDARD_IA")
    pair.put({"k": BODY}, metadata={"a": "2"})
    ran = pair.sync(compare="metadata")
    assert ran.status("k")[0] == "updated"
    assert class_of(pair, "k") == "STANDARD_IA"


def test_row_D20_a_class_that_is_not_there(pair: Pair) -> None:
    pair.put({"k": BODY})
    with pytest.raises(InvalidConfiguration, match="does not know 'IA'; it knows STANDARD_IA"):
        pair.sync(storage_class="IA")
    assert pair.contents() == {}


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_row_C12_archived_objects_are_found_while_planning(pair: Pair, storage_class: str) -> None:
    pair.put({"k": BODY, "l": b"l"})
    pair.put({"cold": BODY}, storage_class=storage_class)
    ran = pair.sync()
    assert ran.status("cold") == ("failed", "archived")
    assert storage_class in (ran.outcomes["cold"].message or "")
    assert pair.contents() == {"k": BODY, "l": b"l"}
    assert not [entry for entry in ran.writes() if entry.key == "cold"], "nothing was begun for it"
    assert ran.report.red == ("failed",)


def test_row_C12_a_restored_object_is_copied(pair: Pair) -> None:
    pair.put({"cold": BODY}, storage_class="GLACIER")
    with closing(pair.source_at.client()) as client:
        client.restore_object(
            Bucket=pair.source,
            Key="cold",
            RestoreRequest={"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}},
        )
    assert pair.sync().status("cold") == ("failed", "archived")
    pair.source_at.core.clock.shift(600)
    ran = pair.sync()
    assert ran.report.verified
    assert pair.contents() == {"cold": BODY}


def test_row_E3_a_redirect_of_an_empty_object_is_kept(pair: Pair) -> None:
    """Redirects stand on empty objects: there a server-side copy is told what S3 leaves behind."""
    pair.put({"k": b"", "bare": b""})
    version = pair.stand.version(pair.source, "k", at=pair.source_at)
    version.attributes.extra.update(KEPT)
    ran = pair.sync()
    assert ran.report.verified
    assert ran.report.lost == {}
    assert pair.stand.version(pair.destination, "k", at=pair.destination_at).attributes.extra == KEPT


@pytest.mark.parametrize(
    ("kept", "headers", "metadata", "tags"),
    [
        ((), {}, {}, {}),
        (("headers",), {"cache-control": "max-age=60", "content-type": "text/csv"}, {}, {}),
        (("user_metadata",), {}, {"a": "1", "mtime": "7.5"}, {}),
        (("mtime",), {}, {"mtime": "7.5"}, {}),
        (("tags",), {}, {}, {"t": "1"}),
    ],
)
def test_preserve_keeps_what_it_names(
    pair: Pair, kept: tuple[str, ...], headers: dict[str, str], metadata: dict[str, str], tags: dict[str, str]
) -> None:
    pair.put(
        {"k": BODY},
        headers={"cache-control": "max-age=60", "content-type": "text/csv"},
        metadata={"a": "1", "mtime": "7.5"},
        tags={"t": "1"},
    )
    ran = pair.sync(preserve=kept)
    assert ran.report.verified
    found = pair.stand.version(pair.destination, "k", at=pair.destination_at).attributes
    plain = {"content-type": "binary/octet-stream"} | headers
    assert (found.headers, found.metadata, found.tags) == (plain, metadata, tags)
    assert pair.sync(preserve=kept, compare="metadata").report.counts == {"same": 1}


def test_row_E6_mode_goes_to_a_bucket_and_back_on_request(stand: Stand) -> None:
    folder = stand.folder / "in"
    folder.mkdir()
    for name, mode in (("private", 0o600), ("script", 0o755), ("large", 0o640)):
        (folder / name).write_bytes(BODY if name == "large" else b"x")
        (folder / name).chmod(mode)
    os.utime(folder / "script", (1_000_000_000, 1_000_000_000))
    bucket = stand.bucket()
    policy = {"preserve": (*DEFAULT_PRESERVED, "mode"), "small_threshold": 1000, "part_size": 1000}
    assert stand.sync(stand.local("in"), stand.s3(bucket), **policy).report.verified
    assert stand.version(bucket, "private").attributes.metadata["mode"] == "0600"
    assert stand.sync(stand.s3(bucket), stand.local("out"), **policy).report.verified
    for name in ("private", "script", "large"):
        here, there = (folder / name).stat(), (stand.folder / "out" / name).stat()
        assert (here.st_mode, here.st_mtime_ns // 1000) == (there.st_mode, there.st_mtime_ns // 1000), name
    (stand.folder / "out/private").chmod(0o644)
    assert stand.sync(stand.s3(bucket), stand.local("out"), compare="always", **policy).report.verified
    assert (stand.folder / "out/private").stat().st_mode & 0o777 == 0o600
    assert stand.sync(stand.s3(bucket), stand.local("plain"), small_threshold=1000).report.verified
    assert (stand.folder / "plain/private").stat().st_mode & 0o077, "not unless asked for"


def test_row_E6_no_object_can_make_a_file_more_than_readable(stand: Stand) -> None:
    """A set-user-id bit, or a mode that is none, never comes out of an object's metadata."""
    bucket = stand.bucket()
    for key, mode in (("suid", "104755"), ("odd", "u+s"), ("long", "7" * 40)):
        stand.server.core.put(bucket, key, b"x", metadata={"mode": mode})
    ran = stand.sync(stand.s3(bucket), stand.local("out"), preserve=(*DEFAULT_PRESERVED, "mode"))
    assert ran.report.verified
    modes = {key: (stand.folder / "out" / key).stat().st_mode & 0o7777 for key in ("suid", "odd", "long")}
    assert modes["suid"] == 0o755
    assert not any(mode & 0o7000 for mode in modes.values())


@pytest.mark.parametrize(("kind", "key"), [("AES256", None), ("aws:kms", None), ("aws:kms", "alias/ours")])
def test_row_E9_encryption_is_asked_for_with_every_write(pair: Pair, kind: str, key: str | None) -> None:
    pair.put({"k": BODY, "small": b"s"})
    ran = pair.sync(encryption=kind, encryption_key=key)
    assert ran.report.verified
    makes = [e for e in ran.writes() if e.operation in ("PutObject", "CopyObject", "CreateMultipartUpload")]
    assert makes
    for entry in makes:
        assert entry.headers.get("x-amz-server-side-encryption") == kind
        assert entry.headers.get("x-amz-server-side-encryption-aws-kms-key-id") == key
    assert not [e for e in pair.sync().entries if "x-amz-server-side-encryption" in e.headers]


def test_row_A9_a_bucket_elsewhere_is_refused_before_anything_is_written(stand: Stand, other: S3Server) -> None:
    pair = Pair.make("stream", stand, other)
    pair.put({"k": BODY})
    with pytest.raises(InvalidConfiguration, match="is a bucket in region us-east-1; allowed: eu-west-1, eu-west-3"):
        pair.sync(require_region=("eu-west-1", "eu-west-3"))
    assert pair.contents() == {}
    assert pair.sync(require_region=("us-east-1", "eu-west-3")).report.verified
    folder = stand.local("out")
    assert stand.sync(pair.source_store(), folder, require_region=("us-east-1",)).report.verified


def test_row_D4_the_report_names_the_way_of_the_bytes_and_what_leaves(stand: Stand, pair: Pair) -> None:
    pair.put({"k": BODY, "l": b"l"})
    route = pair.sync().report.route
    assert route is not None
    assert (route.source_region, route.destination_region, route.leaving) == ("us-east-1", "us-east-1", 0)
    streams = pair.way.startswith("stream")
    assert route.transport == ("stream" if streams else "server")
    assert ("at another endpoint" in route.reason) == streams
    assert bool(route.buffer) == streams
    away = stand.sync(pair.source_store(), stand.local("away")).report.route
    assert away is not None
    assert (away.leaving, away.destination_region) == (len(BODY) + 1, None)
    assert "leave us-east-1 for here" in str(away)
