"""Faults that strike while objects are brought over: F13, F24, F26 to F33, F39, F49."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from airflow_bucketsync.engine.stores.oss.session import Session
from tests.engine.stand import ATTEMPTS, PART, Pair, Ran, Stand
from tests.engine.ways import ALL_WAYS, PART_COPIES, STREAMS, STREAMS_OF_PARTS
from tests.servers.s3 import S3Server
from tests.servers.web.exchange import Call

SOURCE = bytes(range(250)) * 14  # in parts: 3 and a half
OLD = b"what stood there"


def settled(pair: Pair, *, present: dict[str, bytes]) -> None:
    """The destination holds exactly this, whole, and nothing half done."""
    assert pair.contents() == present
    assert pair.uploads() == 0


# the source changes ---------------------------------------------------------------------------------------------------


def test_fault_F13_source_object_gone_before_the_copy(any_pair: Pair) -> None:
    pair = any_pair
    pair.put({"a": SOURCE, "b": SOURCE, "c": SOURCE})
    pair.put_destination({"b": OLD})
    operation = "HeadObject" if pair.policy else pair.reads_with
    pair.at_source(
        "before", operation=operation, key="b", times=1, hook=lambda call: pair.source_at.core.delete(pair.source, "b")
    )
    ran = pair.sync()
    assert ran.status("b") == ("gone", "not_at_source")
    assert ran.report.counts == {"copied": 2, "gone": 1}
    assert ran.report.green
    settled(pair, present={"a": SOURCE, "b": OLD, "c": SOURCE})


@pytest.mark.parametrize("standing", [None, OLD])
@pytest.mark.parametrize("moment", ["listed", "copied"])
def test_fault_F26_source_overwritten_between_plan_and_copy(
    any_pair: Pair, standing: bytes | None, moment: str
) -> None:
    """Right after it was listed, or at the last moment: the plan's version is asked for, not what stands there."""
    pair = any_pair
    pair.put({"k": SOURCE})
    there = {} if standing is None else {"k": standing}
    pair.put_destination(there)
    newer = bytes(reversed(SOURCE))
    if moment == "listed":  # the second listing of the destination is the plan's, the source's page came before
        rule = {"action": "after", "operation": "ListObjectsV2", "bucket": pair.destination, "on": 2}
    else:
        operation = "HeadObject" if pair.policy else pair.reads_with
        rule = {"action": "before", "operation": operation, "key": "k", "times": 1}
    at = pair.destination_at if moment == "listed" else pair.source_at
    struck = pair.stand.fault(server=at, hook=lambda call: pair.put({"k": newer}), **rule)
    ran = pair.sync()
    assert struck.occurred == 1
    assert ran.status("k") == ("changed", "source_changed")
    assert ran.report.green
    settled(pair, present=there)
    assert pair.sync().report.verified
    settled(pair, present={"k": newer})


@pytest.mark.parametrize("way", [*PART_COPIES, *STREAMS_OF_PARTS])
@pytest.mark.parametrize("at", [1, 2, 4])
def test_fault_F24_F25_source_overwritten_while_it_is_read_in_parts(
    stand: Stand, other: S3Server, way: str, at: int
) -> None:
    pair = Pair.make(way, stand, other)
    pair.put({"k": SOURCE})
    pair.put_destination({"k": OLD})
    newer = bytes(reversed(SOURCE))
    struck = pair.at_source(
        "before", operation=pair.reads_with, key="k", on=at, hook=lambda call: pair.put({"k": newer})
    )
    ran = pair.sync(concurrency=1)
    assert struck.occurred == 1
    assert ran.status("k") == ("changed", "source_changed")
    settled(pair, present={"k": OLD})
    assert all(
        any(name.endswith("if-match") for name in entry.headers)
        for entry in ran.entries
        if entry.operation == pair.reads_with
    )
    assert pair.sync().report.verified
    settled(pair, present={"k": newer})


@pytest.mark.parametrize("to_oss", [False, True])
@pytest.mark.parametrize("change", ["grown", "replaced", "rewritten"])
def test_fault_F27_local_file_changes_while_it_is_read(stand: Stand, change: str, to_oss: bool) -> None:
    folder = stand.folder / "in"
    folder.mkdir()
    file = folder / "k"
    file.write_bytes(SOURCE)
    at = stand.oss_server if to_oss else stand.server
    destination = stand.bucket(at=at)
    stand.put(destination, {"k": OLD}, at=at)

    def strike(call: Call) -> None:
        if change == "grown":
            with file.open("ab") as opened:
                opened.write(b"more")
        elif change == "replaced":
            (folder.parent / "new").write_bytes(SOURCE[::-1])
            (folder.parent / "new").rename(file)
        else:
            file.write_bytes(SOURCE[::-1])

    struck = stand.fault("before", server=at, operation="UploadPart", on=1, hook=strike)
    parts = {"small_threshold": PART, "part_size": PART, "concurrency": 1}
    ran = stand.sync(stand.local("in"), stand.remote(destination, at=at), **parts)
    assert struck.occurred == 1
    assert ran.status("k") == ("changed", "source_changed")
    assert stand.contents(destination, at=at) == {"k": OLD}
    assert at.core.uploads(destination) == []
    assert stand.sync(stand.local("in"), stand.remote(destination, at=at), **parts).report.verified
    assert stand.contents(destination, at=at) == {"k": file.read_bytes()}


# bytes are damaged on the way -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [*STREAMS, *STREAMS_OF_PARTS])
@pytest.mark.parametrize("to_local", [False, True])
@pytest.mark.parametrize("action", ["flip", "truncate", "cut"])
def test_fault_F28_F29_body_read_is_damaged(
    stand: Stand, other: S3Server, way: str, to_local: bool, action: str
) -> None:
    """Once: it is read again, and what becomes visible is right. Always: it never becomes visible."""
    pair = Pair.make(way, stand, other)
    pair.put({"k": SOURCE, "other": b"o"})
    folder = stand.local("out")

    def run() -> Ran:
        if to_local:
            return stand.sync(pair.source_store(), folder, **pair.policy)
        return pair.sync()

    def found() -> dict[str, bytes]:
        if not to_local:
            return pair.contents()
        return {path.name: path.read_bytes() for path in (stand.folder / "out").iterdir()}

    always = pair.at_source(action, operation="GetObject", key="k", at=0 if action == "cut" else 417)
    ran = run()
    assert always.occurred >= 3
    assert ran.status("k")[0] == "failed"
    assert ran.report.red == ("failed",)
    assert found() == {"other": b"o"}
    assert pair.uploads() == 0
    pair.source_at.faults.clear()
    once = pair.at_source(action, operation="GetObject", key="k", at=417, times=1)
    ran = run()
    assert once.occurred == 1
    assert ran.report.verified
    assert found() == {"k": SOURCE, "other": b"o"}
    assert pair.uploads() == 0


@pytest.mark.parametrize("way", [*STREAMS, *STREAMS_OF_PARTS])
def test_fault_F30_body_written_is_damaged(stand: Stand, other: S3Server, way: str) -> None:
    pair = Pair.make(way, stand, other)
    pair.put({"k": SOURCE})
    pair.put_destination({"k": OLD})
    always = pair.at_destination("flip_request", operation=pair.carry, at=417)
    ran = pair.sync()
    assert always.occurred >= ATTEMPTS
    assert ran.status("k") == ("failed", "body_corrupted")
    settled(pair, present={"k": OLD})
    pair.destination_at.faults.clear()
    once = pair.at_destination("flip_request", operation=pair.carry, at=417, times=1)
    ran = pair.sync()
    assert once.occurred == 1
    assert ran.report.verified
    settled(pair, present={"k": SOURCE})
    struck = [entry for entry in ran.entries if "flip_request" in entry.faults]
    assert {(entry.status, entry.error_code) for entry in struck} == {
        (400, "InvalidDigest" if pair.to_oss else "BadDigest")
    }
    if pair.to_oss:  # over plain http the MD5 goes with every body: the CRC of the answer would come too late
        assert all("content-md5" in entry.headers for entry in ran.writes() if entry.operation == pair.carry)


@pytest.mark.parametrize("standing", [None, OLD])
@pytest.mark.parametrize("way", ["oss_stream", "oss_stream_parts", "s3_to_oss", "s3_to_oss_parts"])
def test_fault_F30_body_is_damaged_where_OSS_finds_it_too_late(
    stand: Stand, other: S3Server, monkeypatch: pytest.MonkeyPatch, way: str, standing: bytes | None
) -> None:
    """Over TLS no MD5 goes along: what OSS answers tells that it stored other bytes, and these are replaced."""
    monkeypatch.setattr(Session, "encrypted", True)
    pair = Pair.make(way, stand, other)
    pair.put({"k": SOURCE})
    there = {} if standing is None else {"k": standing}
    pair.put_destination(there)
    always = pair.at_destination("flip_request", operation=pair.carry, at=417)
    ran = pair.sync()
    assert always.occurred >= ATTEMPTS
    assert ran.status("k") == ("failed", "body_corrupted")
    assert ran.report.red == ("failed",)
    if pair.policy:  # of parts nothing wrong is ever made
        settled(pair, present=there)
    pair.destination_at.faults.clear()
    assert pair.sync().report.verified, "what was left is not taken for the source's bytes"
    settled(pair, present={"k": SOURCE})
    pair.destination_at.core.delete(pair.destination, "k")
    once = pair.at_destination("flip_request", operation=pair.carry, at=417, times=1)
    ran = pair.sync(compare="always")
    assert once.occurred == 1
    assert ran.report.verified
    assert not [entry for entry in ran.writes() if "content-md5" in entry.headers]
    settled(pair, present={"k": SOURCE})


@pytest.mark.parametrize(
    ("way", "kind"),
    [
        *((way, kind) for way in ("stream", "stream_parts") for kind in ("md5", "opaque")),
        ("oss_to_s3", "opaque"),
        ("oss_to_s3_parts", "opaque"),
    ],
)
def test_fault_F31_store_that_ignores_checksums(stand: Stand, other: S3Server, way: str, kind: str) -> None:
    """It accepts other bytes than ours without a word: what it holds is read back before it counts as verified."""
    pair = Pair.make(way, stand, other)
    pair.destination_at.ignore_checksums = True
    pair.put({"k": SOURCE, "whole": b"w"}, etag=None if kind == "md5" else hashlib.md5(b"parts").hexdigest() + "-2")
    damaged = pair.at_destination("flip_request", operation=pair.carry, key="k", at=417, times=1)
    ran = pair.sync()
    assert damaged.occurred == 1
    assert ran.outcomes["whole"].verified
    assert ran.status("k")[0] == "unverified"
    assert ran.report.red == ("unverified",)
    pair.destination_at.faults.clear()
    ran = pair.sync()
    assert ran.report.verified
    settled(pair, present={"k": SOURCE, "whole": b"w"})
    if kind == "opaque" or way == "stream_parts":
        assert any("read back" in warning for warning in ran.report.warnings)


# the store's answer is wrong or lost ----------------------------------------------------------------------------------


@pytest.mark.parametrize("keep_alive", [False, True])
@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("way", [way for way in ALL_WAYS if way not in STREAMS])
def test_fault_F32_error_inside_a_200(stand: Stand, other: S3Server, way: str, applied: bool, keep_alive: bool) -> None:
    pair = Pair.make(way, stand, other, versioning="Enabled")
    pair.put({"k": SOURCE})
    said = {"code": "InternalError", "message": "We encountered an internal error."}
    always = pair.at_destination("error200", operation=pair.write, keep_alive=keep_alive, **said)
    ran = pair.sync()
    assert always.occurred >= ATTEMPTS
    assert ran.status("k") == ("failed", "server_error")
    assert pair.contents() == {}
    assert pair.uploads() == pair.resumes
    pair.destination_at.faults.clear()
    once = pair.at_destination(
        "error200", operation=pair.write, times=1, applied=applied, keep_alive=keep_alive, **said
    )
    ran = pair.sync()
    assert once.occurred == 1
    assert ran.report.verified
    settled(pair, present={"k": SOURCE})
    assert len(pair.destination_at.core.bucket(pair.destination).versions("k")) == 1


@pytest.mark.parametrize("way", PART_COPIES)
def test_fault_F32_error_inside_a_200_of_a_part(stand: Stand, other: S3Server, way: str) -> None:
    pair = Pair.make(way, stand, other)
    pair.put({"k": SOURCE})
    once = pair.at_destination("error200", operation="UploadPartCopy", times=2, code="InternalError", message="Oh")
    assert pair.sync().report.verified
    assert once.occurred == 2
    settled(pair, present={"k": SOURCE})


@pytest.mark.parametrize("standing", [None, OLD])
@pytest.mark.parametrize("operation", ["write", "carry"])
def test_fault_F33_reply_lost_after_the_write(any_pair: Pair, standing: bytes | None, operation: str) -> None:
    pair = any_pair
    for bucket, at in ((pair.source, pair.source_at), (pair.destination, pair.destination_at)):
        at.core.bucket(bucket).settings.versioning = "Enabled"
    pair.put({"k": SOURCE})
    pair.put_destination({} if standing is None else {"k": standing})
    lost = pair.at_destination("lose_reply", operation=getattr(pair, operation), times=1)
    ran = pair.sync()
    assert lost.occurred == 1
    assert ran.status("k")[0] == "copied"
    assert ran.report.verified
    settled(pair, present={"k": SOURCE})
    versions = pair.destination_at.core.bucket(pair.destination).versions("k")
    assert len(versions) == 1 + (standing is not None)
    assert pair.sync().writes() == []


@pytest.mark.parametrize("way", [*STREAMS_OF_PARTS, "part_copy"])
def test_fault_F33_F39_complete_that_is_not_known_any_more(stand: Stand, other: S3Server, way: str) -> None:
    """Some stores forget an upload when it is completed: the second try is told that there is none."""
    pair = Pair.make(way, stand, other)
    pair.put({"k": SOURCE})
    pair.at_destination("lose_reply", operation=pair.write, on=1)
    pair.at_destination("status", operation=pair.write, on=2, status=404, code="NoSuchUpload", message="gone")
    ran = pair.sync()
    assert ran.report.verified
    assert ran.status("k")[0] == "copied"
    settled(pair, present={"k": SOURCE})


@pytest.mark.parametrize("standing", [None, OLD])
@pytest.mark.parametrize("way", ["server_copy", "stream", "oss_copy", "s3_to_oss", "oss_to_s3", "s3_to_oss_parts"])
def test_fault_F33_reply_lost_and_somebody_else_wrote(
    stand: Stand, other: S3Server, way: str, standing: bytes | None
) -> None:
    """The write came through, and another one after it: that one stays, and nobody claims it."""
    copied = Pair.make(way, stand, other)
    copied.put({"k": SOURCE})
    copied.put_destination({} if standing is None else {"k": standing})
    copied.at_destination("lose_reply", operation=copied.write, on=1)
    copied.at_destination(
        "after", operation=copied.write, on=1, hook=lambda call: copied.put_destination({"k": b"theirs"})
    )
    ran = copied.sync()
    assert ran.status("k") == ("changed", "destination_changed")
    settled(copied, present={"k": b"theirs"})


# the destination changes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("standing", [None, OLD])
def test_fault_F49_destination_modified_after_the_plan(any_pair: Pair, standing: bytes | None) -> None:
    """At the last moment; where OSS has only been looked at before it is overwritten, right before that look."""
    pair = any_pair
    pair.put({"k": SOURCE, "other": b"o"})
    pair.put_destination({} if standing is None else {"k": standing})
    looks = pair.to_oss and standing is not None
    struck = pair.at_destination(
        "before",
        operation="HeadObject" if looks else pair.write,
        key="k",
        times=1,
        hook=lambda call: pair.put_destination({"k": b"theirs"}),
    )
    ran = pair.sync()
    assert struck.occurred == 1
    assert ran.status("k") == ("changed", "destination_changed")
    assert ran.outcomes["other"].verified
    settled(pair, present={"k": b"theirs", "other": b"o"})
    assert pair.sync().report.verified
    settled(pair, present={"k": SOURCE, "other": b"o"})


@pytest.mark.parametrize("standing", [None, OLD])
@pytest.mark.parametrize("parts", [False, True])
def test_fault_F49_local_destination_modified_after_the_plan(stand: Stand, standing: bytes | None, parts: bool) -> None:
    source = stand.bucket()
    stand.put(source, {"k": SOURCE})
    folder: Path = stand.folder / "out"
    folder.mkdir()
    if standing is not None:
        (folder / "k").write_bytes(standing)

    def theirs(call: Call) -> None:
        (folder / "theirs").write_bytes(b"theirs")
        os.rename(folder / "theirs", folder / "k")

    stand.fault("before", operation="GetObject", times=1, hook=theirs)
    policy = {"small_threshold": PART, "part_size": PART, "concurrency": 1} if parts else {}
    ran = stand.sync(stand.s3(source), stand.local("out"), **policy)
    assert ran.status("k") == ("changed", "destination_changed")
    assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [("k", b"theirs")]
